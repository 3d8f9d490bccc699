//! Where state and the control socket live when the configuration does not say.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::checker::Checker;
use crate::secret::effective_user;

/// The two folders.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) state: PathBuf,
    pub(super) runtime: PathBuf,
}

impl Folders {
    pub(super) fn check(
        state: Option<String>,
        runtime: Option<String>,
        name: Option<&str>,
        checker: &mut Checker,
    ) -> Option<Self> {
        if let Some(name) = name {
            check_name(name, checker);
        }
        let state = folder("state_dir", state, STATE, checker);
        let runtime = folder("runtime_dir", runtime, RUNTIME, checker);
        Some(Self { state: state?, runtime: runtime? })
    }
}

/// The name ends up in metrics, subjects of mails and file names.
fn check_name(name: &str, checker: &mut Checker) {
    if name.chars().count() > 64 || name.contains('/') {
        checker.problem("name", "is too long or holds a slash", "write at most 64 characters without /");
    }
}

/// The key, else what systemd made for the unit, else the usual place.
fn folder(key: &str, written: Option<String>, place: Place, checker: &mut Checker) -> Option<PathBuf> {
    let named = checker.env.get(place.variable).and_then(|value| value.split(':').next());
    let path = match (written, named) {
        (Some(path), _) => PathBuf::from(path),
        // systemd separates several folders of a unit with colons; ours has one.
        (None, Some(first)) if !first.is_empty() => PathBuf::from(first),
        (None, Some(_) | None) => place.usual(checker),
    };
    if path.is_absolute() {
        return Some(path);
    }
    // Relative to what? A daemon's working directory is nobody's choice.
    checker.problem(key, "is not an absolute path", format!("write {key} = {:?}", place.system));
    None
}

/// Where a folder is when nobody says.
#[derive(Clone, Copy)]
struct Place {
    /// Set by systemd for the unit.
    variable: &'static str,
    /// For a service.
    system: &'static str,
    /// For a person who runs it by hand (XDG base directories).
    of_the_user: &'static str,
    /// Under `$HOME`, when that is not set either.
    at_home: &'static str,
}

const STATE: Place = Place {
    variable: "STATE_DIRECTORY",
    system: "/var/lib/rosterd",
    of_the_user: "XDG_STATE_HOME",
    at_home: ".local/state",
};

const RUNTIME: Place = Place {
    variable: "RUNTIME_DIRECTORY",
    system: "/run/rosterd",
    of_the_user: "XDG_RUNTIME_DIR",
    at_home: ".local/state",
};

impl Place {
    /// The system's place makes `rosterd status` in an administrator's shell find the daemon, to which alone systemd
    /// named its folders. With one instance per team the units add the instance, and so does this:
    /// `/etc/rosterd/NAME.toml` is the configuration of `rosterd@NAME`, whose state is in `/var/lib/rosterd-NAME`.
    fn usual(self, checker: &Checker) -> PathBuf {
        let system = Path::new(self.system);
        let home = || {
            let absolute = |key: &str| checker.env.get(key).map(Path::new).filter(|path| path.is_absolute());
            let folder = absolute(self.of_the_user).map(PathBuf::from);
            folder.or_else(|| absolute("HOME").map(|home| home.join(self.at_home)))
        };
        let base = if effective_user() == 0 || system.exists() {
            system.to_owned()
        } else {
            home().map_or_else(|| system.to_owned(), |folder| folder.join("rosterd"))
        };
        match checker.path.file_stem().filter(|stem| *stem != "config") {
            Some(stem) => {
                let mut name = OsString::from("rosterd-");
                name.push(stem);
                base.with_file_name(name)
            }
            None => base,
        }
    }
}
