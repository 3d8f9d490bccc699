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
