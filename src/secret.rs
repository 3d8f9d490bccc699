//! Secrets: read from files whose mode and owner are right, never printed.
//!
//! The rule is PostgreSQL's for its private keys, because it accepts what systemd hands out (`LoadCredential=` files
//! are 0440 and root's, with an access list for the service): a file of ours is nobody else's to read, a file of
//! root's may be readable by our group. Everything is asked of the open descriptor, so nothing can be swapped
//! between the look and the read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// No key, token or password is longer; a larger file is not the one that was meant.
const LARGEST: u64 = 64 * 1024;

/// A secret named by the configuration: a path, read anew each time so that a rotated file is used at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    path: PathBuf,
    credentials: Option<Arc<Path>>,
}

impl SecretRef {
    /// A file, and the folder of the service manager's credentials where there is one.
    pub fn new(path: PathBuf, credentials: Option<Arc<Path>>) -> Self {
        Self { path, credentials }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it now.
    ///
    /// # Errors
    /// See [`read_secret`].
    pub fn read(&self) -> Result<SecretString, SecretError> {
        read_secret(&self.path, self.credentials.as_deref())
    }
}

/// Why a secret was not read. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is none.
    #[error("{path}: no such file")]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be opened or read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// As the system put it.
        error: io::Error,
    },
    /// A symbolic link outside the credentials folder, where whoever may write the link's folder chooses the secret.
    #[error("{path} is a symbolic link")]
    Link {
        /// Which.
        path: PathBuf,
    },
    /// A folder, a device, a pipe.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Others may read or change it.
    #[error("{path} has mode {mode:04o}: {}", fault.text())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The rule it breaks.
        fault: ModeFault,
    },
    /// Neither ours nor root's.
    #[error("{path} belongs to user {owner}, not to the running user {us} or root")]
    Owner {
        /// Which.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Ours.
        us: u32,
    },
    /// Larger than any key.
    #[error("{path} is larger than 64 KiB")]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("{path} is empty")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Not UTF-8.
    #[error("{path} is not text")]
    NotText {
        /// Which.
        path: PathBuf,
    },
}

impl SecretError {
    /// What the operator can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { path } => format!(
                "put the secret into {}, then chmod 600 it; or correct the path (relative paths are looked up in $CREDENTIALS_DIRECTORY, else beside the configuration file)",
                path.display()
            ),
            Self::Unreadable { path, .. } => {
                format!(
                    "let the user that runs rosterd read {}, for example: chown it and chmod 600",
                    path.display()
                )
            }
            Self::Link { path } => format!(
                "write the path that {} points to; links are followed only inside $CREDENTIALS_DIRECTORY",
                path.display()
            ),
            Self::NotAFile { path } => {
                format!("put the secret into a plain file instead of {}", path.display())
            }
            Self::Mode { path, fault, .. } => format!("chmod {} {}", fault.cure(), path.display()),
            Self::Owner { path, us, .. } => format!("chown {us} {0} && chmod 600 {0}", path.display()),
            Self::TooLarge { path } => {
                format!("check what {} holds; a key or token is a few KiB at most", path.display())
            }
            Self::Empty { path } => format!("write the secret into {}", path.display()),
            Self::NotText { path } => {
                format!("{} must hold text: a token, a password or a PEM block", path.display())
            }
        }
    }
}

/// Which of the two rules a mode breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeFault {
    /// A file of the running user with any bit for group or others.
    Ours,
    /// A file of root's, or a credential, that the group may change or others may do anything with.
    Roots,
}

impl ModeFault {
    fn text(self) -> &'static str {
        match self {
            Self::Ours => "group and others must have no access to a secret",
            Self::Roots => "the group may at most read a secret, and others must have no access",
        }
    }

    fn cure(self) -> &'static str {
        match self {
            Self::Ours => "600",
            Self::Roots => "640",
        }
    }
}

/// What the owner and the mode of a secret add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Mode(ModeFault),
    Owner,
}

/// Where a secret lies, which decides about links and modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Inside `$CREDENTIALS_DIRECTORY`, which the service manager filled and nobody else can write.
    Credentials,
    /// Anywhere else.
    Elsewhere,
}

/// Reads a secret: opened once, judged on the open descriptor, a byte order mark and trailing line ends taken off.
///
/// # Errors
/// When the file is missing, a link, not a file, too open, somebody else's, too large, empty or not text.
pub fn read_secret(path: &Path, credentials: Option<&Path>) -> Result<SecretString, SecretError> {
    let place = place(path, credentials);
    let file = open(path, place)?;
    let metadata = file.metadata().map_err(|error| SecretError::Unreadable { path: path.into(), error })?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile { path: path.into() });
    }
    let mode = metadata.mode() & 0o7777;
    let us = effective_user();
    match judge(metadata.uid(), us, mode, place) {
        Verdict::Good => {}
        Verdict::Mode(fault) => return Err(SecretError::Mode { path: path.into(), mode, fault }),
        Verdict::Owner => {
            return Err(SecretError::Owner { path: path.into(), owner: metadata.uid(), us });
        }
    }
    text(path, file, metadata.len())
}

fn place(path: &Path, credentials: Option<&Path>) -> Place {
    let rest = credentials.and_then(|folder| path.strip_prefix(folder).ok());
    match rest {
        // A path that climbs out again is not inside, whatever it starts with.
        Some(rest) if rest.components().all(|part| matches!(part, Component::Normal(_))) => {
            Place::Credentials
        }
        Some(_) | None => Place::Elsewhere,
    }
}

fn open(path: &Path, place: Place) -> Result<File, SecretError> {
    // Without O_NONBLOCK a pipe in the place of a key would hang the daemon for ever.
    let follow = match place {
        Place::Credentials => 0,
        Place::Elsewhere => libc::O_NOFOLLOW,
    };
    let opened =
        OpenOptions::new().read(true).custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK | follow).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => SecretError::Missing { path: path.into() },
        Some(libc::ELOOP) => SecretError::Link { path: path.into() },
        Some(_) | None => SecretError::Unreadable { path: path.into(), error },
    })
}

fn judge(owner: u32, us: u32, mode: u32, place: Place) -> Verdict {
    if owner != us && owner != 0 {
        return Verdict::Owner;
    }
    let (bits, fault) = match place {
        Place::Elsewhere if owner == us => (0o077, ModeFault::Ours),
        Place::Elsewhere | Place::Credentials => (0o037, ModeFault::Roots),
    };
    if mode & bits == 0 { Verdict::Good } else { Verdict::Mode(fault) }
}

fn text(path: &Path, file: File, length: u64) -> Result<SecretString, SecretError> {
    if length > LARGEST {
        return Err(SecretError::TooLarge { path: path.into() });
    }
    // Room for all of it beforehand: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LARGEST + 1).unwrap_or(usize::MAX)));
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| SecretError::Unreadable { path: path.into(), error })?;
    if bytes.len() as u64 > LARGEST {
        return Err(SecretError::TooLarge { path: path.into() });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText { path: path.into() })?;
    // Editors on Windows begin a file with a byte order mark, which no token or password has.
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err(SecretError::Empty { path: path.into() });
    }
    Ok(SecretString::from(Box::<str>::from(text)))
}

/// The user whose rights we act with. `/proc/self` would tell it without `unsafe`, but belongs to root once the
/// process has forbidden core dumps.
#[expect(unsafe_code, reason = "the standard library has no geteuid")]
pub(crate) fn effective_user() -> u32 {
    // SAFETY: geteuid takes nothing, cannot fail and touches no memory of ours.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    const US: u32 = 1000;

    #[test]
    fn modes_are_judged_by_owner_and_place() {
        use ModeFault::{Ours, Roots};
        use Place::{Credentials, Elsewhere};
        use Verdict::{Good, Mode, Owner};
        let cases = [
            (US, US, 0o600, Elsewhere, Good),
            (US, US, 0o400, Elsewhere, Good),
            (US, US, 0o640, Elsewhere, Mode(Ours)),
            (US, US, 0o604, Elsewhere, Mode(Ours)),
            (US, US, 0o660, Elsewhere, Mode(Ours)),
            (US, US, 0o644, Elsewhere, Mode(Ours)),
            (0, US, 0o600, Elsewhere, Good),
            (0, US, 0o640, Elsewhere, Good),
            (0, US, 0o440, Elsewhere, Good),
            (0, US, 0o644, Elsewhere, Mode(Roots)),
            (0, US, 0o660, Elsewhere, Mode(Roots)),
            (0, US, 0o650, Elsewhere, Mode(Roots)),
            (0, 0, 0o600, Elsewhere, Good),
            (0, 0, 0o640, Elsewhere, Mode(Ours)),
            (0, US, 0o440, Credentials, Good),
            (0, 0, 0o440, Credentials, Good),
            (US, US, 0o440, Credentials, Good),
            (US, US, 0o460, Credentials, Mode(Roots)),
            (0, US, 0o444, Credentials, Mode(Roots)),
            (4242, US, 0o600, Elsewhere, Owner),
            (4242, 0, 0o600, Elsewhere, Owner),
            (4242, US, 0o600, Credentials, Owner),
        ];
        for (owner, us, mode, place, verdict) in cases {
            assert_eq!(
                judge(owner, us, mode, place),
                verdict,
                "owner {owner}, us {us}, {mode:04o}, {place:?}"
            );
        }
    }

    fn file(folder: &TempDir, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode set");
        path
    }

    fn refused(path: &Path, credentials: Option<&Path>) -> String {
        let error = read_secret(path, credentials).expect_err("refused");
        format!("{error}\n{}", error.hint())
    }

    #[test]
    fn line_ends_after_a_secret_and_a_mark_before_it_do_not_count() {
        let folder = TempDir::new().expect("a folder");
        for content in [&b"s3cret\r\n\n"[..], b"\xef\xbb\xbfs3cret\r\n"] {
            let path = file(&folder, "token", content, 0o600);
            assert_eq!(read_secret(&path, None).expect("read").expose_secret(), "s3cret");
        }
        assert!(refused(&file(&folder, "mark", b"\xef\xbb\xbf\n", 0o600), None).contains("is empty"));
    }

    #[test]
    fn a_rotated_file_is_read_anew() {
        let folder = TempDir::new().expect("a folder");
        let secret = SecretRef::new(file(&folder, "token", b"old", 0o600), None);
        assert_eq!(secret.read().expect("read").expose_secret(), "old");
        file(&folder, "token", b"new", 0o600);
        assert_eq!(secret.read().expect("read").expose_secret(), "new");
    }

    #[test]
    fn a_mode_that_is_too_open_is_named_with_its_cure() {
        let folder = TempDir::new().expect("a folder");
        let path = file(&folder, "token", b"s3cret", 0o644);
        let text = refused(&path, None);
        assert!(text.contains("has mode 0644"), "{text}");
        assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn a_credential_of_the_service_manager_is_accepted() {
        let folder = TempDir::new().expect("a folder");
        let path = file(&folder, "token", b"s3cret", 0o440);
        assert!(read_secret(&path, Some(folder.path())).is_ok());
        assert!(refused(&path, None).contains("mode 0440"));
        let outside = folder.path().join("sub/../token");
        fs::create_dir(folder.path().join("sub")).expect("a folder");
        assert!(refused(&outside, Some(folder.path())).contains("mode 0440"));
    }

    #[test]
    fn links_are_followed_only_among_credentials() {
        let folder = TempDir::new().expect("a folder");
        file(&folder, "token", b"s3cret", 0o400);
        let link = folder.path().join("link");
        symlink("token", &link).expect("a link");
        assert!(refused(&link, None).contains("is a symbolic link"));
        assert!(read_secret(&link, Some(folder.path())).is_ok());
    }

    #[test]
    fn what_is_no_text_file_is_refused() {
        let folder = TempDir::new().expect("a folder");
        assert!(refused(folder.path(), None).contains("not a regular file"));
        assert!(refused(&folder.path().join("none"), None).contains("no such file"));
        assert!(refused(&file(&folder, "empty", b"\n", 0o600), None).contains("is empty"));
        assert!(refused(&file(&folder, "binary", b"\xff\xfe", 0o600), None).contains("is not text"));
        assert!(
            refused(&file(&folder, "large", &[b'a'; 65_537], 0o600), None).contains("larger than 64 KiB")
        );
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let path = file(&folder, "token", b"s3cret", 0o600);
        // Only root can give a file away; elsewhere the table above covers it.
        if chown(&path, Some(4242), None).is_ok() {
            let text = refused(&path, None);
            assert!(text.contains("belongs to user 4242"), "{text}");
            assert!(text.contains("chown"), "{text}");
        }
    }

    #[test]
    fn a_reference_prints_its_path_only() {
        let folder = TempDir::new().expect("a folder");
        let secret = SecretRef::new(file(&folder, "token", b"s3cret", 0o600), None);
        assert!(!format!("{secret:?} {:?}", secret.read()).contains("s3cret"));
    }
}
