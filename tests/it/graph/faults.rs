//! Throttling, lost pages and other weather.

use std::time::{Duration, Instant};

use rosterd::http::HttpError;
use rosterd::model::{Coverage, PersonId};
use rosterd::simulator::{Fault, Peer, Rule, When, World};
use rosterd::source::{Again, DirectorySource as _, Interest, SourceError};

use super::{Tenant, groups};

#[tokio::test]
async fn requests_within_a_batch_that_were_throttled_are_asked_again() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.switch(|graph| {
        graph.inner_throttled = 3;
        graph.inner_retry_after = 1;
    });
    let started = Instant::now();
    let interest = groups(&["iOS Developers", "iOS Admins", "Watch Team", "Everybody Else"]);
    let snapshot = tenant.source().read(&interest).await.expect("read");
    assert!(snapshot.coverage.is_complete());
    assert_eq!(snapshot.groups.len(), 4);
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After was waited for");
}

#[tokio::test]
async fn a_wait_within_a_batch_that_is_too_long_ends_the_read() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.switch(|graph| {
        graph.inner_throttled = 1;
        graph.inner_retry_after = 3_600;
    });
    let error = tenant.source().read(&groups(&["iOS Developers"])).await.expect_err("an hour is too long");
    assert!(matches!(error, SourceError::Http(HttpError::WaitTooLong { seconds: 3_600, .. })), "{error:?}");
}

#[tokio::test]
async fn requests_are_slowed_down_before_the_limit_is_reached() {
    let tenant = Tenant::of(World::generated(2_500, 0, 1)).await;
    let source = tenant.source();
    tenant.switch(|graph| graph.throttle_share = Some("0.8".to_owned()));
    let started = Instant::now();
    source.read(&Interest::default()).await.expect("read");
    assert!(started.elapsed() >= Duration::from_millis(500), "two further pages, each after a pause");
}

#[tokio::test]
async fn a_passing_failure_is_survived_and_a_lasting_one_makes_the_read_partial() {
    let tenant = Tenant::of(World::generated(1_500, 0, 1)).await;
    let source = tenant.source();
    let fault = |nth| {
        let fault = Fault::Status { status: 503, when: When::Before };
        Rule::to(Peer::Graph, "GET", "/v1.0/users", fault).nth(nth)
    };
    tenant.sim.fault(fault(2).times(2));
    let snapshot = source.read(&Interest::default()).await.expect("read");
    assert!(snapshot.coverage.is_complete());
    tenant.sim.fault(fault(2).times(9));
    let snapshot = source.read(&Interest::default()).await.expect("read");
    assert!(matches!(snapshot.coverage, Coverage::Partial(_)));
    assert_eq!(snapshot.people().len(), 999);
    tenant.change(|state| state.faults.clear());
    tenant.sim.fault(fault(1).times(9));
    let error = source.read(&Interest::default()).await.expect_err("nothing at all was read");
    assert!(error.to_string().contains("503"), "{error}");
}

#[tokio::test]
async fn nobody_is_gone_because_a_proxy_says_so() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let ada = PersonId::from(tenant.id("ada@example.com"));
    for fault in
        [Fault::Html { status: 404 }, Fault::Status { status: 404, when: When::Before }, Fault::Truncated]
    {
        tenant.change(|state| state.faults.clear());
        tenant.sim.fault(Rule::to(Peer::Graph, "POST", "/v1.0/*", fault.clone()).times(9));
        let again = source.recheck(&groups(&[]), std::slice::from_ref(&ada), &[]).await;
        let is_gone = again.is_ok_and(|again| again.people.get(&ada) == Some(&Again::Gone));
        assert!(!is_gone, "{fault:?}");
    }
}
