//! (a) From the bytes of answers to snapshots, next to serde_json parsing the same bytes into the same few fields, and
//! into its general `Value`. Bodies are made page by page, so that only what reading itself keeps counts as memory.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rosterd::asc::wire as asc;
use rosterd::model::{Coverage, DirectorySnapshot, Member, TeamSnapshot};
use rosterd::plan::attributes_of_interest;
use rosterd::source::scim::paging::{Ask, Fetch, Method, Page, PageError, WalkPlan, walk};
use rosterd::source::scim::{PersonRecord, Wanted, wire};
use serde::Deserialize;

use crate::measure::{child, cpu, peak_mb, report, timed};
use crate::table::{mb, ratio, table as new_table, time};
use crate::world::{CUSTOM, Size, members_page, policy, users_page};

const PAGE: usize = 100;
const APPLE_PAGE: usize = 200;

pub(crate) fn table(sizes: &[Size]) {
    let mut out = new_table(&[
        "people",
        "JSON",
        "read",
        "per person",
        "typed parse",
        "Value parse",
        "÷ typed",
        "÷ Value",
        "peak",
        "kept by",
    ]);
    for size in sizes {
        let ours = child(&["read", "ours", size.name]);
        let typed = child(&["read", "typed", size.name]);
        let value = child(&["read", "value", size.name]);
        let cpu = |figures: &crate::measure::Figures| figures.get("cpu").copied().unwrap_or(f64::NAN);
        let peak = |figures: &crate::measure::Figures| mb(figures.get("peak").copied().unwrap_or(f64::NAN));
        out.add_row(vec![
            size.name.to_owned(),
            mb(ours.get("bytes").copied().unwrap_or(0.0) / 1e6),
            time(cpu(&ours)),
            time(cpu(&ours) / size.people as f64),
            time(cpu(&typed)),
            time(cpu(&value)),
            ratio(cpu(&ours), cpu(&typed)),
            ratio(cpu(&ours), cpu(&value)),
            peak(&ours),
            peak(&typed),
        ]);
    }
    println!("{out}");
    println!(
        "people and members; typed parse: serde_json alone into the fields that are used, kept; peak of each process"
    );
}

pub(crate) fn measure(args: &[&str]) {
    let [how, size] = args else { return };
    let size = Size::named(size);
    match *how {
        "ours" => ours(size),
        "typed" => floor(size, typed),
        "value" => floor(size, value),
        other => eprintln!("nothing is called {other}"),
    }
}

fn ours(size: Size) {
    let wanted = Wanted::new(&attributes_of_interest(&policy()), CUSTOM);
    let list = Bodies { size, wanted: &wanted, made: AtomicU64::new(0), bytes: AtomicU64::new(0) };
    let before = cpu();
    let plan = WalkPlan { method: Method::Index, page_size: PAGE as u64, concurrency: 4 };
    let walked = at_once(walk(&list, plan)).expect("a walk");
    assert!(walked.problems.is_empty(), "{:?}", walked.problems);
    let people = walked.items.into_iter().map(|record| record.person).collect();
    let directory = DirectorySnapshot::new(people, Vec::new(), Vec::new(), Coverage::Complete);
    let mut members: Vec<Member> = Vec::new();
    for from in (0..size.seats).step_by(APPLE_PAGE) {
        let body = list.make(|| members_page(size, from, APPLE_PAGE));
        let page = asc::parse_users(body.as_bytes()).expect("a page");
        members.extend(page.items.into_iter().map(|listed| listed.seat));
    }
    let team = TeamSnapshot::new(members, Vec::new(), [].into(), Coverage::Complete);
    let used = (cpu() - before).as_secs_f64() - list.made.load(Relaxed) as f64 / 1e9;
    assert_eq!((directory.people().len(), team.members.len()), (size.people, size.seats));
    report(&[("cpu", used), ("peak", peak_mb()), ("bytes", list.bytes.load(Relaxed) as f64)]);
}

/// The provider, made up as it is asked; the time that takes is counted, to be taken off.
struct Bodies<'w> {
    size: Size,
    wanted: &'w Wanted,
    made: AtomicU64,
    bytes: AtomicU64,
}

impl Bodies<'_> {
    fn make(&self, make: impl FnOnce() -> String) -> String {
        let (body, making) = timed(make);
        self.made.fetch_add(u64::try_from(making.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.bytes.fetch_add(body.len() as u64, Relaxed);
        body
    }
}

impl Fetch for Bodies<'_> {
    type Item = PersonRecord;

    fn words(&self) -> (&'static str, &'static str) {
        ("Users", "people")
    }

    async fn page(&self, ask: Ask) -> Result<Page<PersonRecord>, PageError> {
        let Ask::Index { start, count } = ask else { return Err(PageError::CursorLost) };
        let body = self.make(|| users_page(self.size, start as usize, count as usize));
        let page = wire::parse_users(body.as_bytes(), self.wanted).expect("a page");
        Ok(page)
    }
}

/// A future that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

/// What nobody who reads the same can do without: the same bodies, parsed by `parse`, what it returns kept.
fn floor<T>(size: Size, parse: impl Fn(&str) -> T) {
    let (mut used, mut kept) = (0.0, Vec::new());
    let mut take = |body: String| {
        let (value, parsing) = timed(|| parse(&body));
        used += parsing.as_secs_f64();
        kept.push(value);
    };
    // One entry of overlap for each page, as the walk asks.
    for start in (1..size.people).step_by(PAGE - 1) {
        take(users_page(size, start, PAGE));
    }
    for from in (0..size.seats).step_by(APPLE_PAGE) {
        take(members_page(size, from, APPLE_PAGE));
    }
    report(&[("cpu", used), ("peak", peak_mb())]);
}

fn value(body: &str) {
    std::hint::black_box(serde_json::from_str::<serde_json::Value>(body).expect("JSON"));
}

/// Either list with the fields that are used, nothing else looked at and nothing forgiven.
#[derive(Deserialize)]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct Typed {
    #[serde(rename = "Resources", default)]
    people: Vec<TypedPerson>,
    #[serde(default)]
    data: Vec<TypedMember>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct TypedPerson {
    id: Box<str>,
    external_id: Option<Box<str>>,
    user_name: Option<Box<str>>,
    display_name: Option<Box<str>>,
    name: Option<TypedName>,
    #[serde(default)]
    emails: Vec<TypedEmail>,
    active: Option<bool>,
    user_type: Option<Box<str>>,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:custom:2.0:User")]
    custom: Option<TypedCustom>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct TypedName {
    given_name: Option<Box<str>>,
    family_name: Option<Box<str>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct TypedEmail {
    value: Box<str>,
    r#type: Option<Box<str>>,
    #[serde(default)]
    primary: bool,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct TypedCustom {
    #[serde(rename = "appStoreConnect_role")]
    role: Option<Box<str>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct TypedMember {
    id: Box<str>,
    attributes: TypedSeat,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "kept, as whoever reads keeps it")]
struct TypedSeat {
    username: Box<str>,
    first_name: Option<Box<str>>,
    last_name: Option<Box<str>>,
    roles: Vec<Box<str>>,
    all_apps_visible: Option<bool>,
    provisioning_allowed: Option<bool>,
}

fn typed(body: &str) -> Typed {
    serde_json::from_str(body).expect("JSON")
}
