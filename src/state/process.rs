//! What the standard library does not offer of our own process.

/// The user id files made by this process belong to.
#[allow(unsafe_code, reason = "the standard library has no geteuid")]
pub fn effective_user() -> u32 {
    // SAFETY: geteuid takes no arguments, cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}

/// Takes every right of group and others from files that are made from now on: sled makes its own without asking for a
/// mode. Called by `main` before any thread exists, since the mask belongs to the whole process.
#[allow(unsafe_code, reason = "the standard library has no umask")]
pub fn private_umask() {
    // SAFETY: umask cannot fail and touches no memory of ours.
    unsafe { libc::umask(0o077) };
}

/// Leaves no core file and lets no other process of this user look into the memory, where keys and tokens are (`prctl(2)`,
/// `PR_SET_DUMPABLE`). Units and shells can do no more than limit the size of a core file.
#[allow(unsafe_code, reason = "the standard library has no prctl")]
pub fn refuse_dumps() {
    // SAFETY: PR_SET_DUMPABLE takes a number and touches no memory of ours; it cannot fail with 0.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
}

/// Gives freed memory back to the system. A cycle holds a whole company for a moment, and glibc keeps what was freed for
/// a next time that is 40 minutes away.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "the standard library has no malloc_trim")]
pub fn return_freed_memory() {
    // SAFETY: malloc_trim takes its own locks and touches only memory that nobody holds.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators return what is freed by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn return_freed_memory() {}

/// How long the processor has worked for this thread: unlike a wall clock it hardly minds a busy machine.
#[cfg(test)]
#[allow(unsafe_code, reason = "the standard library has no clock of a thread's own time")]
pub(crate) fn thread_time() -> std::time::Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec, and the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    std::time::Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
