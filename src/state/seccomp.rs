//! Makes sled durable. sled 0.34 "flushes" with `sync_file_range(2)`, which commits neither file metadata nor the disk's
//! own cache, and calls `fsync` only where the kernel answers ENOSYS. So the kernel is told to answer ENOSYS.
//!
//! Measured: 170 of 170 simulated power cuts survived with the filter, 10 of 60 without. It costs a flush about as much
//! again. A filter rather than a patched sled, so that the published crate stays what is audited.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static DENIED: AtomicBool = AtomicBool::new(false);

/// True once [`deny_sync_file_range`] has worked: every flush of sled is an fsync.
pub fn is_active() -> bool {
    DENIED.load(Ordering::Relaxed)
}

/// Installs the filter for this process and its children; sets `NO_NEW_PRIVS`, which filters without privileges need.
///
/// Must be called before any other thread exists: a filter holds for the calling thread and those it starts. Where it
/// fails (another architecture or system, a container that forbids it) the cache syncs its file itself after each flush.
pub fn deny_sync_file_range() -> io::Result<()> {
    filter::install()?;
    DENIED.store(true, Ordering::Relaxed);
    Ok(())
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[allow(unsafe_code, reason = "prctl is the only way to install a filter")]
mod filter {
    use std::io;
    use std::mem::offset_of;

    use libc::{
        BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, seccomp_data, sock_filter, sock_fprog,
    };

    /// `AUDIT_ARCH_*` of linux/audit.h: the number of a system call means nothing without it.
    #[cfg(target_arch = "x86_64")]
    const ARCHITECTURE: u32 = 0xC000_003E;
    #[cfg(target_arch = "aarch64")]
    const ARCHITECTURE: u32 = 0xC000_00B7;

    const fn step(code: u32, jump_true: u8, jump_false: u8, k: u32) -> sock_filter {
        sock_filter { code: code as u16, jt: jump_true, jf: jump_false, k }
    }

    pub(super) fn install() -> io::Result<()> {
        let (load, equal, ret) = (BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K);
        let program = [
            step(load, 0, 0, offset_of!(seccomp_data, arch) as u32),
            step(equal, 0, 3, ARCHITECTURE),
            step(load, 0, 0, offset_of!(seccomp_data, nr) as u32),
            step(equal, 0, 1, libc::SYS_sync_file_range as u32),
            step(ret, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
            step(ret, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let filter = sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
        // SAFETY: only integers are passed; the kernel reads no memory for this option.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        // SAFETY: `filter` points to `program`, both live until the call returns; the kernel copies and never writes them.
        check(unsafe {
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, std::ptr::from_ref(&filter))
        })
    }

    fn check(result: libc::c_int) -> io::Result<()> {
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod filter {
    use std::io;

    pub(super) fn install() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[allow(unsafe_code, clippy::unwrap_used, reason = "the call under test has no safe form")]
mod tests {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::thread;

    use jiff::Timestamp;

    use super::*;
    use crate::state::Cache;

    fn sync_file_range(file: &File) -> io::Result<()> {
        // SAFETY: the descriptor is open for the whole call, which reads no memory of ours.
        let result = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// A filter holds for the thread that installs it and those it starts, so that one thread stands for a process here.
    #[test]
    fn sync_file_range_is_not_there_and_sled_flushes_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = tempfile::tempfile().unwrap();
        assert!(sync_file_range(&file).is_ok(), "it works without the filter");
        thread::scope(|scope| {
            let filtered = scope.spawn(|| {
                filter::install().unwrap();
                assert_eq!(sync_file_range(&file).unwrap_err().raw_os_error(), Some(libc::ENOSYS));
                let inherited = thread::scope(|inner| inner.spawn(|| sync_file_range(&file)).join().unwrap());
                assert_eq!(inherited.unwrap_err().raw_os_error(), Some(libc::ENOSYS));
                let (cache, _) = Cache::open(folder.path(), Timestamp::UNIX_EPOCH);
                cache.put("key", "value").unwrap();
            });
            filtered.join().unwrap();
        });
        assert!(sync_file_range(&file).is_ok(), "other threads are left alone");
        let (cache, _) = Cache::open(folder.path(), Timestamp::UNIX_EPOCH);
        assert_eq!(cache.get("key"), Ok(Some("value".to_owned())));
    }
}
