//! The page cache before a start: warm as it is, or dropped.

use crate::failure::Cause;
use std::fs;
use std::sync::Arc;

/// The file that drops it.
pub const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// Writes what is dirty to the disk and tells the kernel to drop the page cache, dentries and inodes
/// (`/proc/sys/vm/drop_caches`, value 3; Linux, Documentation/admin-guide/sysctl/vm.rst). Pages that a running
/// process maps stay, a daemon's program for example.
///
/// # Errors
/// It is not permitted here.
pub fn drop() -> Result<(), Cause> {
    // Dirty pages cannot be dropped.
    rustix::fs::sync();
    fs::write(DROP_CACHES, "3").map_err(|error| Cause::PageCache(Arc::new(error)))
}
