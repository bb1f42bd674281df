//! A disk that is full: a small file system in memory, where this process may mount one.

use std::path::Path;
use std::process::Command;

/// A file system of a size, unmounted at the end.
pub(crate) struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None` where this process may not mount.
    pub(crate) fn mount(at: &'a Path, options: &str) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        let out = command.output().ok()?;
        out.status.success().then_some(Self(at))
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "remounted with {size}");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
