use super::*;

const FIRST: &str = "00000001.jsonl";

/// What verify and open say of a journal of a checkpoint and five records, the fourth line to the sixth handed to `spoil`.
fn check(what: &str, spoil: impl Fn(&mut Vec<String>), expected: (usize, FlawKind)) {
    let world = World::filled(5);
    let mut lines = world.lines(1);
    assert_eq!(lines.len(), 6);
    spoil(&mut lines);
    fs::write(world.segment(1), lines.concat()).unwrap();
    let expected = (FIRST.to_owned(), expected.0, expected.1);
    assert_eq!(flaw(verify(&world.dir()).unwrap_err()), expected, "verify: {what}");
    assert_eq!(flaw(world.open().unwrap_err()), expected, "open: {what}");
    let looked = State::open_read_only(&world.dir(), world.options());
    assert_eq!(flaw(looked.unwrap_err()), expected, "open to look: {what}");
}

#[test]
fn every_edit_drop_swap_and_truncation_is_found() {
    let edit = |lines: &mut Vec<String>, at: usize| lines[at] = lines[at].replace("deleted", "disabled");
    check("edited", |lines| edit(lines, 3), (4, FlawKind::Edited));
    check("first edited", |lines| lines[0] = lines[0].replace("daemon", "nobody"), (1, FlawKind::Edited));
    check("last edited", |lines| edit(lines, 5), (6, FlawKind::Edited));
    check("dropped", |lines| drop(lines.remove(3)), (4, FlawKind::OutOfOrder { expected: 4, found: 5 }));
    check("swapped", |lines| lines.swap(2, 3), (3, FlawKind::OutOfOrder { expected: 3, found: 4 }));
    check(
        "doubled",
        |lines| lines.insert(3, lines[2].clone()),
        (4, FlawKind::OutOfOrder { expected: 4, found: 3 }),
    );
    check("emptied", |lines| lines[3] = "\n".to_owned(), (4, FlawKind::NotARecord));
    check("put in", |lines| lines.insert(3, "{}\n".to_owned()), (4, FlawKind::NotARecord));
    check("last dropped", |lines| lines.truncate(5), (1, FlawKind::Truncated { written: 6, found: 5 }));
    check(
        "all but one dropped",
        |lines| lines.truncate(1),
        (1, FlawKind::Truncated { written: 6, found: 1 }),
    );
    check("all dropped", Vec::clear, (1, FlawKind::NotARecord));
    check(
        "beginning dropped",
        |lines| drop(lines.remove(0)),
        (1, FlawKind::OutOfOrder { expected: 1, found: 2 }),
    );
    check("last cut", |lines| lines[5].truncate(50), (6, FlawKind::NotARecord));
}

#[test]
fn a_record_edited_with_its_hash_no_longer_fits_its_neighbours() {
    let reseal = |line: &str| {
        let edited = line.replace("deleted", "deactivated");
        let record: serde_json::Value = serde_json::from_str(&edited).unwrap();
        let body = &edited[..edited.rfind(",\"hash\"").unwrap()];
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
        let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        edited.replace(record["hash"].as_str().unwrap(), &hex)
    };
    check("in the middle", |lines| lines[3] = reseal(&lines[3]), (5, FlawKind::OtherPredecessor));
    check("at the end", |lines| lines[5] = reseal(&lines[5]), (6, FlawKind::OtherHead { seq: 6 }));
}

#[test]
fn a_journal_that_is_gone_altogether_is_missed() {
    let world = World::filled(2);
    fs::remove_file(world.segment(1)).unwrap();
    let expected = ("HEAD".to_owned(), 1, FlawKind::Truncated { written: 3, found: 0 });
    assert_eq!(flaw(verify(&world.dir()).unwrap_err()), expected);
    assert_eq!(flaw(world.open().unwrap_err()), expected);
}

#[test]
fn records_without_a_head_are_refused_until_somebody_accepts_them() {
    for spoil in [|path: &Path| fs::remove_file(path), |path: &Path| fs::write(path, "{")] {
        let world = World::filled(2);
        spoil(&world.dir().join("journal/HEAD")).unwrap();
        let found = flaw(verify(&world.dir()).unwrap_err());
        assert_eq!(found, ("HEAD".to_owned(), 1, FlawKind::NoHead));
        assert_eq!(flaw(world.open().unwrap_err()), found);
        let head = accept_history(&world.dir(), &Actor::User(0), world.options()).unwrap();
        assert_eq!(head.seq, 3);
        let (state, notices) = world.open().unwrap();
        assert_eq!(
            (notices.as_slice(), state.head().seq),
            (&[] as &[Notice], 4),
            "that it was accepted is on record"
        );
        assert_eq!(verify(&world.dir()).unwrap().records, 4);
    }
}

#[test]
fn verify_counts_what_is_whole_beside_a_running_daemon() {
    let world = World::new();
    let (state, _) = world.open().unwrap();
    absent(&state, "p-1").unwrap();
    let verified = verify(&world.dir()).unwrap();
    assert_eq!((verified.records, verified.first, verified.segments), (2, 1, 1));
    assert_eq!((verified.head, verified.torn_bytes), (state.head(), 0));
}

#[test]
fn a_journal_of_a_newer_version_is_refused_by_name() {
    let world = World::filled(1);
    let text = fs::read_to_string(world.segment(1)).unwrap();
    fs::write(world.segment(1), text.replace("rosterd.journal/1", "rosterd.journal/2")).unwrap();
    for error in [world.open().unwrap_err(), verify(&world.dir()).unwrap_err()] {
        assert!(
            matches!(&error, StateError::NewerSchema { found, .. } if found == "rosterd.journal/2"),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
}

/// Ends the journal as a power cut would: `HEAD` may be as old as the last cycle, the last record as short as one byte.
fn tear(world: &World, head: &[u8], tail: &[u8], keep: usize) {
    let lines = world.lines(1);
    let mut bytes = lines[..keep].concat().into_bytes();
    bytes.extend_from_slice(tail);
    fs::write(world.segment(1), bytes).unwrap();
    fs::write(world.dir().join("journal/HEAD"), head).unwrap();
}

#[test]
fn a_last_record_cut_at_any_byte_is_repaired() {
    let world = World::filled(2);
    let head = fs::read(world.dir().join("journal/HEAD")).unwrap();
    let (state, _) = world.open().unwrap();
    absent(&state, "p-2").unwrap();
    drop(state);
    // Opening sled for each byte would take most of the time.
    fs::remove_dir_all(world.dir().join("sled")).unwrap();
    let lines = world.lines(1);
    let last = lines[3].as_bytes();
    for cut in 1..last.len() {
        tear(&world, &head, &last[..cut], 3);
        let (looked, notices) = State::open_read_only(&world.dir(), world.options()).unwrap();
        assert!(matches!(&notices[..], [Notice::TailRepaired { kept: None, .. }]), "byte {cut}: {notices:?}");
        assert_eq!(people(&looked), ["p-0", "p-1"], "byte {cut}");
        assert!(looked.record(None, &Actor::Daemon, vec![absence("p-9")]).is_err());
        drop(looked);
        assert_eq!(verify(&world.dir()).unwrap().torn_bytes, cut);

        let (journal, told) = journal_of(&world);
        let [Notice::TailRepaired { bytes, kept: Some(kept), .. }] = &told[..] else { panic!("{told:?}") };
        assert_eq!((*bytes as usize, &fs::read(kept).unwrap()[..]), (cut, &last[..cut]));
        assert_eq!(journal.head().seq, 3, "byte {cut}");
        drop(journal);
        assert_eq!(verify(&world.dir()).unwrap().records, 3, "byte {cut}");
    }
}

fn journal_of(world: &World) -> (Journal, Vec<Notice>) {
    let limits = world.options().limits();
    let (journal, told) = Journal::open(&journal_folder(&world.dir()), limits, world.clock.now()).unwrap();
    (journal, told.notices)
}

#[test]
fn what_a_power_cut_leaves_is_repaired_and_appended_to() {
    let zeros = vec![0; 700];
    let lines = World::filled(4).lines(1);
    let mut half = lines[3].clone().into_bytes();
    half[60..90].fill(0);
    half.extend_from_slice(lines[4].as_bytes());
    for (what, tail) in
        [("zeros", zeros), ("a block of zeros in a batch", half), ("rubbish", b"\xff\xfe{\n".to_vec())]
    {
        let world = World::filled(2);
        let head = fs::read(world.dir().join("journal/HEAD")).unwrap();
        tear(&world, &head, &tail, 3);
        let (state, notices) = world.open().unwrap();
        assert!(matches!(&notices[..], [Notice::TailRepaired { .. }]), "{what}: {notices:?}");
        absent(&state, "p-new").unwrap();
        drop(state);
        let (state, notices) = world.open().unwrap();
        assert_eq!(notices, [], "{what}");
        assert_eq!(people(&state), ["p-0", "p-1", "p-new"], "{what}");
        assert_eq!(verify(&world.dir()).unwrap().records, 4, "{what}");
    }
}

#[test]
fn cut_off_ends_are_kept_but_not_for_ever() {
    let world = World::filled(0);
    for round in 0..12 {
        let (state, _) = world.open().unwrap();
        absent(&state, &format!("p-{round}")).unwrap();
        drop(state);
        let head = fs::read(world.dir().join("journal/HEAD")).unwrap();
        tear(&world, &head, b"{", world.lines(1).len());
    }
    drop(world.open().unwrap());
    let kept = fs::read_dir(world.dir().join("journal")).unwrap();
    let names = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("torn-")).count(), 8);
}
