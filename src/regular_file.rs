//! Files that people name: configuration, saved plans, exports, a directory in a file. A pipe or a device in their place
//! would hang the reader or never end, so only regular files are read, and only so much of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file; links are followed.
///
/// # Errors
/// As the system says, and when it is a folder, a pipe, a socket or a device.
pub fn open(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, opening a pipe waits for somebody to write.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Reads a regular file of at most `largest` bytes.
///
/// # Errors
/// As [`open`], and when it is larger.
pub fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    read_open(&open(path)?, largest)
}

/// Reads what [`open`] opened. A file that grows meanwhile is cut off by the limit, not by its first size.
///
/// # Errors
/// As the system says, and when it is larger.
pub fn read_open(file: &File, largest: u64) -> io::Result<Vec<u8>> {
    let too_large =
        || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {largest} bytes"));
    let size = file.metadata()?.len();
    if size > largest {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    file.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        std::fs::write(&file, "four").expect("written");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        assert_eq!(read(&file, 4).expect("read"), b"four");
        assert_eq!(read(&file, 3).expect_err("too large").kind(), io::ErrorKind::FileTooLarge);
        for other in [&pipe, folder.path(), Path::new("/dev/zero")] {
            let error = read(other, 4).expect_err("no regular file").to_string();
            assert!(error.contains("not a regular file"), "{}: {error}", other.display());
        }
    }
}
