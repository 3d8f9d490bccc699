use super::*;

#[test]
fn the_chain_goes_on_across_segments() {
    let world = World::chopped(5);
    let verified = verify(&world.dir()).unwrap();
    // Five records, each but the first after a new checkpoint.
    assert_eq!((verified.segments, verified.records), (5, 10));
    let (state, _) = world.open().unwrap();
    assert_eq!(people(&state), ["p-0", "p-1", "p-2", "p-3", "p-4"]);
    assert_eq!(state.head(), verified.head);
    let before: Vec<_> = world.lines(1);
    let first = &world.lines(2)[0];
    let last: Record = serde_json::from_str(before.last().unwrap()).unwrap();
    let next: Record = serde_json::from_str(first).unwrap();
    assert_eq!(next.prev, last.hash);
    assert!(matches!(next.event, Event::Checkpoint { .. }));
}

#[test]
fn a_segment_in_between_is_missed_and_so_is_the_oldest() {
    for (gone, found) in [(2, "00000003.jsonl"), (1, "00000002.jsonl")] {
        let world = World::chopped(4);
        fs::remove_file(world.segment(gone)).unwrap();
        let expected = (found.to_owned(), 1, FlawKind::SegmentMissing { name: segment::name(gone) });
        assert_eq!(flaw(verify(&world.dir()).unwrap_err()), expected);
        assert_eq!(flaw(world.open().unwrap_err()), expected);
    }
}

#[test]
fn the_newest_segment_is_missed() {
    let world = World::chopped(4);
    fs::remove_file(world.segment(4)).unwrap();
    let expected = ("00000003.jsonl".to_owned(), 1, FlawKind::Truncated { written: 8, found: 6 });
    assert_eq!(flaw(verify(&world.dir()).unwrap_err()), expected);
    assert_eq!(flaw(world.open().unwrap_err()), expected);
}

#[test]
fn an_older_segment_cut_short_is_found_by_verify() {
    let world = World::chopped(4);
    let lines = world.lines(2);
    fs::write(world.segment(2), &lines[0]).unwrap();
    let kind = FlawKind::OutOfOrder { expected: 4, found: 5 };
    assert_eq!(flaw(verify(&world.dir()).unwrap_err()), ("00000003.jsonl".to_owned(), 1, kind));
    fs::write(world.segment(2), format!("{}{}", lines[0], &lines[1][..40])).unwrap();
    let expected = ("00000002.jsonl".to_owned(), 2, FlawKind::NotARecord);
    assert_eq!(flaw(verify(&world.dir()).unwrap_err()), expected);
}

#[test]
fn a_segment_ends_when_it_is_old() {
    let world = World::filled(1);
    let (state, _) = world.open().unwrap();
    world.clock.advance(Duration::from_secs(29 * 24 * 3600));
    absent(&state, "p-1").unwrap();
    assert!(!world.segment(2).exists());
    world.clock.advance(Duration::from_secs(2 * 24 * 3600));
    absent(&state, "p-2").unwrap();
    assert!(world.segment(2).exists());
    assert_eq!(people(&state), ["p-0", "p-1", "p-2"]);
}

#[test]
fn segments_older_than_the_retention_go_and_the_chain_still_holds() {
    let world = World::new();
    let options =
        || OpenOptions { segment_bytes: 1, retention: SignedDuration::from_hours(48), ..world.options() };
    let (state, _) = State::open(&world.dir(), options()).unwrap();
    for number in 0..6 {
        absent(&state, &format!("p-{number}")).unwrap();
        world.clock.advance(Duration::from_secs(24 * 3600));
    }
    // Records of the last two days stay, and the segment that the first of them is in.
    assert!(!world.segment(2).exists());
    assert!(world.segment(4).exists());
    let ledger = state.ledger();
    assert_eq!(people(&state).len(), 6);
    let verified = verify(&world.dir()).unwrap();
    assert!(verified.first > 1);
    drop(state);

    world.clock.advance(Duration::from_secs(10 * 24 * 3600));
    let (state, notices) = State::open(&world.dir(), options()).unwrap();
    assert!(matches!(notices[..], [Notice::Purged { .. }]), "{notices:?}");
    assert_eq!(state.ledger(), ledger);
    assert_eq!(verify(&world.dir()).unwrap().segments, 1);
    absent(&state, "p-6").unwrap();
    assert_eq!(people(&state).len(), 7);
}

#[test]
fn a_kill_between_two_steps_of_a_roll_or_a_purge_loses_nothing() {
    let world = World::chopped(3);
    // While a segment is made: a draft of any length.
    fs::write(world.dir().join("journal/00000004.new"), "{\"schema\":").unwrap();
    // After it was made, before HEAD was written.
    let head = world.dir().join("journal/HEAD");
    let before = fs::read(&head).unwrap();
    let (state, _) = State::open(&world.dir(), OpenOptions { segment_bytes: 1, ..world.options() }).unwrap();
    absent(&state, "p-3").unwrap();
    drop(state);
    fs::write(&head, before).unwrap();
    fs::write(world.segment(4), &world.lines(4)[0]).unwrap();
    let (state, notices) = world.open().unwrap();
    assert_eq!(notices, []);
    assert_eq!(people(&state), ["p-0", "p-1", "p-2"]);
    assert!(!world.dir().join("journal/00000004.new").exists());
    drop(state);
    // After HEAD said that the first two were deleted, before they were.
    let text = fs::read_to_string(&head).unwrap();
    fs::write(&head, text.replace("\"first\":1", "\"first\":3")).unwrap();
    assert_eq!(verify(&world.dir()).unwrap().segments, 4);
    let (state, notices) = world.open().unwrap();
    assert_eq!((notices, people(&state).len()), (vec![], 3));
}
