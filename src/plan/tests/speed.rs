//! A plan's time goes with the size of the company, and with nothing more: ten times the people take ten times as long. It is
//! the processor's time of this thread, which a busy machine hardly changes.

use std::time::Duration;

use super::world::World;
use crate::state::process::thread_time;

/// People, a tenth of them in scope, nine tenths of those with a seat.
fn company(people: usize) -> World {
    let mut text = String::from("scope iOS\nset removals_max 100000\n");
    for n in 0..people {
        text.push_str(&format!(
            "person p{n:06} first.last{n}@example.com alias{n}@mail.example.com level={}\n",
            n % 7
        ));
    }
    text.push_str("group iOS");
    (0..people / 10).for_each(|n| text.push_str(&format!(" p{:06}", n * 10)));
    text.push('\n');
    for n in 0..people / 10 - people / 100 {
        text.push_str(&format!("member m{n:06} First.Last{}@example.com DEVELOPER\n", n * 10));
    }
    World::read(&text)
}

/// The least of a few runs.
fn time_of(people: usize) -> Duration {
    let world = company(people);
    world.with_input(|input| {
        let once = || {
            let before = thread_time();
            let planned = crate::plan::plan(input);
            let took = thread_time() - before;
            assert_eq!(usize::try_from(planned.in_scope), Ok(people / 10));
            let summary = &planned.plan.summary;
            assert_eq!((summary.invite, summary.unchanged), (people / 100, people / 10 - people / 100));
            took
        };
        (0..3).map(|_| once()).min().unwrap_or_default()
    })
}

#[test]
fn ten_times_the_people_take_ten_times_as_long() {
    let (few, many) = (time_of(10_000), time_of(100_000));
    assert!(many < few * 20, "{few:?} for 10,000 people, {many:?} for 100,000");
}
