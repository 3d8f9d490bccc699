//! Ids as types of their own, so that a person's id is never passed for a seat's.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as its owner wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// A person's stable id in the identity provider (SCIM `id`, Graph object id). Opaque, compared exactly.
    PersonId
);
id!(
    /// A group's stable id in the identity provider.
    GroupId
);
id!(
    /// A `users` resource of App Store Connect.
    MemberId
);
id!(
    /// A `userInvitations` resource of App Store Connect. Acceptance makes a member with another id.
    InvitationId
);
id!(
    /// An `apps` resource of App Store Connect.
    AppId
);
id!(
    /// An app's bundle id, as written in rules.
    BundleId
);

/// A seat on the team: a member or an invitation not yet accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id")]
pub enum SeatId {
    /// Somebody who has accepted.
    #[serde(rename = "users")]
    Member(MemberId),
    /// Somebody who has been asked.
    #[serde(rename = "userInvitations")]
    Invitation(InvitationId),
}

impl SeatId {
    /// The id without its kind.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Member(id) => id.as_str(),
            Self::Invitation(id) => id.as_str(),
        }
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An e-mail address or Apple Account name: shown as written, compared in one normal form
/// (trimmed, Unicode NFC, lower case). Apple keeps the case an account was made with.
#[derive(Clone)]
pub struct Address {
    written: Arc<str>,
    folded: Arc<str>,
}

impl Address {
    /// Makes an address of any text; whether it can receive mail is the server's to say.
    pub fn new(written: &str) -> Self {
        let written = written.trim();
        if written.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
            let written: Arc<str> = written.into();
            return Self { folded: Arc::clone(&written), written };
        }
        let folded: String = written.nfc().flat_map(char::to_lowercase).collect();
        Self { written: written.into(), folded: folded.into() }
    }

    /// The address as its owner wrote it: what an invitation is sent to.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The normal form that comparisons use.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// True when it has the shape `local@domain`.
    pub fn is_mail(&self) -> bool {
        self.folded.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    }
}

/// As [`Address::new`], of a text that is shared already.
impl From<Arc<str>> for Address {
    fn from(written: Arc<str>) -> Self {
        let is_normal = written.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase());
        if is_normal { Self { folded: Arc::clone(&written), written } } else { Self::new(&written) }
    }
}
impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}
impl Eq for Address {}
impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}
