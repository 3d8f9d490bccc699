//! The fold, as data: events in, what the ledger says out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::Role;
use crate::model::access::Access;
use crate::model::event::{Departure, IntentId, LinkBy, Outcome};
use crate::model::id::SeatId;
use crate::model::ledger::{entry_key, hold_key};
use crate::model::operation::{Held, Hold, HoldReason, Invitee, Kind, Operation, PersonRef, Target};

fn at(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minute)
}

fn member(id: &str) -> SeatId {
    SeatId::Member(id.into())
}

fn invitation(id: &str) -> SeatId {
    SeatId::Invitation(id.into())
}

fn ada() -> PersonRef {
    PersonRef { id: "p-ada".into(), email: Some(mail("Ada@example.com")), name: "Ada King".to_owned() }
}

fn mail(text: &str) -> crate::model::Address {
    crate::model::Address::new(text)
}

fn access(role: &str) -> Access {
    Access {
        roles: [Role::new(role)].into(),
        all_apps_visible: Some(true),
        provisioning_allowed: Some(false),
        visible_apps: Some([].into()),
    }
}

fn operation(kind: Kind, target: Target) -> Operation {
    let (before, after, invitee) = match kind {
        Kind::Invite => {
            let (first_name, last_name) = ("Ada".to_owned(), "King".to_owned());
            (
                None,
                Some(access("DEVELOPER")),
                Some(Invitee { email: mail("Ada@example.com"), first_name, last_name }),
            )
        }
        Kind::UpdateMember => (Some(access("DEVELOPER")), Some(access("SALES")), None),
        Kind::CancelInvitation | Kind::RemoveMember => (Some(access("DEVELOPER")), None, None),
    };
    Operation {
        kind,
        person: Some(ada()),
        target,
        before,
        after,
        reasons: vec![],
        invitee,
        replacement: false,
    }
}

fn invite() -> Operation {
    operation(Kind::Invite, Target::new_invitation())
}

fn cancel(id: &str) -> Operation {
    operation(Kind::CancelInvitation, Target::seat(&invitation(id), mail("ada@example.com")))
}

fn remove(id: &str) -> Operation {
    operation(Kind::RemoveMember, Target::seat(&member(id), mail("ada@icloud.example.com")))
}

fn update(id: &str) -> Operation {
    operation(Kind::UpdateMember, Target::seat(&member(id), mail("ada@icloud.example.com")))
}

fn replacing(operation: Operation) -> Operation {
    Operation { replacement: true, ..operation }
}

fn applied(seat: Option<SeatId>) -> Outcome {
    Outcome::Applied { seat, expires: Some(at(4320)) }
}

/// An intent and its outcome.
fn done(operation: Operation, outcome: Outcome) -> Vec<Event> {
    let intent = IntentId("i-1".to_owned());
    let plan = "sha256:1".to_owned();
    vec![
        Event::Intent { intent: intent.clone(), plan, operation },
        Event::Outcome { intent, outcome, request_id: None },
    ]
}

fn linked(seat: SeatId, by: LinkBy) -> Event {
    let name = mail("ada@icloud.example.com");
    Event::Linked { person: ada(), seat, by, name, access: Some(access("DEVELOPER")), expires: None }
}

fn gone(departure: Departure) -> Event {
    Event::AbsenceSeen { person: "p-ada".into(), departure }
}

/// Folds the events, a minute each, and compares the places of the ledger that `expected` names.
fn check(what: &str, events: &[Vec<Event>], expected: &[(&str, Value)]) {
    let mut ledger = Ledger::default();
    for (minute, event) in events.concat().iter().enumerate() {
        fold(&mut ledger, at(i64::try_from(minute).unwrap()), event);
    }
    let said = serde_json::to_value(&ledger).unwrap();
    for (pointer, value) in expected {
        let found = said.pointer(pointer).cloned().unwrap_or(Value::Null);
        assert_eq!(&found, value, "{what}: {pointer}\n{said:#}");
    }
}

const LINK: &str = "/links/p-ada";
const SEAT: &str = "/links/p-ada/seat";
const SENT: &str = "/links/p-ada/invitations_sent";

fn seat(seat: &SeatId) -> Value {
    serde_json::to_value(seat).unwrap()
}

#[test]
fn an_intent_is_open_until_its_outcome_is_known() {
    let error = || "connection reset".to_owned();
    let closed = [
        applied(Some(invitation("n-1"))),
        Outcome::AlreadySo { seat: Some(member("m-1")) },
        Outcome::AlreadySo { seat: None },
        Outcome::Failed { error: error() },
        Outcome::Withdrawn { detail: error() },
        Outcome::NotApplied { detail: error() },
    ];
    for outcome in closed {
        check("closed", &[done(invite(), outcome)], &[("/open_intents", json!({}))]);
    }
    let unknown = Outcome::Unknown { error: error() };
    check(
        "unknown",
        &[done(invite(), unknown)],
        &[("/open_intents/i-1/plan", json!("sha256:1")), (LINK, Value::Null)],
    );
}

#[test]
fn an_invitation_links_and_counts() {
    check(
        "invited",
        &[done(invite(), applied(Some(invitation("n-1"))))],
        &[
            (SEAT, seat(&invitation("n-1"))),
            (SENT, json!(1)),
            ("/links/p-ada/by", json!("invited")),
            ("/links/p-ada/name", json!("Ada@example.com")),
            ("/links/p-ada/invited_as", json!(["Ada", "King"])),
            ("/links/p-ada/expires", json!(at(4320))),
            ("/links/p-ada/since", json!(at(1))),
            ("/links/p-ada/applied/roles", json!(["DEVELOPER"])),
        ],
    );
    let again = [
        done(invite(), applied(Some(invitation("n-1")))),
        done(replacing(cancel("n-1")), applied(None)),
        done(replacing(invite()), applied(Some(invitation("n-2")))),
    ];
    check(
        "sent again",
        &again,
        &[(SEAT, seat(&invitation("n-2"))), (SENT, json!(2)), ("/revocations", json!([]))],
    );
    check("taken back", &again[..2], &[(SEAT, Value::Null), (SENT, json!(1)), ("/reservations", json!({}))]);
    let less = Operation { after: Some(access("SALES")), ..replacing(invite()) };
    let narrowed = [again[0].clone(), again[1].clone(), done(less, applied(Some(invitation("n-2"))))];
    check("with less", &narrowed, &[("/revocations", json!([at(5)])), (SENT, json!(2))]);
    let answered = [again[0].clone(), vec![linked(member("m-1"), LinkBy::Accepted)]];
    check(
        "accepted",
        &answered,
        &[(SEAT, seat(&member("m-1"))), (SENT, json!(0)), ("/links/p-ada/expires", Value::Null)],
    );
    let vanished = [again[0].clone(), vec![Event::InvitationVanished { person: "p-ada".into() }]];
    check(
        "vanished",
        &vanished,
        &[(SEAT, Value::Null), ("/links/p-ada/awaiting_link", json!(true)), (SENT, json!(1))],
    );
}

/// Sent to another address, the new invitation goes out first, and taking back the old one may fail.
#[test]
fn an_invitation_that_another_took_the_place_of_is_ours_until_it_is_taken_back() {
    let sent = |id: &str| applied(Some(invitation(id)));
    let first = done(invite(), sent("i1"));
    let second = done(replacing(invite()), sent("i2"));
    let mut ledger = Ledger::default();
    for event in first.iter().chain(&second) {
        fold(&mut ledger, at(0), event);
    }
    assert!(ledger.owns(&invitation("i1")) && ledger.owns(&invitation("i2")));
    let left: Vec<_> = ledger.left_behind().map(|(id, person)| (id.as_str(), person.as_str())).collect();
    assert_eq!(left, [("i1", "p-ada")]);
    let mut taken_back = ledger.clone();
    for event in &done(replacing(cancel("i1")), applied(None)) {
        fold(&mut taken_back, at(1), event);
    }
    assert!(!taken_back.owns(&invitation("i1")) && taken_back.owns(&invitation("i2")));
    // An invitation that is no half of a replacement follows one that is gone.
    for event in &done(invite(), sent("i3")) {
        fold(&mut ledger, at(1), event);
    }
    assert!(!ledger.owns(&invitation("i2")));
}

#[test]
fn an_address_that_was_taken_is_adopted() {
    let found = |seat| done(invite(), Outcome::AlreadySo { seat: Some(seat) });
    check(
        "a member",
        &[found(member("m-1"))],
        &[
            (SEAT, seat(&member("m-1"))),
            ("/links/p-ada/by", json!("address")),
            ("/links/p-ada/applied", Value::Null),
            (SENT, json!(0)),
        ],
    );
    check(
        "an invitation",
        &[found(invitation("n-1"))],
        &[(SEAT, seat(&invitation("n-1"))), (SENT, json!(1))],
    );
    let third = [
        done(invite(), applied(Some(invitation("n-1")))),
        found(invitation("n-2")),
        found(invitation("n-3")),
    ];
    check("again and again", &third, &[(SENT, json!(3))]);
}

#[test]
fn a_leaver_leaves_a_reservation_and_nothing_else() {
    let here = vec![linked(member("m-1"), LinkBy::Address), gone(Departure::Deleted)];
    let reserved = |address: &str| format!("/reservations/{address}/person");
    for outcome in [applied(None), Outcome::AlreadySo { seat: None }] {
        check(
            "removed",
            &[here.clone(), done(remove("m-1"), outcome)],
            &[
                ("/links", json!({})),
                ("/absences", json!({})),
                ("/owned", json!({})),
                (&reserved("ada@example.com"), json!("p-ada")),
                (&reserved("ada@icloud.example.com"), json!("p-ada")),
                ("/revocations", json!([at(3)])),
            ],
        );
    }
    let pending = done(invite(), applied(Some(invitation("n-1"))));
    check(
        "cancelled",
        &[pending.clone(), done(cancel("n-1"), applied(None))],
        &[
            ("/links", json!({})),
            (&reserved("ada@example.com"), json!("p-ada")),
            ("/revocations", json!([at(3)])),
        ],
    );
    let accepted = Outcome::AlreadySo { seat: Some(member("m-1")) };
    check(
        "accepted just before",
        &[pending, done(cancel("n-1"), accepted)],
        &[(SEAT, seat(&member("m-1"))), ("/revocations", json!([])), ("/reservations", json!({}))],
    );
    let back = done(invite(), applied(Some(invitation("n-2"))));
    check(
        "back again",
        &[here, done(remove("m-1"), applied(None)), back],
        &[(SEAT, seat(&invitation("n-2"))), (&reserved("ada@example.com"), Value::Null)],
    );
}

#[test]
fn a_seat_nobody_in_the_directory_has_can_be_ours() {
    let adopted = vec![Event::Adopted { seat: member("m-1"), name: mail("old@example.com"), person: None }];
    let nobodys = Operation { person: None, ..remove("m-1") };
    check("adopted", std::slice::from_ref(&adopted), &[("/owned/m-1/name", json!("old@example.com"))]);
    check(
        "disowned",
        &[adopted.clone(), vec![Event::Disowned { seat: member("m-1") }]],
        &[("/owned", json!({}))],
    );
    check(
        "given a person",
        &[adopted.clone(), vec![linked(member("m-1"), LinkBy::Manual)]],
        &[("/owned", json!({})), (SEAT, seat(&member("m-1")))],
    );
    check(
        "removed",
        &[adopted, done(nobodys.clone(), applied(None))],
        &[("/owned", json!({})), ("/revocations", json!([at(2)]))],
    );
    let linked = vec![linked(member("m-1"), LinkBy::Address)];
    check("removed though linked", &[linked.clone(), done(nobodys, applied(None))], &[("/links", json!({}))]);
    check(
        "another seat of theirs",
        &[linked, done(remove("m-2"), applied(None))],
        &[(SEAT, seat(&member("m-1")))],
    );
}

#[test]
fn a_seat_is_one_persons() {
    let bo = PersonRef { id: "p-bo".into(), email: None, name: "Bo".to_owned() };
    let to_bo = Event::Linked {
        person: bo,
        seat: member("m-1"),
        by: LinkBy::Manual,
        name: mail("bo@example.com"),
        access: None,
        expires: None,
    };
    check(
        "moved",
        &[vec![linked(member("m-1"), LinkBy::Address), to_bo]],
        &[(LINK, Value::Null), ("/links/p-bo/seat", seat(&member("m-1")))],
    );
    let unlinked = Event::Unlinked { person: "p-ada".into() };
    check(
        "unlinked",
        &[vec![linked(member("m-1"), LinkBy::Address), gone(Departure::Deleted), unlinked]],
        &[("/links", json!({})), ("/absences", json!({})), ("/reservations", json!({}))],
    );
}

#[test]
fn an_update_is_remembered_and_counts_when_it_narrows() {
    let here = vec![linked(member("m-1"), LinkBy::Address)];
    let widened = Operation {
        before: Some(access("SALES")),
        after: Some(Access { roles: [Role::new("SALES"), Role::ADMIN].into(), ..access("SALES") }),
        ..update("m-1")
    };
    check(
        "narrowed",
        &[here.clone(), done(update("m-1"), applied(Some(member("m-1"))))],
        &[("/links/p-ada/applied/roles", json!(["SALES"])), ("/revocations", json!([at(2)]))],
    );
    check(
        "widened",
        &[here.clone(), done(widened, applied(Some(member("m-1"))))],
        &[("/revocations", json!([]))],
    );
    let missing = Outcome::AlreadySo { seat: None };
    check(
        "gone meanwhile",
        &[here, done(update("m-1"), missing)],
        &[("/links/p-ada/applied/roles", json!(["DEVELOPER"])), ("/revocations", json!([]))],
    );
}

#[test]
fn failures_add_up_until_one_succeeds() {
    let failed = || done(update("m-1"), Outcome::Failed { error: "409".to_owned() });
    let backoff = "/backoffs/person:p-ada/failures";
    check(
        "twice",
        &[failed(), failed()],
        &[(backoff, json!(2)), ("/backoffs/person:p-ada/last", json!(at(3)))],
    );
    let others = [
        Outcome::Unknown { error: String::new() },
        Outcome::Withdrawn { detail: String::new() },
        Outcome::NotApplied { detail: String::new() },
    ];
    for outcome in others {
        check("no success", &[failed(), done(update("m-1"), outcome)], &[(backoff, json!(1))]);
    }
    for outcome in [applied(Some(member("m-1"))), Outcome::AlreadySo { seat: Some(member("m-1")) }] {
        check("success", &[failed(), done(update("m-1"), outcome)], &[("/backoffs", json!({}))]);
    }
}

#[test]
fn an_absence_is_confirmed_by_reads_that_agree() {
    let count = "/absences/p-ada/confirmations";
    let since = "/absences/p-ada/since";
    let (deleted, disabled) = (gone(Departure::Deleted), gone(Departure::Deactivated));
    check("agreed", &[vec![deleted.clone(), deleted.clone()]], &[(count, json!(2)), (since, json!(at(0)))]);
    check(
        "another kind",
        &[vec![deleted.clone(), deleted.clone(), disabled]],
        &[(count, json!(1)), (since, json!(at(2)))],
    );
    let cleared = Event::AbsenceCleared { person: "p-ada".into() };
    check("back", &[vec![deleted.clone(), cleared, deleted]], &[(count, json!(1)), (since, json!(at(2)))]);
}

#[test]
fn approvals_holds_pairs_and_spent_plans_come_and_go() {
    let held = |detail: &str| Held {
        operation: remove("m-1"),
        hold: Hold { reason: HoldReason::Guard, detail: detail.to_owned() },
    };
    let key = hold_key(&remove("m-1"));
    let waits = |detail: &str| Event::HeldBack { plan: "sha256:1".to_owned(), held: held(detail) };
    check("held", &[vec![waits("a"), waits("b")]], &[("/holds", json!({ &key: held("b").hold }))]);
    check("no longer", &[vec![waits("a"), Event::HoldEnded { key }]], &[("/holds", json!({}))]);
    let approved =
        |digest: &str| Event::Approved { digest: digest.to_owned(), entries: vec![], expires: at(1440) };
    let spent = Event::ApprovalSpent { digest: "sha256:1".to_owned() };
    check(
        "approved twice",
        &[vec![approved("sha256:1"), approved("sha256:1")]],
        &[("/approvals/1", Value::Null)],
    );
    check(
        "spent",
        &[vec![approved("sha256:2"), approved("sha256:1"), spent]],
        &[("/approvals/0/digest", json!("sha256:2")), ("/approvals/1", Value::Null)],
    );
    let mapped = Event::AccountMapped {
        address: mail("Ada@Example.com"),
        apple_account: mail("ada@icloud.example.com"),
    };
    let unmapped = Event::AccountUnmapped { address: mail("ada@example.com") };
    check(
        "mapped",
        &[vec![mapped.clone()]],
        &[("/accounts", json!({ "ada@example.com": "ada@icloud.example.com" }))],
    );
    check("unmapped", &[vec![mapped, unmapped]], &[("/accounts", json!({}))]);
    let tripped = (0..10).map(|number| Event::GuardTripped {
        digest: number.to_string(),
        guards: vec![],
        entries: vec![],
    });
    check(
        "the latest sets",
        &[tripped.collect()],
        &[("/guarded/0/digest", json!("2")), ("/guarded/7/digest", json!("9")), ("/guarded/8", Value::Null)],
    );
    let plans = (0..264).map(|number| Event::PlanSpent { digest: number.to_string(), created_at: at(0) });
    check(
        "the latest plans",
        &[plans.collect()],
        &[
            ("/begun_plans/0/0", json!("8")),
            ("/begun_plans/255/0", json!("263")),
            ("/begun_plans/256", Value::Null),
        ],
    );
}

#[test]
fn each_entry_of_an_approval_is_spent_with_its_own_outcome() {
    let key = |operation: &Operation| entry_key(operation);
    let (gone, less) = (remove("m-1"), update("m-2"));
    let approved = |digest: &str, of: &[&Operation]| Event::Approved {
        digest: digest.to_owned(),
        entries: of.iter().copied().map(key).collect(),
        expires: at(1440),
    };
    let both = || vec![approved("sha256:1", &[&gone, &less]), approved("sha256:2", &[&gone])];
    let text = || "told".to_owned();
    let done_with = [
        ("applied", applied(None)),
        ("already so", Outcome::AlreadySo { seat: None }),
        ("beyond doing", Outcome::Withdrawn { detail: text() }),
    ];
    for (what, outcome) in done_with {
        check(
            what,
            &[both(), done(gone.clone(), outcome)],
            &[("/approvals/0/entries", json!([key(&less)])), ("/approvals/1", Value::Null)],
        );
    }
    let without_effect = [
        ("failed", Outcome::Failed { error: text() }),
        ("no effect", Outcome::NotApplied { detail: text() }),
        ("unknown", Outcome::Unknown { error: text() }),
    ];
    for (what, outcome) in without_effect {
        check(
            what,
            &[both(), done(gone.clone(), outcome)],
            &[("/approvals/0/entries/1", json!(key(&less))), ("/approvals/1/entries/0", json!(key(&gone)))],
        );
    }
    let other = Operation { after: Some(access("FINANCE")), ..update("m-2") };
    let changed = done(other, applied(Some(member("m-2"))));
    check("other access", &[both(), changed], &[("/approvals/0/entries/1", json!(key(&less)))]);
    let all = [both(), done(gone.clone(), applied(None)), done(less.clone(), applied(Some(member("m-2"))))];
    check("used up", &all, &[("/approvals", json!([]))]);
}

#[test]
fn a_saved_plan_is_spent_by_the_first_effect_it_has() {
    let begun = |at_minute| Event::PlanSpent { digest: "sha256:1".to_owned(), created_at: at(at_minute) };
    let error = || "refused".to_owned();
    for outcome in [Outcome::Failed { error: error() }, Outcome::NotApplied { detail: error() }] {
        check(
            "nothing took effect",
            &[vec![begun(0)], done(invite(), outcome), vec![begun(7)]],
            &[("/begun_plans", json!([["sha256:1", at(7)]])), ("/spent_plans", json!([]))],
        );
    }
    let once = [vec![begun(0)], done(invite(), applied(Some(invitation("n-1"))))];
    check("applied", &once, &[("/begun_plans", json!([])), ("/spent_plans", json!([["sha256:1", at(0)]]))]);
    let by_itself = done(invite(), applied(Some(invitation("n-1"))));
    check("by a cycle", &[by_itself], &[("/spent_plans", json!([]))]);
}

#[test]
fn the_end_of_a_cycle_tidies_up() {
    let mut ledger = Ledger::default();
    fold(&mut ledger, at(0), &linked(member("m-1"), LinkBy::Address));
    for event in done(remove("m-1"), applied(None)) {
        fold(&mut ledger, at(0), &event);
    }
    fold(&mut ledger, at(0), &Event::Approved { digest: "d".to_owned(), entries: vec![], expires: at(1440) });
    let day = 24 * 60;
    let counts =
        |ledger: &Ledger| (ledger.revocations.len(), ledger.approvals.len(), ledger.reservations.len());
    for (minute, expected) in [(day - 1, (1, 1, 2)), (day + 1, (0, 0, 2)), (400 * day, (0, 0, 0))] {
        fold(&mut ledger, at(minute), &finished(7));
        assert_eq!(counts(&ledger), expected, "after {minute} minutes");
    }
    assert_eq!(ledger.scope_baseline, Some(7));
    let Event::CycleFinished { result, digest, summary, error, .. } = finished(0) else { unreachable!() };
    fold(&mut ledger, at(0), &Event::CycleFinished { result, digest, summary, error, in_scope: None });
    assert_eq!(ledger.scope_baseline, Some(7), "a cycle that does not say keeps it");
}

fn any_event() -> impl Strategy<Value = Vec<Event>> {
    let person = || {
        (0..4_u8).prop_map(|number| PersonRef {
            id: format!("p-{number}").into(),
            email: (number > 0).then(|| mail(&format!("P{number}@example.com"))),
            name: format!("P {number}"),
        })
    };
    let seat = || {
        (0..6_u8, any::<bool>()).prop_map(|(number, joined)| {
            if joined { member(&format!("m-{number}")) } else { invitation(&format!("n-{number}")) }
        })
    };
    let outcome = (seat(), 0..6_u8).prop_map(|(seat, kind)| match kind {
        0 => applied(Some(seat)),
        1 => applied(None),
        2 => Outcome::AlreadySo { seat: Some(seat) },
        3 => Outcome::AlreadySo { seat: None },
        4 => Outcome::Failed { error: "409".to_owned() },
        _ => Outcome::Unknown { error: "timeout".to_owned() },
    });
    let write = (person(), seat(), 0..4_usize, any::<bool>(), outcome).prop_map(
        |(person, seat, kind, replacement, outcome)| {
            let kind = Kind::ALL[kind];
            let target = if kind == Kind::Invite {
                Target::new_invitation()
            } else {
                Target::seat(&seat, mail("x@example.com"))
            };
            done(Operation { person: Some(person), replacement, ..operation(kind, target) }, outcome)
        },
    );
    let link = (person(), seat()).prop_map(|(person, seat)| {
        let name = mail("X@example.com");
        vec![Event::Linked { person, seat, by: LinkBy::Address, name, access: None, expires: None }]
    });
    let other = (person(), seat(), 0..6_u8).prop_map(|(person, seat, kind)| {
        let id = person.id;
        vec![match kind {
            0 => Event::Unlinked { person: id },
            1 => Event::Adopted { seat, name: mail("x@example.com"), person: Some(id) },
            2 => Event::Disowned { seat },
            3 => Event::InvitationVanished { person: id },
            4 => Event::AbsenceSeen { person: id, departure: Departure::OutOfScope },
            _ => finished(3),
        }]
    });
    prop_oneof![3 => write, 2 => link, 2 => other]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What makes it safe to delete old segments: a checkpoint, through its bytes, stands for all that came before.
    #[test]
    fn a_checkpoint_stands_for_everything_before_it(
        events in proptest::collection::vec(any_event(), 0..30),
        cut in any::<proptest::sample::Index>(),
    ) {
        let events = events.concat();
        let cut = cut.index(events.len() + 1);
        let (mut whole, mut parts) = (Ledger::default(), Ledger::default());
        for (minute, event) in events.iter().enumerate() {
            let now = at(i64::try_from(minute).unwrap());
            fold(&mut whole, now, event);
            if minute == cut {
                let text = serde_json::to_string(&Event::Checkpoint { ledger: Box::new(parts) }).unwrap();
                parts = Ledger::default();
                fold(&mut parts, now, &serde_json::from_str(&text).unwrap());
            }
            fold(&mut parts, now, event);
        }
        prop_assert_eq!(&whole, &parts);
        // Ours is one person's or nobody's, never both and never two people's.
        for link in whole.links.values() {
            if let Some(seat) = &link.seat {
                let holders = whole.links.values().filter(|other| other.seat.as_ref() == Some(seat)).count();
                prop_assert_eq!(holders, 1);
                prop_assert!(!whole.owned.contains_key(seat.as_str()) || whole.owned[seat.as_str()].seat != *seat);
            }
        }
    }
}
