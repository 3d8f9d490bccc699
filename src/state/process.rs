//! Two facts of the process that the standard library does not offer.

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
