use super::*;
use crate::model::event::IntentId;
use crate::model::id::Address;
use crate::model::operation::{Kind, Operation, Target};

fn intent(id: &str) -> Event {
    let target = Target::seat(&crate::model::SeatId::Member("m-1".into()), Address::new("ada@example.com"));
    let (person, before, after, invitee) = (None, None, None, None);
    let operation = Operation {
        kind: Kind::RemoveMember,
        person,
        target,
        before,
        after,
        reasons: vec![],
        invitee,
        replacement: false,
    };
    Event::Intent { intent: IntentId(id.to_owned()), plan: "sha256:1".to_owned(), operation }
}

fn exported(state: &State) -> Vec<u8> {
    let mut out = Vec::new();
    state.export(&mut out).unwrap();
    out
}

/// A ledger with something in every place.
fn rich() -> World {
    let world = World::filled(2);
    let (state, _) = world.open().unwrap();
    let ada = Address::new("Ada@example.com");
    let account =
        Event::AccountMapped { address: ada.clone(), apple_account: Address::new("ada@example.net") };
    let outcome = Event::Outcome {
        intent: IntentId("i-0".to_owned()),
        outcome: crate::model::Outcome::Applied { seat: None, expires: None },
        request_id: Some("r-1".to_owned()),
    };
    let approved =
        Event::Approved { digest: "sha256:1".to_owned(), entries: vec![], expires: Timestamp::MAX };
    let guarded = Event::GuardTripped {
        digest: "sha256:1".to_owned(),
        guards: vec!["removals_max".to_owned()],
        entries: vec![],
    };
    let spent = Event::PlanSpent { digest: "sha256:0".to_owned(), created_at: Timestamp::UNIX_EPOCH };
    let adopted =
        Event::Adopted { seat: crate::model::SeatId::Member("m-7".into()), name: ada, person: None };
    let events =
        vec![account, intent("i-0"), outcome, approved, guarded, spent, adopted, finished(12), intent("i-1")];
    state.record(None, &Actor::Daemon, events).unwrap();
    world
}

#[test]
fn a_ledger_moves_to_another_machine() {
    let (here, there) = (rich(), World::new());
    let (state, _) = here.open().unwrap();
    let text = exported(&state);
    assert!(text.starts_with(b"{\"schema\":\"rosterd.state/1\""));
    let (moved, _) = there.open().unwrap();
    assert_eq!(moved.import(&Actor::User(7), &text[..]).unwrap(), 1);
    assert_eq!(moved.ledger(), state.ledger());
    drop(moved);
    let (moved, notices) = there.open().unwrap();
    assert_eq!((notices, moved.ledger()), (vec![], state.ledger()));
    assert_eq!(verify(&there.dir()).unwrap().records, 2);
}

#[test]
fn an_import_forgets_no_write_whose_outcome_is_unknown() {
    let (here, there) = (World::filled(1), rich());
    let text = exported(&here.open().unwrap().0);
    let (state, _) = there.open().unwrap();
    let before = state.ledger();
    let error = state.import(&Actor::User(7), &text[..]).unwrap_err();
    assert!(matches!(error, StateError::OpenIntents { count: 1 }), "{error}");
    assert_eq!(state.ledger(), before);
    let own = exported(&state);
    state.import(&Actor::User(7), &own[..]).unwrap();
    assert_eq!(state.ledger(), before);
}

#[test]
fn half_an_export_or_another_file_is_refused_with_its_line() {
    let text = String::from_utf8(exported(&rich().open().unwrap().0)).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = |gone: usize| [&lines[..gone], &lines[gone + 1..]].concat().concat();
    let cases = [
        ("empty", String::new(), 1),
        ("another file", "{\"users\":[]}\n".to_owned(), 1),
        ("another schema", text.replace("state/1", "state/2"), 1),
        ("no end", lines[..lines.len() - 1].concat(), lines.len()),
        ("a line lost", without(2), lines.len() - 1),
        ("an unknown kind", text.replacen("\"absence\"", "\"absent\"", 1), 4),
    ];
    let world = World::filled(1);
    let (state, _) = world.open().unwrap();
    for (what, text, expected) in cases {
        let error = state.import(&Actor::Daemon, text.as_bytes()).unwrap_err();
        assert!(matches!(error, StateError::Import { line, .. } if line == expected), "{what}: {error}");
    }
    assert_eq!(people(&state), ["p-0"]);
}

#[test]
fn check_says_what_would_have_to_be_rebuilt_and_changes_nothing() {
    let report = |world: &World| check(&world.dir(), Duration::ZERO).unwrap();
    let world = World::filled(2);
    assert!(report(&world).is_good());
    assert!(report(&world).size_bytes > 0);

    super::cache::replace_by_a_folder(&world.dir().join("sled"));
    for _ in 0..2 {
        let found = report(&world);
        assert!(matches!(found.cache, CacheHealth::Damaged(_)), "{found:?}");
        assert!(matches!(found.journal, JournalHealth::Good(_)));
    }
    fs::remove_dir_all(world.dir().join("sled")).unwrap();
    assert_eq!(report(&world).cache, CacheHealth::Missing);

    let whole = fs::read_to_string(world.segment(1)).unwrap();
    fs::write(world.segment(1), format!("{whole}{{")).unwrap();
    assert!(matches!(report(&world).journal, JournalHealth::Torn(_)));
    fs::write(world.segment(1), whole.replace("p-0", "p-9")).unwrap();
    let JournalHealth::Damaged { problem, hint } = report(&world).journal else {
        panic!("an edit was not noticed")
    };
    assert!(problem.contains("00000001.jsonl:2") && !hint.is_empty(), "{problem}");
    fs::remove_dir_all(world.dir().join("journal")).unwrap();
    assert_eq!(report(&world).journal, JournalHealth::Missing);

    let (_state, _) = world.open().unwrap();
    assert!(check(&world.dir(), Duration::ZERO).unwrap_err().is_locked());
}
