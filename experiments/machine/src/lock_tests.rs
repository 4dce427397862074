//! Tests of the lock: who is refused, what is told of the holder, and what another user may do.

use super::*;

fn try_take(path: &Path, beside: Beside) -> Result<Lock> {
    take(path, beside, Busy::Refuse, "a test", |_| ())
}

/// The same where nobody holds it. A process that another test starts has all descriptors of this one from its fork to
/// its exec, so that a lock that was let go may be held for that moment.
fn take_free(path: &Path, beside: Beside) -> Lock {
    let begun = std::time::Instant::now();
    loop {
        match try_take(path, beside) {
            Ok(lock) => return lock,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error:#}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    (folder, path)
}

#[test]
fn the_second_run_is_refused_until_the_first_ends_and_hears_who_that_is() {
    let (_folder, path) = place();
    let first = take(&path, Beside::Nobody, Busy::Refuse, "run 7\nof mine", |_| ()).unwrap();
    let error = try_take(&path, Beside::Nobody).unwrap_err().to_string();
    let expected = format!("run 7 of mine (process {} of ", std::process::id());
    assert!(error.contains(&expected), "{error}");
    assert!(error.ends_with(&format!("kill -INT {}", std::process::id())), "{error}");
    first.note("run 8");
    let error = try_take(&path, Beside::Builders).unwrap_err().to_string();
    assert!(error.contains("run 8 ("), "{error}");
    drop(first);
    drop(take_free(&path, Beside::Nobody));
}

#[test]
fn builds_go_on_beside_each_other_and_beside_no_run() {
    let (_folder, path) = place();
    let builds = [(); 2].map(|()| take_free(&path, Beside::Builders));
    assert!(try_take(&path, Beside::Nobody).is_err());
    drop(builds);
    let _run = take_free(&path, Beside::Nobody);
    assert!(try_take(&path, Beside::Builders).is_err());
}

#[test]
fn who_waits_is_told_for_whom_and_gets_the_lock_when_the_first_ends() {
    let (_folder, path) = place();
    let first = take(&path, Beside::Nobody, Busy::Refuse, "the first", |_| ()).unwrap();
    let (sender, reported) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let say = |who: &str| sender.send(who.to_owned()).unwrap();
        take(&path, Beside::Nobody, Busy::Wait, "the second", say).is_ok()
    });
    assert!(reported.recv().unwrap().starts_with("the first (process "));
    assert!(!waiting.is_finished(), "it did not wait");
    drop(first);
    assert!(waiting.join().unwrap());
}

#[test]
fn a_lock_that_was_handed_on_is_held_until_its_last_holder_ends() {
    let (_folder, path) = place();
    let lock = take_free(&path, Beside::Nobody);
    let mut sleep = std::process::Command::new("sleep");
    let mut child = sleep.arg("300").stdin(lock.hand_on().unwrap()).spawn().unwrap();
    drop((lock, sleep));
    let error = try_take(&path, Beside::Nobody);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(error.is_err());
    drop(take_free(&path, Beside::Nobody));
}

/// As a runner that is killed does: children that it has forked and that have not become another program yet.
#[test]
fn what_the_children_of_a_killed_process_hold_for_a_moment_refuses_nobody() {
    let (_folder, path) = place();
    let lock = take_free(&path, Beside::Nobody);
    let mut sleep = std::process::Command::new("sleep");
    let mut child = sleep.arg("0.5").stdin(lock.hand_on().unwrap()).spawn().unwrap();
    let mut gone = Holder::this("killed").unwrap();
    gone.process.started_ticks += 1;
    std::fs::write(&path, gone.line()).unwrap();
    drop((lock, sleep));
    let taken = try_take(&path, Beside::Nobody);
    child.wait().unwrap();
    assert!(taken.is_ok(), "{taken:?}");
}

#[test]
fn what_a_process_that_is_gone_wrote_names_nobody() {
    let (_folder, path) = place();
    let file = open(&path).unwrap();
    let mut holder = Holder::this("x").unwrap();
    holder.process.started_ticks += 1;
    std::fs::write(&path, holder.line()).unwrap();
    assert_eq!(super::holder(&file), None);
    assert_eq!(Holder::parse(&holder.line()), Some(holder));
    std::fs::write(&path, "nonsense\n").unwrap();
    assert_eq!(super::holder(&file), None);
}

/// What `work` gives on a thread that is another user's.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

#[test]
fn a_user_after_root_and_root_after_a_user_take_the_lock() {
    if user_id() != 0 {
        return crate::eprintln!("not tested: only root can become another user");
    }
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    // As /tmp is, where the kernel may guard files against being opened with O_CREAT by others.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    drop(take_free(&path, Beside::Nobody));
    drop(as_nobody(|| take_free(&path, Beside::Nobody)));
    // As earlier versions made it.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let users = as_nobody(|| take_free(&path, Beside::Nobody));
    assert!(try_take(&path, Beside::Nobody).is_err());
    drop(users);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let error = as_nobody(|| try_take(&path, Beside::Nobody)).unwrap_err().to_string();
    assert!(error.contains("belongs to root: Permission denied"), "{error}");
    assert!(error.contains("chmod 666"), "{error}");
    std::fs::remove_file(&path).unwrap();
    drop(as_nobody(|| take_free(&path, Beside::Nobody)));
    assert_ne!(path.metadata().unwrap().uid(), 0);
    drop(take_free(&path, Beside::Nobody));
}

#[test]
fn the_file_is_every_users_and_nothing_else_is_taken_for_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    drop(take_free(&path, Beside::Nobody));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    // Another user's of before: it can only be read, and is locked all the same.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    drop(take_free(&path, Beside::Nobody));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert!(try_take(&path, Beside::Nobody).is_err());
}
