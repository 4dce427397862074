//! The part of QEMU's plugin interface (`include/qemu/qemu-plugin.h`) that is used, and what differs between its
//! versions. Version 1 is that of QEMU 7.2 and 8, version 2 that of QEMU 9.0, and so on.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// QEMU's name for this plugin.
pub(crate) type PluginId = u64;

/// A translated block; only QEMU looks into it.
#[repr(C)]
pub(crate) struct TranslationBlock {
    _private: [u8; 0],
}

/// An instruction of a block; only QEMU looks into it.
#[repr(C)]
pub(crate) struct Instruction {
    _private: [u8; 0],
}

/// `qemu_info_t`, as far as it is read.
#[repr(C)]
pub struct Info {
    /// The emulated architecture.
    pub(crate) target_name: *const c_char,
    /// Oldest version of the interface that this QEMU accepts.
    pub(crate) _version_min: c_int,
    /// Its own version of the interface.
    pub(crate) version_cur: c_int,
}

/// `QEMU_PLUGIN_CB_NO_REGS`: the callback reads no registers of the program.
pub(crate) const NO_REGISTERS: c_int = 0;

/// The version since which an instruction's bytes are copied instead of pointed to.
const COPIES_CODE: c_int = 3;

pub(crate) type OnTranslated = extern "C" fn(PluginId, *mut TranslationBlock);
pub(crate) type OnExecuted = extern "C" fn(c_uint, *mut c_void);
pub(crate) type OnExit = extern "C" fn(PluginId, *mut c_void);
pub(crate) type OnSystemCall =
    extern "C" fn(PluginId, c_uint, i64, u64, u64, u64, u64, u64, u64, u64, u64);

unsafe extern "C" {
    pub(crate) fn qemu_plugin_register_vcpu_tb_trans_cb(id: PluginId, callback: OnTranslated);
    pub(crate) fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut TranslationBlock,
        callback: OnExecuted,
        registers: c_int,
        user_data: *mut c_void,
    );
    pub(crate) fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Instruction,
        callback: OnExecuted,
        registers: c_int,
        user_data: *mut c_void,
    );
    pub(crate) fn qemu_plugin_register_vcpu_syscall_cb(id: PluginId, callback: OnSystemCall);
    pub(crate) fn qemu_plugin_register_atexit_cb(id: PluginId, callback: OnExit, data: *mut c_void);
    fn qemu_plugin_tb_n_insns(block: *const TranslationBlock) -> usize;
    pub(crate) fn qemu_plugin_tb_get_insn(
        block: *const TranslationBlock,
        index: usize,
    ) -> *mut Instruction;
    pub(crate) fn qemu_plugin_insn_vaddr(instruction: *const Instruction) -> u64;
    fn qemu_plugin_insn_size(instruction: *const Instruction) -> usize;
    /// Declared for both of its forms: the older one takes only the first argument and gives a pointer to the
    /// bytes, the newer one copies them and gives their number. An additional argument does not harm where it is not
    /// asked for, by the calling conventions of both architectures.
    fn qemu_plugin_insn_data(
        instruction: *const Instruction,
        copy: *mut c_void,
        length: usize,
    ) -> usize;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Number of instructions in a block.
///
/// # Safety
/// `block` is being translated.
pub(crate) unsafe fn count(block: *const TranslationBlock) -> usize {
    // SAFETY: as the caller says.
    unsafe { qemu_plugin_tb_n_insns(block) }
}

/// The bytes of an instruction, as many of them as fit into `copy`.
///
/// # Safety
/// `instruction` belongs to a block that is being translated by a QEMU with this version of the interface.
pub(crate) unsafe fn code(api: c_int, instruction: *const Instruction, copy: &mut [u8]) -> &[u8] {
    // SAFETY: as the caller says; the newer form writes no more bytes than it is told.
    let answer =
        unsafe { qemu_plugin_insn_data(instruction, copy.as_mut_ptr().cast(), copy.len()) };
    if api >= COPIES_CODE {
        return &copy[..answer.min(copy.len())];
    }
    // SAFETY: as the caller says.
    let length = unsafe { qemu_plugin_insn_size(instruction) }.min(copy.len());
    let bytes: *const u8 = std::ptr::with_exposed_provenance(answer);
    if bytes.is_null() {
        return &[];
    }
    // SAFETY: the older form points to the whole instruction, which outlives the translation.
    unsafe { std::ptr::copy_nonoverlapping(bytes, copy.as_mut_ptr(), length) };
    &copy[..length]
}

/// A version of the interface that the QEMU at hand accepts, told by the functions that it has: its own or an older
/// one.
pub(crate) fn version_at_hand() -> c_int {
    // SAFETY: a look-up among everything that is loaded (a null handle); the name ends in a zero byte.
    let has = |name: &CStr| !unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) }.is_null();
    if has(c"qemu_plugin_read_memory_vaddr") {
        return 4;
    }
    if has(c"qemu_plugin_scoreboard_new") { 2 } else { 1 }
}
