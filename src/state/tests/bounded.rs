//! A daemon that runs for months keeps a folder of the same size. `BOUNDED_CYCLES=10000` runs for longer.

use super::cache::{directory_of, team};
use super::*;

#[test]
fn thousands_of_cycles_leave_a_folder_of_the_same_size() {
    let cycles: u64 = std::env::var("BOUNDED_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let world = World::new();
    let options = OpenOptions { retention: SignedDuration::from_hours(24 * 10), ..world.options() };
    let (state, _) = State::open(&world.dir(), options).unwrap();
    let directory = directory_of(100);
    let mut largest = [0; 2];
    for number in 0..cycles {
        world.clock.advance(Duration::from_secs(3600));
        let id = CycleId(format!("c-{number:09}"));
        state.record(Some(&id), &Actor::Daemon, vec![absence("p-1"), finished(100)]).unwrap();
        state.put_team(&team(), world.clock.now());
        state.put_directory(&directory.snapshot, directory.watermark.clone(), directory.at);
        state.put_cycle(&"x".repeat(1000));
        state.put_note(Note::LastPlan, &format!("{number} {}", "y".repeat(5000)));
        state.put_note(Note::Daemon, &number);
        if number % 20 == 19 {
            let half = usize::from(number > cycles / 2);
            largest[half] = largest[half].max(state.size_bytes());
        }
    }
    let [first, second] = largest;
    println!("{cycles} cycles: {first} bytes at most in the first half, {second} in the second");
    assert_eq!(state.cache_trouble(), None);
    assert!(second < first + first / 2 && second < 64 << 20, "{first} bytes grew to {second}");
    assert!(state.records_total() > 2 * cycles);
    drop(state);
    verify(&world.dir()).unwrap();
}
