//! Worlds in words. A line is one fact; words with blanks stand in double quotes.
//!
//! ```text
//! set leave_confirmations 1                 a key of the configuration
//! scope iOS "Mac Team"                      scope.mode = "groups"; without this line everybody is in scope
//! rule 'iOS Admins' ADMIN apps=com.a        group=…, filter=…, roles, all=yes|no, prov=yes|no, apps=…
//! person p1 ada@x.example disabled          ~ada@y.example: not vouched for; also: name="Ada King", display="Ada King", unsaid, unclear, ATTRIBUTE=JSON or text
//! group iOS p1 p2 @Nested                   direct members; @ is a group within
//! member m1 ada@x.example DEVELOPER         also: name="Ada King", prov, apps=1,2, apps=?, all=?
//! invitation i1 ada@x.example DEVELOPER     also: expired
//! unread m1 ada@x.example                   a seat whose record could not be read; also: apps; ? for its id or - for its name
//! unasked m1                                a linked seat that is not shown and could not be asked for by id
//! link p1 m1                                also: by=manual, sent=2, as="Ada King", to=old@x.example, applied=ADMIN, expired, awaiting
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::model::event::{Departure, LinkBy};
use crate::model::ledger::{Absence, Backoff, Link, OpenIntent, OwnedSeat, Reservation};
use crate::model::policy::{
    AccessPolicy, AddressGlobs, AttributeNames, Combine, Grant, GuardPolicy, Lifecycle, MatchAddresses,
    NewAdmins, OnJoin, OnLeave, Rule, Scope, ScopeMode, Unmanaged,
};
use crate::model::*;
use crate::plan::{Allowance, Input, Planned, names};

/// Both sides, policy and ledger.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) people: Vec<Person>,
    pub(super) groups: Vec<Group>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) directory: Coverage,
    pub(super) members: Vec<Member>,
    pub(super) invitations: Vec<Invitation>,
    pub(super) apps: BTreeMap<BundleId, AppId>,
    pub(super) team: Coverage,
    /// Linked seats that nobody could be asked for by id.
    pub(super) unasked: BTreeSet<String>,
    pub(super) unread: Vec<UnreadSeat>,
    pub(super) policy: Policy,
    pub(super) ledger: Ledger,
    pub(super) now: Timestamp,
}

/// The time of every world.
pub(super) fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// The configuration's defaults, everybody in scope.
pub(crate) fn policy() -> Policy {
    let preserved = "CREATE_APPS CLOUD_MANAGED_DEVELOPER_ID CLOUD_MANAGED_APP_DISTRIBUTION GENERATE_INDIVIDUAL_KEYS ACCESS_TO_REPORTS";
    Policy {
        team: "production".into(),
        scope: Scope { mode: ScopeMode::All, nested: true, filter: None, exclude: globs(&[]) },
        access: AccessPolicy {
            defaults: Grant {
                roles: Some([Role::DEVELOPER].into()),
                all_apps_visible: Some(true),
                provisioning_allowed: Some(false),
                apps: Vec::new(),
            },
            combine: Combine::Union,
            match_addresses: MatchAddresses::Work,
            preserve_roles: preserved.split(' ').map(Role::new).collect(),
            rules: Vec::new(),
            attributes: AttributeNames {
                roles: Some("appStoreConnect_role".into()),
                all_apps_visible: Some("appStoreConnect_allAppsVisible".into()),
                provisioning_allowed: Some("appStoreConnect_provisioningAllowed".into()),
                apple_account: Some("appStoreConnect_appleAccount".into()),
                namespace: Some("urn:ietf:params:scim:schemas:extension:custom:2.0:User".into()),
                carried: Vec::new(),
            },
        },
        lifecycle: Lifecycle {
            on_join: OnJoin::Invite,
            on_deactivated: OnLeave::Remove,
            on_deleted: OnLeave::Remove,
            on_out_of_scope: OnLeave::Remove,
            leave_confirmations: 2,
            leave_grace: SignedDuration::ZERO,
            reinvite_max: 3,
            reuse_window: SignedDuration::from_hours(24 * 120),
            unmanaged: Unmanaged {
                deactivated: OnLeave::Report,
                out_of_scope: OnLeave::Report,
                unknown: OnLeave::Report,
            },
        },
        guard: GuardPolicy {
            removals_max: 3,
            removals_max_percent: 10,
            removals_max_per_day: 20,
            source_shrink_percent: 30,
            admins_min: 2,
            new_admins: NewAdmins::Hold,
            protected: globs(&[]),
        },
    }
}

/// No pattern is the usual case, and compiling one takes longer than a small plan.
pub(super) fn globs(patterns: &[&str]) -> AddressGlobs {
    static NONE: LazyLock<AddressGlobs> = LazyLock::new(|| AddressGlobs::new::<&str>(&[]).expect("no globs"));
    if patterns.is_empty() { NONE.clone() } else { AddressGlobs::new(patterns).expect("globs") }
}

impl World {
    pub(super) fn empty() -> Self {
        Self {
            people: Vec::new(),
            groups: Vec::new(),
            assignments: Vec::new(),
            directory: Coverage::Complete,
            members: Vec::new(),
            invitations: Vec::new(),
            apps: BTreeMap::new(),
            team: Coverage::Complete,
            unasked: BTreeSet::new(),
            unread: Vec::new(),
            policy: policy(),
            ledger: Ledger::default(),
            now: now(),
        }
    }

    #[track_caller]
    pub(super) fn read(text: &str) -> Self {
        let mut world = Self::empty();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words = words(line);
            world.line(&words).unwrap_or_else(|| panic!("cannot read: {line}"));
        }
        world
    }

    pub(super) fn directory(&self) -> DirectorySnapshot {
        DirectorySnapshot::new(
            self.people.clone(),
            self.groups.clone(),
            self.assignments.clone(),
            self.directory.clone(),
        )
    }

    pub(super) fn team(&self) -> TeamSnapshot {
        let team = TeamSnapshot::new(
            self.members.clone(),
            self.invitations.clone(),
            self.apps.clone(),
            self.team.clone(),
        );
        // Whoever is linked and not shown has been asked for by id, and is gone, unless the world says otherwise.
        let linked = self.ledger.links.values().filter_map(|link| link.seat.clone());
        let missing = linked.filter(|seat| !team.is_cut() && !team.shows(seat));
        let gone = missing.filter(|seat| !self.unasked.contains(seat.as_str())).collect();
        let problems = self.unread.iter().map(|_| Problem("a seat".to_owned())).collect();
        team.with_looked_up(Vec::new(), Vec::new(), gone).with_unread(self.unread.clone(), problems)
    }

    pub(super) fn plan(&self) -> Planned {
        self.with_input(crate::plan::plan)
    }

    pub(super) fn with_input<R>(&self, look: impl FnOnce(&Input<'_>) -> R) -> R {
        let (directory, team) = (self.directory(), self.team());
        look(&Input {
            directory: &directory,
            team: &team,
            policy: &self.policy,
            ledger: &self.ledger,
            now: self.now,
            allowance: Allowance { requests: 1800, at_once: 0, pace_ms: 500 },
        })
    }

    fn line(&mut self, words: &[String]) -> Option<()> {
        let rest = Rest::of(words.get(1..)?);
        match words.first()?.as_str() {
            "set" => self.set(rest.plain.first()?, &rest.plain[1..].join(" "))?,
            "scope" => {
                self.policy.scope.mode = match rest.plain.first().map(String::as_str) {
                    Some("assigned") => ScopeMode::Assigned,
                    _ => ScopeMode::Groups(rest.plain.iter().map(|name| name.as_str().into()).collect()),
                };
            }
            "rule" => self.rule(&rest)?,
            "person" => self.people.push(person(&rest)?),
            "group" => self.groups.push(group(&rest)?),
            "assign" => self.assignments.push(assignment(&rest)?),
            "app" => drop(self.apps.insert(rest.plain[0].as_str().into(), rest.plain[1].as_str().into())),
            "member" => {
                let (first_name, last_name) = name(rest.get("name"));
                self.members.push(Member {
                    id: rest.plain[0].as_str().into(),
                    user_name: Address::new(&rest.plain[1]),
                    first_name,
                    last_name,
                    access: access(&rest.plain[2], &rest),
                });
            }
            "invitation" => {
                let (first_name, last_name) = name(rest.get("name"));
                self.invitations.push(Invitation {
                    id: rest.plain[0].as_str().into(),
                    email: Address::new(&rest.plain[1]),
                    first_name,
                    last_name,
                    access: access(&rest.plain[2], &rest),
                    expires: Some(if rest.says("expired") { ago(1) } else { ago(-48) }),
                });
            }
            "unasked" => drop(self.unasked.insert(rest.plain[0].clone())),
            "unread" => self.unread.push(unread(&rest)?),
            "link" => self.link(&rest)?,
            "owned" => {
                let seat = seat_id(&rest.plain[0])?;
                let owned = OwnedSeat { seat, name: Address::new("adopted@example.com"), person: None };
                self.ledger.owned.insert(rest.plain[0].clone(), owned);
            }
            "absent" => {
                let absence = Absence {
                    departure: departure(&rest.plain[1])?,
                    confirmations: rest.plain[2].parse().ok()?,
                    since: ago(rest.number("hours").unwrap_or(1)),
                };
                self.ledger.absences.insert(rest.plain[0].as_str().into(), absence);
            }
            "account" => {
                drop(self.ledger.accounts.insert(rest.plain[0].clone(), Address::new(&rest.plain[1])))
            }
            "reserved" => {
                let released = ago(24 * rest.number("days")?);
                let reservation = Reservation { person: rest.plain[1].as_str().into(), released };
                self.ledger.reservations.insert(rest.plain[0].clone(), reservation);
            }
            "failed" => {
                let failures = rest.plain[1].parse().ok()?;
                let last = now() - SignedDuration::from_mins(rest.number("minutes")?);
                let backoff =
                    Backoff { failures, last, error: rest.get("error").unwrap_or("refused").to_owned() };
                self.ledger.backoffs.insert(rest.plain[0].clone(), backoff);
            }
            "waits" => {
                drop(self.ledger.holds.insert(rest.plain[0].clone(), Hold::new(HoldReason::Unmanaged, "")))
            }
            "baseline" => self.ledger.scope_baseline = Some(rest.plain[0].parse().ok()?),
            "revoked" => {
                let at = ago(rest.number("hours")?);
                self.ledger.revocations.extend(std::iter::repeat_n(at, rest.plain[0].parse().ok()?));
            }
            "directory" => self.directory = coverage(&rest.plain[0])?,
            "team" => self.team = coverage(&rest.plain[0])?,
            _ => return None,
        }
        Some(())
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let Policy { scope, access, lifecycle, guard, .. } = &mut self.policy;
        let number = || value.parse().ok();
        let leave = || match value {
            "remove" => Some(OnLeave::Remove),
            "report" => Some(OnLeave::Report),
            _ => None,
        };
        let hours = |unit: &str| Some(SignedDuration::from_hours(value.strip_suffix(unit)?.parse().ok()?));
        match key {
            "nested" => scope.nested = value == "yes",
            "filter" => scope.filter = Some(Filter::parse(value).expect("a filter")),
            "exclude" => scope.exclude = globs(&value.split(' ').collect::<Vec<_>>()),
            "roles" => access.defaults.roles = Some(roles(value)),
            "all_apps_visible" => access.defaults.all_apps_visible = Some(value == "yes"),
            "combine" => access.combine = if value == "first" { Combine::First } else { Combine::Union },
            "match_addresses" => {
                access.match_addresses =
                    if value == "any" { MatchAddresses::Any } else { MatchAddresses::Work };
            }
            "preserve_roles" => access.preserve_roles = roles(value),
            "on_join" => lifecycle.on_join = if value == "report" { OnJoin::Report } else { OnJoin::Invite },
            "on_deactivated" => lifecycle.on_deactivated = leave()?,
            "on_deleted" => lifecycle.on_deleted = leave()?,
            "on_out_of_scope" => lifecycle.on_out_of_scope = leave()?,
            "leave_confirmations" => lifecycle.leave_confirmations = number()?,
            "leave_grace" => lifecycle.leave_grace = hours("h")?,
            "reinvite_max" => lifecycle.reinvite_max = number()?,
            "unmanaged.deactivated" => lifecycle.unmanaged.deactivated = leave()?,
            "unmanaged.out_of_scope" => lifecycle.unmanaged.out_of_scope = leave()?,
            "unmanaged.unknown" => lifecycle.unmanaged.unknown = leave()?,
            "removals_max" => guard.removals_max = number()?,
            "removals_max_percent" => guard.removals_max_percent = number()?,
            "removals_max_per_day" => guard.removals_max_per_day = number()?,
            "source_shrink_percent" => guard.source_shrink_percent = number()?,
            "admins_min" => guard.admins_min = number()?,
            "new_admins" => {
                guard.new_admins = if value == "allow" { NewAdmins::Allow } else { NewAdmins::Hold }
            }
            "protected" => guard.protected = globs(&value.split(' ').collect::<Vec<_>>()),
            _ => return None,
        }
        Some(())
    }

    fn rule(&mut self, rest: &Rest) -> Option<()> {
        let yes = |key: &str| rest.get(key).map(|value| value == "yes");
        self.policy.access.rules.push(Rule {
            number: self.policy.access.rules.len() + 1,
            group: rest.get("group").map(Into::into),
            filter: rest.get("filter").map(|text| Filter::parse(text).expect("a filter")),
            grant: Grant {
                roles: rest.plain.first().map(|text| roles(text)),
                all_apps_visible: yes("all"),
                provisioning_allowed: yes("prov"),
                apps: rest
                    .get("apps")
                    .unwrap_or_default()
                    .split(',')
                    .filter(|app| !app.is_empty())
                    .map(Into::into)
                    .collect(),
            },
        });
        Some(())
    }

    /// How the ledger remembers somebody: as the directory has them, unless the line says otherwise.
    fn called(&self, id: &PersonId, email: Option<&str>) -> PersonRef {
        let now = self.people.iter().find(|person| person.id == *id).map(names::person_ref);
        let known = now.unwrap_or_else(|| PersonRef { id: id.clone(), email: None, name: id.to_string() });
        PersonRef { email: email.map(Address::new).or(known.email), ..known }
    }

    fn link(&mut self, rest: &Rest) -> Option<()> {
        let id: PersonId = rest.plain[0].as_str().into();
        let seat = seat_id(&rest.plain[1]);
        let named = |name: &Address| name.clone();
        let name = rest.get("to").map(Address::new).or_else(|| {
            let member = self.members.iter().find(|member| member.id.as_str() == rest.plain[1]);
            let invitation =
                self.invitations.iter().find(|invitation| invitation.id.as_str() == rest.plain[1]);
            member
                .map(|member| named(&member.user_name))
                .or(invitation.map(|invitation| named(&invitation.email)))
        });
        let name = name.unwrap_or_else(|| Address::new(&format!("{id}@example.com")));
        let by = match rest.get("by") {
            None | Some("invited") => LinkBy::Invited,
            Some("address") => LinkBy::Address,
            Some("account") => LinkBy::AppleAccount,
            Some("manual") => LinkBy::Manual,
            Some("accepted") => LinkBy::Accepted,
            Some(_) => return None,
        };
        let invited_as = rest.get("as").and_then(|name| name.split_once(' '));
        let link = Link {
            person: self.called(&id, rest.get("email")),
            seat,
            by,
            name,
            since: ago(100),
            applied: rest.get("applied").map(|roles| access(roles, &Rest::default())),
            invited_as: invited_as.map(|(first, last)| (first.to_owned(), last.to_owned())),
            expires: match (rest.says("expired"), rest.says("unknown")) {
                (true, _) => Some(ago(1)),
                (false, true) => None,
                (false, false) => Some(ago(-48)),
            },
            invitations_sent: rest.number("sent").map_or(1, |sent| u32::try_from(sent).expect("a count")),
            awaiting_link: rest.says("awaiting"),
        };
        self.ledger.links.insert(id, link);
        Some(())
    }

    /// An operation whose outcome nobody knows.
    pub(super) fn open_intent(&mut self, operation: Operation) {
        let open = OpenIntent {
            intent: IntentId("i".to_owned()),
            at: ago(1),
            plan: "sha256:".to_owned(),
            operation,
            error: None,
        };
        self.ledger.open_intents.insert("i".to_owned(), open);
    }
}

/// The words of a line after the first: plain ones, and those with an `=`.
#[derive(Default)]
struct Rest {
    plain: Vec<String>,
    named: Vec<(String, String)>,
}

impl Rest {
    fn of(words: &[String]) -> Self {
        let mut rest = Self::default();
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if !key.contains(['"', '<', '>', ' ']) => {
                    rest.named.push((key.to_owned(), value.to_owned()));
                }
                _ => rest.plain.push(word.clone()),
            }
        }
        rest
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.named.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }

    fn says(&self, word: &str) -> bool {
        self.plain.iter().any(|plain| plain == word)
    }
}

/// Splits at blanks outside of quotes; either kind of quote may hold the other.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') if word.is_empty() || word.ends_with('=') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ' ') => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn person(rest: &Rest) -> Option<Person> {
    let mut attributes = Attributes::default();
    for (key, value) in
        rest.named.iter().filter(|(key, _)| key != "name" && key != "display" && key != "user")
    {
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
        attributes.insert(key, value);
    }
    let (given_name, family_name) = name(rest.get("name"));
    let (own, vouched): (Vec<_>, Vec<_>) =
        rest.plain.iter().skip(1).filter(|word| word.contains('@')).partition(|word| word.starts_with('~'));
    let address = |text: &String| Address::new(text.trim_start_matches('~'));
    let addresses = Addresses::new(vouched.into_iter().map(address), own.into_iter().map(address));
    Some(Person {
        id: rest.plain.first()?.as_str().into(),
        user_name: rest.get("user").map(Into::into),
        addresses,
        given_name,
        family_name,
        display_name: rest.get("display").map(Into::into),
        activity: match (rest.says("disabled"), rest.says("unsaid"), rest.says("unclear")) {
            (true, ..) => Activity::Disabled,
            (_, true, _) => Activity::NotSaid,
            (.., true) => Activity::Unclear,
            (false, false, false) => Activity::Active,
        },
        attributes,
    })
}

fn name(text: Option<&str>) -> (Option<std::sync::Arc<str>>, Option<std::sync::Arc<str>>) {
    let Some(text) = text else { return (None, None) };
    let (first, last) = text.split_once(' ').unwrap_or((text, ""));
    (Some(first.into()), Some(last.into()))
}

fn group(rest: &Rest) -> Option<Group> {
    let name = rest.plain.first()?;
    let member = |word: &String| match word.strip_prefix('@') {
        Some(group) => GroupMember::Group(format!("g-{group}").into()),
        None => GroupMember::Person(word.as_str().into()),
    };
    let members = rest.plain.iter().skip(1).map(member).collect();
    Some(Group { id: format!("g-{name}").into(), name: name.as_str().into(), members })
}

fn assignment(rest: &Rest) -> Option<Assignment> {
    let word = rest.plain.first()?;
    let principal = match word.strip_prefix('@') {
        Some(group) => Principal::Group(format!("g-{group}").into()),
        None => Principal::Person(word.as_str().into()),
    };
    Some(Assignment { principal, role: rest.plain.get(1).map(|role| role.as_str().into()) })
}

pub(super) fn roles(text: &str) -> Roles {
    text.split([',', ' ']).filter(|role| !role.is_empty()).map(Role::new).collect()
}

fn access(text: &str, rest: &Rest) -> Access {
    let apps = rest.get("apps");
    let all_apps_visible = match (rest.get("all"), apps) {
        (Some("?"), _) => None,
        (_, Some(_)) => Some(false),
        (_, None) => Some(true),
    };
    let visible_apps = match apps {
        Some("?") => None,
        Some(apps) => Some(apps.split(',').filter(|app| !app.is_empty()).map(Into::into).collect()),
        None => Some([].into()),
    };
    let provisioning_allowed = match rest.get("prov") {
        Some("?") => None,
        Some(_) => Some(true),
        None => Some(rest.says("prov")),
    };
    Access { roles: roles(text), all_apps_visible, provisioning_allowed, visible_apps }
}

fn seat_id(text: &str) -> Option<SeatId> {
    match text.chars().next()? {
        'm' => Some(SeatId::Member(text.into())),
        'i' => Some(SeatId::Invitation(text.into())),
        _ => None,
    }
}

fn departure(text: &str) -> Option<Departure> {
    match text {
        "deactivated" => Some(Departure::Deactivated),
        "deleted" => Some(Departure::Deleted),
        "out" => Some(Departure::OutOfScope),
        _ => None,
    }
}

fn unread(rest: &Rest) -> Option<UnreadSeat> {
    let part = if rest.says("apps") { UnreadPart::Apps } else { UnreadPart::Record };
    let seat = rest.plain.first().filter(|id| *id != "?");
    let seat = match seat {
        Some(id) => Some(seat_id(id)?),
        None => None,
    };
    Some(UnreadSeat {
        seat,
        name: rest.plain.get(1).filter(|name| name.contains('@')).map(|name| Address::new(name)),
        part,
    })
}

fn coverage(text: &str) -> Option<Coverage> {
    match text {
        "partial" => Some(Coverage::Partial(vec![Problem("page 2 failed".to_owned())])),
        "failed" => Some(Coverage::Failed(vec![Problem("no answer".to_owned())])),
        _ => None,
    }
}

/// A plan in words: operations, held entries, what was found out, guards.
pub(super) fn show(planned: &Planned) -> String {
    let mut text = String::new();
    for operation in &planned.plan.operations {
        let _ = writeln!(text, "{}", one(operation));
    }
    for Held { operation, hold } in &planned.plan.held {
        let _ = writeln!(text, "held {} ({}): {}", hold.reason, hold.detail, one(operation));
    }
    for event in &planned.findings {
        let line = match event {
            Event::Linked { person, seat, by, .. } => format!("linked {} {seat} {by:?}", person.id),
            Event::InvitationVanished { person } => format!("vanished {person}"),
            Event::AbsenceSeen { person, departure } => format!("absent {person} {}", departure.as_str()),
            Event::AbsenceCleared { person } => format!("back {person}"),
            Event::PersonChanged { person } => {
                format!("{} is {} now", person.id, person.email.as_ref().map_or("", |email| email.as_str()))
            }
            Event::Adopted { seat, .. } => format!("adopted {seat}"),
            Event::Unlinked { person } => format!("unlinked {person}"),
            Event::SeatLost { person } => format!("lost {person}"),
            Event::SeatReturned { seat } => format!("returned {seat}"),
            Event::SeatGone { seat } => format!("gone {seat}"),
            // Holds are the plan's own, told once more.
            _ => continue,
        };
        let _ = writeln!(text, "{line}");
    }
    if planned.plan.summary.unchanged > 0 {
        let _ = writeln!(text, "unchanged {}", planned.plan.summary.unchanged);
    }
    if !planned.guards.is_empty() {
        let _ = writeln!(text, "guards {}", planned.guards.join(" "));
    }
    text
}

/// `update m1 p1 DEVELOPER -> ADMIN; rule 1: …`.
pub(super) fn one(operation: &Operation) -> String {
    let who = operation.person.as_ref().map_or("nobody", |person| person.id.as_str());
    let seat = operation.target.id.as_deref().unwrap_or("-");
    let access = |access: &Option<Access>| access.as_ref().map_or_else(|| "?".to_owned(), in_words);
    let (before, after) = (access(&operation.before), access(&operation.after));
    let to = operation.invitee.as_ref().map_or("nowhere", |invitee| invitee.email.as_str());
    let what = match operation.kind {
        Kind::Invite => format!("invite {who} at {to}: {after}"),
        Kind::CancelInvitation => format!("cancel {seat} of {who}"),
        Kind::UpdateMember => format!("update {seat} of {who}: {before} -> {after}"),
        Kind::RemoveMember => format!("remove {seat} of {who}"),
    };
    if operation.reasons.is_empty() { what } else { format!("{what}; {}", operation.reasons.join("; ")) }
}

fn in_words(access: &Access) -> String {
    let mut text = access.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",");
    match (access.all_apps_visible, &access.visible_apps) {
        (Some(true), _) => {}
        (None, _) => text.push_str(" all=?"),
        (Some(false), None) => text.push_str(" apps=?"),
        (Some(false), Some(apps)) => {
            let apps: Vec<&str> = apps.iter().map(AppId::as_str).collect();
            let _ = write!(text, " apps={}", apps.join(","));
        }
    }
    match access.provisioning_allowed {
        Some(true) => text.push_str(" prov"),
        Some(false) => {}
        None => text.push_str(" prov=?"),
    }
    text
}
