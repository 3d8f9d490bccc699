//! Who ought to have a seat and what with: a second reading of the contract, from the directory itself and not from what
//! rosterd made of it.

use std::collections::BTreeSet;

use rosterd::simulator::Grant;
use rosterd::simulator::directory::{Belongs, Directory, Person};
use rosterd::simulator::team::Team;
use serde_json::Value;

use crate::settings::Settings;

/// Ids of everybody in a group, those of groups within it included where they count.
fn members(directory: &Directory, name: &str, nested: bool) -> BTreeSet<String> {
    let mut people = BTreeSet::new();
    let mut open: Vec<String> = directory.group(name).map(|group| group.id.to_string()).into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(group) = directory.groups.get(&id) else { continue };
        if !seen.insert(id) {
            continue;
        }
        for member in &group.members {
            match member {
                Belongs::Person(id) => drop(people.insert(id.to_string())),
                Belongs::Group(id) if nested => open.push(id.to_string()),
                Belongs::Group(_) => {}
            }
        }
    }
    people
}

/// Ids of everybody who is active and in scope.
pub(crate) fn in_scope(directory: &Directory, settings: &Settings) -> BTreeSet<String> {
    let mut groups = BTreeSet::new();
    for name in &settings.groups {
        groups.extend(members(directory, name, settings.nested));
    }
    let counts = |person: &&Person| {
        person.active
            && (settings.everybody || groups.contains(&*person.id))
            && (!settings.employees_only || person.user_type.eq_ignore_ascii_case("Employee"))
            && ![&*person.user_name, person.email()].iter().any(|name| name.starts_with("svc-"))
    };
    directory.people.iter().filter(counts).map(|person| person.id.to_string()).collect()
}

/// What attributes and rules say of somebody; `None` where they say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) roles: Option<BTreeSet<String>>,
    pub(crate) all_apps: Option<bool>,
    pub(crate) provisioning: Option<bool>,
    pub(crate) apps: BTreeSet<String>,
    /// Their own attribute makes no sense.
    pub(crate) unusable: bool,
}

pub(crate) fn wanted(directory: &Directory, team: &Team, settings: &Settings, person: &Person) -> Wanted {
    let mut wanted = Wanted::default();
    for rule in &settings.rules {
        let in_group =
            rule.group.is_none_or(|group| members(directory, group, settings.nested).contains(&*person.id));
        let department = person.enterprise.get("department").and_then(Value::as_str);
        if !in_group || rule.department.is_some_and(|name| department != Some(name)) {
            continue;
        }
        if !rule.roles.is_empty() {
            let roles = rule.roles.iter().map(|role| (*role).to_owned());
            wanted.roles.get_or_insert_default().extend(roles);
        }
        if let Some(provisioning) = rule.provisioning {
            wanted.provisioning = Some(wanted.provisioning.unwrap_or(false) || provisioning);
        }
        if !rule.bundles.is_empty() {
            wanted.all_apps = Some(false);
            let app = |bundle: &&str| team.apps.iter().find(|app| app.bundle_id == *bundle);
            wanted.apps.extend(rule.bundles.iter().filter_map(|bundle| Some(app(bundle)?.id.clone())));
        }
        if settings.first {
            break;
        }
    }
    if let Some(value) = person.custom.get("appStoreConnect_role") {
        let said: BTreeSet<String> = match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => {
                other.as_str().unwrap_or_default().split(',').map(|role| role.trim().to_owned()).collect()
            }
        };
        wanted.unusable |= said.is_empty() || said.iter().any(|role| !USABLE.contains(&role.as_str()));
        wanted.roles = Some(said);
    }
    if let Some(value) = person.custom.get("appStoreConnect_provisioningAllowed") {
        wanted.provisioning = value.as_bool();
    }
    wanted
}

/// The roles that worlds use.
const USABLE: [&str; 7] =
    ["ADMIN", "DEVELOPER", "SALES", "MARKETING", "APP_MANAGER", "FINANCE", "CUSTOMER_SUPPORT"];
/// `access.preserve_roles`.
const KEPT: [&str; 5] = [
    "CREATE_APPS",
    "CLOUD_MANAGED_DEVELOPER_ID",
    "CLOUD_MANAGED_APP_DISTRIBUTION",
    "GENERATE_INDIVIDUAL_KEYS",
    "ACCESS_TO_REPORTS",
];

impl Wanted {
    /// What is wrong with a seat; `None` when it is as it should be.
    pub(crate) fn differs(&self, grant: &Grant) -> Option<String> {
        if let Some(roles) = &self.roles {
            let kept = |role: &&String| KEPT.contains(&role.as_str());
            let due: BTreeSet<String> =
                roles.iter().chain(grant.roles.iter().filter(kept)).cloned().collect();
            if due != grant.roles {
                return Some(format!("roles {:?} instead of {due:?}", grant.roles));
            }
        }
        if self.provisioning.is_some_and(|wanted| wanted != grant.provisioning) {
            return Some(format!("provisioning {}", grant.provisioning));
        }
        let limited = self.all_apps == Some(false) && !grant.forces_all_apps();
        if limited && (grant.all_apps || grant.apps != self.apps) {
            return Some(format!(
                "apps {:?} (all: {}) instead of {:?}",
                grant.apps, grant.all_apps, self.apps
            ));
        }
        None
    }
}
