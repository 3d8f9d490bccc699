//! A company of 100,000 people with 10,000 seats is planned in a moment. In a debug build on a busy machine this only proves
//! that nothing is quadratic.

use std::time::{Duration, Instant};

use super::world::World;

#[test]
fn a_large_company_is_planned_in_a_moment() {
    let mut text = String::from("scope iOS\nset removals_max 100000\n");
    for n in 0..100_000 {
        text.push_str(&format!(
            "person p{n:06} first.last{n}@example.com alias{n}@mail.example.com level={}\n",
            n % 7
        ));
    }
    text.push_str("group iOS");
    (0..10_000).for_each(|n| text.push_str(&format!(" p{:06}", n * 10)));
    text.push('\n');
    for n in 0..9_000 {
        text.push_str(&format!("member m{n:06} First.Last{}@example.com DEVELOPER\n", n * 10));
    }
    let world = World::read(&text);
    let started = Instant::now();
    let planned = world.plan();
    let took = started.elapsed();
    assert_eq!(planned.in_scope, 10_000);
    assert_eq!((planned.plan.summary.invite, planned.plan.summary.unchanged), (1_000, 9_000));
    assert!(took < Duration::from_secs(60), "{took:?}");
}
