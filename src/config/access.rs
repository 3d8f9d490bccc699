//! `[access]`: what a person in scope gets.

use std::sync::Arc;

use serde::Deserialize;

use super::checker::Checker;
use super::near::near;
use super::scope::{filter, texts};
use super::source::SourceConfig;
use crate::model::access::{KnownRole, may_provision};
use crate::model::policy::{AccessPolicy, AttributeNames, Combine, Grant, MatchAddresses, Rule};
use crate::model::{Role, Roles};

/// `[access]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct AccessTable {
    /// Given on invitation when neither an attribute nor a rule says anything.
    #[cfg_attr(test, schemars(schema_with = "role_names"))]
    roles: Vec<String>,
    /// Whether every app is seen; given on invitation when neither an attribute nor a rule says anything.
    all_apps_visible: bool,
    /// Access to Certificates, Identifiers & Profiles, with which Apple shows all apps; given on invitation
    /// when neither an attribute nor a rule says anything.
    provisioning_allowed: bool,
    /// What several matching rules do: add up, or the first decides (write the highest privilege first).
    combine: Combine,
    /// Which addresses of a person may find their seat: those the organization vouches for (user name, primary address,
    /// type `work` or none), or all. People can write the others into their profile themselves.
    match_addresses: MatchAddresses,
    /// Roles that a member keeps when their role list is replaced; one that Apple does not give beside the new roles
    /// goes, and the plan says so.
    #[cfg_attr(test, schemars(schema_with = "role_names"))]
    preserve_roles: Vec<String>,
    /// What groups and filters give; any number of `[[access.rules]]`, default none. Each has a group, a filter
    /// or both, and says at least one thing.
    rules: Vec<RuleTable>,
    /// The names of the person's own attributes, which win over rules; "" reads none. With Graph they have no
    /// defaults: name Graph's own properties.
    attributes: AttributesTable,
}

/// Roles that the IdP seldom knows about: a change of the main role must not take them away.
const PRESERVED: [&str; 5] = [
    "CREATE_APPS",
    "CLOUD_MANAGED_DEVELOPER_ID",
    "CLOUD_MANAGED_APP_DISTRIBUTION",
    "GENERATE_INDIVIDUAL_KEYS",
    "ACCESS_TO_REPORTS",
];

impl Default for AccessTable {
    fn default() -> Self {
        Self {
            roles: vec!["DEVELOPER".to_owned()],
            all_apps_visible: true,
            provisioning_allowed: false,
            combine: Combine::Union,
            match_addresses: MatchAddresses::Work,
            preserve_roles: PRESERVED.map(str::to_owned).to_vec(),
            rules: Vec::new(),
            attributes: AttributesTable::default(),
        }
    }
}

/// One `[[access.rules]]` as written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
struct RuleTable {
    /// The rule is for members of this group, by display name or id.
    group: Option<String>,
    /// The rule is for people that pass this SCIM filter, such as `department eq "Mobile"`.
    filter: Option<String>,
    /// Their roles.
    #[cfg_attr(test, schemars(schema_with = "role_names"))]
    roles: Option<Vec<String>>,
    /// Whether they see every app.
    all_apps_visible: Option<bool>,
    /// Whether they have access to Certificates, Identifiers & Profiles.
    provisioning_allowed: Option<bool>,
    /// The apps they see, by bundle id; not beside roles or flags with which Apple shows all apps. `[]` beside
    /// `all_apps_visible = false`: none, and those that somebody gives them by hand are left alone.
    apps: Option<Vec<String>>,
}

/// `[access.attributes]` as written. An absent name stands for its default, the empty text for "not read".
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
struct AttributesTable {
    /// Holds one role or several.
    #[cfg_attr(test, schemars(extend("default" = "appStoreConnect_role")))]
    roles: Option<String>,
    /// Holds whether every app is seen.
    #[cfg_attr(test, schemars(extend("default" = "appStoreConnect_allAppsVisible")))]
    all_apps_visible: Option<String>,
    /// Holds whether Certificates, Identifiers & Profiles can be used.
    #[cfg_attr(test, schemars(extend("default" = "appStoreConnect_provisioningAllowed")))]
    provisioning_allowed: Option<String>,
    /// Holds the Apple Account of people for whom it differs from the work address.
    #[cfg_attr(test, schemars(extend("default" = "appStoreConnect_appleAccount")))]
    apple_account: Option<String>,
    /// Attributes kept for `explain` and the audit; they decide nothing.
    carried: Vec<String>,
}

impl Default for AttributesTable {
    fn default() -> Self {
        Self {
            roles: None,
            all_apps_visible: None,
            provisioning_allowed: None,
            apple_account: None,
            carried: vec!["department".to_owned()],
        }
    }
}

impl AccessTable {
    pub(super) fn check(self, source: Option<&SourceConfig>, checker: &mut Checker) -> AccessPolicy {
        let given = roles("access.roles", &self.roles, checker);
        let preserve_roles = roles("access.preserve_roles", &self.preserve_roles, checker);
        if self.roles.is_empty() {
            checker.problem(
                "access.roles",
                "is empty",
                "write at least one role, such as roles = [\"DEVELOPER\"]",
            );
        }
        warn_of_powerful_defaults(&given, checker);
        let speaks_of_apps = self.rules.iter().any(|rule| rule.apps.is_some());
        let rules: Vec<Rule> =
            self.rules.into_iter().enumerate().map(|(index, rule)| rule.check(index, checker)).collect();
        let forced = self.provisioning_allowed || given.iter().any(Role::sees_all_apps);
        if !self.all_apps_visible && !forced && !speaks_of_apps {
            checker.warn(
                "access.all_apps_visible",
                "false, and no rule names an app: newcomers are invited without any; name apps in [[access.rules]], or write apps = [] into a rule for those who get theirs by hand",
            );
        }
        warn_of_provisioning("access", self.provisioning_allowed, Some(&given), checker);
        warn_of_reports(&preserve_roles, &rules, checker);
        AccessPolicy {
            defaults: Grant {
                roles: Some(given),
                all_apps_visible: Some(self.all_apps_visible),
                provisioning_allowed: Some(self.provisioning_allowed),
                apps: Vec::new(),
            },
            combine: self.combine,
            match_addresses: self.match_addresses,
            preserve_roles,
            rules,
            attributes: self.attributes.check(source, checker),
        }
    }
}

/// `[access] roles` is what a newcomer gets when nothing else speaks, so a mistake in the scope hands it to everybody.
fn warn_of_powerful_defaults(given: &Roles, checker: &mut Checker) {
    let powerful = [(KnownRole::Admin, "everything"), (KnownRole::Finance, "the team's money")];
    for (role, reach) in powerful.map(|(role, reach)| (Role::Known(role), reach)) {
        if given.contains(&role) {
            checker.warn(
                "access.roles",
                format!("{role} reaches {reach}, and everybody in scope whom no rule fits is invited with it; give it by a rule for a group"),
            );
        }
    }
}

/// Apple gives provisioning to some roles only, and what it answers for others is not documented.
fn warn_of_provisioning(table: &str, allowed: bool, given: Option<&Roles>, checker: &mut Checker) {
    let Some(given) = given.filter(|given| allowed && !given.is_empty() && !may_provision(given)) else {
        return;
    };
    let names: Vec<&str> = given.iter().map(Role::as_str).collect();
    checker.warn(
        &format!("{table}.provisioning_allowed"),
        format!(
            "Apple gives provisioning only beside ADMIN, APP_MANAGER or DEVELOPER, not to {}",
            names.join(", ")
        ),
    );
}

/// One warning for all rules: the cause is one key.
fn warn_of_reports(preserved: &Roles, rules: &[Rule], checker: &mut Checker) {
    let reports = Role::Known(KnownRole::AccessToReports);
    let limiting = rules.iter().find(|rule| !rule.grant.apps.is_empty());
    if let Some(rule) = limiting.filter(|_| preserved.contains(&reports)) {
        checker.warn(
            &format!("access.rules.{}.apps", rule.number - 1),
            format!("who holds {reports} keeps it (access.preserve_roles) and sees all apps, whatever a rule names"),
        );
    }
}

impl RuleTable {
    fn check(self, index: usize, checker: &mut Checker) -> Rule {
        let path = format!("access.rules.{index}");
        let at = |key: &str| format!("{path}.{key}");
        if self.group.is_none() && self.filter.is_none() {
            checker.missing(&at("group"), ", and so is filter", "group = \"iOS Admins\" or filter = '…'");
        }
        let says_something = self.roles.is_some()
            || self.all_apps_visible.is_some()
            || self.provisioning_allowed.is_some()
            || self.apps.is_some();
        if !says_something {
            let why = ": the rule gives nothing";
            checker.missing(&at("roles"), why, "roles, all_apps_visible, provisioning_allowed or apps");
        }
        let given = self.roles.as_ref().map(|names| {
            if names.is_empty() {
                checker.problem(&at("roles"), "is empty", "write at least one role, or remove roles");
            }
            roles(&at("roles"), names, checker)
        });
        self.check_apps(&path, given.as_ref(), checker);
        warn_of_provisioning(&path, self.provisioning_allowed == Some(true), given.as_ref(), checker);
        Rule {
            number: index + 1,
            filter: filter(&at("filter"), self.filter.as_deref(), checker),
            group: self.group.map(Into::into),
            grant: Grant {
                roles: given,
                all_apps_visible: self.all_apps_visible,
                provisioning_allowed: self.provisioning_allowed,
                apps: self.apps.unwrap_or_default().into_iter().map(Into::into).collect(),
            },
        }
    }

    /// Apple shows every app to some roles and to whoever has provisioning, and refuses a list of apps for them. Whether it
    /// takes somebody without any app is not documented.
    fn check_apps(&self, path: &str, given: Option<&Roles>, checker: &mut Checker) {
        let at = format!("{path}.apps");
        let forcing = given.and_then(|roles| roles.iter().find(|role| role.sees_all_apps()));
        match &self.apps {
            Some(apps) => {
                texts(&at, apps, checker);
                if apps.is_empty() && self.all_apps_visible != Some(false) {
                    let hint = "name at least one bundle id, or write all_apps_visible = false beside it where somebody gives apps by hand";
                    checker.problem(&at, "is empty", hint);
                }
                let cause = match (self.all_apps_visible, self.provisioning_allowed, forcing) {
                    (Some(true), _, _) => "all_apps_visible = true".to_owned(),
                    (_, Some(true), _) => {
                        "provisioning_allowed = true, with which Apple shows all apps".to_owned()
                    }
                    (_, _, Some(role)) => format!("the role {role}, which sees all apps"),
                    _ => return,
                };
                checker.problem(&at, format!("contradicts {cause}"), "remove apps, or the other");
            }
            None if self.all_apps_visible == Some(false) => {
                let path = format!("{path}.all_apps_visible");
                match forcing {
                    Some(role) => {
                        let text = format!("false contradicts the role {role}, which sees all apps");
                        checker.problem(&path, text, "remove all_apps_visible, or the role");
                    }
                    None => checker.warn(
                        &path,
                        "false without apps leaves people without any app; write apps = [] where somebody gives them by hand, or name bundle ids: apps = [\"com.example.app\"]",
                    ),
                }
            }
            None => {}
        }
    }
}

impl AttributesTable {
    /// Graph refuses a `$select` of a property that does not exist, so there the names have no defaults.
    fn check(self, source: Option<&SourceConfig>, checker: &mut Checker) -> AttributeNames {
        texts("access.attributes.carried", &self.carried, checker);
        let (defaults, namespace) = match source {
            Some(SourceConfig::Scim(scim)) => (true, Some(scim.attribute_namespace.as_str().into())),
            Some(SourceConfig::File(_)) => (true, Some(super::scim::DEFAULT_NAMESPACE.into())),
            Some(SourceConfig::Graph(_)) | None => (false, None),
        };
        let name = |written: Option<String>, default: &str| -> Option<Arc<str>> {
            match written {
                Some(name) if name.is_empty() => None,
                Some(name) => Some(name.into()),
                None => defaults.then(|| default.into()),
            }
        };
        AttributeNames {
            roles: name(self.roles, "appStoreConnect_role"),
            all_apps_visible: name(self.all_apps_visible, "appStoreConnect_allAppsVisible"),
            provisioning_allowed: name(self.provisioning_allowed, "appStoreConnect_provisioningAllowed"),
            apple_account: name(self.apple_account, "appStoreConnect_appleAccount"),
            namespace,
            carried: self.carried.into_iter().map(Into::into).collect(),
        }
    }
}

/// Roles by name; each that cannot be given is a problem of its own.
fn roles(path: &str, names: &[String], checker: &mut Checker) -> Roles {
    let mut roles = Roles::new();
    for name in names {
        let role = Role::new(name);
        if role == Role::ACCOUNT_HOLDER {
            let hint = "remove it; the Account Holder is appointed on developer.apple.com, never by an API";
            checker.problem(path, "ACCOUNT_HOLDER cannot be given to anyone", hint);
        } else if !role.is_known() {
            let words = || KnownRole::ALL.iter().filter(|known| **known != KnownRole::AccountHolder);
            let hint = match near(name, words().map(|known| known.as_str())) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => {
                    let words: Vec<_> = words().map(|known| known.as_str()).collect();
                    format!("write any of {}", words.join(", "))
                }
            };
            checker.problem(path, format!("there is no role {name:?}"), hint);
        } else {
            roles.insert(role);
        }
    }
    roles
}

/// The names a list of roles may hold, for the published schema. The Account Holder's is not among them.
#[cfg(test)]
fn role_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let known = KnownRole::ALL.iter().filter(|known| **known != KnownRole::AccountHolder);
    let names: Vec<_> = known.map(|known| known.as_str()).collect();
    schemars::json_schema!({"type": "array", "items": {"type": "string", "enum": names}})
}
