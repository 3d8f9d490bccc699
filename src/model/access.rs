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

    /// Beside which roles Apple gives this add-on (Apple help, "Role permissions"), those included that have what it gives
    /// anyway, so that a promotion loses none; `None` for a role that stands alone.
    pub fn bases(self) -> Option<&'static [Self]> {
        Some(match self {
            Self::AccessToReports => {
                &[Self::Admin, Self::AppManager, Self::Developer, Self::Finance, Self::Marketing, Self::Sales]
            }
            Self::CreateApps => &[Self::Admin, Self::AppManager, Self::Developer, Self::Marketing],
            Self::CloudManagedAppDistribution => &[Self::Admin, Self::AppManager, Self::Developer],
            Self::CloudManagedDeveloperId => &[Self::Admin],
            Self::GenerateIndividualKeys => {
                &[Self::Admin, Self::AppManager, Self::CustomerSupport, Self::Developer, Self::Marketing]
            }
            Self::AccountHolder
            | Self::Admin
            | Self::AppManager
            | Self::CustomerSupport
            | Self::Developer
            | Self::Finance
            | Self::Marketing
            | Self::Sales => return None,
        })
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
    /// Certificates, Identifiers & Profiles; `None`: Apple did not say.
    #[serde(default)]
    pub provisioning_allowed: Option<bool>,
    /// The apps when not all are visible; `None`: they could not be read.
    pub visible_apps: Option<BTreeSet<AppId>>,
}

impl Access {
    /// True when Apple forces all apps on these roles and flags (Apple help, "Add and edit users").
    pub fn forces_all_apps(&self) -> bool {
        self.provisioning_allowed == Some(true) || self.roles.iter().any(Role::sees_all_apps)
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

    /// True where Apple gives these roles provisioning at all.
    pub fn may_provision(&self) -> bool {
        may_provision(&self.roles)
    }

    /// True where Apple gives an add-on beside these roles and flags. What stands alone is always possible.
    pub fn may_have(&self, role: &Role) -> bool {
        let Role::Known(known) = role else { return true };
        let Some(bases) = known.bases() else { return true };
        let signs = *known == KnownRole::CloudManagedAppDistribution
            && self.provisioning_allowed == Some(false)
            && !self.is_admin();
        !signs && bases.iter().any(|base| self.roles.contains(&Role::Known(*base)))
    }
}

/// Apple gives provisioning to these and to no other role; administrators have it anyway.
pub const PROVISIONERS: [KnownRole; 4] =
    [KnownRole::AccountHolder, KnownRole::Admin, KnownRole::AppManager, KnownRole::Developer];

/// True where Apple gives a list of roles provisioning.
pub fn may_provision(roles: &Roles) -> bool {
    PROVISIONERS.iter().any(|known| roles.contains(&Role::Known(*known)))
}

/// What an update sends: what differs, of what is known. Whatever somebody else changes of the rest meanwhile is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessChange {
    /// Every role, where one of them differs: Apple replaces the whole list.
    pub roles: Option<Roles>,
    /// All apps or some.
    pub all_apps_visible: Option<bool>,
    /// Certificates, Identifiers & Profiles.
    pub provisioning_allowed: Option<bool>,
    /// Every app, where one of them differs: Apple replaces the whole list.
    pub visible_apps: Option<BTreeSet<AppId>>,
}

impl AccessChange {
    /// What leads from one to the other. "Not all apps" is only ever said together with the apps: what Apple makes of it
    /// alone is not documented.
    pub fn between(before: &Access, after: &Access) -> Self {
        let (before, after) = (before.clone().canonical(), after.clone().canonical());
        let flag =
            |old: Option<bool>, new: Option<bool>| new.filter(|new| old.is_some_and(|old| old != *new));
        let becomes = flag(before.all_apps_visible, after.all_apps_visible);
        let limited = after.all_apps_visible == Some(false);
        let differ = before.visible_apps.is_some() && before.visible_apps != after.visible_apps;
        let writes_apps = limited
            && match before.all_apps_visible {
                Some(true) => true,
                Some(false) => differ,
                None => false,
            };
        let visible_apps = after.visible_apps.filter(|_| writes_apps);
        Self {
            roles: Some(after.roles).filter(|roles| *roles != before.roles),
            all_apps_visible: becomes.filter(|all| *all || visible_apps.is_some()),
            provisioning_allowed: flag(before.provisioning_allowed, after.provisioning_allowed),
            visible_apps,
        }
    }

    /// True when there is nothing to send.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True when a whole list is replaced, with whatever somebody else did to it since it was read.
    pub fn replaces_lists(&self) -> bool {
        self.roles.is_some() || self.visible_apps.is_some()
    }

    /// What of the lists that are about to be replaced is no longer as it was when the change was planned.
    pub fn overtaken(&self, before: &Access, now: &Access) -> Option<&'static str> {
        let (before, now) = (before.clone().canonical(), now.clone().canonical());
        if self.roles.is_some() && before.roles != now.roles {
            return Some("the roles");
        }
        let apps =
            (before.all_apps_visible, &before.visible_apps) != (now.all_apps_visible, &now.visible_apps);
        (self.visible_apps.is_some() && apps).then_some("the apps")
    }
}

#[cfg(test)]
mod tests;
