//! One person, end to end: what the directory says, in scope or why not, which rule gave which role, which seat, and what
//! would happen next. Everything here comes out of the functions that make the plan.

use std::fmt;

use serde::Serialize;

use crate::model::event::Departure;
use crate::model::ledger::hold_key;
use crate::model::policy::OnLeave;
use crate::model::text::printable;
use crate::model::{Access, Activity, Address, AppId, Held, Hold, Operation, PersonId, PersonRef, SeatId};

use super::correlate::{Case, Entry, Standing, Without};
use super::diff::Context;
use super::mapping;
use super::scope::{UNCLEAR, Verdict};
use super::seat::Seat;
use super::{Input, Planned, names, work_out};

/// How alike a name must be to be offered instead (Jaro-Winkler).
const NEAR: f64 = 0.85;
/// How many are offered.
const NEAR_MAX: usize = 3;
/// Apps that are named; more are counted.
const NAMED_APPS: usize = 3;

/// What can be said of somebody.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// As asked.
    pub who: String,
    /// In the directory or in the ledger; `None` for somebody who is only at App Store Connect, or nowhere.
    pub person: Option<PersonRef>,
    /// Their seat, by Apple's id.
    pub seat: Option<SeatId>,
    /// What is known, one thing after the other, each resting on those before it.
    pub steps: Vec<Step>,
    /// What would be written.
    pub operations: Vec<Operation>,
    /// What is held back.
    pub held: Vec<Held>,
    /// Near names, where nobody was found.
    pub near: Vec<String>,
}

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it is about: `directory`, `scope`, `rules`, `access`, `seat`, `match`, `ledger`, `next`.
    pub about: &'static str,
    /// In words.
    pub says: String,
}

impl Explanation {
    /// True when there is somebody or something to explain.
    pub fn found(&self) -> bool {
        !self.steps.is_empty()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.found() {
            write!(
                f,
                "nobody answers to \"{}\", neither in the directory nor at App Store Connect",
                printable(&self.who)
            )?;
            if !self.near.is_empty() {
                write!(f, "; near: {}", printable(&self.near.join(", ")))?;
            }
            return Ok(());
        }
        let name = self.person.as_ref().map_or(self.who.as_str(), |person| person.name.as_str());
        // Names come from elsewhere: a line break in one would look like a line of this report.
        f.write_str(&printable(name))?;
        for step in &self.steps {
            write!(f, "\n  {:<10} {}", step.about, printable(&step.says))?;
        }
        Ok(())
    }
}

/// Explains whoever an address, an IdP id, a seat id or a display name means.
pub fn explain(input: &Input<'_>, who: &str) -> Explanation {
    work_out(input, |context, cases, planned| {
        Explainer { context, cases, planned: &planned }.explain(who.trim())
    })
}

/// Somebody, as far as each side knows them.
#[derive(Default)]
struct Subject<'s, 'a> {
    entry: Option<Entry<'a>>,
    case: Option<&'s Case<'a>>,
    seat: Option<Seat<'a>>,
}

struct Explainer<'s, 'c, 'a> {
    context: &'s Context<'c, 'a>,
    cases: &'s [Case<'a>],
    planned: &'s Planned,
}

impl<'s, 'a> Explainer<'s, '_, 'a> {
    fn explain(&self, who: &str) -> Explanation {
        let subject = self.find(who);
        let (operations, held) = self.entries(&subject);
        let mut steps = Vec::new();
        let mut say = |about, says: String| steps.push(Step { about, says });
        if subject.is_somebody() {
            say("directory", self.directory(&subject));
            if let Some(entry) = subject.entry {
                say("scope", scope(entry.verdict));
                if let Some(words) = self.context.scope.contradiction(entry.at) {
                    say("scope", words);
                }
                self.wishes(entry, &mut say);
            }
            say("seat", self.seat(&subject));
            self.matched(&subject).into_iter().for_each(|says| say("match", says));
            self.ledger(&subject).into_iter().for_each(|says| say("ledger", says));
            self.looked_at(&operations).into_iter().for_each(|says| say("ledger", says));
            self.next(&subject, &operations, &held).into_iter().for_each(|says| say("next", says));
        }
        let near = if steps.is_empty() { self.near(who) } else { Vec::new() };
        Explanation {
            who: who.to_owned(),
            person: subject.person(),
            seat: subject.seat.map(Seat::id),
            steps,
            operations,
            held,
            near,
        }
    }

    /// An id before an address, an address before a name; the directory before the team.
    fn find(&self, who: &str) -> Subject<'s, 'a> {
        let people = self.context.input.directory.people();
        let at = people.binary_search_by(|person| person.id.as_str().cmp(who)).ok();
        let address = Address::new(who);
        let at = at.or_else(|| self.context.people.named(&address).first().copied());
        let at = at.or_else(|| self.context.people.mentioning(&address).first().copied());
        if let Some(at) = at.or_else(|| self.by_display_name(&address)) {
            return self.of_person(at);
        }
        let seat = (self.context.seats.find(&SeatId::Member(who.into())))
            .or_else(|| self.context.seats.find(&SeatId::Invitation(who.into())))
            .or_else(|| self.context.seats.members(&address).next().map(Seat::Member))
            .or_else(|| self.context.seats.invitations(&address).next().map(Seat::Invitation));
        let known = |case: &&Case<'_>| {
            let link = case.link;
            case.id.as_str() == who
                || link
                    .is_some_and(|link| link.name == address || link.person.email.as_ref() == Some(&address))
                || seat.is_some_and(|seat| case.standing.seats().any(|theirs| theirs.id() == seat.id()))
        };
        match (self.cases.iter().find(known), seat) {
            (Some(case), seat) => self.of_case(case, seat),
            (None, seat) => Subject { seat, ..Subject::default() },
        }
    }

    fn by_display_name(&self, name: &Address) -> Option<usize> {
        let people = self.context.input.directory.people();
        let named = |person: &crate::model::Person| {
            let names = [person.display_name.as_deref(), person.user_name.as_deref()];
            names.into_iter().flatten().any(|text| Address::new(text) == *name)
        };
        people.iter().position(named)
    }

    fn of_person(&self, at: usize) -> Subject<'s, 'a> {
        let person = &self.context.input.directory.people()[at];
        match self.cases.binary_search_by(|case| case.id.cmp(&person.id)) {
            Ok(case) => self.of_case(&self.cases[case], None),
            Err(_) => {
                let entry = Entry { at, person, verdict: self.context.scope.verdict(at) };
                let mut names = person.addresses.all().iter();
                let seat = names.find_map(|name| {
                    let member = self.context.seats.members(name).next().map(Seat::Member);
                    member.or_else(|| self.context.seats.invitations(name).next().map(Seat::Invitation))
                });
                Subject { entry: Some(entry), case: None, seat }
            }
        }
    }

    fn of_case(&self, case: &'s Case<'a>, seat: Option<Seat<'a>>) -> Subject<'s, 'a> {
        Subject { entry: case.found, case: Some(case), seat: seat.or_else(|| case.standing.seats().next()) }
    }

    /// What the plan has of them.
    fn entries(&self, subject: &Subject<'_, '_>) -> (Vec<Operation>, Vec<Held>) {
        let id = subject.id();
        let seat = subject.seat.map(Seat::id);
        let theirs = |operation: &Operation| {
            let person = operation.person.as_ref().map(|person| &person.id);
            (person.is_some() && person == id) || (seat.is_some() && operation.target.seat_id() == seat)
        };
        let plan = &self.planned.plan;
        let operations = plan.operations.iter().filter(|operation| theirs(operation)).cloned().collect();
        let held = plan.held.iter().filter(|held| theirs(&held.operation)).cloned().collect();
        (operations, held)
    }

    fn directory(&self, subject: &Subject<'_, '_>) -> String {
        let Some(entry) = subject.entry else {
            return if self.context.directory.is_complete() {
                "not in the directory".to_owned()
            } else {
                "not in what was read of the directory, which is not all of it".to_owned()
            };
        };
        let person = entry.person;
        let which = self.context.input.policy.access.match_addresses;
        let matching = person.addresses.matching(which).iter().map(Address::to_string);
        let claimed = person.addresses.claimed_only(which).iter();
        let claimed = claimed.map(|address| format!("{address} (finds no seat: not vouched for)"));
        let addresses: Vec<String> = matching.chain(claimed).collect();
        let addresses = if addresses.is_empty() { "no address".to_owned() } else { addresses.join(", ") };
        let activity = match person.activity {
            Activity::Active => "active",
            Activity::Disabled => "disabled",
            Activity::NotSaid => "active as far as is known",
            Activity::Unclear => UNCLEAR,
        };
        format!("{}, {addresses}, {activity}", person.id)
    }

    /// What attributes and rules say of them, whether or not they are in scope.
    fn wishes(&self, entry: Entry<'_>, say: &mut impl FnMut(&'static str, String)) {
        let names = &self.context.input.policy.access.attributes;
        let mapped =
            [&names.roles, &names.all_apps_visible, &names.provisioning_allowed, &names.apple_account];
        for name in mapped.into_iter().flatten().chain(&names.carried) {
            let path = crate::model::filter::AttributePath::new(name).under(names.namespace.as_deref());
            if let Some(value) = path.find(&entry.person.attributes) {
                say("attribute", format!("{name} is {value}"));
            }
        }
        for rule in self.context.mapping.matching(entry.at, entry.person) {
            say("rules", format!("{} fits", mapping::describe(rule)));
        }
        let desired = self.context.mapping.desired(entry.at, entry.person);
        let offered = desired.and_then(|desired| self.context.mapping.invitation(&desired));
        say(
            "access",
            match offered {
                Ok((access, reasons)) => {
                    format!("{} ({})", self.access_in_words(&access), reasons.join("; "))
                }
                Err(Hold { reason, detail }) => format!("none: {reason}: {detail}"),
            },
        );
    }

    fn seat(&self, subject: &Subject<'_, '_>) -> String {
        let seat = subject.seat.map(|seat| self.seat_in_words(seat));
        match subject.case.map(|case| &case.standing) {
            None | Some(Standing::Holds { .. }) => seat.unwrap_or_else(|| "none".to_owned()),
            Some(Standing::Several(seats)) => {
                let seats: Vec<String> = seats.iter().map(|seat| self.seat_in_words(*seat)).collect();
                format!("several: {}", seats.join("; "))
            }
            Some(Standing::Without(why)) => match why {
                Without::Never => "none".to_owned(),
                Without::Removed => "none: it was removed at App Store Connect".to_owned(),
                Without::Expired => "none: the invitation expired and is gone".to_owned(),
                Without::TakenBack => "none: the invitation was taken back to be replaced".to_owned(),
            },
            Some(Standing::Claims(_)) => "none that is certain to be theirs".to_owned(),
            Some(Standing::Unseen) => "one that an incomplete read did not show".to_owned(),
            Some(Standing::Vanished) => "their invitation is gone before its time".to_owned(),
        }
    }

    fn seat_in_words(&self, seat: Seat<'_>) -> String {
        let what = match seat {
            Seat::Member(_) => "member",
            Seat::Invitation(_) if seat.is_expired(self.context.input.now) => "expired invitation",
            Seat::Invitation(_) => "invitation",
        };
        format!("{what} {} ({}): {}", seat.name(), seat.id(), self.access_in_words(seat.access()))
    }

    /// What ties the seat to them, where the ledger does not yet.
    fn matched(&self, subject: &Subject<'_, '_>) -> Option<String> {
        let standing = subject.case.map(|case| &case.standing);
        if let Some(Standing::Holds { seat, by: Some(by), .. }) = standing {
            return Some(format!("{}, {}; ours from the next cycle on", by_in_words(*by), seat.name()));
        }
        let seat =
            subject.seat.filter(|seat| subject.case.is_none() && !seat.access().is_account_holder())?;
        if self.context.input.ledger.owns(&seat.id()) {
            return None;
        }
        let unmanaged = &self.context.input.policy.lifecycle.unmanaged;
        let (on, key) = unmanaged.on(match subject.entry.map(|entry| entry.verdict) {
            None => Departure::Deleted,
            Some(Verdict::Disabled) => Departure::Deactivated,
            Some(Verdict::Out(_) | Verdict::In(_)) => Departure::OutOfScope,
        });
        let on = match on {
            OnLeave::Remove => "remove",
            OnLeave::Report => "report",
        };
        let which = self.context.input.policy.access.match_addresses;
        let claims = |entry: Entry<'_>| entry.person.addresses.claimed_only(which).contains(seat.name());
        let who = match (subject.entry, self.context.directory.is_complete()) {
            (Some(entry), _) if claims(entry) => "an address in their profile that nobody vouches for",
            (Some(_), _) => "an address of theirs",
            (None, true) => "of nobody in the directory",
            (None, false) => "of nobody in what was read of the directory",
        };
        Some(format!(
            "{} is {who}; not ours: neither invited, adopted nor linked (lifecycle.unmanaged.{key} is \"{on}\")",
            seat.name()
        ))
    }

    fn ledger(&self, subject: &Subject<'_, '_>) -> Vec<String> {
        let mut says = Vec::new();
        let ledger = self.context.input.ledger;
        if let Some(link) = subject.case.and_then(|case| case.link) {
            says.push(format!("linked to {} since {:.0}, {}", link.name, link.since, by_in_words(link.by)));
        }
        let seat = subject.seat.map(Seat::id);
        if let Some(seat) = &seat
            && ledger.owned.contains_key(seat.as_str())
        {
            says.push("the seat was adopted".to_owned());
        }
        let theirs = |operation: &Operation| {
            let person = operation.person.as_ref().map(|person| &person.id);
            (person.is_some() && person == subject.id())
                || (seat.is_some() && operation.target.seat_id() == seat)
        };
        for open in ledger.open_intents.values().filter(|open| theirs(&open.operation)) {
            let why = open.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            says.push(format!(
                "{} was sent at {:.0} and its outcome is not known yet{why}; until the lists tell, the seat counts as it was",
                open.operation.kind, open.at
            ));
        }
        if let Some(conflict) = subject.case.and_then(|case| case.conflict.as_ref()) {
            says.push(format!("conflict: {conflict}; `rosterd link EMAIL APPLE_ACCOUNT` settles it"));
        }
        let id = subject.case.map(|case| case.id);
        if let Some(absence) = id.and_then(|id| ledger.absences.get(id)) {
            let (times, since) = (absence.confirmations, absence.since);
            says.push(format!("{}, seen {times} times, first {since:.0}", absence.departure.as_str()));
        }
        says
    }

    /// What is planned and was held when it was last tried.
    fn looked_at(&self, operations: &[Operation]) -> Vec<String> {
        let held = operations.iter().filter_map(|operation| {
            let hold = self.context.input.ledger.holds.get(&hold_key(operation))?;
            Some(format!("{} was held last time: {}: {}", operation.kind, hold.reason, hold.detail))
        });
        held.collect()
    }

    /// Whom they may have meant.
    fn near(&self, who: &str) -> Vec<String> {
        let wanted = Address::new(who);
        let people = self.context.input.directory.people().iter().flat_map(|person| person.addresses.all());
        let team = self.context.input.team;
        let seats = team.members.iter().map(|member| &member.user_name);
        let seats = seats.chain(team.invitations.iter().map(|invitation| &invitation.email));
        let mut near: Vec<(f64, &str)> = (people.chain(seats))
            .map(|name| (strsim::jaro_winkler(wanted.folded(), name.folded()), name.folded()))
            .filter(|(likeness, _)| *likeness >= NEAR)
            .collect();
        near.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
        near.dedup();
        near.into_iter().take(NEAR_MAX).map(|(_, name)| name.to_owned()).collect()
    }

    /// What the plan does about them, or that there is nothing to do.
    fn next(&self, subject: &Subject<'_, '_>, operations: &[Operation], held: &[Held]) -> Vec<String> {
        let what = |operation: &Operation| {
            let after =
                operation.after.as_ref().map(|access| format!(" to {}", self.access_in_words(access)));
            let why = if operation.reasons.is_empty() {
                String::new()
            } else {
                format!(" ({})", operation.reasons.join("; "))
            };
            format!("{}{}{why}", operation.kind, after.unwrap_or_default())
        };
        let mut says: Vec<String> = operations.iter().map(what).collect();
        says.extend(held.iter().map(|Held { operation, hold }| {
            let approve = if hold.reason.is_approvable() { ", until it is approved" } else { "" };
            format!("held, {}: {}: {}{approve}", hold.reason, hold.detail, what(operation))
        }));
        if says.is_empty() {
            let holder = subject.seat.is_some_and(|seat| seat.access().is_account_holder());
            says.push(
                if holder { "nothing: the Account Holder is never touched" } else { "nothing to do" }
                    .to_owned(),
            );
        }
        says
    }

    fn access_in_words(&self, access: &Access) -> String {
        let mut words: Vec<String> =
            vec![access.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")];
        words.push(match (access.all_apps_visible, &access.visible_apps) {
            (Some(true), _) => "all apps".to_owned(),
            (Some(false), Some(apps)) if apps.is_empty() => "no apps".to_owned(),
            (Some(false), Some(apps)) if apps.len() <= NAMED_APPS => {
                apps.iter().map(|app| self.app(app)).collect::<Vec<_>>().join(", ")
            }
            (Some(false), Some(apps)) => format!("{} apps", apps.len()),
            (Some(false), None) => "some apps".to_owned(),
            (None, _) => "apps not told".to_owned(),
        });
        words.extend(match access.provisioning_allowed {
            Some(true) => Some("provisioning".to_owned()),
            Some(false) => None,
            None => Some("provisioning not told".to_owned()),
        });
        words.join("; ")
    }

    /// By its bundle id where a rule names it, else by Apple's.
    fn app(&self, id: &AppId) -> String {
        let known = self.context.input.team.apps.iter().find(|(_, known)| *known == id);
        known.map_or_else(|| format!("app {id}"), |(bundle, _)| bundle.to_string())
    }
}

impl Subject<'_, '_> {
    fn is_somebody(&self) -> bool {
        self.entry.is_some() || self.case.is_some() || self.seat.is_some()
    }

    fn id(&self) -> Option<&PersonId> {
        self.case.map(|case| case.id).or_else(|| self.entry.map(|entry| &entry.person.id))
    }

    fn person(&self) -> Option<PersonRef> {
        let entry = self.entry.map(|entry| names::person_ref(entry.person));
        entry.or_else(|| self.case.and_then(|case| case.link).map(|link| link.person.clone()))
    }
}

fn scope(verdict: Verdict<'_>) -> String {
    match verdict {
        Verdict::In(source) => format!("in scope: {source}"),
        Verdict::Disabled => "not in scope: disabled in the directory".to_owned(),
        Verdict::Out(outside) => format!("not in scope: {outside}"),
    }
}

fn by_in_words(by: crate::model::event::LinkBy) -> &'static str {
    use crate::model::event::LinkBy;
    match by {
        LinkBy::Invited => "because we invited them",
        LinkBy::Address => "by an address of theirs",
        LinkBy::AppleAccount => "by the Apple Account they name",
        LinkBy::Manual => "by hand",
        LinkBy::Accepted => "because they accepted our invitation",
    }
}
