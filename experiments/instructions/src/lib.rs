//! A plugin of QEMU's user-mode emulation (`qemu-aarch64 -plugin libweighbridge_instructions.so,out=FILE program`):
//! counts the instructions that the emulated program executes, and writes to `FILE` how many there were at each of its
//! marker calls and at its end.
//!
//! One file loads into QEMU 7.2 and later, whatever the emulated architecture: it uses only what has been in the
//! interface since its first version, and says that it was made for the version that it is loaded into.
//!
//! The file is a line of JSON: `{"target":"aarch64","vcpus":1,"markers":[1200,3400],"total":3600}`. Counts are
//! cumulative; a marker's own instruction, the system call, is counted in it.

mod counting;
mod interface;
mod report;

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use counting::{Block, Counter, is_repeating};
use interface::{Info, PluginId, TranslationBlock};

/// First arguments of a marker call, `kill(0x57454947, 0)`. The same numbers stand in `weighbridge-server`. The
/// number of the call itself differs between architectures, and no other call has such arguments.
const MARKER: (u64, u64) = (0x5745_4947, 0);

/// The longest instruction there is, on x86.
const LONGEST_INSTRUCTION_BYTES: usize = 15;

/// What the plugin was told, and where it was loaded.
struct Session {
    out: PathBuf,
    target: String,
    /// Version of the interface of the QEMU at hand.
    api: c_int,
    markers: Mutex<Vec<u64>>,
}

static SESSION: OnceLock<Session> = OnceLock::new();
static COUNTER: Counter = Counter::new();

/// The version of the interface that QEMU looks for before it calls anything.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "QEMU looks for this name")]
pub static qemu_plugin_version: AtomicI32 = AtomicI32::new(1);

/// Runs when the file is loaded, before QEMU reads the version: it refuses what was made for a newer version than
/// its own, and QEMU 9 what was made for version 1. What is used here has not changed, but for `interface::code`.
#[used]
#[unsafe(link_section = ".init_array")]
static CHOOSE_VERSION: extern "C" fn() = {
    extern "C" fn choose_version() {
        qemu_plugin_version.store(interface::version_at_hand(), Relaxed);
    }
    choose_version
};

/// Called by QEMU when the plugin is loaded.
///
/// # Safety
/// QEMU's own call: `info` and the `argc` texts of `argv` are valid while it lasts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: PluginId,
    info: *const Info,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    // SAFETY: QEMU gives `argc` pointers to texts that end in a zero byte.
    let arguments = (0..count).map(|index| unsafe { CStr::from_ptr(*argv.add(index)) });
    let mut out = None;
    for argument in arguments {
        match argument.to_str().ok().and_then(|text| text.strip_prefix("out=")) {
            Some(path) => out = Some(PathBuf::from(path)),
            None => {
                eprintln!("weighbridge-instructions: the argument {argument:?} is not out=FILE");
                return 1;
            }
        }
    }
    let Some(out) = out else {
        eprintln!("weighbridge-instructions: where to write the counts? Add ,out=FILE");
        return 1;
    };
    // SAFETY: QEMU gives its description, whose fields up to here have not changed since version 1.
    let (target, api) = unsafe {
        let info = &*info;
        (CStr::from_ptr(info.target_name).to_string_lossy().into_owned(), info.version_cur)
    };
    let session = Session { out, target, api, markers: Mutex::default() };
    if SESSION.set(session).is_err() {
        eprintln!("weighbridge-instructions: loaded twice");
        return 1;
    }
    // SAFETY: `id` is ours, and the functions have the signatures that QEMU calls.
    unsafe {
        interface::qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
        interface::qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
        interface::qemu_plugin_register_atexit_cb(id, on_exit, std::ptr::null_mut());
    }
    0
}

/// A block was translated: have every execution of it counted.
extern "C" fn on_translated(_: PluginId, block: *mut TranslationBlock) {
    let Some(session) = SESSION.get() else { return };
    let (described, last) = describe(session, block);
    // SAFETY: the block is the one being translated, and so is its last instruction; what the callbacks get is never
    // freed.
    unsafe {
        let count = interface::count(block);
        interface::qemu_plugin_register_vcpu_tb_exec_cb(
            block,
            on_executed,
            interface::NO_REGISTERS,
            kept(described),
        );
        if let Some(last) = last {
            interface::qemu_plugin_register_vcpu_insn_exec_cb(
                interface::qemu_plugin_tb_get_insn(block, count.saturating_sub(1)),
                on_executed,
                interface::NO_REGISTERS,
                kept(last),
            );
        }
    }
}

/// QEMU may keep the translated code as long as it runs, and says nothing when it drops it.
fn kept(block: Block) -> *mut c_void {
    let kept: *const Block = Box::leak(Box::new(block));
    kept.cast_mut().cast()
}

/// What the beginning of the block adds, and what its last instruction adds by itself.
///
/// Where an x86 instruction reaches into the next page, QEMU ends the block before it and takes it back, but up to
/// QEMU 8.0 its number of instructions still holds it. The callback of an instruction is taken back with it.
fn describe(session: &Session, block: *mut TranslationBlock) -> (Block, Option<Block>) {
    // SAFETY: QEMU lets a block and its instructions be asked about while it is being translated, and there is
    // at least one instruction in it.
    unsafe {
        let count = interface::count(block);
        let x86 = matches!(session.target.as_str(), "x86_64" | "i386");
        let apart = x86 && count > 1;
        let counted = count - usize::from(apart);
        let first = interface::qemu_plugin_tb_get_insn(block, 0);
        let address = |index| {
            interface::qemu_plugin_insn_vaddr(interface::qemu_plugin_tb_get_insn(block, index))
        };
        let mut code = [0; LONGEST_INSTRUCTION_BYTES];
        let code = interface::code(session.api, first, &mut code);
        let described = Block {
            instructions_count: counted as u64,
            first_address: address(0),
            last_address: address(counted.saturating_sub(1)),
            first_is_repeating: x86 && is_repeating(code),
        };
        let last = apart.then(|| Block {
            instructions_count: 1,
            first_address: address(counted),
            last_address: address(counted),
            first_is_repeating: false,
        });
        (described, last)
    }
}

extern "C" fn on_executed(vcpu: c_uint, block: *mut c_void) {
    // SAFETY: it is the description that was registered with the block; it is never changed and never freed.
    let block = unsafe { &*block.cast::<Block>() };
    COUNTER.executed(vcpu as usize, block);
}

#[allow(clippy::too_many_arguments, reason = "QEMU calls it with these")]
extern "C" fn on_system_call(
    _: PluginId,
    _: c_uint,
    _: i64,
    first: u64,
    second: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) {
    if (first, second) == MARKER
        && let Some(session) = SESSION.get()
    {
        let mut markers = session.markers.lock().unwrap_or_else(PoisonError::into_inner);
        markers.push(COUNTER.total());
    }
}

extern "C" fn on_exit(_: PluginId, _: *mut c_void) {
    let Some(session) = SESSION.get() else { return };
    let markers = session.markers.lock().unwrap_or_else(PoisonError::into_inner);
    let line = report::line(&session.target, COUNTER.vcpus_count(), &markers, COUNTER.total());
    if let Err(error) = std::fs::write(&session.out, line) {
        // There is nobody to give it to: who started QEMU misses the file.
        eprintln!("weighbridge-instructions: writing {}: {error}", session.out.display());
    }
}
