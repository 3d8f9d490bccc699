use std::os::unix::fs::FileExt;

use serde_json::json;

use super::*;
use crate::model::team::{Invitation, Member, TeamSnapshot};
use crate::model::{Access, Activity, Attributes, Coverage, DirectorySnapshot, Group, GroupMember, Person};

fn person(id: &str, name: &str) -> Person {
    let mut attributes = Attributes::default();
    attributes.insert("department", json!("Mobile"));
    Person {
        id: id.into(),
        user_name: Some(name.into()),
        addresses: crate::model::Addresses::new(
            [crate::model::Address::new(&format!("{id}@example.com"))],
            [],
        ),
        given_name: None,
        family_name: None,
        display_name: None,
        activity: Activity::Active,
        attributes,
    }
}

fn keep(state: &State, kept: CachedDirectory) {
    state.put_directory(&kept.snapshot, kept.watermark, kept.at);
}

fn directory(people: &[(&str, &str)]) -> CachedDirectory {
    let people = people.iter().map(|(id, name)| person(id, name)).collect();
    let members = vec![GroupMember::Person("p-1".into())];
    let groups = vec![Group { id: "g-1".into(), name: "iOS".into(), members }];
    CachedDirectory {
        snapshot: DirectorySnapshot::new(people, groups, vec![], Coverage::Complete),
        watermark: Some(json!({"delta": "abc"})),
        at: Timestamp::UNIX_EPOCH,
    }
}

pub(super) fn directory_of(people: usize) -> CachedDirectory {
    let names: Vec<String> = (0..people).map(|number| format!("p-{number}")).collect();
    directory(&names.iter().map(|name| (name.as_str(), name.as_str())).collect::<Vec<_>>())
}

pub(super) fn team() -> TeamSnapshot {
    let access = Access {
        roles: [crate::model::Role::ADMIN].into(),
        all_apps_visible: Some(true),
        provisioning_allowed: Some(false),
        visible_apps: None,
    };
    let name = crate::model::Address::new("Ada@example.com");
    let member = Member {
        id: "m-1".into(),
        user_name: name.clone(),
        first_name: None,
        last_name: None,
        access: access.clone(),
    };
    let invitation = Invitation {
        id: "n-1".into(),
        email: name,
        first_name: None,
        last_name: None,
        access,
        expires: None,
    };
    TeamSnapshot::new(
        vec![member],
        vec![invitation],
        [("com.example.app".into(), "1".into())].into(),
        Coverage::Complete,
    )
}

#[test]
fn what_was_kept_comes_back_after_opening_again() {
    let world = World::new();
    let (state, _) = world.open().unwrap();
    assert_eq!((state.directory(), state.team()), (None, None));
    keep(&state, directory(&[("p-1", "ada"), ("p-2", "bo"), ("p-3", "cy")]));
    keep(&state, directory(&[("p-1", "ada"), ("p-3", "cyd"), ("p-4", "di")]));
    state.put_team(&team(), Timestamp::UNIX_EPOCH);
    state.put_note(Note::Daemon, &json!({"failures": 3}));
    drop(state);
    let (state, notices) = world.open().unwrap();
    assert_eq!(notices, []);
    assert_eq!(state.directory(), Some(directory(&[("p-1", "ada"), ("p-3", "cyd"), ("p-4", "di")])));
    assert_eq!(state.team(), Some((team(), Timestamp::UNIX_EPOCH)));
    assert_eq!(state.note(Note::Daemon), Some(json!({"failures": 3})));
    assert_eq!(state.note::<serde_json::Value>(Note::Budget), None);
    assert_eq!(state.note::<Vec<u8>>(Note::Daemon), None, "a value of another shape is none");
}

#[test]
fn the_latest_hundred_cycles_are_remembered_newest_first() {
    let world = World::new();
    let (state, _) = world.open().unwrap();
    for number in 0..120 {
        state.put_cycle(&number);
    }
    assert_eq!(state.cycles::<u32>(3), [119, 118, 117]);
    let all = state.cycles::<u32>(1000);
    assert_eq!((all.len(), all.last()), (100, Some(&20)));
    drop(state);
    let (state, _) = world.open().unwrap();
    state.put_cycle(&120);
    assert_eq!(state.cycles::<u32>(2), [120, 119], "the order goes on after a restart");
}

#[test]
fn a_state_opened_to_look_keeps_nothing() {
    let world = World::new();
    let (state, _) = world.open().unwrap();
    state.put_note(Note::Daemon, &1);
    drop(state);
    let (state, _) = State::open_read_only(&world.dir(), world.options()).unwrap();
    state.put_note(Note::Daemon, &2);
    assert_eq!(state.note(Note::Daemon), Some(1));
    drop(state);

    let nowhere = world.home.path().join("nowhere");
    let (state, notices) = State::open_read_only(&nowhere, world.options()).unwrap();
    assert_eq!((notices, state.head().seq, state.note::<u32>(Note::Daemon)), (vec![], 0, None));
    assert!(!nowhere.exists());
}

/// Opens a state whose cache `spoil` has treated: the ledger is the same, and the cache works again. Returns how many
/// folders were put aside.
fn check(what: &str, rebuilt: bool, spoil: impl Fn(&Path)) -> usize {
    let world = World::filled(3);
    let (state, _) = world.open().unwrap();
    keep(&state, directory(&[("p-1", "ada")]));
    for _ in 0..300 {
        state.put_cycle(&"x".repeat(500));
    }
    let ledger = state.ledger();
    drop(state);
    spoil(&world.dir().join("sled"));
    for round in 0..2 {
        let (state, notices) = world.open().unwrap();
        let told = notices.iter().any(|notice| matches!(notice, Notice::CacheRebuilt { .. }));
        assert_eq!(told, rebuilt && round == 0, "{what}, round {round}: {notices:?}");
        assert_eq!(state.ledger(), ledger, "{what}");
        assert_eq!(state.cache_trouble(), None, "{what}");
        let kept = state.directory();
        assert!(round == 1 || rebuilt == kept.is_none(), "{what}");
        keep(&state, directory(&[("p-1", "ada"), ("p-2", "bo")]));
        assert_eq!(state.directory().map(|found| found.snapshot.people().len()), Some(2), "{what}");
    }
    put_aside(&world)
}

fn put_aside(world: &World) -> usize {
    let entries = fs::read_dir(world.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter(|name| name.to_str().unwrap().starts_with("sled.damaged-")).count()
}

fn snapshot(sled: &Path) -> PathBuf {
    let mut entries = fs::read_dir(sled).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("snap.")).unwrap()
}

#[test]
fn a_cache_in_any_condition_costs_a_read_and_nothing_else() {
    check("left alone", false, |_| {});
    let aside = check("an unfinished snapshot", false, |sled| {
        fs::write(sled.join("snap.FFFFFFFFFFFFFFFF.generating"), "half").unwrap();
    });
    assert_eq!(aside, 0, "it is removed before sled sees it");
    let aside = check("a damaged snapshot", false, |sled| {
        fs::write(snapshot(sled), "rubbish that is long enough").unwrap();
    });
    assert_eq!(aside, 1, "the log is replayed without it");
    check("a folder in the database's place", true, replace_by_a_folder);
    check("of another version", true, |sled| {
        let db = sled::open(sled).unwrap();
        db.insert("schema", "99").unwrap();
        db.flush().unwrap();
    });
}

pub(super) fn replace_by_a_folder(sled: &Path) {
    fs::remove_file(sled.join("db")).unwrap();
    fs::create_dir(sled.join("db")).unwrap();
}

#[test]
fn a_cache_that_is_gone_is_made_again_without_a_word() {
    let world = World::filled(3);
    fs::remove_dir_all(world.dir().join("sled")).unwrap();
    let (state, notices) = world.open().unwrap();
    assert_eq!((notices, people(&state).len(), state.directory()), (vec![], 3, None));
}

#[test]
fn a_database_of_noise_never_stops_anyone() {
    for seed in 1..6_u64 {
        let world = World::filled(2);
        let (state, _) = world.open().unwrap();
        keep(&state, directory(&[("p-1", "ada"), ("p-2", "bo")]));
        drop(state);
        let db = world.dir().join("sled/db");
        let file = fs::OpenOptions::new().write(true).open(&db).unwrap();
        let length = file.metadata().unwrap().len();
        for step in 0..200_u64 {
            let place = (seed * 7_919 + step * 104_729) % length;
            file.write_all_at(&[u8::try_from(step).unwrap() ^ 0x5a], place).unwrap();
        }
        let (state, _) = world.open().unwrap();
        assert_eq!(people(&state), ["p-0", "p-1"]);
        let _ = state.directory();
        keep(&state, directory(&[("p-9", "ed")]));
        absent(&state, "p-2").unwrap();
        drop(state);
        let (state, _) = world.open().unwrap();
        assert_eq!(people(&state), ["p-0", "p-1", "p-2"]);
    }
}

#[test]
fn what_was_damaged_is_kept_but_not_for_ever() {
    let spoilers: [fn(&Path); 2] = [replace_by_a_folder, |sled| {
        fs::write(sled.join("snap.FFFFFFFFFFFFFFFF"), "rubbish that is long enough").unwrap()
    }];
    for spoil in spoilers {
        let world = World::filled(1);
        for _ in 0..4 {
            spoil(&world.dir().join("sled"));
            drop(world.open().unwrap());
            world.clock.advance(Duration::from_secs(60));
        }
        assert_eq!(put_aside(&world), 2);
    }
}
