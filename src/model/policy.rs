//! What the configuration decides, as the planner needs it: checked, parsed, without files or strings to interpret.

use std::sync::Arc;

use globset::GlobSet;
use jiff::SignedDuration;
use serde::Deserialize;

use super::access::Roles;
use super::event::Departure;
use super::filter::Filter;
use super::id::{Address, BundleId};

/// Everything the planner is told by the configuration.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The configuration's `name`.
    pub team: Arc<str>,
    /// Who is in scope.
    pub scope: Scope,
    /// What people in scope get.
    pub access: AccessPolicy,
    /// What joining and leaving do.
    pub lifecycle: Lifecycle,
    /// What needs a second look.
    pub guard: GuardPolicy,
}

/// A group by display name or id, as written in the configuration. An id wins over a name.
pub type GroupName = Arc<str>;

/// `scope.mode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeMode {
    /// Members of these groups.
    Groups(Vec<GroupName>),
    /// Whoever is assigned to our enterprise application.
    Assigned,
    /// Everybody.
    All,
}

/// `[scope]`.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Where people come from.
    pub mode: ScopeMode,
    /// Members of member groups count.
    pub nested: bool,
    /// On the person.
    pub filter: Option<Filter>,
    /// Addresses that never count.
    pub exclude: AddressGlobs,
}

/// Globs over folded addresses.
#[derive(Clone, Debug)]
pub struct AddressGlobs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl AddressGlobs {
    /// Compiles patterns in the form of addresses: an address without wildcards matches itself, and a domain is the same in
    /// letters and in ASCII, with a wildcard in it or without.
    ///
    /// # Errors
    /// The first pattern that is no glob.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, globset::Error> {
        let patterns: Vec<Address> = patterns.iter().map(|pattern| Address::new(pattern.as_ref())).collect();
        let mut builder = GlobSet::builder();
        for pattern in &patterns {
            let glob = |text: &str| globset::GlobBuilder::new(text).literal_separator(false).build();
            builder.add(glob(pattern.folded())?);
            // A wildcard beside letters would be lost among those of the ASCII form.
            builder.add(glob(&pattern.readable().unwrap_or_else(|| pattern.folded().to_owned()))?);
        }
        let patterns = patterns.iter().map(|pattern| pattern.folded().to_owned()).collect();
        Ok(Self { set: builder.build()?, patterns })
    }

    /// The first pattern that covers an address.
    pub fn matching(&self, address: &Address) -> Option<&str> {
        let first = |text: &str| self.set.matches(text).first().map(|at| self.patterns[at / 2].as_str());
        first(address.folded()).or_else(|| first(&address.readable()?))
    }
}

/// What attribute, rule or default may say; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Roles, never empty when said.
    pub roles: Option<Roles>,
    /// All apps?
    pub all_apps_visible: Option<bool>,
    /// Certificates, Identifiers & Profiles?
    pub provisioning_allowed: Option<bool>,
    /// Apps by bundle id; said only by rules.
    pub apps: Vec<BundleId>,
}

/// One `[[access.rules]]`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// 1 for the first in the file.
    pub number: usize,
    /// Members of this group.
    pub group: Option<GroupName>,
    /// Whoever this fits; with a group, both.
    pub filter: Option<Filter>,
    /// What they get.
    pub grant: Grant,
}

/// `access.combine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// All matching rules add up.
    Union,
    /// The first matching rule decides.
    First,
}

/// `access.match_addresses`: which addresses of a person may find a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum MatchAddresses {
    /// Those the organization vouches for: the user name, the primary address, those of type work or of no type.
    Work,
    /// All of them, also those that people write into their profile themselves.
    Any,
}

/// `[access.attributes]`: the names of the person's own attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeNames {
    /// Roles.
    pub roles: Option<Arc<str>>,
    /// All apps.
    pub all_apps_visible: Option<Arc<str>>,
    /// Provisioning.
    pub provisioning_allowed: Option<Arc<str>>,
    /// The Apple Account, when it differs from the work address.
    pub apple_account: Option<Arc<str>>,
    /// The URN under which a SCIM provider may keep them; `None` for other sources.
    pub namespace: Option<Arc<str>>,
    /// Carried along for `explain` and the audit.
    pub carried: Vec<Arc<str>>,
}

/// `[access]`.
#[derive(Clone, Debug)]
pub struct AccessPolicy {
    /// Used on invitation when nothing else says. `apps` is empty.
    pub defaults: Grant,
    /// When several rules match.
    pub combine: Combine,
    /// Which addresses may find a seat.
    pub match_addresses: MatchAddresses,
    /// Roles a member keeps when their role list is replaced.
    pub preserve_roles: Roles,
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// The person's own attributes.
    pub attributes: AttributeNames,
}

/// `lifecycle.on_join`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum OnJoin {
    /// Invite.
    Invite,
    /// Say so and do nothing.
    Report,
}

/// What a departure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum OnLeave {
    /// Remove the seat or cancel the invitation.
    Remove,
    /// Say so and do nothing.
    Report,
}

/// `[lifecycle]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Joiners.
    pub on_join: OnJoin,
    /// Disabled in the IdP; acts at once.
    pub on_deactivated: OnLeave,
    /// Gone from the IdP.
    pub on_deleted: OnLeave,
    /// Still there, no longer in scope.
    pub on_out_of_scope: OnLeave,
    /// Complete reads that must agree before an absence acts.
    pub leave_confirmations: u32,
    /// From the first sighting of the absence.
    pub leave_grace: SignedDuration,
    /// Expired invitations sent again at most this often.
    pub reinvite_max: u32,
    /// How long an address stays with its IdP id.
    pub reuse_window: SignedDuration,
    /// Seats we neither invited nor adopted.
    pub unmanaged: Unmanaged,
}

impl Lifecycle {
    /// What is done about a seat of ours whose person left like that, and the key that says so.
    pub fn on(&self, departure: Departure) -> (OnLeave, &'static str) {
        match departure {
            Departure::Deactivated => (self.on_deactivated, "lifecycle.on_deactivated"),
            Departure::Deleted => (self.on_deleted, "lifecycle.on_deleted"),
            Departure::OutOfScope => (self.on_out_of_scope, "lifecycle.on_out_of_scope"),
        }
    }
}

/// `[lifecycle.unmanaged]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmanaged {
    /// Its person is disabled.
    pub deactivated: OnLeave,
    /// Its person is not in scope.
    pub out_of_scope: OnLeave,
    /// Nobody in the directory.
    pub unknown: OnLeave,
}

impl Unmanaged {
    /// What is done about a seat that is not ours, and the key that says so, without its table.
    pub fn on(&self, departure: Departure) -> (OnLeave, &'static str) {
        match departure {
            Departure::Deactivated => (self.deactivated, "deactivated"),
            Departure::Deleted => (self.unknown, "unknown"),
            Departure::OutOfScope => (self.out_of_scope, "out_of_scope"),
        }
    }
}

/// `guard.new_admins`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum NewAdmins {
    /// Hold until approved.
    Hold,
    /// Go on.
    Allow,
}

/// `[guard]`.
#[derive(Clone, Debug)]
pub struct GuardPolicy {
    /// Revocations per cycle that never need approval.
    pub removals_max: u32,
    /// Of the team.
    pub removals_max_percent: u32,
    /// In a rolling 24 h.
    pub removals_max_per_day: u32,
    /// Fewer people in scope than last time by this much.
    pub source_shrink_percent: u32,
    /// Members with ADMIN after the plan, the Account Holder included.
    pub admins_min: u32,
    /// Whatever would make someone ADMIN.
    pub new_admins: NewAdmins,
    /// Addresses never touched.
    pub protected: AddressGlobs,
}
