//! What the simulated App Store Connect knows: members, invitations, apps.

use std::collections::{BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::uuid;
use super::store::{Identified, Ordered};

/// Apple's invitations lapse after three days (Apple help, "Add and edit users").
pub const INVITATION_LIFETIME: SignedDuration = SignedDuration::from_hours(72);

/// Roles of Apple's list (OpenAPI 4.4.1, `UserRole`). Kept apart from the product's own list on purpose, so that a
/// slip in one of them shows.
pub const ROLES: [&str; 13] = [
    "ADMIN",
    "FINANCE",
    "ACCOUNT_HOLDER",
    "SALES",
    "MARKETING",
    "APP_MANAGER",
    "DEVELOPER",
    "ACCESS_TO_REPORTS",
    "CUSTOMER_SUPPORT",
    "CREATE_APPS",
    "CLOUD_MANAGED_DEVELOPER_ID",
    "CLOUD_MANAGED_APP_DISTRIBUTION",
    "GENERATE_INDIVIDUAL_KEYS",
];

/// What a seat may do, as Apple stores it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Names of [`ROLES`].
    pub roles: BTreeSet<String>,
    /// Every app of the team, also those to come.
    pub all_apps: bool,
    /// Certificates, Identifiers & Profiles.
    pub provisioning: bool,
    /// App ids; empty when `all_apps`.
    pub apps: BTreeSet<String>,
}

impl Grant {
    /// These roles with all apps and without provisioning.
    pub fn roles(roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Self { roles, all_apps: true, provisioning: false, apps: BTreeSet::new() }
    }

    /// The same roles with these apps only.
    #[must_use]
    pub fn with_apps(mut self, apps: &[&str]) -> Self {
        self.all_apps = false;
        self.apps = apps.iter().map(|app| (*app).to_owned()).collect();
        self
    }

    /// Apple gives all apps to these roles and to anyone with provisioning (Apple help, "Add and edit users").
    pub fn forces_all_apps(&self) -> bool {
        let forcing = ["ADMIN", "FINANCE", "ACCESS_TO_REPORTS", "ACCOUNT_HOLDER"];
        self.provisioning || forcing.iter().any(|role| self.roles.contains(*role))
    }

    /// True for the Account Holder.
    pub fn is_account_holder(&self) -> bool {
        self.roles.contains("ACCOUNT_HOLDER")
    }
}

/// A `users` resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// Opaque, UUID-shaped.
    pub id: String,
    /// The Apple Account.
    pub username: String,
    /// Of the Apple Account.
    pub first_name: String,
    /// Of the Apple Account.
    pub last_name: String,
    /// What they may do.
    pub grant: Grant,
}

/// A `userInvitations` resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Invitation {
    /// Opaque, UUID-shaped.
    pub id: String,
    /// Where it went.
    pub email: String,
    /// As invited.
    pub first_name: String,
    /// As invited.
    pub last_name: String,
    /// What they would be able to do.
    pub grant: Grant,
    /// Expired ones stay listed.
    pub expires: Timestamp,
}

/// An `apps` resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct App {
    /// Digits, as Apple's are.
    pub id: String,
    /// Shown in the store.
    pub name: String,
    /// `com.example.app`.
    pub bundle_id: String,
}

impl Identified for Member {
    fn id(&self) -> &str {
        &self.id
    }
}
impl Identified for Invitation {
    fn id(&self) -> &str {
        &self.id
    }
}
impl Identified for App {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Why an invitation cannot be accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// No invitation for this address.
    #[error("no invitation for {0}")]
    NotInvited(String),
    /// The link in the mail is too old.
    #[error("the invitation for {0} has expired")]
    Expired(String),
    /// The Apple Account is on the team.
    #[error("{0} is a member already")]
    Member(String),
}

/// How somebody accepts, where it differs from how they were invited.
#[derive(Clone, Debug, Default)]
pub struct Acceptance {
    /// The Apple Account they sign in with; the invited address when absent.
    pub apple_account: Option<String>,
    /// First and last name on that account; the invited ones when absent.
    pub names: Option<(String, String)>,
}

/// The team.
#[derive(Clone, Debug, Default)]
pub struct Team {
    /// Everybody on it.
    pub members: Ordered<Member>,
    /// Everybody asked, expired or not.
    pub invitations: Ordered<Invitation>,
    /// Its apps.
    pub apps: Ordered<App>,
    /// Ids of invitations that were accepted or cancelled: Apple answers 410 for them.
    pub gone: HashSet<String>,
    /// Ids given out so far.
    pub issued: u64,
}

impl Team {
    /// Adds an app.
    pub fn add_app(&mut self, id: &str, name: &str, bundle_id: &str) {
        self.apps.insert(App { id: id.into(), name: name.into(), bundle_id: bundle_id.into() });
    }

    /// Adds a member as they are, without any of Apple's checks; returns the new id.
    pub fn add_member(&mut self, username: &str, names: (&str, &str), grant: Grant) -> String {
        let id = self.new_id();
        self.members.insert(Member {
            id: id.clone(),
            username: username.into(),
            first_name: names.0.into(),
            last_name: names.1.into(),
            grant,
        });
        id
    }

    /// Adds an invitation as it is, without any of Apple's checks; returns the new id.
    pub fn add_invitation(
        &mut self,
        email: &str,
        names: (&str, &str),
        grant: Grant,
        expires: Timestamp,
    ) -> String {
        let id = self.new_id();
        self.invitations.insert(Invitation {
            id: id.clone(),
            email: email.into(),
            first_name: names.0.into(),
            last_name: names.1.into(),
            grant,
            expires,
        });
        id
    }

    /// The member with this Apple Account, whatever its case.
    pub fn member(&self, username: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.username.eq_ignore_ascii_case(username))
    }

    /// The member with this Apple Account, to change.
    pub fn member_mut(&mut self, username: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.username.eq_ignore_ascii_case(username))
    }

    /// The invitation of this address, whatever its case, expired or not.
    pub fn invitation(&self, email: &str) -> Option<&Invitation> {
        self.invitations.iter().find(|invitation| invitation.email.eq_ignore_ascii_case(email))
    }

    /// Takes a member off the team by Apple Account.
    pub fn remove_member(&mut self, username: &str) -> Option<Member> {
        let id = self.member(username)?.id.clone();
        self.members.remove(&id)
    }

    /// Takes an invitation back by id.
    pub fn cancel(&mut self, id: &str) -> Option<Invitation> {
        let invitation = self.invitations.remove(id)?;
        self.gone.insert(invitation.id.clone());
        Some(invitation)
    }

    /// Somebody follows the link in their mail: the invitation goes, a member with a new id appears. Returns that id.
    pub fn accept(&mut self, email: &str, how: Acceptance, now: Timestamp) -> Result<String, AcceptError> {
        let invitation = self.invitation(email).ok_or_else(|| AcceptError::NotInvited(email.into()))?.clone();
        if invitation.expires <= now {
            return Err(AcceptError::Expired(email.into()));
        }
        let username = how.apple_account.unwrap_or(invitation.email);
        if self.member(&username).is_some() {
            return Err(AcceptError::Member(username));
        }
        let (first, last) = how.names.unwrap_or((invitation.first_name, invitation.last_name));
        self.cancel(&invitation.id);
        Ok(self.add_member(&username, (&first, &last), invitation.grant))
    }

    /// A fresh id, the same in every run that does the same.
    pub fn new_id(&mut self) -> String {
        self.issued += 1;
        uuid(0xa5c, self.issued)
    }

    /// The apps a grant shows: every one for all-apps, as Apple's `/visibleApps` answers.
    pub fn visible<'a>(&'a self, grant: &'a Grant) -> impl Iterator<Item = &'a App> {
        self.apps.iter().filter(|app| grant.all_apps || grant.apps.contains(&app.id))
    }
}
