//! What an error is called.

use std::io;

/// By number, as Linux has them.
#[cfg(not(target_family = "wasm"))]
const NAMES: &[(i32, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (5, "EIO"),
    (8, "ENOEXEC"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (28, "ENOSPC"),
    (30, "EROFS"),
    (38, "ENOSYS"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (101, "ENETUNREACH"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
    (115, "EINPROGRESS"),
    (122, "EDQUOT"),
];

/// By number, as the C library of WASI has them. A host that denies access says nothing else: its refusals have one
/// name.
#[cfg(target_family = "wasm")]
const NAMES: &[(i32, &str)] = &[
    (2, "access-denied"),
    (6, "EAGAIN"),
    (8, "EBADF"),
    (14, "ECONNREFUSED"),
    (23, "EHOSTUNREACH"),
    (26, "EINPROGRESS"),
    (28, "EINVAL"),
    (33, "EMFILE"),
    (40, "ENETUNREACH"),
    (41, "ENFILE"),
    (44, "ENOENT"),
    (48, "ENOMEM"),
    (51, "ENOSPC"),
    (52, "ENOSYS"),
    (58, "ENOTSUP"),
    (63, "access-denied"),
    (69, "EROFS"),
    (73, "ETIMEDOUT"),
    (76, "access-denied"),
];

/// The name of a system's error; `errno-N` of one that has none here, and `no-errno` of one that is not the system's.
pub(super) fn of(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else { return "no-errno".to_owned() };
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("errno-{number}"), |(_, name)| (*name).to_owned())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_name_of_its_number() {
        assert_eq!(of(&io::Error::from_raw_os_error(13)), "EACCES");
        assert_eq!(of(&io::Error::from_raw_os_error(200)), "errno-200");
        assert_eq!(of(&io::Error::other("no")), "no-errno");
        let missing = std::fs::File::open("/weighbridge-no-such-file").unwrap_err();
        assert_eq!(of(&missing), "ENOENT");
    }
}
