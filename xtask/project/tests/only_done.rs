//! A process that may only use what is done already. It is a test binary of its own: what it asks for holds for all of
//! its process.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

use std::process::Command;
use weighbridge_project::exit::LackingError;
use weighbridge_project::process::{lines, may_begin, only_what_is_done};

#[test]
fn what_is_not_done_is_refused_before_a_program_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let touch = || {
        let mut touch = Command::new("touch");
        touch.arg(&made);
        lines(&mut touch, |_| ())
    };
    may_begin("run").unwrap();
    assert!(touch().unwrap().success() && made.is_file());
    std::fs::remove_file(&made).unwrap();
    only_what_is_done();
    for error in [may_begin("run").unwrap_err(), touch().unwrap_err()] {
        assert!(error.is::<LackingError>(), "{error:#}");
        assert!(error.to_string().ends_with("to get it: cargo xtask all"), "{error:#}");
    }
    assert!(!made.exists());
}
