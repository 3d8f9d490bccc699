use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_was_recorded_is_there_after_opening_again() {
    let world = World::new();
    let (state, notices) = world.open().unwrap();
    assert_eq!(notices, []);
    assert_eq!(*state.ledger(), Ledger::default());
    absent(&state, "p-1").unwrap();
    state.record(None, &Actor::User(7), vec![absence("p-2"), finished(41)]).unwrap();
    let (ledger, head) = (state.ledger(), state.head());
    assert_eq!(head.seq, 4);
    drop(state);

    let (state, notices) = world.open().unwrap();
    assert_eq!(notices, []);
    assert_eq!((state.ledger(), state.head()), (ledger, head));
    assert_eq!(people(&state), ["p-1", "p-2"]);
    assert_eq!(state.ledger().scope_baseline, Some(41));
}

#[test]
fn everything_made_is_private() {
    let world = World::filled(1);
    let (state, _) = world.open().unwrap();
    state.put_note(Note::Daemon, &1);
    assert_eq!(mode(&world.dir()), 0o700);
    assert_eq!(mode(&world.dir().join("journal")), 0o700);
    assert_eq!(mode(&world.dir().join("sled")), 0o700);
    for file in ["LOCK", "journal/HEAD", "journal/00000001.jsonl"] {
        assert_eq!(mode(&world.dir().join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_folder_others_may_enter_is_refused_with_the_cure() {
    let world = World::filled(1);
    for bits in [0o710, 0o701, 0o755, 0o770] {
        fs::set_permissions(world.dir(), fs::Permissions::from_mode(bits)).unwrap();
        for error in
            [world.open().unwrap_err(), State::open_read_only(&world.dir(), world.options()).unwrap_err()]
        {
            assert!(error.is_configuration(), "{error}");
            assert!(error.hint().unwrap().contains("chmod 700"), "{error}");
        }
    }
}

#[test]
fn a_second_process_is_told_that_the_state_is_in_use() {
    let world = World::filled(1);
    let (state, _) = world.open().unwrap();
    assert!(world.open().unwrap_err().is_locked());
    assert!(State::open_read_only(&world.dir(), world.options()).unwrap_err().is_locked());
    drop(state);
    world.open().unwrap();
}

#[test]
fn a_folder_that_cannot_be_used_is_named_in_one_line() {
    let world = World::new();
    fs::write(world.dir(), "a file").unwrap();
    let error = world.open().unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", world.dir().display())), "{error}");
    assert!(!error.to_string().contains('\n'));
}

#[test]
fn a_state_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let world = World::new();
    let (state, _) = world.open().unwrap();
    shared(&state);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let state = &state;
            scope.spawn(move || {
                for number in 0..25 {
                    absent(state, &format!("p-{thread}-{number}")).unwrap();
                }
            });
        }
    });
    assert_eq!((state.records_total(), people(&state).len()), (101, 100));
    assert_eq!(verify(&world.dir()).unwrap().head, state.head());
}
