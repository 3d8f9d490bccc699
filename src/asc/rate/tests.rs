use proptest::prelude::*;

use super::*;

const START: i64 = 1_795_348_800_000;

fn core(limit: u64, reserve_percent: u8) -> Core {
    Core::new(limit, reserve_percent, BudgetState::default(), START)
}

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-rate-limit", value.parse().expect("a header"));
    headers
}

/// Sends as early as it may, and returns when the last of `count` went out.
fn send(core: &mut Core, mut now: i64, count: usize) -> i64 {
    for _ in 0..count {
        while let Err(NotNow::Wait(wait)) = core.take(now, Spend::Read) {
            now += i64::try_from(wait.as_millis()).expect("short").max(1);
        }
    }
    now
}

#[test]
fn small_plan_does_not_wait_and_a_large_one_keeps_the_pace() {
    let mut budget = core(3600, 50);
    assert_eq!(send(&mut budget, START, 120), START);
    let then = send(&mut budget, START, 20) - START;
    assert!((40_000..43_000).contains(&then), "{then}");
    let mut budget = core(3600, 50);
    let hour = send(&mut budget, START, 1800) - START;
    assert!((3_590_000..=3_602_000).contains(&hour), "{hour}");
}

#[test]
fn allowance_tells_what_goes_out_at_once() {
    let clock = Clock::manual(Timestamp::from_millisecond(START).expect("a time"));
    let budget = Budget::new(3600, 50, clock.clone(), BudgetState::default());
    assert_eq!(budget.allowance(), Allowance { requests: 1800, at_once: 120, pace_ms: 2142 });
    send(&mut budget.core(), START, 3);
    assert_eq!(budget.allowance(), Allowance { requests: 1797, at_once: 117, pace_ms: 2142 });
    clock.advance(Duration::from_secs(5));
    assert_eq!(budget.allowance().at_once, 119);
    clock.advance(Duration::from_secs(60));
    assert_eq!(budget.allowance().at_once, 120);
    budget.core().hour = Some(Reading { left: 1807, at: START, sent_since: 0 });
    assert_eq!(budget.allowance().at_once, 7, "no more than the hour has left");
}

#[test]
fn quiet_cycles_never_wait() {
    let mut budget = core(3600, 50);
    for cycle in 0..100 {
        let now = START + cycle * 120_000;
        assert_eq!(send(&mut budget, now, 20), now, "cycle {cycle}");
    }
}

#[test]
fn tiny_budgets_still_let_a_read_through() {
    for (limit, percent) in [(1, 0), (1, 100), (10, 50), (3600, 100), (100, 99)] {
        let mut budget = core(limit, percent);
        assert_eq!(budget.take(START, Spend::Read), Ok(()), "{limit} {percent}");
        assert!(budget.pace.period_ms() > 0);
    }
}

#[test]
fn a_figure_of_the_configuration_holds_until_the_server_tells_another() {
    let mut budget = core(3600, 50);
    let now = send(&mut budget, START, 60);
    budget.configure(1000, 20);
    assert_eq!((budget.limit, budget.reserve()), (1000, 200), "taken over by a reload");
    assert_eq!(budget.window.used(now, HOUR_MS), 60, "what was counted stays");
    assert_eq!(Core::new(500, 0, budget.snapshot(now), now).limit, 500, "and by a restart");
    budget.told = Some(3600);
    budget.configure(1000, 20);
    assert_eq!(budget.limit, 3600);
}

#[test]
fn restart_remembers_the_hour_and_the_bucket() {
    let mut before = core(100, 0);
    before.told = Some(100);
    let now = send(&mut before, START, 60);
    let state = before.snapshot(now);
    let mut after = Core::new(3600, 0, state.clone(), now);
    assert_eq!(after.limit, 100, "the limit the server told outlives the restart");
    assert_eq!(after.window.used(now, HOUR_MS), before.window.used(now, HOUR_MS));
    assert!(matches!(after.take(now, Spend::Read), Err(NotNow::Wait(_))));
    let json = serde_json::to_string(&state).expect("JSON");
    assert_eq!(serde_json::from_str::<BudgetState>(&json).expect("the same"), state);
    let mut burst = core(3600, 50);
    send(&mut burst, START, 120);
    let state = burst.snapshot(START);
    let mut after = Core::new(3600, 50, state, START + 1000);
    let wait = after.take(START + 1000, Spend::Read);
    assert!(matches!(wait, Err(NotNow::Wait(_))), "a crash loop gets no second burst: {wait:?}");
}

#[test]
fn damaged_state_neither_panics_nor_blocks_for_ever() {
    let state = BudgetState {
        minutes: vec![
            (i64::MAX, 5),
            (i64::MIN, u32::MAX),
            (START, 3),
            (START + 86_400_000, 2),
            (START - 1, u32::MAX),
        ],
        paused_until: Some(Timestamp::MAX),
        limit: Some(u64::MAX),
    };
    let mut budget = Core::new(3600, 50, state, START);
    assert!(budget.free_at(START) <= START + HOUR_MS);
    assert_eq!(budget.take(START + 2 * HOUR_MS, Spend::Read), Ok(()));
}

#[test]
fn limit_of_the_header_replaces_the_configured_one() {
    let mut budget = core(3600, 50);
    let limits = Limits::of(&headers("user-hour-lim:100;user-hour-rem:90")).expect("limits");
    budget.learn(&limits, START);
    assert_eq!((budget.limit, budget.reserve()), (100, 50));
    send(&mut budget, START, 10);
    let after = send(&mut budget, START, 41) - START;
    assert!(after >= HOUR_MS, "the 51st request waits for the hour: {after}");
}

#[test]
fn writes_stop_when_others_need_the_reserve_and_reads_go_on() {
    let mut budget = core(3600, 50);
    budget.learn(&Limits { hour_left: Some(1801), ..Limits::default() }, START);
    assert_eq!(budget.left(START), 1);
    assert_eq!(budget.take(START, Spend::Write), Ok(()));
    assert_eq!(budget.take(START, Spend::Write), Ok(()), "exactly the reserve is left");
    let held = Err(NotNow::Reserved { remaining: 1799, reserve: 1800 });
    assert_eq!(budget.take(START, Spend::Write), held);
    assert_eq!(budget.left(START), 0);
    assert_eq!(budget.take(START, Spend::Read), Ok(()));
    assert_eq!(budget.take(START + HOUR_MS, Spend::Write), Ok(()), "an hour later nobody knows");
}

#[test]
fn minute_limits_are_kept_too() {
    let mut budget = core(36_000, 0);
    let limits = Limits { minute_limit: Some(20), minute_left: Some(19), ..Limits::default() };
    budget.learn(&limits, START);
    assert_eq!(send(&mut budget, START, 19), START);
    assert_eq!(send(&mut budget, START, 1), START + MINUTE_MS, "the server's minute is empty");
    let mut budget = core(36_000, 50);
    budget.learn(&Limits { minute_limit: Some(20), ..Limits::default() }, START);
    assert_eq!(send(&mut budget, START, 10), START);
    assert_eq!(send(&mut budget, START, 1), START + MINUTE_MS);
}

#[test]
fn pause_after_a_429_holds_everybody_to_a_bound() {
    let mut budget = core(3600, 50);
    budget.refused(Some(Duration::from_secs(30)), START);
    assert_eq!(budget.take(START, Spend::Read), Err(NotNow::Wait(Duration::from_secs(30))));
    assert_eq!(budget.take(START + 30_000, Spend::Write), Ok(()));
    budget.refused(Some(Duration::MAX), START);
    assert_eq!(budget.free_at(START), START + HOUR_MS);
    let paused = budget.snapshot(START).paused_until.map(Timestamp::as_millisecond);
    assert_eq!(paused, Some(START + HOUR_MS), "a restart does not end it");
    let mut budget = core(3600, 50);
    let waits: Vec<i64> = (0..20)
        .map(|_| {
            budget.paused_until = 0;
            budget.refused(None, START);
            (budget.free_at(START) - START) / 1000
        })
        .collect();
    assert_eq!(waits[..4], [2, 4, 8, 16]);
    assert_eq!(waits[19], 3600);
}

#[test]
fn clock_that_is_set_back_delays_by_an_hour_at_most() {
    let mut budget = core(100, 0);
    send(&mut budget, START, 10);
    budget.refused(Some(Duration::from_secs(600)), START);
    let earlier = START - 30 * 86_400_000;
    let _ = budget.take(earlier, Spend::Read);
    assert!(budget.free_at(earlier) <= earlier + HOUR_MS);
    let sent = send(&mut budget, earlier, 1);
    assert!(sent <= earlier + HOUR_MS, "{}", sent - earlier);
}

#[test]
fn what_was_read_before_the_clock_was_set_back_blocks_no_longer_than_it_did() {
    let day = 86_400_000;
    let mut budget = core(36_000, 0);
    budget.learn(&Limits { minute_limit: Some(20), minute_left: Some(1), ..Limits::default() }, START);
    assert_eq!(send(&mut budget, START, 1), START);
    // The server's minute is empty, and a pause of ten seconds has begun.
    budget.refused(Some(Duration::from_secs(10)), START);
    for earlier in [START - 3 * HOUR_MS, START - 30 * day] {
        let sent = send(&mut budget, earlier, 1);
        assert!(sent <= earlier + MINUTE_MS, "{} ms of waiting", sent - earlier);
    }
    // A restart after the clock was ahead.
    let state =
        BudgetState { paused_until: Timestamp::from_millisecond(START + day).ok(), ..BudgetState::default() };
    let mut budget = Core::new(3600, 50, state, START);
    assert_eq!(budget.take(START, Spend::Read), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn wait_beyond_a_quarter_of_an_hour_is_an_error_at_once() {
    let clock = Clock::manual(Timestamp::from_millisecond(START).expect("a time"));
    let budget = Budget::new(3600, 50, clock.clone(), BudgetState::default());
    budget.refused(Some(Duration::from_secs(901)));
    let began = tokio::time::Instant::now();
    let error = budget.acquire(Spend::Read).await.expect_err("too long");
    assert!(error.ends_cycle(), "{error}");
    assert_eq!(began.elapsed(), Duration::ZERO);
    clock.advance(Duration::from_secs(901));
    assert_eq!(budget.acquire(Spend::Read).await.expect("a permit"), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn write_into_the_reserve_ends_the_cycle() {
    let clock = Clock::manual(Timestamp::from_millisecond(START).expect("a time"));
    let budget = Budget::new(3600, 50, clock, BudgetState::default());
    assert_eq!(budget.learn(&headers("user-hour-lim:3600;user-hour-rem:12;")), Some(12));
    let error = budget.acquire(Spend::Write).await.expect_err("reserved");
    assert!(error.ends_cycle() && error.to_string().contains("12"), "{error}");
    assert!(budget.acquire(Spend::Read).await.is_ok());
    assert_eq!(budget.usage(), Usage { limit: 3600, reserve: 1800, used: 1, remaining: Some(11) });
    assert_eq!(budget.allowance().requests, 0);
}

/// What can happen to a budget.
#[derive(Clone, Debug)]
enum Step {
    /// This many requests, each waiting as it is told or giving up.
    Ask {
        after_ms: i64,
        spend: Spend,
        times: usize,
        patient: bool,
    },
    Restart {
        after_ms: i64,
    },
    Limit(u64),
    Refused(Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    let pause = || prop_oneof![6 => 0..50i64, 3 => 0..5_000i64, 1 => 0..4_000_000i64];
    let spend = prop_oneof![Just(Spend::Read), Just(Spend::Write)];
    let ask = (pause(), spend, 1..40usize, any::<bool>())
        .prop_map(|(after_ms, spend, times, patient)| Step::Ask { after_ms, spend, times, patient });
    prop_oneof![
        8 => ask,
        3 => pause().prop_map(|after_ms| Step::Restart { after_ms }),
        1 => prop_oneof![Just(40u64), Just(90), Just(200)].prop_map(Step::Limit),
        1 => prop::option::of(0..100u64).prop_map(Step::Refused),
    ]
}

/// A budget, what went out, and the promise about both.
struct Watched {
    budget: Core,
    now: i64,
    sent: Vec<i64>,
}

impl Watched {
    fn ask(&mut self, spend: Spend, patient: bool) -> Result<(), TestCaseError> {
        match self.budget.take(self.now, spend) {
            Ok(()) => self.sent.push(self.now),
            Err(NotNow::Wait(wait)) if patient => {
                self.now += i64::try_from(wait.as_millis()).expect("bounded");
            }
            Err(NotNow::Wait(_) | NotNow::Reserved { .. }) => return Ok(()),
        }
        let within = self.sent.iter().filter(|at| **at > self.now - HOUR_MS).count();
        let most = allowed(self.budget.limit, self.budget.reserve_percent);
        let fits = within as u64 <= most || self.sent.last() != Some(&self.now);
        prop_assert!(fits, "{within} in an hour, {most} allowed");
        Ok(())
    }
}

proptest! {
    /// Promise 8: whatever arrives when, and however often the daemon starts, a request that goes out never is one too many
    /// for the rolling hour that ends with it.
    #[test]
    fn no_rolling_hour_holds_more_than_the_budget(
        steps in prop::collection::vec(step(), 1..80),
        reserve in 0..=90u8,
        limit in 20..200u64,
    ) {
        let mut watched = Watched { budget: core(limit, reserve), now: START, sent: Vec::new() };
        for step in steps {
            match step {
                Step::Ask { after_ms, spend, times, patient } => {
                    watched.now += after_ms;
                    for _ in 0..times {
                        watched.ask(spend, patient)?;
                    }
                }
                Step::Restart { after_ms } => {
                    let state = watched.budget.snapshot(watched.now);
                    watched.now += after_ms;
                    watched.budget = Core::new(limit, reserve, state, watched.now);
                }
                Step::Limit(told) => {
                    let limits = Limits { hour_limit: Some(told), ..Limits::default() };
                    watched.budget.learn(&limits, watched.now);
                }
                Step::Refused(after) => watched.budget.refused(after.map(Duration::from_secs), watched.now),
            }
        }
    }
}
