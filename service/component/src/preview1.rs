//! What the C library below the standard library asks of WASI preview 1, answered here.
//!
//! Otherwise the linker adds an adapter, which is a module of its own with 20 imports (files and directories among
//! them), all of which the host links anew for each instance, that is for each request; and which, when it is asked for
//! the first time, makes memory grow by 128 KiB.
//!
//! Measured with `healthz`, one instance for each request, together with the questions that `handler.rs` no longer
//! asks: 170,196 instructions became 111,408, seven system calls four, and 50.0 us of CPU time 24.1.
//!
//! A library that asks for more gets the adapter for what is not here, and one that asks for nothing leaves these
//! functions out.

use wasip2::cli::stderr::get_stderr;

/// Most that `blocking-write-and-flush` takes, in bytes, as wasi:io has it.
const AT_ONCE_BYTES: usize = 4096;
/// The codes of preview 1.
const SUCCESS: i32 = 0;
const IO: i32 = 29;

/// A piece of what is to be written, as preview 1 lays it out.
#[repr(C)]
struct Piece {
    start: *const u8,
    length_bytes: usize,
}

/// There are no environment variables. The standard library asks when it panics.
///
/// # Safety
/// Both pointers can be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(
    count: *mut usize,
    length_bytes: *mut usize,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        count.write(0);
        length_bytes.write(0);
    }
    SUCCESS
}

/// Nothing to write down.
#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_: *mut *mut u8, _: *mut u8) -> i32 {
    SUCCESS
}

/// The message of a panic goes to the host's standard error; nothing else is ever written.
///
/// # Safety
/// There are `count` pieces, each of which can be read, and `written_bytes` can be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn __imported_wasi_snapshot_preview1_fd_write(
    _: i32,
    pieces: *const Piece,
    count: usize,
    written_bytes: *mut usize,
) -> i32 {
    let stream = get_stderr();
    let mut sum_bytes = 0;
    for index in 0..count {
        // SAFETY: the caller's promise.
        let piece = unsafe { &*pieces.add(index) };
        // An empty one need not start anywhere.
        if piece.length_bytes == 0 {
            continue;
        }
        // SAFETY: the caller's promise.
        let piece = unsafe { core::slice::from_raw_parts(piece.start, piece.length_bytes) };
        for part in piece.chunks(AT_ONCE_BYTES) {
            if stream.blocking_write_and_flush(part).is_err() {
                return IO;
            }
        }
        sum_bytes += piece.len();
    }
    // SAFETY: the caller's promise.
    unsafe { written_bytes.write(sum_bytes) };
    SUCCESS
}

/// Nobody exits; who does ends the instance.
#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(_: i32) -> ! {
    core::arch::wasm32::unreachable()
}
