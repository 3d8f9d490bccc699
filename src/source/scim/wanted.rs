//! Which attributes of a person are kept.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Different texts that are kept once; a directory whose people have more names than this keeps the others one by one.
const SHARED_MAX: usize = 1 << 16;

/// The names that policy asked for, so that 50,000 people cost what is used of them and no more.
///
/// A name is kept as a top-level key. A URN is kept as a nested object and as the prefix of flattened keys
/// (`urn:…:User:department` as scimgateway stores it); a name with its URN brings the object it may be nested in.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A handful, so looking through them is faster than hashing every key of every person.
    keys: Vec<Arc<str>>,
    urns: Vec<Arc<str>>,
    shared: Arc<Mutex<HashSet<Arc<str>>>>,
}

impl Wanted {
    /// The names asked for (any case) and the URN under which the provider may keep custom ones; empty for none.
    pub fn new(names: &BTreeSet<Arc<str>>, namespace: &str) -> Self {
        let mut wanted = Self::default();
        let namespace = (!names.is_empty()).then(|| namespace.trim().to_lowercase());
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        for name in names.iter().map(|name| name.to_lowercase()).chain(namespace) {
            let shared: Arc<str> = name.as_str().into();
            if is_urn(&name) {
                wanted.urns.push(Arc::clone(&shared));
            }
            if !wanted.keys.contains(&shared) {
                wanted.keys.push(shared);
            }
        }
        wanted
    }

    /// The name to keep a key under, when it is to be kept. `key` is lower case.
    pub fn keep(&self, key: &str) -> Option<Arc<str>> {
        if let Some(name) = self.keys.iter().find(|name| name.len() == key.len() && ***name == *key) {
            return Some(Arc::clone(name));
        }
        if !is_urn(key) {
            return None;
        }
        let related = |urn: &Arc<str>| is_below(key, urn) || is_below(urn, key);
        self.urns.iter().any(related).then(|| key.into())
    }

    /// A text that many people have, such as a first name, kept once for all of them.
    pub(super) fn shared(&self, text: &str) -> Arc<str> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if shared.len() < SHARED_MAX {
            shared.insert(Arc::clone(&new));
        }
        new
    }
}

fn is_urn(name: &str) -> bool {
    name.starts_with("urn:")
}

/// `urn:a:b:c` is below `urn:a:b`.
fn is_below(name: &str, urn: &str) -> bool {
    name.strip_prefix(urn).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_kept() {
        let names = ["userType", "urn:x:enterprise:2.0:User:department"];
        let names = names.iter().map(|name| Arc::from(*name)).collect();
        let wanted = Wanted::new(&names, "urn:x:Custom:2.0:User");
        for (key, kept) in [
            ("usertype", true),
            ("title", false),
            ("urn:x:enterprise:2.0:user", true),
            ("urn:x:enterprise:2.0:user:department", true),
            ("urn:x:enterprise:2.0:user:manager", false),
            ("urn:x:custom:2.0:user", true),
            ("urn:x:custom:2.0:user:appstoreconnect_role", true),
            ("urn:x:custom:2.0:username", false),
            ("urn:other", false),
        ] {
            assert_eq!(wanted.keep(key).is_some(), kept, "{key}");
        }
        assert!(
            Wanted::new(&BTreeSet::new(), "urn:x:custom:2.0:User").keep("urn:x:custom:2.0:user").is_none()
        );
    }
}
