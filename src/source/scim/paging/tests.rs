use std::collections::BTreeSet;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

impl Listed for u32 {
    type Id = u32;
    fn id(&self) -> &u32 {
        self
    }
}

/// What somebody else does to the list while it is read.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Delete(usize),
    Insert(usize, u32),
}

/// How a provider is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// `totalResults` is this.
    Total(u64),
    NoTotal,
    /// `totalResults` is the length of the page, which is never longer than this.
    PageLength(Option<usize>),
    /// The first page for ever, as long as `count` allows, with the number of its rows (or nothing) for a total.
    FirstPageIsAll {
        total: bool,
    },
    /// Everything at once, without a total.
    AllWithoutTotal,
    /// Never more than this per page.
    Cap(usize),
    /// Always the first page, with an honest echo or with the one asked for.
    FirstPage {
        echo: bool,
    },
    /// Everything at once, whatever was asked.
    All,
    /// This request fails (from 1).
    FailsAt(usize),
    /// Every request from this one fails.
    FailsFrom(usize),
    /// An unreadable entry at this position.
    BrokenAt(usize),
    /// A cursor without end, always the same or always another.
    Circle {
        same: bool,
    },
    /// The cursor is lost at these requests.
    CursorLostAt(usize),
    CursorLostAlways,
    /// Cursors are announced and not understood.
    NoCursors,
    /// More than so many entries are too much for one answer.
    TooLargeAbove(u64),
    /// Another order each time.
    Shuffled,
}

struct World {
    people: Vec<u32>,
    edits: Vec<(usize, Edit)>,
    requests: usize,
}

/// A provider in memory.
struct Provider {
    world: Mutex<World>,
    fault: Fault,
}

impl Provider {
    fn new(people: impl IntoIterator<Item = u32>, fault: Fault) -> Self {
        let world = World { people: people.into_iter().collect(), edits: vec![], requests: 0 };
        Self { world: Mutex::new(world), fault }
    }

    fn edited(self, edits: &[(usize, Edit)]) -> Self {
        self.world.lock().expect("not poisoned").edits = edits.to_vec();
        self
    }

    fn answer(&self, ask: &Ask) -> Result<Page<u32>, PageError> {
        let world = &mut *self.world.lock().expect("not poisoned");
        world.requests += 1;
        let request = world.requests;
        for (_, edit) in world.edits.extract_if(.., |(at, _)| *at == request) {
            match edit {
                Edit::Delete(at) if !world.people.is_empty() => {
                    let at = at % world.people.len();
                    world.people.remove(at);
                }
                Edit::Delete(_) => {}
                Edit::Insert(at, id) => {
                    let at = at % (world.people.len() + 1);
                    world.people.insert(at, id);
                }
            }
        }
        let (from, count) = match ask {
            Ask::Index { start, count } => (*start as usize - 1, *count as usize),
            Ask::Cursor { cursor, count } => {
                (cursor.trim_start_matches('c').parse().unwrap_or(0), count.unwrap_or(50) as usize)
            }
        };
        let by_cursor = matches!(ask, Ask::Cursor { .. });
        match self.fault {
            Fault::FailsAt(at) if at == request => return Err(PageError::Failed("503".to_owned())),
            Fault::FailsFrom(at) if request >= at => return Err(PageError::Failed("503".to_owned())),
            Fault::CursorLostAt(at) if at == request => return Err(PageError::CursorLost),
            Fault::CursorLostAlways if request.is_multiple_of(3) => return Err(PageError::CursorLost),
            Fault::NoCursors if by_cursor => return Err(PageError::Declined("400".to_owned())),
            Fault::TooLargeAbove(limit) if count as u64 > limit => {
                return Err(PageError::TooMany("too large".to_owned()));
            }
            _ => {}
        }
        if self.fault == Fault::Shuffled {
            let by = request * 7 % world.people.len().max(1);
            world.people.rotate_left(by);
        }
        let (from, count, echo) = match self.fault {
            Fault::Cap(cap) => (from, count.min(cap), from),
            Fault::PageLength(cap) => (from, count.min(cap.unwrap_or(usize::MAX)), from),
            Fault::FirstPageIsAll { .. } => (0, count, 0),
            Fault::AllWithoutTotal => (0, usize::MAX, 0),
            Fault::FirstPage { echo } => (0, count, if echo { from } else { 0 }),
            Fault::All => (0, usize::MAX, 0),
            _ => (from, count, from),
        };
        let page = world.people.iter().enumerate().skip(from).take(count);
        let broken = |at| self.fault == Fault::BrokenAt(at + 1);
        let entries: Vec<_> = page
            .map(|(at, id)| if broken(at) { Err(Problem("broken".to_owned())) } else { Ok(*id) })
            .collect();
        let next = from + entries.len();
        let next_cursor = match self.fault {
            Fault::Circle { same: true } => Some("c0".to_owned()),
            Fault::Circle { same: false } => Some(format!("c{}0", "0".repeat(request))),
            _ if by_cursor && next < world.people.len() => Some(format!("c{next}")),
            _ => None,
        };
        let total = match self.fault {
            Fault::Total(total) => Some(total),
            Fault::NoTotal | Fault::AllWithoutTotal | Fault::FirstPageIsAll { total: false } => None,
            Fault::PageLength(_) | Fault::FirstPageIsAll { total: true } => Some(entries.len() as u64),
            _ => Some(world.people.len() as u64),
        };
        let start = (!by_cursor).then_some(echo as u64 + 1);
        Ok(Page { total, start, next_cursor, entries })
    }
}

impl Fetch for Provider {
    type Item = u32;
    fn words(&self) -> (&'static str, &'static str) {
        ("Users", "people")
    }
    async fn page(&self, ask: Ask) -> Result<Page<u32>, PageError> {
        // Pages in flight at once finish in an order of their own.
        let Ask::Index { start, .. } = ask else { return self.answer(&ask) };
        for _ in 0..(start * 7 % 5) {
            tokio::task::yield_now().await;
        }
        let page = self.answer(&ask);
        for _ in 0..(start * 3 % 4) {
            tokio::task::yield_now().await;
        }
        page
    }
}

fn run(provider: &Provider, method: Method, page_size: u64, concurrency: usize) -> Walked<u32> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let plan = WalkPlan { method, page_size, concurrency };
    runtime.block_on(walk(provider, plan)).expect("nothing here is fatal")
}

/// Walks a list of `people` and compares how many were seen and what was said to be missing.
#[track_caller]
fn check(people: u32, fault: Fault, method: Method, seen: usize, said: Option<&str>) {
    for concurrency in [1, 4] {
        let provider = Provider::new(1..=people, fault);
        let walked = run(&provider, method, 10, concurrency);
        let problems: Vec<&str> = walked.problems.iter().map(|problem| problem.0.as_str()).collect();
        assert_eq!(walked.items.len(), seen, "{fault:?} {problems:?}");
        match said {
            None => assert!(problems.is_empty(), "{fault:?} {problems:?}"),
            Some(said) => {
                assert!(problems.iter().any(|problem| problem.contains(said)), "{fault:?} {problems:?}")
            }
        }
        let requests = provider.world.lock().expect("not poisoned").requests;
        assert!(requests < 150, "{fault:?}: {requests} requests");
    }
}

#[test]
fn quiet_lists_are_read_whole() {
    for people in [0, 1, 2, 9, 10, 11, 19, 20, 55, 100] {
        check(people, Fault::None, Method::Index, people as usize, None);
        check(people, Fault::None, Method::Cursor, people as usize, None);
        check(people, Fault::NoTotal, Method::Index, people as usize, None);
        check(people, Fault::Cap(4), Method::Index, people as usize, None);
        check(people, Fault::Cap(4), Method::Cursor, people as usize, None);
        check(people, Fault::NoCursors, Method::Cursor, people as usize, None);
        check(people, Fault::TooLargeAbove(3), Method::Index, people as usize, None);
        check(people, Fault::TooLargeAbove(3), Method::Cursor, people as usize, None);
    }
}

#[test]
fn everything_at_once_is_a_whole_list() {
    for people in [1, 2, 9, 10, 11, 19, 20, 21, 55] {
        check(people, Fault::All, Method::Index, people as usize, None);
        check(people, Fault::AllWithoutTotal, Method::Index, people as usize, None);
    }
}

#[test]
fn a_first_page_for_ever_is_whole_only_where_a_larger_one_shows_no_more() {
    for total in [true, false] {
        for people in [1, 2, 9, 10] {
            check(people, Fault::FirstPageIsAll { total }, Method::Index, people as usize, None);
        }
        for (people, seen) in [(11, 11), (20, 20), (55, 20)] {
            let said = Some("takes no notice of startIndex: set page_size");
            check(people, Fault::FirstPageIsAll { total }, Method::Index, seen, said);
        }
    }
}

#[test]
fn totals_that_do_not_fit_are_never_whole() {
    check(
        55,
        Fault::Total(56),
        Method::Index,
        55,
        Some("Users: the provider counts 56 people and listed 55"),
    );
    check(55, Fault::Total(54), Method::Index, 55, Some("counts 54 people and listed 55"));
    check(55, Fault::Total(500), Method::Index, 55, Some("counts 500 people and listed 55"));
    // The count of the page instead of the list: there is another look, and then no total is believed.
    check(55, Fault::Total(10), Method::Index, 55, Some("counts 10 people and listed 55"));
    check(55, Fault::PageLength(None), Method::Index, 55, Some("counts 10 people and listed 55"));
    check(55, Fault::PageLength(Some(4)), Method::Index, 55, Some("counts 4 people and listed 55"));
    for people in [1, 2, 3, 4] {
        check(people, Fault::PageLength(Some(4)), Method::Index, people as usize, None);
    }
    check(0, Fault::Total(3), Method::Index, 0, Some("counts 3 people and listed 0"));
    check(55, Fault::Total(56), Method::Cursor, 55, Some("counts 56 people and listed 55"));
}

#[test]
fn pages_that_repeat_end_the_walk() {
    check(
        55,
        Fault::FirstPage { echo: false },
        Method::Index,
        10,
        Some("the page from entry 10 came from entry 1"),
    );
    check(55, Fault::FirstPage { echo: true }, Method::Index, 10, Some("kept moving"));
    check(55, Fault::Circle { same: true }, Method::Cursor, 10, Some("in a circle"));
    check(55, Fault::Circle { same: false }, Method::Cursor, 10, Some("in a circle"));
    let walked = run(&Provider::new(1..=55, Fault::Shuffled), Method::Index, 10, 1);
    assert!(walked.problems[0].0.contains("kept moving"), "{:?}", walked.problems);
}

#[test]
fn one_entry_per_page_is_read_and_not_trusted() {
    check(12, Fault::Cap(1), Method::Index, 12, Some("a deletion in between cannot be seen"));
    check(1, Fault::Cap(1), Method::Index, 1, None);
    check(12, Fault::Cap(1), Method::Cursor, 12, None);
}

#[test]
fn a_page_that_fails_costs_itself() {
    check(55, Fault::FailsAt(3), Method::Index, 47, Some("Users: the page from entry "));
    check(55, Fault::FailsAt(3), Method::Cursor, 20, Some("Users: page 3: 503"));
    let walked = run(&Provider::new(1..=55, Fault::FailsFrom(3)), Method::Index, 10, 1);
    assert_eq!((walked.items.len(), walked.begun), (19, Begun::Yes));
    for method in [Method::Index, Method::Cursor] {
        let walked = run(&Provider::new(1..=55, Fault::FailsAt(1)), method, 10, 4);
        assert_eq!((walked.items.len(), walked.begun), (0, Begun::No));
        assert_eq!(walked.problems, [Problem("Users: 503".to_owned())]);
    }
}

#[test]
fn an_unreadable_entry_is_one_problem() {
    for at in [1, 5, 10, 19, 55] {
        check(55, Fault::BrokenAt(at), Method::Index, 54, Some("Users: broken"));
    }
    check(55, Fault::BrokenAt(12), Method::Cursor, 54, Some("Users: broken"));
}

#[test]
fn a_lost_cursor_starts_the_walk_anew() {
    check(55, Fault::CursorLostAt(3), Method::Cursor, 55, None);
    check(55, Fault::CursorLostAlways, Method::Cursor, 20, Some("forgot the cursor"));
}

#[test]
fn somebody_hidden_by_a_deletion_is_found() {
    // Without the overlap, person 11 moves to place 10 unseen and 55 - 1 people still agree with the total.
    let provider = Provider::new(1..=55, Fault::None).edited(&[(2, Edit::Delete(3))]);
    let walked = run(&provider, Method::Index, 10, 1);
    assert_eq!(walked.problems, []);
    assert_eq!(walked.items, (1..=55).filter(|id| *id != 4).collect::<Vec<_>>());
}

#[test]
fn a_list_that_never_rests_is_partial() {
    let edits: Vec<_> = (1..200).map(|at| (at, Edit::Insert(0, 1000 + at as u32))).collect();
    let provider = Provider::new(1..=55, Fault::None).edited(&edits);
    let walked = run(&provider, Method::Index, 10, 1);
    assert!(walked.problems[0].0.contains("kept moving"), "{:?}", walked.problems);
    assert!((1..=55).all(|id| walked.items.contains(&id)));
}

/// Whoever is added has an id of their own: RFC 7643 §3.1 has no two resources with the same one.
fn edits() -> impl Strategy<Value = Vec<(usize, Edit)>> {
    let edit = prop_oneof![
        (0..60_usize).prop_map(Edit::Delete),
        (0..60_usize, 1000..2000_u32).prop_map(|(at, id)| Edit::Insert(at, id)),
    ];
    proptest::collection::vec((1..40_usize, edit), 0..8).prop_filter("ids are unique", |edits| {
        let added = edits.iter().filter_map(|(_, edit)| match edit {
            Edit::Insert(_, id) => Some(*id),
            Edit::Delete(_) => None,
        });
        added.clone().collect::<BTreeSet<_>>().len() == added.count()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whoever was there from the first to the last request is in a walk that calls itself whole.
    #[test]
    fn a_whole_walk_misses_nobody_who_stayed(
        people in 0..60_u32,
        edits in edits(),
        page_size in 2..13_u64,
        concurrency in 1..5_usize,
        total in any::<bool>(),
    ) {
        let fault = if total { Fault::None } else { Fault::NoTotal };
        let provider = Provider::new(0..people, fault).edited(&edits);
        let walked = run(&provider, Method::Index, page_size, concurrency);
        if walked.problems.is_empty() {
            let world = provider.world.lock().expect("not poisoned");
            let seen: BTreeSet<u32> = walked.items.iter().copied().collect();
            for id in world.people.iter().filter(|id| **id < people) {
                prop_assert!(seen.contains(id), "{id} of {:?} is missing from {seen:?}", world.people);
            }
        }
    }
}
