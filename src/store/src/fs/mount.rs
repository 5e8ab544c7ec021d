//! Whole mounts: where one begins, and making all of it durable.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The highest directory above the path that is on the same device.
pub(super) fn point(path: &Path) -> PathBuf {
    let Ok(path) = path.canonicalize() else { return path.to_owned() };
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let own = device(&path);
    path.ancestors().take_while(|above| device(above) == own).last().unwrap_or(&path).to_owned()
}

/// Makes the mount of a path durable, where the kernel tells of what it could not write and the file system is one that
/// asks its disk to keep it: a file system elsewhere may have written no more than to another machine's memory.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    let root = File::open(path)?;
    if is_on_a_disk(&root)? && kernel_tells_of_errors() {
        Ok(rustix::fs::syncfs(root)?)
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether it is on ext4 (or its elders), XFS, btrfs or F2FS.
fn is_on_a_disk(file: &File) -> io::Result<bool> {
    let on_disks =
        [libc::EXT4_SUPER_MAGIC, libc::XFS_SUPER_MAGIC, libc::BTRFS_SUPER_MAGIC, libc::F2FS_SUPER_MAGIC];
    // As wide as a word of this machine, of which 32 bits count.
    let kind = rustix::fs::fstatfs(file)?.f_type as u32;
    Ok(on_disks.iter().any(|known| *known as u32 == kind))
}

/// Whether it is Linux 5.8 or newer: `syncfs` of older ones answers that all is well whatever happened.
fn kernel_tells_of_errors() -> bool {
    is_since_5_8(&rustix::system::uname().release().to_string_lossy())
}

fn is_since_5_8(release: &str) -> bool {
    let mut numbers =
        release.split(|at: char| !at.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5_u32, 8_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart_by_their_release() {
        for (release, tells) in [
            ("4.19.0-21-amd64", false),
            ("5.4.0", false),
            ("5.8", true),
            ("5.10.209-198.812.amzn2.x86_64", true),
            ("6.1.0", true),
            ("", false),
        ] {
            assert_eq!(is_since_5_8(release), tells, "{release}");
        }
    }

    #[test]
    fn a_mount_is_made_durable_or_that_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        match sync(dir.path()) {
            Ok(()) => assert!(kernel_tells_of_errors()),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        assert_eq!(sync(&dir.path().join("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
