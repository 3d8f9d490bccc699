use super::*;
use crate::state::{audit, chain};

fn shown(world: &World, filter: AuditFilter) -> Vec<String> {
    let records = audit::newest_first(&world.dir(), filter).unwrap();
    records
        .map(|record| match record.unwrap().event {
            Event::AbsenceSeen { person, .. } => person.to_string(),
            other => format!("{other:?}"),
        })
        .collect()
}

/// A record a day, each in a segment of its own.
fn daily() -> World {
    let world = World::new();
    let options = OpenOptions { segment_bytes: 1, ..world.options() };
    let (state, _) = State::open(&world.dir(), options).unwrap();
    for number in 0..5 {
        let cycle = CycleId(format!("c-{number}"));
        state.record(Some(&cycle), &Actor::Daemon, vec![absence(&format!("p-{number}"))]).unwrap();
        world.clock.advance(Duration::from_secs(24 * 3600));
    }
    world
}

#[test]
fn records_are_shown_newest_first_and_as_asked() {
    let world = daily();
    let all = || AuditFilter::default();
    assert_eq!(shown(&world, all()), ["p-4", "p-3", "p-2", "p-1", "p-0"]);
    let since = Some("2026-03-03T12:00:00Z".parse().unwrap());
    assert_eq!(shown(&world, AuditFilter { since, ..all() }), ["p-4", "p-3", "p-2"]);
    let cycle = Some(CycleId("c-1".to_owned()));
    assert_eq!(shown(&world, AuditFilter { cycle, ..all() }), ["p-1"]);
    for (who, expected) in [("P-3 ", vec!["p-3"]), ("p-", vec![]), ("p-33", vec![])] {
        assert_eq!(shown(&world, AuditFilter { who: Some(who.to_owned()), ..all() }), expected, "{who}");
    }
}

#[test]
fn an_export_can_be_verified_by_whoever_receives_it() {
    let world = daily();
    let mut out = Vec::new();
    assert_eq!(audit::export(&world.dir(), None, &mut out).unwrap(), 10);
    let mut prev = Hash::NONE;
    for line in out.split_inclusive(|byte| *byte == b'\n') {
        let links = chain::unseal(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(links.prev, prev);
        prev = links.hash;
    }
    let mut late = Vec::new();
    let since = Some("2026-03-04T00:00:00Z".parse().unwrap());
    assert_eq!(audit::export(&world.dir(), since, &mut late).unwrap(), 4);
    assert!(out.ends_with(&late));
}

#[test]
fn a_record_still_being_written_is_not_shown() {
    let world = World::filled(2);
    let mut text = fs::read_to_string(world.segment(1)).unwrap();
    text.push_str("{\"seq\":4,");
    fs::write(world.segment(1), text).unwrap();
    assert_eq!(shown(&world, AuditFilter::default()), ["p-1", "p-0"]);
    assert_eq!(audit::export(&world.dir(), None, &mut Vec::new()).unwrap(), 3);
}
