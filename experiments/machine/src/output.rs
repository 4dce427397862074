//! What a program says on its standard output and its standard error. The reader may go away (`| head`), and the disk
//! behind a file be full: a program of ours does not panic then, but comes to its end in order.

use std::fmt::Arguments;
use std::io::{Error, ErrorKind, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

static HAS_FAILED: AtomicBool = AtomicBool::new(false);
static WHY: Mutex<Option<Error>> = Mutex::new(None);

/// What a shell gives for a program that SIGPIPE has ended: 128 and the signal's number.
const READER_GONE: u8 = 141;

/// Writes to standard output.
pub fn out(text: Arguments<'_>) {
    let mut to = std::io::stdout().lock();
    note(to.write_fmt(text).and_then(|()| to.flush()));
}

/// Writes to standard error.
pub fn err(text: Arguments<'_>) {
    note(std::io::stderr().lock().write_fmt(text));
}

/// Notes how writing to one of them has ended, for who writes there without [`out`] and [`err`].
pub fn note(written: std::io::Result<()>) {
    if let Err(error) = written {
        WHY.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        HAS_FAILED.store(true, Ordering::Relaxed);
    }
}

/// Whether something could not be written.
#[must_use]
pub fn has_failed() -> bool {
    HAS_FAILED.load(Ordering::Relaxed)
}

/// The exit code of a program that could not write everything: 141 when its reader has gone away; 2, with a message,
/// when something else was in the way. `None` when all was written.
#[must_use]
pub fn exit_code() -> Option<u8> {
    let why = WHY.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    if why.kind() == ErrorKind::BrokenPipe {
        return Some(READER_GONE);
    }
    let _ = writeln!(std::io::stderr(), "error: write the output: {why}");
    Some(2)
}

/// Stands for the standard library's in a crate that says `#[macro_use(println)] extern crate weighbridge_machine`.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {
        $crate::output::out(::std::format_args!($($argument)*))
    };
}

/// Stands for the standard library's, as [`print!`](crate::print).
#[macro_export]
macro_rules! println {
    () => { $crate::output::out(::std::format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::output::out(::std::format_args!("{}\n", ::std::format_args!($($argument)*)))
    };
}

/// Stands for the standard library's, as [`print!`](crate::print).
#[macro_export]
macro_rules! eprint {
    ($($argument:tt)*) => {
        $crate::output::err(::std::format_args!($($argument)*))
    };
}

/// Stands for the standard library's, as [`print!`](crate::print).
#[macro_export]
macro_rules! eprintln {
    () => { $crate::output::err(::std::format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::output::err(::std::format_args!("{}\n", ::std::format_args!($($argument)*)))
    };
}
