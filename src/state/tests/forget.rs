//! Erasure requests, and exports for a support case.

use super::*;
use crate::model::event::{Departure, IntentId, LinkBy, Outcome};
use crate::model::id::{Address, SeatId};
use crate::model::operation::{Held, Hold, HoldReason, Invitee, Kind, Operation, PersonRef, Target};
use crate::state::forget::{ForgetError, find, forget};

fn person(id: &str, email: &str, name: &str) -> PersonRef {
    PersonRef { id: id.into(), email: Some(Address::new(email)), name: name.to_owned() }
}

fn invitation(who: &PersonRef) -> Operation {
    let mut names = who.name.split(' ').map(ToOwned::to_owned);
    Operation {
        kind: Kind::Invite,
        target: Target::new_invitation(),
        before: None,
        after: None,
        reasons: vec![format!("{} joined", who.name)],
        invitee: Some(Invitee {
            email: who.email.clone().unwrap(),
            first_name: names.next().unwrap(),
            last_name: names.next().unwrap(),
        }),
        person: Some(who.clone()),
        replacement: false,
    }
}

fn linked(who: &PersonRef, seat: &str) -> Event {
    let name = who.email.clone().unwrap();
    let seat = SeatId::Member(seat.into());
    Event::Linked { person: who.clone(), seat, by: LinkBy::Address, name, access: None, expires: None }
}

fn held(operation: Operation, detail: &str) -> Event {
    let hold = Hold::new(HoldReason::Conflict, detail);
    Event::HeldBack { plan: "sha256:0".to_owned(), held: Held { operation, hold } }
}

/// Two people of one first name, one of whom came and went; several segments of it.
fn peopled() -> World {
    let world = World::new();
    let ada = person("p-1", "Ada@Example.com", "Ada King");
    let other = person("p-10", "x.ada@example.com", "Ada Lovelace");
    let intent = IntentId("i-1".to_owned());
    let events = [
        Event::Intent { intent: intent.clone(), plan: "sha256:0".to_owned(), operation: invitation(&ada) },
        Event::Outcome {
            intent,
            outcome: Outcome::Failed { error: "409: ada@example.com has one (Ada King)".to_owned() },
            request_id: None,
        },
        Event::AccountMapped {
            address: Address::new("ada@example.com"),
            apple_account: Address::new("countess@example.org"),
        },
        linked(&ada, "m-1"),
        linked(&other, "m-10"),
        held(invitation(&other), "ada@example.com is an address of Ada King too"),
        Event::AbsenceSeen { person: "p-1".into(), departure: Departure::Deleted },
        Event::Unlinked { person: "p-1".into() },
    ];
    for event in events {
        let (state, _) =
            State::open(&world.dir(), OpenOptions { segment_bytes: 700, ..world.options() }).unwrap();
        state.record(None, &Actor::Daemon, vec![event]).unwrap();
    }
    world
}

fn everything(world: &World) -> String {
    let mut text = String::new();
    for number in 1.. {
        let Ok(segment) = fs::read_to_string(world.segment(number)) else { break };
        text.push_str(&segment);
    }
    text
}

fn forget_now(world: &World, who: &str) -> super::super::Forgotten {
    let known = find(&world.dir(), who).unwrap();
    forget(&world.dir(), &known, &Actor::User(7), world.options()).unwrap()
}

#[test]
fn a_forgotten_person_is_named_nowhere_and_the_chain_holds() {
    for who in ["p-1", "ADA@example.com", "countess@example.org"] {
        let world = peopled();
        if who.starts_with("countess") {
            // Only the pair names it: it is nobody's by itself.
            assert_eq!(find(&world.dir(), who).unwrap().id, None);
            continue;
        }
        fs::write(world.dir().join("journal/torn-00000001-000000000001"), "Ada King").unwrap();
        let before = verify(&world.dir()).unwrap();
        assert!(before.segments > 2, "{before:?}");
        let forgotten = forget_now(&world, who);
        let text = everything(&world);
        for gone in
            ["ada king", "\"ada@example.com", " ada@example.com", "\"p-1\"", ":p-1:", "countess", "\"King\""]
        {
            assert!(!text.to_lowercase().contains(&gone.to_lowercase()), "{who}: {gone}\n{text}");
        }
        for kept in ["p-10", "x.ada@example.com", "Ada Lovelace", "m-10"] {
            assert!(text.contains(kept), "{who}: {kept}\n{text}");
        }
        assert!(text.contains(&forgotten.pseudonym));
        let after = verify(&world.dir()).unwrap();
        assert_eq!((after.records, Some(after.head.seq)), (before.records + 1, forgotten.seq));
        assert!(
            !world.dir().join("sled").exists()
                && !world.dir().join("journal/torn-00000001-000000000001").exists()
        );
        // The records stay readable, and what they say of others stays in force.
        let (state, _) = world.open().unwrap();
        let ledger = state.ledger();
        assert_eq!(ledger.links.keys().map(ToString::to_string).collect::<Vec<_>>(), ["p-10"]);
        let link = ledger.links.values().next().unwrap();
        assert_eq!((link.name.as_str(), link.person.name.as_str()), ("x.ada@example.com", "Ada Lovelace"));
        drop(state);
        assert!(matches!(find(&world.dir(), who), Err(ForgetError::Nobody(_))));
    }
}

#[test]
fn what_was_written_before_is_still_named_by_its_successor() {
    let world = peopled();
    let hashes = |text: &str| -> Vec<(u64, Hash)> {
        let records = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
        records.map(|record| (record.seq, record.was.unwrap_or(record.hash))).collect()
    };
    let before = hashes(&everything(&world));
    forget_now(&world, "p-1");
    let after = hashes(&everything(&world));
    assert_eq!(
        after[..before.len()],
        before[..],
        "whoever kept the old hashes can hold the journal against them"
    );
    // And again, for somebody whom records of the first name as well.
    let other = find(&world.dir(), "p-10");
    assert!(other.is_ok(), "{other:?}");
    let (state, _) = world.open().unwrap();
    state.record(None, &Actor::Daemon, vec![Event::Unlinked { person: "p-10".into() }]).unwrap();
    drop(state);
    forget_now(&world, "x.ada@example.com");
    verify(&world.dir()).unwrap();
    let last = hashes(&everything(&world));
    assert_eq!(last[..after.len()], after[..]);
    assert!(!everything(&world).contains("Lovelace"));
}

#[test]
fn a_record_that_only_pretends_to_be_an_erasure_is_an_edited_one() {
    let world = peopled();
    forget_now(&world, "p-1");
    let number =
        (1..).find(|number| world.lines(*number).iter().any(|line| line.contains("\"was\""))).unwrap();
    let good = fs::read_to_string(world.segment(number)).unwrap();
    let mut lines = world.lines(number);
    let at = lines.iter().position(|line| line.contains("\"was\"")).unwrap();
    let body = lines[at].replace("forgotten-", "somebody-").replace('\n', "");
    lines[at] = String::from_utf8(super::super::chain::reseal(body.as_bytes())).unwrap() + "\n";
    fs::write(world.segment(number), lines.concat()).unwrap();
    let (_, line, kind) = flaw(verify(&world.dir()).unwrap_err());
    assert_eq!(line, at + 1);
    assert!(matches!(kind, FlawKind::Unaccounted { .. }), "{kind}");
    fs::write(world.segment(number), good).unwrap();
    verify(&world.dir()).unwrap();
}

#[test]
fn a_journal_that_was_rewritten_half_way_is_good_and_done_again() {
    let world = peopled();
    let old: Vec<_> = (1..).map_while(|number| fs::read(world.segment(number)).ok()).collect();
    let first = forget_now(&world, "p-1");
    // A power cut after the record and the first segments: the others are as they were.
    for (index, bytes) in old.iter().enumerate().take(old.len() - 1).skip(1) {
        fs::write(world.segment(u32::try_from(index + 1).unwrap()), bytes).unwrap();
    }
    verify(&world.dir()).unwrap();
    let second = forget_now(&world, "p-1");
    verify(&world.dir()).unwrap();
    assert_ne!(first.pseudonym, second.pseudonym);
    assert!(!everything(&world).contains("Ada King"));
}

#[test]
fn whoever_has_a_seat_or_cannot_be_told_from_another_is_not_forgotten() {
    let world = peopled();
    let known = find(&world.dir(), "p-10").unwrap();
    let refused = forget(&world.dir(), &known, &Actor::User(7), world.options()).unwrap_err();
    assert!(matches!(refused, ForgetError::HasSeat { .. }), "{refused}");
    assert!(refused.hint().unwrap().contains("rosterd unlink x.ada@example.com"), "{refused}");

    let (state, _) = world.open().unwrap();
    let namesake = person("p-7", "ada@example.com", "Ada Byron");
    state.record(None, &Actor::Daemon, vec![Event::PersonChanged { person: namesake }]).unwrap();
    drop(state);
    let several = find(&world.dir(), "ada@example.com").unwrap_err().to_string();
    assert!(several.contains("Ada King (p-1)") && several.contains("Ada Byron (p-7)"), "{several}");
    assert!(matches!(find(&world.dir(), "nobody@example.com"), Err(ForgetError::Nobody(_))));

    // A write that may have reached them is settled first.
    let grace = person("p-9", "grace@example.com", "Grace Hopper");
    let (state, _) = world.open().unwrap();
    let (intent, plan) = (IntentId("i-2".to_owned()), "sha256:0".to_owned());
    state
        .record(None, &Actor::Daemon, vec![Event::Intent { intent, plan, operation: invitation(&grace) }])
        .unwrap();
    let busy = forget(&world.dir(), &find(&world.dir(), "p-9").unwrap(), &Actor::User(7), world.options());
    assert!(matches!(busy, Err(ForgetError::State(StateError::Locked { .. }))), "{busy:?}");
    drop(state);
    let open = forget(&world.dir(), &find(&world.dir(), "p-9").unwrap(), &Actor::User(7), world.options());
    assert!(matches!(open, Err(ForgetError::Unsettled(_))), "{open:?}");
}

#[test]
fn a_redacted_export_has_ids_and_no_name_and_is_not_taken_in() {
    let world = peopled();
    let (state, _) = world.open().unwrap();
    let account = Event::AccountMapped {
        address: Address::new("x.ada@example.com"),
        apple_account: Address::new("lovelace@example.org"),
    };
    state.record(None, &Actor::Daemon, vec![account]).unwrap();
    let mut export = Vec::new();
    let count = state.export(&mut export).unwrap();
    let mut redacted = Vec::new();
    redact(&export, &mut redacted).unwrap();
    let text = String::from_utf8(redacted.clone()).unwrap();
    // The digits of a pseudonym may spell "ada", in lower case and by themselves.
    for gone in ["Ada", "ada@", "King", "king", "Lovelace", "lovelace", "example.com", "example.org"] {
        assert!(!text.contains(gone), "{gone}\n{text}");
    }
    for kept in ["p-10", "m-10", "address-", "name-"] {
        assert!(text.contains(kept), "{kept}\n{text}");
    }
    assert_eq!(text.lines().count(), count + 2);
    // One address is one pseudonym, wherever it stands.
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let link = lines.iter().find(|line| line["kind"] == "link").unwrap();
    assert_eq!(link["link"]["name"], link["link"]["person"]["email"]);
    assert!(lines.iter().any(|line| line["kind"] == "account" && line["address"] == link["link"]["name"]));
    let error = state.import(&Actor::User(7), &redacted[..]).unwrap_err().to_string();
    assert!(error.contains("--redact"), "{error}");
    let mut again = Vec::new();
    redact(&export, &mut again).unwrap();
    assert_ne!(again, redacted, "pseudonyms of two exports cannot be compared");
}
