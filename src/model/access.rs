//! What a seat may do: roles, flags and apps, compared as a whole.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::AppId;

/// A role of App Store Connect (Apple's `UserRole`, OpenAPI 4.4.1). Roles this version does not know are kept as they came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Role {
    /// A role of Apple's list, by its index in `KNOWN`.
    Known(KnownRole),
    /// Anything else, written through unchanged.
    Other(Arc<str>),
}

macro_rules! known_roles {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// The roles Apple's API description lists, in alphabetical order of their names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the role whose name it carries")]
        pub enum KnownRole { $($variant),* }

        impl KnownRole {
            /// Every role of Apple's list.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

known_roles! {
    AccessToReports = "ACCESS_TO_REPORTS",
    AccountHolder = "ACCOUNT_HOLDER",
    Admin = "ADMIN",
    AppManager = "APP_MANAGER",
    CloudManagedAppDistribution = "CLOUD_MANAGED_APP_DISTRIBUTION",
    CloudManagedDeveloperId = "CLOUD_MANAGED_DEVELOPER_ID",
    CreateApps = "CREATE_APPS",
    CustomerSupport = "CUSTOMER_SUPPORT",
    Developer = "DEVELOPER",
    Finance = "FINANCE",
    GenerateIndividualKeys = "GENERATE_INDIVIDUAL_KEYS",
    Marketing = "MARKETING",
    Sales = "SALES",
}

impl KnownRole {
    /// Apple gives every app to whoever holds one of these (Apple help, "Add and edit users").
    pub fn sees_all_apps(self) -> bool {
        matches!(self, Self::Admin | Self::Finance | Self::AccessToReports | Self::AccountHolder)
    }
}

impl Role {
    /// `ADMIN`.
    pub const ADMIN: Self = Self::Known(KnownRole::Admin);
    /// `ACCOUNT_HOLDER`: reported by Apple, never set by anyone.
    pub const ACCOUNT_HOLDER: Self = Self::Known(KnownRole::AccountHolder);
    /// `DEVELOPER`.
    pub const DEVELOPER: Self = Self::Known(KnownRole::Developer);

    /// Reads a role; the case and surrounding blanks of what people typed do not matter.
    pub fn new(text: &str) -> Self {
        let upper = text.trim().to_ascii_uppercase();
        match KnownRole::ALL.iter().find(|known| known.as_str() == upper) {
            Some(known) => Self::Known(*known),
            None => Self::Other(text.trim().into()),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(known) => known.as_str(),
            Self::Other(name) => name,
        }
    }

    /// True for the roles of Apple's list.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// See [`KnownRole::sees_all_apps`].
    pub fn sees_all_apps(&self) -> bool {
        matches!(self, Self::Known(known) if known.sees_all_apps())
    }
}

impl From<String> for Role {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}
impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of roles, in a stable order.
pub type Roles = BTreeSet<Role>;

/// What a seat may do. Serialized as in a plan's `before` and `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Access {
    /// Every role held.
    pub roles: Roles,
    /// `None`: Apple did not say (it answers null for some invitations).
    pub all_apps_visible: Option<bool>,
    /// Certificates, Identifiers & Profiles.
    pub provisioning_allowed: bool,
    /// The apps when not all are visible; `None`: they could not be read.
    pub visible_apps: Option<BTreeSet<AppId>>,
}

impl Access {
    /// True when Apple forces all apps on these roles and flags (Apple help, "Add and edit users").
    pub fn forces_all_apps(&self) -> bool {
        self.provisioning_allowed || self.roles.iter().any(Role::sees_all_apps)
    }

    /// The same access after Apple's rule: all apps where the roles force it, and no list of apps beside "all".
    #[must_use]
    pub fn canonical(mut self) -> Self {
        if self.forces_all_apps() {
            self.all_apps_visible = Some(true);
        }
        if self.all_apps_visible != Some(false) {
            self.visible_apps = Some(BTreeSet::new());
        }
        self
    }

    /// True for `ADMIN` and the Account Holder.
    pub fn is_admin(&self) -> bool {
        self.roles.contains(&Role::ADMIN) || self.roles.contains(&Role::ACCOUNT_HOLDER)
    }

    /// True for the one member nobody may touch.
    pub fn is_account_holder(&self) -> bool {
        self.roles.contains(&Role::ACCOUNT_HOLDER)
    }
}
