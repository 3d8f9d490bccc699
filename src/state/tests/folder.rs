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
