//! Who may be at the socket's other end. Whoever can put a socket into the runtime folder can answer `approve` in the daemon's
//! place, so the folder is judged as the state folder is, and each side asks the kernel for the user of the other.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tokio::net::UnixStream;

use crate::state::process::effective_user;

const ROOT: u32 = 0;

/// Why a runtime folder, or what listens in it, is not trusted.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Untrusted {
    text: String,
    cure: String,
}

impl Untrusted {
    /// What the operator can do.
    pub fn cure(&self) -> String {
        self.cure.clone()
    }
}

/// Judges the folder a daemon makes its socket in.
pub(super) fn ours(runtime_dir: &Path) -> Result<(), Untrusted> {
    judge(runtime_dir, &[effective_user()]).map(|_| ())
}

/// A user whose commands a daemon of ours serves.
pub(super) fn may_ask(uid: u32) -> bool {
    uid == ROOT || uid == effective_user()
}

/// Judges a daemon that this command has reached: ours, root's, or for root that of the state folder's owner.
pub(super) fn daemon(stream: &UnixStream, runtime_dir: &Path, state_dir: &Path) -> Result<(), Untrusted> {
    let us = effective_user();
    let mut users = vec![us, ROOT];
    if us == ROOT {
        users.extend(fs::metadata(state_dir).map(|found| found.uid()));
    }
    let owner = judge(runtime_dir, &users)?;
    listener(stream.peer_cred().map(|peer| peer.uid()), owner, runtime_dir)
}

/// The user at the other end, as the kernel remembers who began to listen: the folder's owner or root.
fn listener(peer: io::Result<u32>, owner: u32, runtime_dir: &Path) -> Result<(), Untrusted> {
    let shown = runtime_dir.display();
    let who = match peer {
        Ok(uid) if uid == owner || uid == ROOT => return Ok(()),
        Ok(uid) => format!("user {uid}"),
        Err(error) => format!("somebody unknown ({error})"),
    };
    Err(Untrusted {
        text: format!("what answers at the socket in {shown} belongs to {who}, not to user {owner} or root"),
        cure: format!(
            "it is no daemon of this team's: find out what it is, and remove the socket in {shown}"
        ),
    })
}

/// The folder's owner, where it is one of these and nobody else may enter.
fn judge(dir: &Path, users: &[u32]) -> Result<u32, Untrusted> {
    let shown = dir.display();
    let found = fs::metadata(dir).map_err(|error| Untrusted {
        text: format!("runtime_dir {shown} cannot be judged: {error}"),
        cure: "name a folder that only the daemon's user may enter".to_owned(),
    })?;
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    if !users.contains(&owner) {
        return Err(Untrusted {
            text: format!(
                "runtime_dir {shown} belongs to user {owner}, who could answer in the daemon's place"
            ),
            cure: format!(
                "name a folder of the daemon's own user, or remove {shown} and start the daemon again"
            ),
        });
    }
    if mode & 0o077 != 0 {
        return Err(Untrusted {
            text: format!(
                "runtime_dir {shown} has mode {mode:04o}, so that other users could answer in the daemon's place"
            ),
            cure: format!(
                "chmod 700 {shown} (in a systemd unit: RuntimeDirectoryMode=0700), after a look at what is in it"
            ),
        });
    }
    Ok(owner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(mode: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).expect("its mode");
        dir
    }

    #[test]
    fn a_folder_that_others_may_enter_or_own_is_not_trusted() {
        let us = effective_user();
        assert_eq!(judge(folder(0o700).path(), &[us]).expect("ours"), us);
        for mode in [0o777, 0o1777, 0o770, 0o755, 0o701] {
            let refused = judge(folder(mode).path(), &[us]).expect_err("open").to_string();
            assert!(refused.contains(&format!("mode {mode:04o}")), "{refused}");
        }
        let refused = judge(folder(0o700).path(), &[us + 1]).expect_err("another's").to_string();
        assert!(refused.contains(&format!("belongs to user {us}")), "{refused}");
        assert!(judge(Path::new("/nowhere"), &[us]).is_err());
    }

    #[test]
    fn only_the_owner_of_the_folder_and_root_may_listen_in_it() {
        let dir = Path::new("/run/rosterd");
        assert!(listener(Ok(7), 7, dir).is_ok());
        assert!(listener(Ok(ROOT), 7, dir).is_ok());
        let refused = listener(Ok(8), 7, dir).expect_err("a stranger").to_string();
        assert!(refused.contains("belongs to user 8"), "{refused}");
        assert!(listener(Err(io::ErrorKind::Unsupported.into()), 7, dir).is_err());
        assert!(listener(Ok(8), ROOT, dir).is_err(), "root's own folder");
    }

    #[test]
    fn only_root_and_the_daemons_own_user_may_ask() {
        let us = effective_user();
        assert!(may_ask(us) && may_ask(ROOT));
        assert!(!may_ask(us + 1));
    }
}
