//! Looks over everybody's shoulder: every request passes here, is struck by faults, and every write is held against the
//! truth of both sides at that very moment.

mod proofs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rosterd::engine::daemon::Shared;
use rosterd::engine::report::Doing;
use rosterd::model::ledger::{entry_key, narrows};
use rosterd::model::operation::Kind;
use rosterd::model::{Access, Ledger, Operation};
use rosterd::simulator::team::Grant;
use rosterd::simulator::{Fault, Peer, Seen, State, Watch, Way, When};
use serde_json::json;
use tokio::sync::Notify;

use crate::dice::Dice;
use crate::people::{People, Seat, happen};
use crate::settings::Settings;
use crate::truth::{self, Wanted};

const ACCOUNT: &str = "appStoreConnect_appleAccount";

/// Of all requests, in percent, while faults are on.
const FAULTS: usize = 5;

/// A write that had an effect.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) intent: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) human: Option<usize>,
    /// The seat, where there was one.
    pub(crate) seat: Option<String>,
    pub(crate) request: u64,
    pub(crate) at: Timestamp,
}

/// An e-mail with an invitation, and how it ended.
#[derive(Clone, Debug)]
struct Sent {
    invitation: String,
    /// Set once the invitation was taken back for a good reason.
    excused: bool,
}

/// What is known of the cycle that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cycle {
    pub(crate) first: u64,
    pub(crate) requests: usize,
    applying: bool,
    /// What an observing request came to at last.
    pages: BTreeMap<String, Page>,
    /// Requests that were struck and told everything nevertheless.
    harmless: BTreeSet<u64>,
    in_scope: BTreeSet<String>,
    members: usize,
    revocations: usize,
    groups_again: Option<u64>,
    read_again: BTreeMap<String, u64>,
    by_hand: bool,
}

/// A page that was asked for.
#[derive(Clone, Debug)]
struct Page {
    /// What it told was whole.
    whole: bool,
    /// Nothing happened to it at all.
    untouched: bool,
    /// The list, first entry and count of an index page.
    span: Option<(String, usize, usize)>,
}

impl Page {
    fn new(request: &Seen, whole: bool) -> Self {
        let value = |name: &str| request.query.iter().find(|(own, _)| own == name)?.1.parse().ok();
        let span = value("startIndex").zip(value("count"));
        let span = span.map(|(start, count)| (request.path.clone(), start, count));
        Self { whole, untouched: whole && request.fault.is_none(), span }
    }
}

/// A seat as it was just before a write.
#[derive(Clone, Debug)]
struct Before {
    id: Option<String>,
    name: String,
    grant: Option<Grant>,
    mails: usize,
    admins: usize,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) people: People,
    pub(crate) faults_on: bool,
    /// Events in the middle of a cycle.
    pub(crate) events_on: bool,
    /// Steps of travel until the daemon dies.
    pub(crate) dies_in: Option<usize>,
    pub(crate) dead: bool,
    pub(crate) cycle: Cycle,
    doing: Option<Doing>,
    due: Option<Timestamp>,
    pub(crate) struck: BTreeMap<&'static str, u64>,
    pub(crate) requests: u64,
    pub(crate) writes: usize,
    pub(crate) effects: Vec<Effect>,
    revoked: Vec<Timestamp>,
    mails: BTreeMap<usize, Vec<Sent>>,
    hour: VecDeque<Timestamp>,
    /// The count of the hour may be lost: a crash, a cache that is gone.
    pub(crate) uncounted: Option<Timestamp>,
    in_since: BTreeMap<String, u64>,
    /// Cycles begun, to count the reads that saw somebody gone.
    cycles: u64,
    /// Who is not in scope, and the cycles begun when that began; `None` once they were disabled, which needs no second read.
    left: BTreeMap<String, Option<u64>>,
    /// Who came back, what was known of their leaving, and the cycles finished by then: only a cycle remembers a return.
    back: BTreeMap<String, (Option<u64>, u64)>,
    pub(crate) finished: u64,
    /// A feed left changes out, and nobody could see it.
    kept_back: bool,
    before: Option<Before>,
    proofs: proofs::Proofs,
    pub(crate) unheard: Vec<proofs::Unheard>,
    /// Members whom a list left out, and the last request for one that did.
    pub(crate) hidden: BTreeMap<String, u64>,
    pub(crate) broken: Vec<String>,
    pub(crate) trace: Option<Vec<String>>,
    fault_dice: Dice,
    travel_dice: Dice,
    event_dice: Dice,
}

pub(crate) struct Oracle {
    inner: Mutex<Inner>,
    daemon: Mutex<(Weak<Shared>, Weak<rosterd::state::State>)>,
    pub(crate) died: Notify,
}

impl Oracle {
    pub(crate) fn new(seed: u64, settings: Settings, trace: bool) -> Arc<Self> {
        let inner = Inner {
            settings,
            people: People::default(),
            faults_on: true,
            events_on: true,
            dies_in: None,
            dead: false,
            cycle: Cycle::default(),
            doing: None,
            due: None,
            struck: BTreeMap::new(),
            requests: 0,
            writes: 0,
            effects: Vec::new(),
            revoked: Vec::new(),
            mails: BTreeMap::new(),
            hour: VecDeque::new(),
            uncounted: None,
            in_since: BTreeMap::new(),
            cycles: 0,
            left: BTreeMap::new(),
            back: BTreeMap::new(),
            finished: 0,
            kept_back: false,
            before: None,
            proofs: proofs::Proofs::new(seed),
            unheard: Vec::new(),
            hidden: BTreeMap::new(),
            broken: Vec::new(),
            trace: trace.then(Vec::new),
            fault_dice: Dice::new(seed, 1),
            travel_dice: Dice::new(seed, 2),
            event_dice: Dice::new(seed, 3),
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            daemon: Mutex::new((Weak::new(), Weak::new())),
            died: Notify::new(),
        })
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no promise panics")
    }

    pub(crate) fn watch(&self, shared: &Arc<Shared>, state: &Arc<rosterd::state::State>) {
        *self.daemon.lock().expect("not poisoned") = (Arc::downgrade(shared), Arc::downgrade(state));
    }

    fn ledger(&self) -> Option<Arc<Ledger>> {
        let (_, state) = &*self.daemon.lock().expect("not poisoned");
        state.upgrade().map(|state| state.ledger())
    }

    fn doing(&self) -> (Option<Doing>, Option<Timestamp>) {
        let (shared, _) = &*self.daemon.lock().expect("not poisoned");
        shared.upgrade().map_or((None, None), |shared| (Some(shared.doing()), shared.due()))
    }

    /// The daemon waits: whatever comes next is another cycle.
    pub(crate) fn idle(&self) {
        self.inner().doing = Some(Doing::Waiting);
    }
}

impl Watch for Oracle {
    fn fault(&self, request: &Seen) -> Option<Fault> {
        let (doing, due) = self.doing();
        let mut inner = self.inner();
        inner.turn(doing, due, request);
        inner.strike(request)
    }

    fn travels(&self, way: Way) -> Option<Duration> {
        let mut inner = self.inner();
        if inner.dead {
            return None;
        }
        if let Some(left) = &mut inner.dies_in {
            *left -= 1;
            if *left == 0 {
                inner.dies_in = None;
                inner.dead = true;
                inner.say(|| format!("the daemon dies, a request is on its way {way:?}"));
                drop(inner);
                self.died.notify_one();
                return None;
            }
        }
        let ms = 10 + inner.travel_dice.below(190);
        Some(Duration::from_millis(u64::try_from(ms).expect("fits")))
    }

    fn arrives(&self, state: &mut State, request: &Seen) {
        self.inner().arrives(state, request);
    }

    fn answered(&self, state: &mut State, request: &Seen) {
        let ledger = self.ledger();
        self.inner().answered(state, request, ledger.as_deref());
    }
}

fn is_write(request: &Seen) -> bool {
    request.peer == Peer::Asc && request.method != "GET"
}

fn key(request: &Seen) -> String {
    format!("{} {} {:?} {}", request.method, request.path, request.query, request.body)
}

fn roles(grant: &Grant) -> String {
    grant.roles.iter().cloned().collect::<Vec<_>>().join("+")
}

fn is_admin(grant: &Grant) -> bool {
    grant.roles.contains("ADMIN") || grant.is_account_holder()
}

fn admins(state: &State) -> usize {
    state.team.members.iter().filter(|member| is_admin(&member.grant)).count()
}

impl Inner {
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(what());
        }
    }

    pub(crate) fn breaks(&mut self, promise: &str, what: String) {
        let what = format!("{promise}: {what}");
        self.say(|| format!("BROKEN {what}"));
        self.broken.push(what);
    }

    /// Something happens to somebody.
    pub(crate) fn happen(&mut self, state: &mut State) {
        let what = happen(&mut self.people, state, &mut self.event_dice);
        let at = state.now();
        self.say(|| format!("{at:.0} * {what}"));
        self.cycle.by_hand = true;
        self.look(state);
    }

    /// Who is in scope, and since when.
    pub(crate) fn look(&mut self, state: &State) {
        let now = truth::in_scope(&state.directory, &self.settings);
        // In the middle of a cycle its own read may come after the event.
        let idle = matches!(self.doing, None | Some(Doing::Waiting));
        let seen = if idle { self.cycles } else { self.cycles.saturating_sub(1) };
        for id in self.in_since.keys().filter(|id| !now.contains(*id)) {
            let unseen = self.back.remove(id).filter(|(_, finished)| finished + 1 >= self.finished);
            self.left.insert(id.clone(), unseen.map_or(Some(seen), |(left, _)| left));
        }
        let back: Vec<String> = self.left.keys().filter(|id| now.contains(*id)).cloned().collect();
        for id in back {
            let left = self.left.remove(&id).flatten();
            self.back.insert(id, (left, self.finished));
        }
        for (id, left) in &mut self.left {
            if state.directory.people.get(id).is_some_and(|person| !person.active) {
                *left = None;
            }
        }
        self.in_since.retain(|id, _| now.contains(id));
        // Reads count from the first one also for people who never were in scope.
        for person in state.directory.people.iter().filter(|person| !now.contains(&*person.id)) {
            self.left.entry(person.id.to_string()).or_insert(person.active.then_some(seen));
        }
        // What is so only for a moment of a cycle may be what it read.
        self.cycle.in_scope.extend(now.iter().cloned());
        for id in now {
            if let Some(who) = self.people.of_person(&id) {
                self.people.humans[who].ever_in_scope = true;
            }
            self.in_since.entry(id).or_insert(state.answered() + 1);
        }
    }

    fn strike(&mut self, request: &Seen) -> Option<Fault> {
        self.requests += 1;
        self.cycle.requests += 1;
        if request.peer == Peer::Asc {
            self.spend(request.at);
        }
        // This one also when everything else rests.
        let refused = self.refuses(request);
        if refused.is_some() || !self.faults_on {
            return refused;
        }
        let aimed = self.aimed(request);
        if aimed.is_some() {
            return aimed;
        }
        if !self.fault_dice.chance(FAULTS) {
            return None;
        }
        let (name, fault) = any_fault(&mut self.fault_dice);
        if !self.tells_apart(request, &fault) {
            return None;
        }
        *self.struck.entry(name).or_default() += 1;
        let list = ["/Users", "/Groups", "/users", "/userInvitations", "/delta"];
        let is_list = list.iter().any(|end| request.path.ends_with(end));
        let harmless = match fault {
            Fault::Slow { ms } => ms < 30_000,
            Fault::RepeatedRows | Fault::WrongTotal { .. } => true,
            // By index, whatever a page kept back comes with the next one.
            Fault::MissingRows { .. } => {
                !is_list || request.query.iter().any(|(name, _)| name == "startIndex")
            }
            // SCIM goes by index or cursor and looks at no link.
            Fault::ForeignNext => !is_list || request.peer == Peer::Scim,
            // That there is no such object is something told.
            Fault::Status { status: 404, .. } => !is_list,
            _ => false,
        };
        // Graph counts nothing, so nobody can see that a row is missing; the last look by id has to.
        let unseen = request.peer == Peer::Graph && matches!(fault, Fault::MissingRows { .. });
        self.kept_back |= unseen && request.path.ends_with("/delta");
        // Where a feed begins is asked for its link alone: nobody is listed there.
        let beginning = request.query.iter().any(|(name, value)| name == "$deltatoken" && value == "latest");
        let tells = !unseen
            && !beginning
            && !request.path.ends_with("/token")
            && !request.path.ends_with("/ServiceProviderConfig");
        if harmless {
            self.cycle.harmless.insert(request.number);
        } else if tells && !self.cycle.applying && !is_write(request) && !proofs::is_one_seat(request) {
            self.cycle.pages.insert(key(request), Page::new(request, false));
        }
        Some(fault)
    }

    /// Notices where a cycle begins, and where its reading ends.
    fn turn(&mut self, doing: Option<Doing>, due: Option<Timestamp>, request: &Seen) {
        let observing = doing == Some(Doing::Observing);
        // One quiet cycle may follow another without anything seen in between.
        if observing && (self.doing != Some(Doing::Observing) || self.due != due) {
            let in_scope = self.in_since.keys().cloned().collect();
            self.cycles += 1;
            self.cycle = Cycle { first: request.number, in_scope, ..Cycle::default() };
        }
        self.cycle.applying = !observing;
        (self.doing, self.due) = (doing, due);
    }

    /// Never more in an hour than the reserve leaves.
    fn spend(&mut self, at: Timestamp) {
        let hour = SignedDuration::from_secs(3599);
        while self.hour.front().is_some_and(|first| at.duration_since(*first) >= hour) {
            self.hour.pop_front();
        }
        self.hour.push_back(at);
        let lost = self.uncounted.is_some_and(|lost| at.duration_since(lost) < SignedDuration::from_hours(1));
        let limit = usize::try_from(self.settings.requests_per_hour).expect("fits");
        let allowed = if lost { limit } else { self.settings.allowed() };
        if self.hour.len() > allowed {
            let count = self.hour.len();
            self.breaks("8 leaves room", format!("{count} requests within an hour, {allowed} are allowed"));
            self.hour.clear();
        }
    }

    fn arrives(&mut self, state: &mut State, request: &Seen) {
        if self.events_on && request.method == "GET" && self.event_dice.chance(2) {
            self.happen(state);
        }
        if self.cycle.applying && request.method == "GET" {
            let number = request.number;
            if request.path.contains("/Groups") || request.path.contains("/groups") {
                self.cycle.groups_again.get_or_insert(number);
            } else if let Some((_, id)) = request.path.split_once("sers/") {
                self.cycle.read_again.insert(id.to_owned(), number);
            }
        } else if self.cycle.applying && request.path.ends_with("$batch") {
            for id in self.people.humans.iter().filter_map(|human| human.person.clone()) {
                if request.body.contains(&id) {
                    self.cycle.read_again.insert(id, request.number);
                }
            }
            if request.body.contains("groups") {
                self.cycle.groups_again.get_or_insert(request.number);
            }
        }
        self.cycle.members = self.cycle.members.max(state.team.members.len());
        if !is_write(request) {
            return;
        }
        self.writes += usize::from(!self.is_refused(request));
        let id = request.path.rsplit('/').next().filter(|_| request.method != "POST");
        let member =
            id.and_then(|id| state.team.members.get(id)).map(|m| (m.username.clone(), m.grant.clone()));
        let invitation = || {
            let invitation = state.team.invitations.get(id?)?;
            Some((invitation.email.clone(), invitation.grant.clone()))
        };
        let seat = member.or_else(invitation);
        self.before = Some(Before {
            id: id.filter(|_| seat.is_some()).map(str::to_owned),
            name: seat.as_ref().map(|(name, _)| name.clone()).unwrap_or_default(),
            grant: seat.map(|(_, grant)| grant),
            mails: state.mails.len(),
            admins: admins(state),
        });
    }

    fn answered(&mut self, state: &State, request: &Seen, ledger: Option<&Ledger>) {
        let status = request.status.map_or("-".to_owned(), |status| status.to_string());
        let fault = request.fault.as_ref().map(|fault| format!(" [{fault}]")).unwrap_or_default();
        self.say(|| {
            let query: Vec<String> =
                request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let Seen { number, at, method, path, body, .. } = request;
            let body = if is_write(request) { body.as_str() } else { "" };
            format!("{at:.0} {number:>5} {method} {path} {}{body} -> {status}{fault}", query.join("&"))
        });
        let empty = request.path.ends_with("/userInvitations") && state.team.invitations.is_empty();
        let whole = match request.fault.as_deref() {
            None => true,
            Some("missing_rows") if empty || request.peer == Peer::Graph => true,
            Some(_) => self.cycle.harmless.contains(&request.number),
        };
        if !self.cycle.applying && !is_write(request) && !proofs::is_one_seat(request) && whole {
            self.begins_anew(request);
            self.cycle.pages.insert(key(request), Page::new(request, true));
        }
        self.notes(state, request, ledger);
        if let Some(before) = self.before.take() {
            self.judge(state, request, &before, ledger);
        }
    }

    /// A walk that starts again, or another way, makes up for what the one before did not get.
    fn begins_anew(&mut self, request: &Seen) {
        let value =
            |name: &str| request.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let path = request.path.trim_end_matches("/delta").to_owned();
        let further = value("startIndex").is_some_and(|index| index != "1")
            || value("cursor").is_some_and(|cursor| !cursor.is_empty())
            || value("$skiptoken").is_some()
            || value("$deltatoken").is_some_and(|token| token != "latest");
        let is_list = path.ends_with("sers") || path.ends_with("roups") || path.ends_with("userInvitations");
        if is_list && !further {
            let same =
                |key: &str| key.split(' ').nth(1).map(|own| own.trim_end_matches("/delta")) == Some(&*path);
            self.cycle.pages.retain(|key, _| !same(key));
        }
    }

    /// Holds an effect against every promise.
    fn judge(&mut self, state: &State, request: &Seen, before: &Before, ledger: Option<&Ledger>) {
        let invited = (state.mails.len() > before.mails).then(|| state.mails.last().expect("a mail"));
        let kind = match (&before.id, invited) {
            (_, Some(_)) => Kind::Invite,
            (Some(id), None) if request.path.contains("userInvitations") => {
                if state.team.invitations.get(id).is_some() {
                    return;
                }
                Kind::CancelInvitation
            }
            (Some(id), None) => match state.team.members.get(id) {
                None => Kind::RemoveMember,
                Some(member) if Some(&member.grant) != before.grant.as_ref() => Kind::UpdateMember,
                Some(_) => return,
            },
            (None, None) => return,
        };
        let address = invited.map(|mail| mail.address.clone());
        let (operation, intent) = intent_of(ledger, kind, before.id.as_deref(), address.as_deref());
        let human = match (&before.id, &address) {
            (Some(id), _) => self.people.seats.get(id).and_then(|seat| seat.human),
            (None, Some(address)) => self.people.of_name(address),
            (None, None) => None,
        };
        let seat = before.id.clone();
        let effect = Effect { intent, kind, human, seat, request: request.number, at: request.at };
        let what =
            || format!("{kind} {} (request {})", address.as_deref().unwrap_or(&before.name), request.number);
        let Some(operation) = operation else {
            self.breaks("4 intent first", what());
            return;
        };
        self.say(|| format!("    {kind} because: {}", operation.reasons.join("; ")));
        let approved = ledger.is_some_and(|ledger| {
            let key = entry_key(&operation);
            ledger.approvals.iter().any(|approval| approval.entries.contains(&key))
        });
        let write = Write { operation: &operation, before, effect: &effect, approved };
        self.untouchable(state, &write);
        self.claims_nothing(state, &write);
        match kind {
            Kind::Invite => self.invites(state, &write),
            Kind::UpdateMember => self.updates(state, &write),
            Kind::CancelInvitation | Kind::RemoveMember => self.takes(state, &write),
        }
        self.effects.push(effect);
    }

    /// The Account Holder, protected people, seats that are not ours.
    fn untouchable(&mut self, state: &State, write: &Write<'_>) {
        let name = write.name(state);
        let human = write.effect.human.map(|who| self.people.humans[who].clone());
        let names = human.iter().flat_map(|human| human.account.iter().chain([&human.mail]));
        let protected = names.chain([&name]).any(|name| self.settings.protects(name));
        if protected || write.before.grant.as_ref().is_some_and(Grant::is_account_holder) {
            let invites = write.effect.kind == Kind::Invite && !self.settings.protects(&name);
            if !invites {
                self.breaks("6 protected", format!("{} {name}", write.effect.kind));
            }
        }
        let Some(seat) = write.before.id.as_ref().and_then(|id| self.people.seats.get(id)) else { return };
        let known = seat.ours || human.is_some_and(|human| human.ever_in_scope);
        if !known && self.settings.unmanaged_removed == [false; 3] {
            self.breaks("6 not ours", format!("{} {name}", write.effect.kind));
        }
    }

    fn invites(&mut self, state: &State, write: &Write<'_>) {
        let mail = state.mails.last().expect("just sent").clone();
        let invitation = state.team.invitations.get(&mail.invitation).expect("just made").clone();
        self.people
            .seats
            .insert(mail.invitation.clone(), Seat { human: write.effect.human, ours: true, managed: true });
        let Some(who) = write.effect.human else {
            self.breaks("scope", format!("a stranger is invited: {}", mail.address));
            return;
        };
        // Whoever is deleted after the read was in scope when it counted.
        let named = write.operation.person.as_ref().map(|person| person.id.to_string());
        let person = self.people.humans[who].person.clone().or(named);
        let in_scope = person
            .as_ref()
            .is_some_and(|id| self.in_since.contains_key(id) || self.cycle.in_scope.contains(id));
        // A change that Graph's feed kept back is not known before everybody is read again.
        let unseen = self.kept_back
            && self.people.humans[who].ever_in_scope
            && person.as_ref().is_some_and(|id| self.left.contains_key(id));
        if !in_scope && !unseen {
            self.breaks("scope", format!("{} is invited, and not in scope", mail.address));
        }
        if is_admin(&invitation.grant) && self.settings.hold_new_admins && !write.approved {
            let before = write.operation.replacement && self.had_admin(who);
            if !before {
                self.breaks("guard new_admins", format!("{} is invited as ADMIN", mail.address));
            }
        }
        let seat = state.team.members.iter().find(|member| self.is_of(&member.id, who));
        if let Some(member) = seat {
            let name = member.username.clone();
            if !self.people.humans[who].odd {
                self.breaks("4 e-mails", format!("{} is invited, and a member as {name}", mail.address));
            }
        }
        let earlier = self.mails.entry(who).or_default();
        let pending: Vec<String> = (earlier.iter())
            .filter(|sent| !sent.excused && state.team.invitations.get(&sent.invitation).is_some())
            .map(|sent| sent.invitation.clone())
            .collect();
        let careless = earlier.last().is_some_and(|last| !last.excused) && !write.operation.replacement;
        earlier.push(Sent { invitation: mail.invitation.clone(), excused: false });
        if careless && self.people.humans[who].by_hand == 0 && !self.people.humans[who].odd {
            self.breaks("4 e-mails", format!("{} is invited again without a cause", mail.address));
        }
        if !pending.is_empty() && !write.operation.replacement && !self.people.humans[who].odd {
            self.breaks("4 e-mails", format!("{} is invited beside {pending:?}", mail.address));
        }
    }

    fn had_admin(&self, who: usize) -> bool {
        // The half that took the earlier invitation back came just before.
        self.people.humans[who].by_hand > 0 || self.mails.get(&who).is_some_and(|all| !all.is_empty())
    }

    fn is_of(&self, seat: &str, who: usize) -> bool {
        self.people.seats.get(seat).is_some_and(|seat| seat.human == Some(who))
    }

    fn updates(&mut self, state: &State, write: &Write<'_>) {
        let id = write.before.id.as_deref().expect("an existing seat");
        let (Some(member), Some(before)) = (state.team.members.get(id), &write.before.grant) else { return };
        let after = &member.grant;
        let name = member.username.clone();
        // Taken from them by hand after the team was read, and written again with the rest of their roles.
        let gains = is_admin(after) && !is_admin(before) && !self.touched(write);
        if write
            .operation
            .before
            .as_ref()
            .is_some_and(|read| self.is_stale(write, &access(before), &access(after), read))
        {
            self.breaks("1 stale write", format!("{name} loses what was changed by hand"));
        }
        if gains && self.settings.hold_new_admins && !write.approved {
            self.breaks("guard new_admins", format!("{name} becomes ADMIN"));
        }
        self.is_of_now(write, &name, before, after);
        self.not_too_much(state, write, &name, Some(before), after);
        let narrowed = match (access(before), access(after)) {
            (before, after) if narrows(&before, &after) => true,
            _ => return,
        };
        if narrowed {
            self.rests_on_whole_reads(state, write, &name);
            self.within_guards(write, &name);
            self.admins_left(state, write);
            let person = write.effect.human.and_then(|who| self.people.humans[who].person.clone());
            let person = person.and_then(|id| state.directory.people.get(&id).cloned());
            // A change that Graph's feed kept back is not known before everybody is read again.
            if let Some(person) = person.filter(|_| !self.cycle.by_hand && !self.kept_back) {
                let wanted = truth::wanted(&state.directory, &state.team, &self.settings, &person);
                if wanted == Wanted::default() {
                    self.breaks("1 narrowing", format!("{name} loses access that nothing asks for"));
                }
            }
        }
    }

    /// Nobody gets what neither the truth asks for nor they had before.
    fn not_too_much(
        &mut self,
        state: &State,
        write: &Write<'_>,
        name: &str,
        before: Option<&Grant>,
        after: &Grant,
    ) {
        let person = write.effect.human.and_then(|who| self.people.humans[who].person.clone());
        let Some(person) = person.and_then(|id| state.directory.people.get(&id).cloned()) else { return };
        if self.cycle.by_hand {
            return;
        }
        let wanted = truth::wanted(&state.directory, &state.team, &self.settings, &person);
        let had = |role: &String| before.is_some_and(|before| before.roles.contains(role));
        let due = |role: &String| wanted.roles.as_ref().is_some_and(|roles| roles.contains(role));
        let roles: Vec<&String> = after.roles.iter().filter(|role| !had(role) && !due(role)).collect();
        let apps = after.all_apps
            && wanted.all_apps == Some(false)
            && !after.forces_all_apps()
            && before.is_some_and(|before| !before.all_apps);
        if (before.is_some() && !roles.is_empty()) || apps {
            let what = format!("{name} gets {roles:?} (all apps: {apps}), which nothing asks for");
            self.breaks("1 too much", what);
        }
    }

    fn takes(&mut self, state: &State, write: &Write<'_>) {
        let id = write.before.id.clone().expect("an existing seat");
        let name = write.before.name.clone();
        let replacement = write.operation.replacement;
        self.excuse(state, write, &id);
        if replacement {
            return;
        }
        if let (Kind::RemoveMember, Some(who)) = (write.effect.kind, write.effect.human) {
            self.mails.entry(who).or_default().iter_mut().for_each(|sent| sent.excused = true);
        }
        self.rests_on_whole_reads(state, write, &name);
        self.within_guards(write, &name);
        if write.effect.kind == Kind::RemoveMember {
            self.admins_left(state, write);
        }
        self.confirmed(write, &name);
        let Some(who) = write.effect.human else { return };
        let Some(person) = self.people.humans[who].person.clone() else { return };
        let Some(since) = self.in_since.get(&person).copied() else { return };
        // An earlier invitation goes once a later one is out.
        let later = write.effect.kind == Kind::CancelInvitation
            && state.team.invitations.iter().any(|known| known.id != id && self.is_of(&known.id, who));
        let other =
            later || state.team.members.iter().any(|member| member.id != id && self.is_of(&member.id, who));
        if other || self.people.humans[who].hidden {
            return;
        }
        // Somebody who came back under another id and under another address is nobody that rosterd could know.
        let human = self.people.humans[who].clone();
        let known =
            write.operation.person.iter().filter_map(|person| person.email.as_ref()).map(ToString::to_string);
        let known: Vec<String> = known.chain([name.clone()]).collect();
        // Whose account it is that nobody invited by us uses, only the directory could tell.
        let told = state.directory.people.get(&person).and_then(|person| person.custom.get(ACCOUNT));
        let told = |account: &&String| told == Some(&json!(account));
        let now = human.account.iter().filter(told).chain([&human.mail]);
        let knowable = write.operation.person.as_ref().is_some_and(|named| named.id.as_str() == person)
            || now.into_iter().any(|now| known.iter().any(|known| known.eq_ignore_ascii_case(now)));
        if !knowable {
            return;
        }
        let looked = match &write.operation.person {
            Some(named) if named.id.as_str() == person => {
                let person = self.cycle.read_again.get(&person).copied();
                let groups = self.cycle.groups_again.or(person);
                person.zip(groups).map_or(u64::MAX, |(person, groups)| person.min(groups))
            }
            Some(_) | None => self.cycle.first,
        };
        if since <= looked {
            self.breaks(
                "1 in scope",
                format!("{} {name}, who is active and in scope since request {since}", write.effect.kind),
            );
        }
    }

    /// Whoever left without being disabled was seen to be gone as often as it is configured.
    fn confirmed(&mut self, write: &Write<'_>, name: &str) {
        let Some(named) = &write.operation.person else { return };
        let Some(Some(left)) = self.left.get(named.id.as_str()) else { return };
        let (reads, needed) = (self.cycles - left, u64::from(self.settings.confirmations));
        if reads < needed {
            let what = format!("{} {name} after {reads} of {needed} reads", write.effect.kind);
            self.breaks("1 confirmations", what);
        }
    }

    /// Remembers that the end of an invitation gives a good reason for another.
    fn excuse(&mut self, state: &State, write: &Write<'_>, id: &str) {
        let Some(who) = write.effect.human else { return };
        let human = self.people.humans[who].clone();
        let person = human.person.as_ref().and_then(|id| state.directory.people.get(id));
        let gone = human.person.as_ref().is_none_or(|id| !self.in_since.contains_key(id));
        let before = &write.before.grant;
        let moved = !human.mail.eq_ignore_ascii_case(&write.before.name);
        let wanted =
            person.map(|person| truth::wanted(&state.directory, &state.team, &self.settings, person));
        let other = wanted.zip(before.as_ref()).is_none_or(|(wanted, grant)| {
            // Defaults fill the gaps of an invitation, so that a rule that ends is a change as well.
            let gaps = wanted.roles.is_none() || wanted.all_apps.is_none() || wanted.provisioning.is_none();
            wanted.differs(grant).is_some() || gaps
        });
        let expired = write.operation.reasons.iter().any(|reason| reason.contains("expired"));
        if let Some(sent) = self.mails.entry(who).or_default().iter_mut().find(|sent| sent.invitation == id) {
            sent.excused = true;
        }
        if write.operation.replacement && !(gone || moved || other || expired || self.cycle.by_hand) {
            self.breaks("4 e-mails", format!("{} is invited anew without a cause", write.before.name));
        }
    }

    fn rests_on_whole_reads(&mut self, state: &State, write: &Write<'_>, name: &str) {
        // Which app is which matters only where apps are given or taken.
        let apps = |access: &Access| (access.all_apps_visible, access.visible_apps.clone());
        let (read, wish) = (write.operation.before.as_ref(), write.operation.after.as_ref());
        let same = wish.is_none() || read.map(apps) == wish.map(apps);
        let matters = |key: &str| !(same && key.starts_with("GET /v1/apps "));
        let mut pages = self.cycle.pages.iter().filter(|(key, _)| matters(key));
        let broken = pages.find(|(_, page)| !page.whole && !self.is_covered(state, page));
        if let Some((key, _)) = broken {
            let what = format!("{} {name} although this was not read: {key}", write.effect.kind);
            self.breaks("1 incomplete", what);
        }
    }

    /// Pages are read ahead, so that one which other pages replaced may never have come.
    fn is_covered(&self, state: &State, page: &Page) -> bool {
        let Some((path, start, count)) = &page.span else { return false };
        let users = path.ends_with("sers");
        let total = if users { state.directory.people.len() } else { state.directory.groups.len() };
        let good = self.cycle.pages.values().filter(|page| page.untouched);
        let spans: Vec<_> =
            good.filter_map(|page| page.span.as_ref()).filter(|(own, _, _)| own == path).collect();
        let mut next = *start;
        while next < (start + count).min(total + 1) {
            let reach =
                spans.iter().filter(|(_, from, _)| *from <= next).map(|(_, from, count)| from + count);
            match reach.max() {
                Some(end) if end > next => next = end,
                Some(_) | None => return false,
            }
        }
        true
    }

    /// An administrator changed the seat since this cycle began.
    fn touched(&self, write: &Write<'_>) -> bool {
        write.effect.human.is_some_and(|who| self.people.humans[who].by_hand > self.cycle.first)
    }

    /// True when a list was replaced that somebody had changed by hand since it was read, though nothing hid that from
    /// the last look before the write.
    fn is_stale(&self, write: &Write<'_>, before: &Access, after: &Access, read: &Access) -> bool {
        let roles = after.roles != before.roles && before.roles != read.roles;
        let apps = after.visible_apps != before.visible_apps
            && before.all_apps_visible == Some(false)
            && before.visible_apps != read.visible_apps
            && read.visible_apps.is_some();
        let look = write.before.id.as_ref().and_then(|id| self.cycle.read_again.get(id));
        let by_hand = write.effect.human.map_or(0, |who| self.people.humans[who].by_hand);
        (roles || apps) && self.touched(write) && look.is_none_or(|look| by_hand <= *look)
    }

    fn within_guards(&mut self, write: &Write<'_>, name: &str) {
        let at = write.effect.at;
        let (read, wish) = (&write.operation.before, &write.operation.after);
        let planned = read.as_ref().zip(wish.as_ref()).is_none_or(|(read, wish)| narrows(read, wish));
        if planned || !self.touched(write) {
            self.revoked.push(at);
        }
        // What an administrator did after the team was read no plan could count.
        if write.approved || self.touched(write) {
            return;
        }
        self.cycle.revocations += 1;
        let Settings { removals_max, removals_percent, removals_per_day, .. } = self.settings;
        let wide = |number: u32| usize::try_from(number).expect("fits");
        let share = self.cycle.members * wide(removals_percent) / 100;
        let most = if removals_max == 0 { 0 } else { wide(removals_max).max(share) };
        if self.cycle.revocations > most {
            let what = format!("{name} is number {} of {most} in this cycle", self.cycle.revocations);
            self.breaks("guard removals_max", what);
        }
        let day = SignedDuration::from_mins(24 * 60 - 20);
        let today = self.revoked.iter().filter(|then| at.duration_since(**then) < day).count();
        if today > wide(removals_per_day) {
            self.breaks(
                "guard removals_max_per_day",
                format!("{name} is number {today} of {removals_per_day}"),
            );
        }
    }

    fn admins_left(&mut self, state: &State, write: &Write<'_>) {
        let (left, before) = (admins(state), write.before.admins);
        let least = usize::try_from(self.settings.admins_min).expect("fits");
        let sure = self.settings.hold_new_admins && !self.cycle.by_hand && !write.approved;
        if left < before && left < least && sure {
            self.breaks("guard admins_min", format!("{left} administrators are left of {least}"));
        }
    }
}

/// A write with what it did.
struct Write<'w> {
    operation: &'w Operation,
    before: &'w Before,
    effect: &'w Effect,
    approved: bool,
}

impl Write<'_> {
    fn name(&self, state: &State) -> String {
        match self.effect.kind {
            Kind::Invite => state.mails.last().map(|mail| mail.address.clone()).unwrap_or_default(),
            Kind::UpdateMember | Kind::CancelInvitation | Kind::RemoveMember => self.before.name.clone(),
        }
    }
}

/// The open intent that announced a write.
fn intent_of(
    ledger: Option<&Ledger>,
    kind: Kind,
    id: Option<&str>,
    address: Option<&str>,
) -> (Option<Operation>, Option<String>) {
    let mut open = ledger.into_iter().flat_map(|ledger| ledger.open_intents.values());
    let fits = |operation: &Operation| {
        let invitee = operation.invitee.as_ref().map(|invitee| invitee.email.to_string());
        operation.kind == kind
            && match kind {
                Kind::Invite => invitee.as_deref() == address,
                Kind::UpdateMember | Kind::CancelInvitation | Kind::RemoveMember => {
                    operation.target.id.as_deref() == id
                }
            }
    };
    let found = open.rfind(|open| fits(&open.operation));
    (found.map(|open| open.operation.clone()), found.map(|open| open.intent.0.clone()))
}

fn access(grant: &Grant) -> Access {
    Access {
        roles: grant.roles.iter().map(|role| rosterd::model::Role::new(role)).collect(),
        all_apps_visible: Some(grant.all_apps),
        provisioning_allowed: Some(grant.provisioning),
        visible_apps: Some(grant.apps.iter().map(|app| app.as_str().into()).collect()),
    }
}

/// Everything that an answer can be but right.
fn any_fault(dice: &mut Dice) -> (&'static str, Fault) {
    let status = |status, when| Fault::Status { status, when };
    let all = [
        ("cut before the effect", Fault::DropBefore),
        ("cut after the effect", Fault::DropAfter),
        ("cut after the effect", Fault::DropAfter),
        ("500 before the effect", status(500, When::Before)),
        ("500 after the effect", status(500, When::After)),
        ("503 before the effect", status(503, When::Before)),
        ("503 after the effect", status(503, When::After)),
        ("429 without Retry-After", Fault::TooMany { retry_after: None }),
        (
            "429 with Retry-After",
            Fault::TooMany { retry_after: Some(["1", "20", "700", "2000"][dice.below(4)].into()) },
        ),
        ("401", Fault::Unauthorized),
        ("403", status(403, When::Before)),
        ("404", status(404, When::Before)),
        ("409", status(409, When::Before)),
        ("slow", Fault::Slow { ms: 4000 }),
        ("slow beyond the limit", Fault::Slow { ms: 70_000 }),
        ("half of the JSON", Fault::Truncated),
        ("HTML", Fault::Html { status: 502 }),
        ("HTML as 200", Fault::Html { status: 200 }),
        ("short page", Fault::MissingRows { rows: 1 }),
        ("short page", Fault::MissingRows { rows: 1 }),
        ("short page", Fault::MissingRows { rows: 2 }),
        ("wrong total", Fault::WrongTotal { by: [-1, 1, 7][dice.below(3)] }),
        ("repeated rows", Fault::RepeatedRows),
        ("foreign next link", Fault::ForeignNext),
        ("hang before the effect", Fault::Hang { when: When::Before }),
        ("hang after the effect", Fault::Hang { when: When::After }),
        ("no connection", Fault::Unreachable),
    ];
    dice.pick(&all)
}

/// For messages.
pub(crate) fn shown(grant: &Grant) -> String {
    roles(grant)
}
