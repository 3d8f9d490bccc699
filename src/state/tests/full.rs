//! No audit, no write: what a full disk or a folder that cannot be written to does.

use std::fs::OpenOptions as FileOptions;
use std::process::Command;

use super::*;

/// A file system of half a megabyte. `None` where this user may not mount one.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_nothing_of_it_stays() {
    let world = World::new();
    let Some(_small) = Small::mount(&world.dir()) else { return };
    let journal_folder = journal_folder(&world.dir());
    let limits = world.options().limits();
    let (mut journal, _) = Journal::open(&journal_folder, limits, world.clock.now()).unwrap();
    let occasion = Occasion { at: world.clock.now(), cycle: None, actor: &Actor::Daemon };
    journal.append(occasion, &[absence("p-before")]).unwrap();

    let ballast = world.dir().join("ballast");
    fill(&ballast);
    let head = journal.head();
    let batch: Vec<Event> = (0..200).map(|number| absence(&format!("p-lost-{number}"))).collect();
    for _ in 0..3 {
        let error = journal.append(occasion, &batch).unwrap_err();
        assert!(error.hint().unwrap().contains("free some space"), "{error}");
        assert_eq!(journal.head(), head);
        assert_eq!(verify(&world.dir()).unwrap().torn_bytes, 0);
    }
    let error = journal.roll(occasion, &large()).unwrap_err();
    assert!(error.hint().unwrap().contains("free some space"), "{error}");
    assert_eq!(fs::read_dir(&journal_folder).unwrap().count(), 2, "a half-made segment stays");

    fs::remove_file(ballast).unwrap();
    journal.append(occasion, &[absence("p-after")]).unwrap();
    drop(journal);
    let told = look::read(&journal_folder).unwrap().unwrap();
    let people: Vec<_> = told.ledger.absences.keys().map(ToString::to_string).collect();
    assert_eq!(people, ["p-after", "p-before"]);
    assert_eq!(verify(&world.dir()).unwrap().records, 3);
}

fn fill(ballast: &Path) {
    use std::io::Write;
    let mut file = FileOptions::new().create(true).append(true).open(ballast).unwrap();
    while file.write_all(&[b'x'; 512]).is_ok() {}
}

fn large() -> Ledger {
    let mut ledger = Ledger::default();
    for number in 0..2000 {
        fold(&mut ledger, Timestamp::UNIX_EPOCH, &absence(&format!("p-{number}")));
    }
    ledger
}

#[test]
fn a_state_on_a_full_disk_opens_without_a_cache_or_says_why() {
    let world = World::new();
    let Some(_small) = Small::mount(&world.dir()) else { return };
    drop(world.open().unwrap());
    fill(&world.dir().join("ballast"));
    match world.open() {
        Ok((state, _)) => {
            let batch: Vec<Event> = (0..200).map(|number| absence(&format!("p-{number}"))).collect();
            assert!(state.record(None, &Actor::Daemon, batch).is_err());
            assert_eq!(*state.ledger(), Ledger::default());
            state.put_note(Note::LastPlan, &"x".repeat(100_000));
            fs::remove_file(world.dir().join("ballast")).unwrap();
            absent(&state, "p-1").unwrap();
            assert_eq!(people(&state), ["p-1"]);
        }
        Err(error) => assert!(error.hint().unwrap().contains("free some space"), "{error}"),
    }
}

#[test]
fn a_failed_record_is_in_neither_the_ledger_nor_the_head() {
    let world = World::new();
    let (state, _) = world.open().unwrap();
    absent(&state, "p-1").unwrap();
    let head = state.head();
    // The journal's file is swapped for one that answers every write with "no space left on device".
    let full = FileOptions::new().append(true).open("/dev/full").unwrap();
    let good = state.journal().as_mut().unwrap().swap_file(full);
    assert!(absent(&state, "p-2").is_err());
    assert_eq!((state.head(), people(&state)), (head, vec!["p-1".to_owned()]));
    state.journal().as_mut().unwrap().swap_file(good);
    absent(&state, "p-3").unwrap();
    assert_eq!(people(&state), ["p-1", "p-3"]);
    assert_eq!(verify(&world.dir()).unwrap().records, 3);
}
