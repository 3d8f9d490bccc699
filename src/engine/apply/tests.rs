//! A long plan against a team that keeps count, in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::asc::rate::{Budget, BudgetState};
use crate::asc::{Sent, Written};
use crate::clock::Clock;
use crate::model::operation::{Forecast, Invitee, PlanCoverage, SCHEMA, Summary};
use crate::model::{
    Access, Address, BundleId, Coverage, DirectorySnapshot, GroupId, Invitation, InvitationId, Ledger,
    Member, MemberId, PersonId, PersonRef, Role, SeatId, Target, TeamSnapshot,
};
use crate::source::{Again, Recheck, SourceError};

const START: Timestamp = Timestamp::UNIX_EPOCH;
const HOUR: Duration = Duration::from_secs(3600);
/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(300);

/// Apple, as far as counting goes: refuses whoever takes more than `allowed` in a rolling hour.
struct Counting {
    budget: Budget,
    clock: Clock,
    allowed: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When each write came, and what it was.
    writes: Vec<(Timestamp, Kind)>,
    in_flight: usize,
    most_in_flight: usize,
    refused: usize,
    /// Something was asked for before all revocations had their answers.
    overtaken: bool,
    revoking: usize,
}

impl Counting {
    async fn take(&self, kind: Kind) -> Result<(), AscError> {
        self.budget.acquire_write().await?;
        {
            let mut seen = self.seen.lock().expect("no panic");
            let now = self.clock.now();
            let within = seen
                .writes
                .iter()
                .rev()
                .take_while(|(at, _)| now.duration_since(*at) < jiff::SignedDuration::from_hours(1));
            if within.count() >= self.allowed {
                seen.refused += 1;
            }
            seen.writes.push((now, kind));
            seen.in_flight += 1;
            seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
            match kind {
                Kind::RemoveMember | Kind::CancelInvitation => seen.revoking += 1,
                Kind::Invite | Kind::UpdateMember => seen.overtaken |= seen.revoking > 0,
            }
        }
        tokio::time::sleep(LATENCY).await;
        let mut seen = self.seen.lock().expect("no panic");
        seen.in_flight -= 1;
        match kind {
            Kind::RemoveMember | Kind::CancelInvitation => seen.revoking -= 1,
            Kind::Invite | Kind::UpdateMember => {}
        }
        Ok(())
    }
}

impl TeamRead for Counting {
    async fn read(&self, _: &BTreeSet<BundleId>) -> Result<TeamSnapshot, AscError> {
        Ok(TeamSnapshot::new(Vec::new(), Vec::new(), BTreeMap::new(), Coverage::Complete))
    }

    async fn look(&self, team: TeamSnapshot, _: &BTreeSet<SeatId>) -> TeamSnapshot {
        team
    }

    async fn seats(&self) -> Result<(Vec<Member>, Vec<Invitation>), AscError> {
        Ok((Vec::new(), Vec::new()))
    }

    async fn access(&self, _: &MemberId) -> Result<Access, AscError> {
        Err(AscError::Gone { text: "no such member".into() })
    }
}

impl TeamWrite for Counting {
    fn key_standing(&self) -> KeyStanding {
        KeyStanding::Writes
    }

    fn key_wrote(&self) {}

    async fn invite(&self, invitee: &Invitee, _: &Access) -> Result<Written<Sent>, AscError> {
        self.take(Kind::Invite).await?;
        let id = InvitationId::from(invitee.email.as_str());
        Ok(Written { value: Sent { id, expires: None }, request_id: None })
    }

    async fn cancel(&self, _: &InvitationId) -> Result<Written<()>, AscError> {
        self.take(Kind::CancelInvitation).await?;
        Ok(Written { value: (), request_id: None })
    }

    async fn update(&self, _: &MemberId, _: &Access, _: &Access) -> Result<Written<()>, AscError> {
        self.take(Kind::UpdateMember).await?;
        Ok(Written { value: (), request_id: None })
    }

    async fn remove(&self, _: &MemberId) -> Result<Written<()>, AscError> {
        self.take(Kind::RemoveMember).await?;
        Ok(Written { value: (), request_id: None })
    }
}

/// Nobody is in it.
struct Deserted;

impl DirectorySource for Deserted {
    async fn read(&self, _: &Interest) -> Result<DirectorySnapshot, SourceError> {
        Ok(DirectorySnapshot::new(Vec::new(), Vec::new(), Vec::new(), Coverage::Complete))
    }

    async fn recheck(
        &self,
        _: &Interest,
        people: &[PersonId],
        _: &[GroupId],
    ) -> Result<Recheck, SourceError> {
        let people = people.iter().map(|id| (id.clone(), Again::Gone)).collect();
        Ok(Recheck { people, ..Recheck::default() })
    }
}

/// No answer to a write ever comes, and only one of the invitations got through.
struct Losing(Invitation);

impl TeamRead for Losing {
    async fn read(&self, _: &BTreeSet<BundleId>) -> Result<TeamSnapshot, AscError> {
        Ok(TeamSnapshot::new(Vec::new(), vec![self.0.clone()], BTreeMap::new(), Coverage::Complete))
    }

    async fn look(&self, team: TeamSnapshot, _: &BTreeSet<SeatId>) -> TeamSnapshot {
        team
    }

    async fn seats(&self) -> Result<(Vec<Member>, Vec<Invitation>), AscError> {
        Ok((Vec::new(), vec![self.0.clone()]))
    }

    async fn access(&self, _: &MemberId) -> Result<Access, AscError> {
        lost()
    }
}

fn lost<T>() -> Result<T, AscError> {
    Err(AscError::Unknown { text: "connection reset".to_owned().into() })
}

impl TeamWrite for Losing {
    fn key_standing(&self) -> KeyStanding {
        KeyStanding::Writes
    }

    fn key_wrote(&self) {}

    async fn invite(&self, _: &Invitee, _: &Access) -> Result<Written<Sent>, AscError> {
        lost()
    }

    async fn cancel(&self, _: &InvitationId) -> Result<Written<()>, AscError> {
        lost()
    }

    async fn update(&self, _: &MemberId, _: &Access, _: &Access) -> Result<Written<()>, AscError> {
        lost()
    }

    async fn remove(&self, _: &MemberId) -> Result<Written<()>, AscError> {
        lost()
    }
}

/// A journal in memory.
#[derive(Default)]
struct Remembering(Mutex<Ledger>);

impl Book for Remembering {
    fn ledger(&self) -> Arc<Ledger> {
        Arc::new(self.0.lock().expect("no panic").clone())
    }

    fn record(&self, _: Option<&CycleId>, _: &Actor, events: Vec<Event>) -> Result<(), CycleError> {
        let mut ledger = self.0.lock().expect("no panic");
        events.iter().for_each(|event| crate::state::fold(&mut ledger, START, event));
        Ok(())
    }
}

/// A journal that forgets.
struct Forgetful;

impl Book for Forgetful {
    fn ledger(&self) -> Arc<Ledger> {
        Arc::default()
    }

    fn record(&self, _: Option<&CycleId>, _: &Actor, _: Vec<Event>) -> Result<(), CycleError> {
        Ok(())
    }
}

fn operation(at: usize, kind: Kind) -> Operation {
    let email = Address::new(&format!("p{at}@example.com"));
    let access = Access {
        roles: [Role::DEVELOPER].into(),
        all_apps_visible: Some(true),
        provisioning_allowed: Some(false),
        visible_apps: Some([].into()),
    };
    let seat = SeatId::Member(format!("m{at}").into());
    let invites = matches!(kind, Kind::Invite);
    Operation {
        kind,
        person: Some(PersonRef {
            id: format!("p{at}").into(),
            email: Some(email.clone()),
            name: "Ada King".to_owned(),
        }),
        target: if invites { Target::new_invitation() } else { Target::seat(&seat, email.clone()) },
        before: (!invites).then(|| access.clone()),
        after: invites.then_some(access),
        reasons: Vec::new(),
        invitee: invites.then(|| Invitee {
            email,
            first_name: "Ada".to_owned(),
            last_name: "King".to_owned(),
        }),
        replacement: false,
    }
}

fn plan(operations: Vec<Operation>, now: Timestamp) -> Plan {
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        team: "test".to_owned(),
        created_at: now,
        digest: String::new(),
        coverage: PlanCoverage {
            directory: "complete".to_owned(),
            team: "complete".to_owned(),
            problems: vec![],
        },
        summary: Summary::default(),
        operations,
        held: Vec::new(),
        adopted: Vec::new(),
        forecast: Forecast { requests: 0, seconds: 0 },
    };
    plan.digest = crate::plan::digest::of(&plan);
    plan
}

/// The wall clock goes with tokio's paused one.
async fn tick(clock: Clock) {
    const STEP: Duration = Duration::from_millis(20);
    loop {
        tokio::time::sleep(STEP).await;
        clock.advance(STEP);
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_applying_spends_all_that_is_allowed_and_nothing_more() {
    let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let clock = Clock::manual(start);
    let ticking = tokio::spawn(tick(clock.clone()));
    let allowed = 1800;
    let budget = Budget::new(3600, 50, clock.clone(), BudgetState::default());
    let team = Counting { budget, clock: clock.clone(), allowed, seen: Mutex::default() };
    let revocations = (0..150).map(|at| operation(at, Kind::RemoveMember));
    let plan = plan(revocations.chain((150..4000).map(|at| operation(at, Kind::Invite))).collect(), start);
    let policy = crate::plan::tests::world::policy();
    let directory = DirectorySnapshot::new(Vec::new(), Vec::new(), Vec::new(), Coverage::Complete);
    let (metrics, cancel) = (Metrics::new(), CancellationToken::new());
    let applier = Applier {
        source: &Deserted,
        team: &team,
        book: &Forgetful,
        policy: &policy,
        interest: &Interest::default(),
        directory: &directory,
        metrics: &metrics,
        cancel: &cancel,
        actor: &Actor::Daemon,
        cycle: &CycleId("c".to_owned()),
        progress: &|_, _| {},
    };
    let unfinished = tokio::time::timeout(HOUR, applier.apply(&plan)).await;
    ticking.abort();
    assert!(unfinished.is_err(), "4,000 writes do not fit into an hour");
    let seen = team.seen.lock().expect("no panic");
    let sent = seen.writes.len();
    assert!(sent * 100 >= allowed * 99 && sent <= allowed, "{sent} of {allowed}");
    assert_eq!(seen.refused, 0, "requests beyond the allowed hour");
    assert!((2..=CONCURRENCY).contains(&seen.most_in_flight), "{} at once", seen.most_in_flight);
    let removed = seen.writes.iter().take_while(|(_, kind)| *kind == Kind::RemoveMember).count();
    assert_eq!((removed, seen.overtaken), (150, false), "revocations come first");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_cycle_left_open_settles_nothing_of_this_plan() {
    let (before, now) = (operation(1, Kind::Invite), operation(2, Kind::Invite));
    let got_through = Invitation {
        id: "n-1".into(),
        email: Address::new("p1@example.com"),
        first_name: None,
        last_name: None,
        expires: None,
        access: before.after.clone().expect("access"),
    };
    let book = Remembering::default();
    let left_open = Event::Intent {
        intent: IntentId("earlier".to_owned()),
        plan: "sha256:1".to_owned(),
        operation: before,
    };
    book.record(None, &Actor::Daemon, vec![left_open]).expect("recorded");
    let policy = crate::plan::tests::world::policy();
    let directory = DirectorySnapshot::new(Vec::new(), Vec::new(), Vec::new(), Coverage::Complete);
    let (metrics, cancel) = (Metrics::new(), CancellationToken::new());
    let applier = Applier {
        source: &Deserted,
        team: &Losing(got_through),
        book: &book,
        policy: &policy,
        interest: &Interest::default(),
        directory: &directory,
        metrics: &metrics,
        cancel: &cancel,
        actor: &Actor::Daemon,
        cycle: &CycleId("c".to_owned()),
        progress: &|_, _| {},
    };
    let applied = applier.apply(&plan(vec![now], START)).await.expect("written down");
    assert_eq!((applied.done.unknown, applied.done.applied), (1, 0), "{applied:?}");
    let open = book.ledger().open_intents.len();
    assert_eq!(open, 2, "both are for the next cycle, which reads everything");
}
