//! A random configuration, once as the oracle understands it and once as the file that rosterd reads.

use std::fmt::Write as _;
use std::path::Path;

use rosterd::simulator::switches::{Paging, Switches};
use rosterd::simulator::{ISSUER_ID, graph};

use crate::dice::Dice;

pub(crate) const ORIGIN: &str = "http://127.0.0.1:9";
/// Group, roles, provisioning, bundle ids, filter on the department.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) group: Option<&'static str>,
    pub(crate) department: Option<&'static str>,
    pub(crate) roles: &'static [&'static str],
    pub(crate) provisioning: Option<bool>,
    pub(crate) bundles: &'static [&'static str],
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) graph: bool,
    pub(crate) everybody: bool,
    pub(crate) groups: Vec<&'static str>,
    pub(crate) nested: bool,
    pub(crate) employees_only: bool,
    pub(crate) first: bool,
    pub(crate) rules: Vec<Rule>,
    pub(crate) reports: [bool; 4],
    pub(crate) confirmations: u32,
    pub(crate) grace_minutes: u32,
    pub(crate) reinvite_max: u32,
    pub(crate) reuse_days: u32,
    pub(crate) unmanaged_removed: [bool; 3],
    pub(crate) removals_max: u32,
    pub(crate) removals_percent: u32,
    pub(crate) removals_per_day: u32,
    pub(crate) shrink_percent: u32,
    pub(crate) admins_min: u32,
    pub(crate) hold_new_admins: bool,
    pub(crate) protected: Vec<String>,
    pub(crate) requests_per_hour: u32,
    pub(crate) reserve_percent: u32,
    pub(crate) interval_minutes: u32,
    pub(crate) page_size: u32,
    pub(crate) paging: Paging,
}

pub(crate) const SCOPE: &str = "iOS Developers";
pub(crate) const ADMINS: &str = "iOS Admins";
pub(crate) const WATCH: &str = "Watch Team";
pub(crate) const SALES: &str = "Sales";
pub(crate) const GROUPS: [&str; 4] = [SCOPE, ADMINS, WATCH, SALES];

impl Settings {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let mut settings = Self {
            graph: dice.chance(35),
            everybody: dice.chance(15),
            groups: if dice.chance(25) { vec![SCOPE, WATCH] } else { vec![SCOPE] },
            nested: dice.chance(85),
            employees_only: dice.chance(60),
            first: dice.chance(30),
            rules: rules(dice),
            reports: [dice.chance(4), dice.chance(4), dice.chance(4), dice.chance(4)],
            confirmations: dice.pick(&[1, 2, 2, 3]),
            grace_minutes: dice.pick(&[0, 0, 0, 90]),
            reinvite_max: dice.pick(&[1, 3, 3]),
            reuse_days: dice.pick(&[120, 120, 0, 3]),
            unmanaged_removed: [dice.chance(30), dice.chance(25), dice.chance(20)],
            removals_max: 3,
            removals_percent: 10,
            removals_per_day: 20,
            shrink_percent: 30,
            admins_min: 2,
            hold_new_admins: dice.chance(70),
            protected: vec!["owner@example.com".to_owned(), "vip*@example.com".to_owned()],
            requests_per_hour: dice.pick(&[3600, 3600, 3600, 600, 240, 40]),
            reserve_percent: dice.pick(&[50, 50, 20]),
            interval_minutes: dice.pick(&[10, 40, 40, 90]),
            page_size: dice.pick(&[2, 3, 7, 100]),
            paging: dice.pick(&[Paging::Index, Paging::Index, Paging::Cursor, Paging::BothDefaultCursor]),
        };
        settings.reguard(dice);
        settings
    }

    /// Other limits, as somebody may write at any time.
    pub(crate) fn reguard(&mut self, dice: &mut Dice) {
        self.removals_max = dice.pick(&[0, 1, 3, 3, 5]);
        self.removals_percent = dice.pick(&[0, 10, 10, 50]);
        self.removals_per_day = dice.pick(&[2, 5, 20, 20]);
        self.shrink_percent = dice.pick(&[20, 30, 30, 80]);
        self.admins_min = dice.pick(&[0, 1, 2, 2, 3, 5]);
    }

    pub(crate) fn switches(&self) -> Switches {
        let mut switches = Switches::default();
        switches.scim.paging = self.paging;
        switches.app_store_connect.requests_per_hour = usize::try_from(self.requests_per_hour).expect("fits");
        switches
    }

    /// Requests that rosterd may send in any hour.
    pub(crate) fn allowed(&self) -> usize {
        let allowed = self.requests_per_hour * (100 - self.reserve_percent) / 100;
        usize::try_from(allowed.max(1)).expect("fits")
    }

    pub(crate) fn protects(&self, address: &str) -> bool {
        self.protected.iter().any(|glob| match glob.split_once('*') {
            Some((head, tail)) => address.starts_with(head) && address.ends_with(tail),
            None => address.eq_ignore_ascii_case(glob),
        })
    }

    /// The configuration file.
    pub(crate) fn toml(&self, dir: &Path) -> String {
        let dir = dir.display();
        let word = |report: bool| if report { "report" } else { "remove" };
        let [join, deactivated, deleted, out] = self.reports;
        let unmanaged = self.unmanaged_removed.map(|removed| word(!removed));
        let (source, kind, name): (_, _, fn(&str) -> String) = if self.graph {
            (graph_source(), "employeeType", graph::extension)
        } else {
            (scim_source(self.page_size), "userType", str::to_owned)
        };
        let scope = if self.everybody {
            "mode = \"all\"".to_owned()
        } else {
            format!("mode = \"groups\"\ngroups = {:?}", self.groups)
        };
        // Rules follow groups within groups as the scope does, whatever its mode.
        let scope = format!("{scope}\nnested = {}", self.nested);
        let filter =
            if self.employees_only { format!("filter = '{kind} eq \"Employee\"'\n") } else { String::new() };
        let mut text = format!(
            "name = \"simulated\"\nstate_dir = \"{dir}/state\"\nruntime_dir = \"{dir}/run\"\n\
             [schedule]\ninterval = \"{}m\"\njitter_percent = 0\nfull_interval = \"6h\"\n\
             [source]\n{source}\n[scope]\n{scope}\n{filter}exclude = [\"svc-*@example.com\"]\n\
             [access]\nroles = [\"DEVELOPER\"]\ncombine = \"{}\"\n",
            self.interval_minutes,
            if self.first { "first" } else { "union" },
        );
        for rule in &self.rules {
            text.push_str(&rule.toml());
        }
        let attributes = [
            ("roles", "appStoreConnect_role"),
            ("all_apps_visible", "appStoreConnect_allAppsVisible"),
            ("provisioning_allowed", "appStoreConnect_provisioningAllowed"),
            ("apple_account", "appStoreConnect_appleAccount"),
        ];
        text.push_str("[access.attributes]\n");
        for (key, attribute) in attributes {
            writeln!(text, "{key} = \"{}\"", name(attribute)).expect("a string");
        }
        write!(
            text,
            "[lifecycle]\non_join = \"{}\"\non_deactivated = \"{}\"\non_deleted = \"{}\"\non_out_of_scope = \"{}\"\n\
             leave_confirmations = {}\nleave_grace = \"{}m\"\nreinvite_max = {}\nreuse_window = \"{}d\"\n\
             [lifecycle.unmanaged]\ndeactivated = \"{}\"\nout_of_scope = \"{}\"\nunknown = \"{}\"\n\
             [guard]\nremovals_max = {}\nremovals_max_percent = {}\nremovals_max_per_day = {}\n\
             source_shrink_percent = {}\nadmins_min = {}\nnew_admins = \"{}\"\nprotected = {:?}\n\
             [app_store_connect]\nkey_type = \"team\"\nissuer_id = \"{ISSUER_ID}\"\nkey_id = \"SIMTEAM001\"\n\
             private_key_file = \"AuthKey.p8\"\nrequests_per_hour = {}\nreserve_percent = {}\nbase_url = \"{ORIGIN}\"\n\
             [http]\nlisten = \"\"\n",
            if join { "report" } else { "invite" },
            word(deactivated),
            word(deleted),
            word(out),
            self.confirmations,
            self.grace_minutes,
            self.reinvite_max,
            self.reuse_days,
            unmanaged[0],
            unmanaged[1],
            unmanaged[2],
            self.removals_max,
            self.removals_percent,
            self.removals_per_day,
            self.shrink_percent,
            self.admins_min,
            if self.hold_new_admins { "hold" } else { "allow" },
            self.protected,
            self.requests_per_hour,
            self.reserve_percent,
        )
        .expect("a string");
        text
    }
}

fn scim_source(page_size: u32) -> String {
    format!(
        "type = \"scim\"\n[source.scim]\nbase_url = \"{ORIGIN}/scim/v2\"\nauth = \"bearer\"\n\
         token_file = \"source-secret\"\npage_size = {page_size}"
    )
}

fn graph_source() -> String {
    format!(
        "type = \"graph\"\n[source.graph]\ntenant_id = \"{}\"\nclient_id = \"{}\"\nauth = \"secret\"\n\
         client_secret_file = \"source-secret\"\nbase_url = \"{ORIGIN}/v1.0\"\nauthority_url = \"{ORIGIN}\"",
        graph::GRAPH_TENANT,
        graph::GRAPH_CLIENT
    )
}

fn rules(dice: &mut Dice) -> Vec<Rule> {
    let none = Rule { group: None, department: None, roles: &[], provisioning: None, bundles: &[] };
    let all = [
        Rule { group: Some(ADMINS), roles: &["ADMIN"], ..none.clone() },
        Rule { group: Some(WATCH), roles: &["DEVELOPER"], bundles: &["com.example.watch"], ..none.clone() },
        Rule { group: Some(SALES), roles: &["SALES", "MARKETING"], ..none.clone() },
        Rule { department: Some("Mobile"), provisioning: Some(true), ..none.clone() },
        Rule { department: Some("Research"), roles: &["APP_MANAGER"], ..none.clone() },
        Rule { group: Some(SCOPE), roles: &["DEVELOPER"], bundles: &["com.example.app"], ..none },
    ];
    all.into_iter().filter(|_| dice.chance(45)).collect()
}

impl Rule {
    fn toml(&self) -> String {
        let mut text = "[[access.rules]]\n".to_owned();
        if let Some(group) = self.group {
            writeln!(text, "group = \"{group}\"").expect("a string");
        }
        if let Some(department) = self.department {
            writeln!(text, "filter = 'department eq \"{department}\"'").expect("a string");
        }
        if !self.roles.is_empty() {
            writeln!(text, "roles = {:?}", self.roles).expect("a string");
        }
        if let Some(provisioning) = self.provisioning {
            writeln!(text, "provisioning_allowed = {provisioning}").expect("a string");
        }
        if !self.bundles.is_empty() {
            writeln!(text, "apps = {:?}", self.bundles).expect("a string");
        }
        text
    }
}
