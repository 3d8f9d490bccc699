//! Apple's rules on roles, flags and apps (Apple help, "Add and edit users"; product facts are in the reference notes).

use std::collections::BTreeSet;

use super::errors::{Problem, entity};
use crate::simulator::team::{Grant, Team};

/// What a request wants; `None` is "not said".
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) roles: Option<BTreeSet<String>>,
    pub(super) all_apps: Option<bool>,
    pub(super) provisioning: Option<bool>,
    pub(super) apps: Option<Vec<String>>,
}

const APPS: &str = "/data/relationships/visibleApps";
const ALL_APPS: &str = "/data/attributes/allAppsVisible";

/// What comes of a wish for somebody who has `before` (nobody yet: `None`).
pub(super) fn grant(team: &Team, before: Option<&Grant>, wish: Wish) -> Result<Grant, Problem> {
    let mut grant = before.cloned().unwrap_or_else(|| Grant::roles(&[]));
    if wish.roles.as_ref().is_some_and(|roles| roles.contains("ACCOUNT_HOLDER")) {
        let detail = "The role ACCOUNT_HOLDER can not be granted";
        return Err(entity("ENTITY_ERROR.ATTRIBUTE.INVALID", detail, "/data/attributes/roles"));
    }
    grant.roles = wish.roles.unwrap_or(grant.roles);
    grant.provisioning = wish.provisioning.unwrap_or(grant.provisioning);
    let named = wish.apps.as_ref().is_some_and(|apps| !apps.is_empty());
    if grant.forces_all_apps() {
        return if named { Err(sees_everything()) } else { Ok(all(grant)) };
    }
    // Naming apps for somebody who sees all is a wish only together with the flag.
    let keeps_all = before.is_some_and(|before| before.all_apps);
    match wish.all_apps.unwrap_or(if before.is_some() { keeps_all } else { !named }) {
        true if named => Err(sees_everything()),
        true => Ok(all(grant)),
        false => some(team, grant, wish.apps),
    }
}

fn all(mut grant: Grant) -> Grant {
    grant.all_apps = true;
    grant.apps = BTreeSet::new();
    grant
}

fn some(team: &Team, mut grant: Grant, apps: Option<Vec<String>>) -> Result<Grant, Problem> {
    grant.all_apps = false;
    if let Some(apps) = apps {
        grant.apps = apps.into_iter().collect();
    }
    if let Some(unknown) = grant.apps.iter().find(|id| team.apps.get(id).is_none()) {
        let detail = format!("There is no resource of type 'apps' with id '{unknown}'");
        return Err(entity("ENTITY_ERROR.RELATIONSHIP.INVALID", detail, APPS));
    }
    if grant.apps.is_empty() {
        let detail = "At least one visible app is needed for someone who does not see all apps";
        return Err(entity("ENTITY_ERROR.ATTRIBUTE.INVALID", detail, ALL_APPS));
    }
    Ok(grant)
}

fn sees_everything() -> Problem {
    let detail =
        "You cannot set visible apps for this user because the user's roles give them access to all apps.";
    entity("ENTITY_ERROR.RELATIONSHIP.INVALID", detail, APPS)
}
