//! What a policy needs to be told: groups, attributes and apps, so that no reader fetches or keeps more.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::filter::AttributePath;
use crate::model::policy::GroupName;
use crate::model::{BundleId, DirectorySnapshot, Policy};

use super::scope::policy_groups;

/// Groups of scope and rules, by display name or id as written.
pub fn groups_of_interest(policy: &Policy) -> BTreeSet<GroupName> {
    policy_groups(policy).into_iter().cloned().collect()
}

/// Top-level attributes that filters, mapping and `explain` look at, as written; a whole URN (lower case) names an
/// extension, and `URN:name` an attribute that some providers write flat.
pub fn attributes_of_interest(policy: &Policy) -> BTreeSet<Arc<str>> {
    let names = &policy.access.attributes;
    let mapped = [&names.roles, &names.all_apps_visible, &names.provisioning_allowed, &names.apple_account];
    let named = mapped.into_iter().flatten().chain(&names.carried);
    let paths = named.map(|name| AttributePath::new(name).under(names.namespace.as_deref()));
    let filters =
        policy.scope.filter.iter().chain(policy.access.rules.iter().filter_map(|rule| rule.filter.as_ref()));
    let mut all: BTreeSet<Arc<str>> = filters.flat_map(|filter| filter.attributes()).collect();
    for path in paths {
        all.extend(path.top_level());
    }
    all
}

/// The default names of `[access.attributes]` begin so. Most directories have none of them, which is no slip.
const OFFERED: &str = "appStoreConnect_";

/// Attributes that the configuration asks for and nobody in the directory has, each with the key that it stands in: a slip of
/// the pen far more often than it is meant.
pub fn unheard_of(policy: &Policy, directory: &DirectorySnapshot) -> Vec<(String, String)> {
    let people = directory.people();
    if people.is_empty() {
        return Vec::new();
    }
    let scope = policy.scope.filter.iter().map(|filter| ("scope.filter".to_owned(), filter));
    let rules = policy.access.rules.iter();
    let ruled =
        rules.filter_map(|rule| Some((format!("filter of rule {}", rule.number), rule.filter.as_ref()?)));
    let filtered = scope
        .chain(ruled)
        .flat_map(|(key, filter)| filter.unheard_of(people).into_iter().map(move |name| (key.clone(), name)));
    let names = &policy.access.attributes;
    let mapped = [&names.roles, &names.all_apps_visible, &names.provisioning_allowed, &names.apple_account];
    let chosen = mapped.into_iter().flatten().filter(|name| !name.starts_with(OFFERED));
    let unmapped = chosen.filter(|name| {
        let path = AttributePath::new(name).under(names.namespace.as_deref());
        people.iter().all(|person| path.find(&person.attributes).is_none())
    });
    filtered.chain(unmapped.map(|name| ("access.attributes".to_owned(), name.to_string()))).collect()
}

/// Bundle ids of the rules.
pub fn bundles_of_interest(policy: &Policy) -> BTreeSet<BundleId> {
    policy.access.rules.iter().flat_map(|rule| rule.grant.apps.iter().cloned()).collect()
}
