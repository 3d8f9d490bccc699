//! What an answer proves, and what it does not: faults and people that lie in one place, and what must not come of it.

use jiff::Timestamp;
use rosterd::engine::report::CycleReport;
use rosterd::model::event::CycleResult;
use rosterd::model::operation::Kind;
use rosterd::model::{HoldReason, Ledger, MemberId, Operation, Plan, SeatId};
use rosterd::simulator::team::Grant;
use rosterd::simulator::{Fault, Peer, Seen, State, When};

use super::{Inner, Write, intent_of, is_write};
use crate::dice::Dice;

/// A removal that a gateway answered in Apple's place, before anything happened.
#[derive(Clone, Debug)]
pub(crate) struct Unheard {
    pub(crate) intent: String,
    pub(crate) seat: String,
    pub(crate) request: u64,
}

/// What this part of the oracle remembers of a world.
#[derive(Debug)]
pub(super) struct Proofs {
    dice: Dice,
    /// Ids of members whose seats are managed, as of late.
    members: Vec<String>,
    /// The key has written with success since the daemon started.
    key_wrote: bool,
    noticed: Vec<(Timestamp, Noticed)>,
}

/// Something that a cycle's report has to agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Noticed {
    /// A write, by the id of its seat or by its address.
    Sent(String),
    /// A fault refused something that was not about one seat.
    RefusedByFault,
    /// A write about the refused person met its refusal after the key had written.
    RefusedOne,
}

/// A request about one seat only.
pub(super) fn is_one_seat(request: &Seen) -> bool {
    seat_of(request).is_some()
}

impl Proofs {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed, 4), members: Vec::new(), key_wrote: false, noticed: Vec::new() }
    }
}

fn seat_of(request: &Seen) -> Option<&str> {
    let of = |list: &str| request.path.strip_prefix(list).filter(|id| !id.contains('/'));
    of("/v1/users/").or_else(|| of("/v1/userInvitations/"))
}

impl Inner {
    /// Apple refuses whatever is written about some one of the team, for ever.
    pub(crate) fn choose_refused(&mut self, state: &State) {
        if !self.proofs.dice.chance(15) {
            return;
        }
        let seats = &self.people.seats;
        let holders: Vec<usize> = (state.team.members.iter())
            .filter(|member| !self.settings.protects(&member.username))
            .filter_map(|member| seats.get(&member.id)?.human)
            .collect();
        if !holders.is_empty() {
            let who = self.proofs.dice.pick(&holders);
            self.people.humans[who].refused = true;
        }
    }

    /// A new process, which has yet to find out whether its key may write.
    pub(crate) fn starts(&mut self) {
        self.proofs.key_wrote = false;
    }

    /// True for a write about the person of whom Apple hears nothing.
    pub(super) fn is_refused(&self, request: &Seen) -> bool {
        let whom = || match seat_of(request) {
            Some(seat) => self.people.seats.get(seat)?.human,
            None => self.people.of_name(&invited(request)?),
        };
        is_write(request) && whom().is_some_and(|who| self.people.humans[who].refused)
    }

    pub(super) fn refuses(&mut self, request: &Seen) -> Option<Fault> {
        let subject = seat_of(request).map(str::to_owned).or_else(|| invited(request));
        let sent = subject.filter(|_| is_write(request)).map(|subject| (request.at, Noticed::Sent(subject)));
        self.proofs.noticed.extend(sent);
        if !self.is_refused(request) {
            return None;
        }
        if self.proofs.key_wrote {
            self.proofs.noticed.push((request.at, Noticed::RefusedOne));
        }
        *self.struck.entry("403 for one person").or_default() += 1;
        Some(Fault::Status { status: 403, when: When::Before })
    }

    /// Faults that only some requests can meet.
    pub(super) fn aimed(&mut self, request: &Seen) -> Option<Fault> {
        let by_id = request.peer != Peer::Asc
            && (request.path.contains("/Users/")
                || request.path.contains("/users/")
                || request.path.ends_with("$batch"));
        let (name, fault) = if request.method == "DELETE" && is_write(request) && self.proofs.dice.chance(8) {
            ("a gateway's 404", Fault::Html { status: 404 })
        } else if request.path == "/v1/users" && !self.proofs.members.is_empty() && self.proofs.dice.chance(5)
        {
            let id = self.proofs.dice.pick(&self.proofs.members);
            self.cycle.harmless.insert(request.number);
            self.hidden.insert(id.clone(), request.number);
            ("a hidden member", Fault::HidesRow { id })
        } else if by_id && self.cycle.applying && self.proofs.dice.chance(6) {
            self.proofs.noticed.push((request.at, Noticed::RefusedByFault));
            ("403 for one object", Fault::Status { status: 403, when: When::Before })
        } else {
            return None;
        };
        *self.struck.entry(name).or_default() += 1;
        Some(fault)
    }

    /// A refusal that is about the key, as far as anybody can tell. Apple's own word that a member is gone, while a list hides
    /// the same one, is no fault that could be told from the truth.
    pub(super) fn tells_apart(&mut self, request: &Seen, fault: &Fault) -> bool {
        if matches!(fault, Fault::Unauthorized | Fault::Status { status: 401 | 403, .. }) {
            self.proofs.noticed.push((request.at, Noticed::RefusedByFault));
        }
        let gone = matches!(fault, Fault::Status { status: 404, .. });
        !(gone && request.method == "GET" && request.path.starts_with("/v1/users/"))
    }

    pub(super) fn notes(&mut self, state: &State, request: &Seen, ledger: Option<&Ledger>) {
        if request.peer != Peer::Asc {
            return;
        }
        // Of others a list that leaves one out is all that anybody can know.
        let managed = |id: &String| self.people.seats.get(id).is_some_and(|seat| seat.managed);
        self.proofs.members =
            state.team.members.iter().map(|member| member.id.clone()).filter(managed).collect();
        let told = request.status.is_some_and(|status| (200..300).contains(&status));
        if !is_write(request) {
            return;
        }
        self.proofs.key_wrote |= told && request.fault.is_none();
        let seat = seat_of(request).filter(|_| request.method == "DELETE");
        if let Some(seat) = seat.filter(|_| request.fault.as_deref() == Some("html")) {
            let kind = if request.path.contains("userInvitations") {
                Kind::CancelInvitation
            } else {
                Kind::RemoveMember
            };
            if let (_, Some(intent)) = intent_of(ledger, kind, Some(seat), None) {
                self.unheard.push(Unheard { intent, seat: seat.to_owned(), request: request.number });
            }
        }
    }

    /// An address in a profile gives nobody a seat.
    pub(super) fn claims_nothing(&mut self, state: &State, write: &Write<'_>) {
        let Some(named) = &write.operation.person else { return };
        let Some(who) = self.people.of_person(named.id.as_str()) else { return };
        let name = write.name(state);
        let claimed = self.people.humans[who].claims.iter().any(|claim| claim.eq_ignore_ascii_case(&name));
        if claimed && write.effect.human != Some(who) {
            let whose = &self.people.humans[who].mail;
            self.breaks("26 claims", format!("{} {name}, which {whose} only wrote down", write.effect.kind));
        }
    }

    /// What the plan leaves as it is no write touches, and what it replaces whole was looked at just before.
    pub(super) fn is_of_now(&mut self, write: &Write<'_>, name: &str, before: &Grant, after: &Grant) {
        let (Some(read), Some(wish)) = (&write.operation.before, &write.operation.after) else { return };
        let roles = read.roles != wish.roles;
        let provisioning = read.provisioning_allowed != wish.provisioning_allowed;
        let apps = read.all_apps_visible != wish.all_apps_visible || read.visible_apps != wish.visible_apps;
        let forced = before.forces_all_apps() || after.forces_all_apps();
        let seen = |grant: &Grant| (grant.all_apps, grant.apps.clone());
        let mut stale = Vec::new();
        if !roles && before.roles != after.roles {
            stale.push("roles");
        }
        if !provisioning && before.provisioning != after.provisioning {
            stale.push("provisioning");
        }
        if !apps && !forced && seen(before) != seen(after) {
            stale.push("apps");
        }
        if !stale.is_empty() {
            self.breaks("9 stale", format!("{name}: {stale:?} written, which the plan leaves alone"));
        }
    }

    /// Whose seats are managed: once so, a seat stays so until it is gone.
    pub(crate) fn remember_managed(&mut self, state: &State, ledger: &Ledger) {
        let members = state.team.members.iter().map(|member| SeatId::Member(MemberId::from(&*member.id)));
        let invitations = state.team.invitations.iter();
        let invitations = invitations.map(|invitation| SeatId::Invitation((&*invitation.id).into()));
        for seat in members.chain(invitations).filter(|seat| ledger.owns(seat)) {
            if let Some(known) = self.people.seats.get_mut(seat.as_str()) {
                known.managed = true;
            }
        }
    }

    /// Looks at what a cycle says of itself.
    pub(crate) fn reported(&mut self, plan: Option<&Plan>, report: &CycleReport) {
        let within = |at: &Timestamp| (report.started_at..=report.finished_at).contains(at);
        let seen: Vec<Noticed> =
            self.proofs.noticed.iter().filter(|(at, _)| within(at)).map(|(_, what)| what.clone()).collect();
        let refused = seen.contains(&Noticed::RefusedOne) && !seen.contains(&Noticed::RefusedByFault);
        if report.exit_code == 4 && refused {
            let why = report.error.as_ref().map(|trouble| trouble.text.clone()).unwrap_or_default();
            self.breaks("5 one person", format!("a refusal of one write ends the cycle: {why}"));
        }
        let Some(plan) = plan else { return };
        let ended = matches!(report.result, CycleResult::Error | CycleResult::Cancelled);
        let subjects = plan.operations.iter().map(subject);
        let silent: Vec<String> =
            subjects.filter(|subject| !seen.contains(&Noticed::Sent(subject.clone()))).collect();
        if !ended && silent.len() > report.done.deferred {
            let what = format!(
                "{silent:?} are planned and were never sent, {} deferred, {} withdrawn, cycle {}",
                report.done.deferred,
                report.done.withdrawn,
                report.result.as_str()
            );
            self.breaks("20 silent", what);
        }
        // Answers that contradict each other were read all the same, and are named in the plan.
        let unread = plan.held.iter().find(|held| {
            held.hold.reason == HoldReason::IncompleteRead && !held.hold.detail.contains("contradicts itself")
        });
        let quiet = matches!(report.result, CycleResult::Success | CycleResult::NoOp | CycleResult::Held);
        if let Some(held) = unread.filter(|_| quiet || report.exit_code == 0 || report.exit_code == 3) {
            let what = format!(
                "cycle {} (exit {}) although {} is held: {}",
                report.result.as_str(),
                report.exit_code,
                held.operation.kind,
                held.hold.detail
            );
            self.breaks("20 silent", what);
        }
        for held in plan.held.iter().filter(|held| held.hold.reason == HoldReason::Unmanaged) {
            let seat = held.operation.target.id.as_ref().and_then(|id| self.people.seats.get(id));
            if seat.is_some_and(|seat| seat.managed) && !held.hold.detail.contains("another seat") {
                let name = &held.operation.target.name;
                let what = format!("{name:?} was managed and is held as unmanaged: {}", held.hold.detail);
                self.breaks("4 still ours", what);
            }
        }
    }
}

fn subject(operation: &Operation) -> String {
    let invited = operation.invitee.as_ref().filter(|_| operation.kind == Kind::Invite);
    let invited = invited.map(|invitee| invitee.email.to_string().to_ascii_lowercase());
    invited.or_else(|| operation.target.id.clone()).unwrap_or_default()
}

/// The address in the body of an invitation.
fn invited(request: &Seen) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(&request.body).ok()?;
    Some(body.pointer("/data/attributes/email")?.as_str()?.to_ascii_lowercase())
}
