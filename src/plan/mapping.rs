//! What a person in scope should be able to do: their own attributes first, then rules; the defaults only on invitation.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::access::{KnownRole, PROVISIONERS};
use crate::model::filter::AttributePath;
use crate::model::policy::{Combine, MatchAddresses, Rule};
use crate::model::{Access, Address, AppId, Hold, HoldReason, Person, Policy, Role, Roles, TeamSnapshot};

use super::attribute;
use super::scope::{self, Scope};

/// What somebody should be able to do, as far as anything says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Desired {
    pub(super) roles: Option<Roles>,
    pub(super) all_apps_visible: Option<bool>,
    pub(super) provisioning_allowed: Option<bool>,
    /// Never empty when said.
    pub(super) apps: Option<BTreeSet<AppId>>,
    /// A rule limits apps and names none: somebody gives them by hand.
    pub(super) by_hand: bool,
    /// True when it is the person's own attribute that limits apps.
    pub(super) limited_by_attribute: bool,
    /// Who says so, in words, in order of weight.
    pub(super) reasons: Vec<String>,
}

/// What becomes of a flag that Apple did not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// It is not written, and so it is no difference.
    Stays,
    /// What is wanted takes its place: a new invitation says everything.
    IsFilled,
}

/// Policy's mapping with paths read and bundle ids looked up, made once per plan.
pub(super) struct Mapping<'a> {
    policy: &'a Policy,
    scope: &'a Scope<'a>,
    team: &'a TeamSnapshot,
    roles: Option<AttributePath>,
    all_apps_visible: Option<AttributePath>,
    provisioning_allowed: Option<AttributePath>,
    apple_account: Option<AttributePath>,
    /// What each rule is called, in their order: said of everybody it is for.
    described: Vec<String>,
}

impl<'a> Mapping<'a> {
    pub(super) fn new(policy: &'a Policy, scope: &'a Scope<'a>, team: &'a TeamSnapshot) -> Self {
        let names = &policy.access.attributes;
        let path = |name: &Option<Arc<str>>| {
            name.as_deref().map(|name| AttributePath::new(name).under(names.namespace.as_deref()))
        };
        Self {
            policy,
            scope,
            team,
            roles: path(&names.roles),
            all_apps_visible: path(&names.all_apps_visible),
            provisioning_allowed: path(&names.provisioning_allowed),
            apple_account: path(&names.apple_account),
            described: policy.access.rules.iter().map(describe).collect(),
        }
    }

    /// Which addresses may find a seat.
    pub(super) fn match_addresses(&self) -> MatchAddresses {
        self.policy.access.match_addresses
    }

    /// True when people may name an Apple Account of their own.
    pub(super) fn reads_apple_accounts(&self) -> bool {
        self.apple_account.is_some()
    }

    /// The Apple Account a person names as their own; one that cannot be read names none.
    pub(super) fn apple_account(&self, person: &Person) -> Option<Address> {
        let value = self.apple_account.as_ref()?.find(&person.attributes)?;
        attribute::text(value).ok().flatten().map(|text| Address::new(&text))
    }

    /// What attribute and rules say, attribute first, field by field.
    ///
    /// # Errors
    /// The hold for this person alone: an attribute that cannot be used, an app that the team does not have.
    pub(super) fn desired(&self, at: usize, person: &Person) -> Result<Desired, Hold> {
        if let Some(hold) = scope::unclear(person) {
            return Err(hold);
        }
        let own = self.own(at, person)?;
        let ruled = self.ruled(at, person, &own)?;
        Ok(Desired {
            roles: own.roles.or(ruled.roles),
            limited_by_attribute: own.all_apps_visible == Some(false),
            all_apps_visible: own.all_apps_visible.or(ruled.all_apps_visible),
            provisioning_allowed: own.provisioning_allowed.or(ruled.provisioning_allowed),
            apps: ruled.apps,
            by_hand: ruled.by_hand,
            reasons: own.reasons.into_iter().chain(ruled.reasons).collect(),
        })
    }

    /// The person's own attributes; an app role of their assignment stands in for a missing one.
    fn own(&self, at: usize, person: &Person) -> Result<Desired, Hold> {
        let names = &self.policy.access.attributes;
        let read =
            |path: &Option<AttributePath>| path.as_ref().and_then(|path| path.find(&person.attributes));
        let flag = |path: &Option<AttributePath>, name: &Option<Arc<str>>| match (read(path), name) {
            (Some(value), Some(name)) => attribute::flag(value).map_err(|error| unusable(name, &error)),
            (Some(_) | None, Some(_) | None) => Ok(None),
        };
        let mut desired = Desired::default();
        if let (Some(value), Some(name)) = (read(&self.roles), &names.roles) {
            desired.roles = Some(attribute::roles(value).map_err(|error| unusable(name, &error))?);
            desired.reasons.push(format!("attribute {name}"));
        } else if let Some(values) = self.scope.app_roles(at) {
            let roles = attribute::known_roles(values.iter().copied());
            desired.roles = Some(roles.map_err(|error| unusable("app role", &error))?);
            desired
                .reasons
                .push(format!("app role {}", values.iter().copied().collect::<Vec<_>>().join(", ")));
        }
        desired.all_apps_visible = flag(&self.all_apps_visible, &names.all_apps_visible)?;
        desired.provisioning_allowed = flag(&self.provisioning_allowed, &names.provisioning_allowed)?;
        let said = [
            (desired.all_apps_visible, &names.all_apps_visible),
            (desired.provisioning_allowed, &names.provisioning_allowed),
        ];
        for (_, name) in said.into_iter().filter(|(said, _)| said.is_some()) {
            desired.reasons.extend(name.as_ref().map(|name| format!("attribute {name}")));
        }
        Ok(desired)
    }

    /// What the matching rules add up to. Only rules that say something the person's own attributes do not are reasons.
    fn ruled(&self, at: usize, person: &Person, own: &Desired) -> Result<Desired, Hold> {
        let mut desired = Desired::default();
        for (place, rule) in self.matching_places(at, person) {
            let grant = &rule.grant;
            let apps = self.apps(rule)?;
            // A rule that names apps means these and no others, unless it says so itself.
            let all_apps = grant.all_apps_visible.or((!apps.is_empty()).then_some(false));
            if let Some(roles) = &grant.roles {
                desired.roles.get_or_insert_default().extend(roles.iter().cloned());
            }
            desired.all_apps_visible = widest(desired.all_apps_visible, all_apps);
            desired.provisioning_allowed = widest(desired.provisioning_allowed, grant.provisioning_allowed);
            desired.by_hand |= all_apps == Some(false) && apps.is_empty();
            if !apps.is_empty() {
                desired.apps.get_or_insert_default().extend(apps);
            }
            let speaks = (own.roles.is_none() && grant.roles.is_some())
                || (own.all_apps_visible.is_none() && all_apps.is_some())
                || (own.provisioning_allowed.is_none() && grant.provisioning_allowed.is_some())
                || !grant.apps.is_empty();
            if speaks {
                desired.reasons.push(self.described[place].clone());
            }
        }
        Ok(desired)
    }

    fn apps(&self, rule: &Rule) -> Result<BTreeSet<AppId>, Hold> {
        let find = |bundle| {
            self.team.apps.get(bundle).cloned().ok_or_else(|| {
                if self.team.coverage.is_complete() {
                    Hold::new(
                        HoldReason::Policy,
                        format!("rule {}: the team has no app {bundle}", rule.number),
                    )
                } else {
                    Hold::new(
                        HoldReason::IncompleteRead,
                        format!("rule {}: app {bundle} was not read", rule.number),
                    )
                }
            })
        };
        rule.grant.apps.iter().map(find).collect()
    }

    /// The rules that decide for a person.
    pub(super) fn matching(&self, at: usize, person: &Person) -> impl Iterator<Item = &'a Rule> {
        self.matching_places(at, person).map(|(_, rule)| rule)
    }

    fn matching_places(&self, at: usize, person: &Person) -> impl Iterator<Item = (usize, &'a Rule)> {
        let scope = self.scope;
        let limit = match self.policy.access.combine {
            Combine::Union => usize::MAX,
            Combine::First => 1,
        };
        let fits = move |(_, rule): &(usize, &Rule)| {
            rule.group.as_ref().is_none_or(|group| scope.is_in_group(at, group))
                && rule.filter.as_ref().is_none_or(|filter| filter.matches(person))
        };
        self.policy.access.rules.iter().enumerate().filter(fits).take(limit)
    }

    /// What an invitation offers: the defaults where nothing else says.
    ///
    /// # Errors
    /// The hold when that would be an invitation to nothing, and nobody said so.
    pub(super) fn invitation(&self, desired: &Desired) -> Result<(Access, Vec<String>), Hold> {
        let filled = self.with_defaults(desired);
        let Some(roles) = filled.roles else {
            return Err(Hold::new(
                HoldReason::Policy,
                "neither attribute nor rule nor access.roles names a role",
            ));
        };
        let access = Access {
            roles,
            all_apps_visible: filled.all_apps_visible,
            provisioning_allowed: filled.provisioning_allowed.or(Some(false)),
            visible_apps: Some(filled.apps.unwrap_or_default()),
        }
        .canonical();
        let by_hand = desired.by_hand || self.policy.access.defaults.all_apps_visible == Some(false);
        if access.all_apps_visible == Some(false)
            && access.visible_apps.as_ref().is_none_or(BTreeSet::is_empty)
            && !by_hand
        {
            return Err(desired.no_apps());
        }
        let remarks = self.remarks(desired, None, &access);
        Ok((access, filled.reasons.into_iter().chain(remarks).collect()))
    }

    /// What is wanted with the defaults in the gaps.
    pub(super) fn with_defaults(&self, desired: &Desired) -> Desired {
        let defaults = &self.policy.access.defaults;
        let mut filled = desired.clone();
        if desired.roles.is_none() {
            filled.roles.clone_from(&defaults.roles);
            filled.reasons.push("default".to_owned());
        }
        filled.all_apps_visible = desired.all_apps_visible.or(defaults.all_apps_visible);
        filled.provisioning_allowed = desired.provisioning_allowed.or(defaults.provisioning_allowed);
        filled
    }

    /// What an existing seat should be able to do; whatever nothing speaks of stays as it is.
    ///
    /// # Errors
    /// The hold when that would be a seat with no apps at all, and no rule said so.
    pub(super) fn seat(&self, desired: &Desired, current: &Access, unsaid: Unsaid) -> Result<Access, Hold> {
        let current = current.clone().canonical();
        let flag = |wanted: Option<bool>, now: Option<bool>| match unsaid {
            Unsaid::Stays => now.map(|now| wanted.unwrap_or(now)),
            Unsaid::IsFilled => wanted.or(now),
        };
        let mut wanted = Access {
            roles: desired.roles.clone().unwrap_or_else(|| current.roles.clone()),
            all_apps_visible: flag(desired.all_apps_visible, current.all_apps_visible),
            provisioning_allowed: flag(desired.provisioning_allowed, current.provisioning_allowed),
            visible_apps: desired.apps.clone().map(Some).unwrap_or_else(|| current.visible_apps.clone()),
        };
        if desired.roles.is_some() {
            let kept = self.kept(&wanted, &current);
            wanted.roles.extend(kept);
        }
        let limits = wanted.all_apps_visible == Some(false) && !wanted.forces_all_apps();
        if limits && desired.apps.is_none() {
            match current.all_apps_visible {
                // Given by hand, or by nobody: left alone.
                Some(false) => {}
                // Apple did not say whether they see all apps: not a difference, and nothing to write.
                None => wanted.all_apps_visible = None,
                Some(true) if desired.by_hand => {}
                Some(true) => return Err(desired.no_apps()),
            }
        }
        Ok(wanted.canonical())
    }

    /// Roles that replacing the list leaves alone: those of the configuration, those that nobody can give, and those
    /// that this version does not know. An add-on goes where Apple would refuse the whole list for it; one that stands beside
    /// such roles now is proof that Apple does not.
    fn kept(&self, wanted: &Access, current: &Access) -> Roles {
        let preserved = &self.policy.access.preserve_roles;
        let stays = |role: &&Role| {
            let fits = wanted.may_have(role) || !current.may_have(role);
            (preserved.contains(*role) && fits) || !role.is_known() || **role == Role::ACCOUNT_HOLDER
        };
        current.roles.iter().filter(stays).cloned().collect()
    }

    /// What there is to say about a change beside who asked for it: what Apple does not give together.
    pub(super) fn remarks(
        &self,
        desired: &Desired,
        current: Option<&Access>,
        wanted: &Access,
    ) -> Vec<String> {
        let preserved = &self.policy.access.preserve_roles;
        let mut remarks = Vec::new();
        let lost = current.iter().flat_map(|current| current.roles.difference(&wanted.roles));
        for role in lost.filter(|role| preserved.contains(*role)) {
            let bases = match role {
                Role::Known(known) => known.bases().unwrap_or_default(),
                Role::Other(_) => &[],
            };
            remarks.push(format!("{role} is not preserved: Apple gives it only beside {}", either(bases)));
        }
        let reports = Role::Known(KnownRole::AccessToReports);
        let asked = desired.roles.as_ref().is_some_and(|roles| roles.contains(&reports));
        if desired.apps.is_some() && wanted.roles.contains(&reports) && !asked {
            remarks.push(format!(
                "{reports}, which is preserved, shows all apps: those of the rule limit nothing"
            ));
        }
        let had = current.is_some_and(|current| current.provisioning_allowed == Some(true));
        if wanted.provisioning_allowed == Some(true) && !had && !wanted.may_provision() {
            remarks.push(format!("Apple gives provisioning only beside {}", either(&PROVISIONERS[1..])));
        }
        remarks
    }
}

/// `ADMIN, APP_MANAGER or DEVELOPER`.
fn either(roles: &[KnownRole]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "other roles".to_owned(),
    }
}

impl Desired {
    fn no_apps(&self) -> Hold {
        let reason =
            if self.limited_by_attribute { HoldReason::InvalidAttribute } else { HoldReason::Policy };
        Hold::new(reason, "all_apps_visible is false and no rule names an app")
    }
}

/// Is there anything to write? What Apple did not say is no difference by itself, and apps count only where both sides
/// say that not all are visible.
pub(super) fn differs(current: &Access, wanted: &Access) -> bool {
    let current = current.clone().canonical();
    let both = |a: Option<bool>, b: Option<bool>| a.zip(b).is_some_and(|(a, b)| a != b);
    let limited = current.all_apps_visible == Some(false) && wanted.all_apps_visible == Some(false);
    let apps = current.visible_apps.as_ref().zip(wanted.visible_apps.as_ref());
    current.roles != wanted.roles
        || both(current.provisioning_allowed, wanted.provisioning_allowed)
        || both(current.all_apps_visible, wanted.all_apps_visible)
        || (limited && apps.is_some_and(|(a, b)| a != b))
}

/// `rule 1: group "iOS Admins"`.
pub(super) fn describe(rule: &Rule) -> String {
    let group = rule.group.as_ref().map(|group| format!("group \"{group}\""));
    let filter = rule.filter.as_ref().map(|filter| format!("filter {}", filter.as_str()));
    let what: Vec<String> = group.into_iter().chain(filter).collect();
    if what.is_empty() {
        return format!("rule {}: everybody", rule.number);
    }
    format!("rule {}: {}", rule.number, what.join(" and "))
}

fn widest(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a || b),
        (a, b) => a.or(b),
    }
}

fn unusable(name: &str, error: &str) -> Hold {
    Hold::new(HoldReason::InvalidAttribute, format!("{name}: {error}"))
}
