//! Change feeds: cheap when nothing happens, and in the end the same as reading everything.

use proptest::prelude::*;
use rosterd::model::{Activity, GroupMember, PersonId};
use rosterd::simulator::World;
use rosterd::simulator::directory::Person;
use rosterd::simulator::graph::{DeletedMembers, FeedAnswer, Feeds, Replay};
use rosterd::source::{DirectorySource as _, Interest, Previous};
use serde_json::json;

use super::{Tenant, groups, members_of, next, with};

#[tokio::test]
async fn a_quiet_cycle_of_20_000_people_and_50_groups_costs_two_requests() {
    let mut world = World::generated(20_000, 0, 1);
    let names: Vec<String> = (0..50).map(|number| format!("Group {number:02}")).collect();
    for (number, name) in names.iter().enumerate() {
        let members: Vec<String> =
            (0..40).map(|member| format!("p{:07}@example.com", number * 40 + member)).collect();
        world.directory.add_group(name, &members.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let tenant = Tenant::of(world).await;
    let source = tenant.source();
    let interest = groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let first = next(&source, &interest, None).await;
    let full = tenant.requests().len();
    assert!(full < 40, "{full} requests for a full read");
    let before = first.snapshot.clone();
    let second = next(&source, &interest, Some(first)).await;
    let quiet = tenant.requests();
    assert!(quiet.len() <= 3, "{quiet:#?}");
    assert_eq!(second.snapshot, before);
    assert_eq!(before.people().len(), 20_000);
    assert_eq!(before.groups.len(), 50);
}

#[tokio::test]
async fn a_feed_that_ended_is_followed_by_a_full_read_and_the_same_snapshot() {
    for feeds in [Feeds::Gone, Feeds::NotFound] {
        let tenant = Tenant::of(World::sample()).await;
        let source = tenant.source();
        let interest = groups(&["iOS Developers"]);
        let kept = next(&source, &interest, None).await;
        let before = kept.snapshot.clone();
        tenant.requests();
        tenant.switch(|graph| graph.feeds = feeds);
        let kept = next(&source, &interest, Some(kept)).await;
        assert_eq!(kept.snapshot, before, "{feeds:?}");
        assert!(tenant.requests().iter().any(|seen| seen.path == "/v1.0/users"), "{feeds:?}");
        // And it goes on from there.
        tenant.switch(|graph| graph.feeds = Feeds::Live);
        let kept = next(&source, &interest, Some(kept)).await;
        assert_eq!(kept.snapshot, before);
        assert_eq!(tenant.requests().len(), 2);
    }
}

#[tokio::test]
async fn tokens_older_than_seven_days_lead_to_a_full_read() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let interest = groups(&["iOS Developers"]);
    let kept = next(&source, &interest, None).await;
    tenant.change(|state| {
        state.age(jiff::SignedDuration::from_hours(7 * 24 + 1));
        state.directory.remove_person("alan@example.com");
    });
    let kept = next(&source, &interest, Some(kept)).await;
    assert_eq!(kept.snapshot, source.read(&interest).await.expect("read"));
    assert!(!members_of(&kept.snapshot, "iOS Developers").contains(&"alan@example.com".to_owned()));
}

#[tokio::test]
async fn what_happens_during_a_full_read_is_not_lost() {
    let tenant = Tenant::of(World::generated(1_500, 10, 1)).await;
    let source = tenant.source();
    let interest = groups(&["iOS Developers"]);
    // The feeds are opened and the first page is sent; then somebody on that page leaves.
    let slow = rosterd::simulator::Fault::Slow { ms: 300 };
    tenant.sim.fault(
        rosterd::simulator::Rule::to(rosterd::simulator::Peer::Graph, "GET", "/v1.0/users", slow).nth(2),
    );
    let read = next(&source, &interest, None);
    let meddle = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            if tenant.change(|state| state.requests.iter().any(|seen| seen.path == "/v1.0/users")) {
                break;
            }
        }
        tenant.change(|state| state.directory.remove_person("p0000003@example.com"));
    };
    let (kept, ()) = tokio::join!(read, meddle);
    assert_eq!(kept.snapshot.people().len(), 1_500, "she was on the first page");
    let kept = next(&source, &interest, Some(kept)).await;
    assert_eq!(kept.snapshot, source.read(&interest).await.expect("read"));
    assert_eq!(kept.snapshot.people().len(), 1_499);
}

#[tokio::test]
async fn a_changed_configuration_is_read_whole() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let kept = next(&source, &groups(&["iOS Developers"]), None).await;
    let wider = with(groups(&["iOS Developers"]), &["department"]);
    let kept = next(&source, &wider, Some(kept)).await;
    assert_eq!(kept.snapshot, source.read(&wider).await.expect("read"));
    assert!(kept.snapshot.people().iter().any(|person| person.attributes.get("department").is_some()));
}

#[tokio::test]
async fn attributes_outside_the_main_store_are_read_whole_each_time() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.change(|state| {
        let ada = state.directory.person_mut("ada@example.com").expect("Ada");
        let set = json!({"Apple": {"@odata.type": "#microsoft.graph.customSecurityAttributeValue", "Role": "ADMIN"}});
        ada.core.insert("customSecurityAttributes".into(), set);
    });
    let interest = with(Interest::default(), &["customsecurityattributes"]);
    let (snapshot, watermark) = tenant.source().read_since(&interest, None).await.expect("read");
    assert_eq!(watermark, None);
    let ada = snapshot.person(&PersonId::from(tenant.id("ada@example.com"))).expect("Ada");
    let value = ada.attributes.get("customSecurityAttributes").expect("asked for");
    assert_eq!(value["Apple"]["Role"], json!("ADMIN"));
}

#[tokio::test]
async fn a_watermark_that_is_damaged_or_of_another_kind_is_no_reason_to_fail() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let kept = next(&source, &Interest::default(), None).await;
    for watermark in
        ["", "{}", "null", &kept.watermark[..40], &kept.watermark.replace("\"version\":1", "\"version\":9")]
    {
        let previous = Some(Previous { snapshot: &kept.snapshot, watermark });
        let (snapshot, next) = source.read_since(&Interest::default(), previous).await.expect("a full read");
        assert_eq!(snapshot, kept.snapshot);
        assert!(next.is_some());
    }
}

#[tokio::test]
async fn a_deleted_person_who_comes_back_is_in_their_groups_again() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.switch(|graph| graph.deleted_members = DeletedMembers::Silent);
    let source = tenant.source();
    let interest = groups(&["iOS Developers"]);
    let kept = next(&source, &interest, None).await;
    let before = kept.snapshot.clone();
    let (alan, groups): (Person, _) = tenant.change(|state| {
        let groups = state.directory.groups.clone();
        (state.directory.remove_person("alan@example.com").expect("there"), groups)
    });
    let kept = next(&source, &interest, Some(kept)).await;
    assert_eq!(kept.snapshot.person(&PersonId::from(&*alan.id)), None);
    let is_listed = kept
        .snapshot
        .groups
        .iter()
        .any(|group| group.members.contains(&GroupMember::Person(PersonId::from(&*alan.id))));
    assert!(!is_listed, "the feed did not say so, but nobody is a member who does not exist");
    tenant.change(|state| {
        state.directory.people.insert(alan);
        state.directory.groups = groups;
    });
    let kept = next(&source, &interest, Some(kept)).await;
    assert_eq!(kept.snapshot, before);
}

#[tokio::test]
async fn groups_that_are_renamed_deleted_or_doubled_are_looked_up_again() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let interest = groups(&["Watch Team"]);
    let kept = next(&source, &interest, None).await;
    tenant.change(|state| _ = state.directory.add_group("watch team", &[]));
    let kept = next(&source, &interest, Some(kept)).await;
    assert_eq!(members_of(&kept.snapshot, "Watch Team").len(), 3, "the exact name wins");
    tenant.change(|state| state.directory.group_mut("watch team").expect("there").name = "Watch Team".into());
    let error = super::try_next(&source, &interest, Some(&kept)).await.err().expect("ambiguous");
    assert!(matches!(error, rosterd::source::SourceError::GroupAmbiguous { .. }), "{error:?}");
    tenant.change(|state| {
        state.directory.remove_group("Watch Team");
        state.directory.remove_group("Watch Team");
    });
    let error = super::try_next(&source, &interest, Some(&kept)).await.err().expect("gone");
    assert!(matches!(error, rosterd::source::SourceError::GroupNotFound { .. }), "{error:?}");
}

/// Something that happens in the directory.
#[derive(Clone, Debug)]
enum Event {
    Join(usize, usize),
    Leave(usize, usize),
    Nest(usize, usize),
    Part(usize, usize),
    Hire(usize),
    Delete(usize),
    Disable(usize),
    Enable(usize),
    Rename(usize),
    Department(usize, Option<u8>),
    NewGroup(usize),
    DropGroup(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let (person, group) = (0..12_usize, 0..6_usize);
    prop_oneof![
        4 => (group.clone(), person.clone()).prop_map(|(g, p)| Event::Join(g, p)),
        3 => (group.clone(), person.clone()).prop_map(|(g, p)| Event::Leave(g, p)),
        2 => (group.clone(), group.clone()).prop_map(|(a, b)| Event::Nest(a, b)),
        2 => (group.clone(), group.clone()).prop_map(|(a, b)| Event::Part(a, b)),
        2 => person.clone().prop_map(Event::Hire),
        2 => person.clone().prop_map(Event::Delete),
        1 => person.clone().prop_map(Event::Disable),
        1 => person.clone().prop_map(Event::Enable),
        1 => person.clone().prop_map(Event::Rename),
        2 => (person, proptest::option::of(any::<u8>())).prop_map(|(p, d)| Event::Department(p, d)),
        1 => (1..6_usize).prop_map(Event::NewGroup),
        1 => (1..6_usize).prop_map(Event::DropGroup),
    ]
}

fn happen(state: &mut rosterd::simulator::State, event: &Event) {
    let directory = &mut state.directory;
    let person = |number: usize| format!("p{number}@example.com");
    let group = |number: usize| format!("Group {number}");
    match event {
        Event::Join(into, who) => _ = directory.join(&group(*into), &person(*who)),
        Event::Leave(from, who) => _ = directory.leave(&group(*from), &person(*who)),
        Event::Nest(into, inner) if into != inner => _ = directory.join(&group(*into), &group(*inner)),
        Event::Nest(..) => {}
        Event::Part(from, inner) => _ = directory.leave(&group(*from), &group(*inner)),
        Event::Hire(who) if directory.person(&person(*who)).is_none() => {
            directory.add_person(&person(*who), "New", "Example");
        }
        Event::Hire(_) => {}
        Event::Delete(who) => _ = directory.remove_person(&person(*who)),
        Event::Disable(who) | Event::Enable(who) => {
            if let Some(person) = directory.person_mut(&person(*who)) {
                person.active = matches!(event, Event::Enable(_));
            }
        }
        Event::Rename(who) => {
            if let Some(person) = directory.person_mut(&person(*who)) {
                person.family_name = format!("{}-Renamed", person.family_name).into();
                let other = json!([format!("other-{}", person.user_name)]);
                person.core.insert("otherMails".into(), other);
            }
        }
        Event::Department(who, name) => {
            if let Some(person) = directory.person_mut(&person(*who)) {
                match name {
                    Some(name) => {
                        drop(person.enterprise.insert("department".into(), json!(format!("D{name}"))))
                    }
                    None => drop(person.enterprise.remove("department")),
                }
            }
        }
        Event::NewGroup(number) if directory.group(&group(*number)).is_none() => {
            directory.add_group(&group(*number), &[]);
        }
        Event::NewGroup(_) => {}
        Event::DropGroup(number) => _ = directory.remove_group(&group(*number)),
    }
}

fn small() -> World {
    let mut world = World::default();
    for number in 0..8 {
        world.directory.add_person(&format!("p{number}@example.com"), "P", "Example");
    }
    for number in 0..6 {
        let who = format!("p{number}@example.com");
        world.directory.add_group(&format!("Group {number}"), &[&who]);
    }
    world.directory.join("Group 0", "Group 1");
    world.directory.join("Group 1", "Group 2");
    world
}

async fn feeds_agree(
    rounds: Vec<Vec<Event>>,
    answer: FeedAnswer,
    replay: Replay,
    deleted: DeletedMembers,
    slice: usize,
) {
    let tenant = Tenant::of(small()).await;
    tenant.switch(|graph| {
        graph.feed_answer = answer;
        graph.replay = replay;
        graph.deleted_members = deleted;
        graph.feed_page = 2;
        graph.feed_slice = slice;
    });
    let source = tenant.source();
    let interest = with(groups(&["Group 0"]), &["department"]);
    let mut kept = next(&source, &interest, None).await;
    for round in rounds {
        tenant.change(|state| round.iter().for_each(|event| happen(state, event)));
        kept = next(&source, &interest, Some(kept)).await;
        let whole = source.read(&interest).await.expect("read");
        assert_eq!(kept.snapshot, whole, "after {round:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn changes_laid_over_the_last_snapshot_equal_a_full_read(
        rounds in proptest::collection::vec(proptest::collection::vec(event(), 0..6), 1..6),
        minimal in any::<bool>(),
        often in any::<bool>(),
        silent in any::<bool>(),
        slice in 1..3_usize,
    ) {
        let answer = if minimal { FeedAnswer::Minimal } else { FeedAnswer::Whole };
        let replay = if often { Replay::Often } else { Replay::Once };
        let deleted = if silent { DeletedMembers::Silent } else { DeletedMembers::Shown };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(feeds_agree(rounds, answer, replay, deleted, slice));
    }
}

#[tokio::test]
async fn somebody_disabled_is_seen_in_the_next_cycle() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let interest = groups(&["iOS Developers"]);
    let kept = next(&source, &interest, None).await;
    tenant.change(|state| state.directory.person_mut("alan@example.com").expect("Alan").active = false);
    let kept = next(&source, &interest, Some(kept)).await;
    let alan = kept.snapshot.person(&PersonId::from(tenant.id("alan@example.com"))).expect("Alan");
    assert_eq!(alan.activity, Activity::Disabled);
}
