//! Links that lead elsewhere are not followed, and the token is shown to nobody there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rosterd::http::HttpError;
use rosterd::model::Coverage;
use rosterd::simulator::World;
use rosterd::source::{DirectorySource as _, Interest, SourceError};
use tokio::net::TcpListener;

use super::{Tenant, groups, next, try_next};

/// A listener that counts who calls; whoever does has been led astray.
async fn stranger() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let (port, calls) = (listener.local_addr().expect("bound").port(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&calls);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, calls)
}

fn templates(ours: u16, theirs: u16) -> Vec<String> {
    vec![
        format!("http://127.0.0.1:{theirs}{{path}}"),
        format!("http://localhost:{theirs}{{path}}"),
        format!("https://127.0.0.1:{ours}{{path}}"),
        format!("http://127.0.0.1:{ours}@127.0.0.1:{theirs}{{path}}"),
        format!("http://user@127.0.0.1:{ours}{{path}}"),
        format!("http://127.0.0.1.example.com:{ours}{{path}}"),
        format!("//127.0.0.1:{theirs}{{path}}"),
        format!("http:\\\\127.0.0.1:{theirs}{{path}}"),
        format!("http://127.0.0.1:{ours}/beta/users"),
        format!("http://127.0.0.1:{ours}/v1.0/../_sim/state"),
        format!("http://127.0.0.1:{ours}/v1.0/%2E%2e/beta/users"),
        format!("http://127.0.0.1:{ours}/v1.0/..%2Fbeta/users"),
        format!("http://127.0.0.1:{ours}/v1.0/users%5C..%5C..%5Cbeta"),
        format!("http://127.0.0.1:{ours}/v1.0extra/users"),
    ]
}

#[tokio::test]
async fn a_next_link_that_leaves_graph_is_refused() {
    let tenant = Tenant::of(World::generated(1_500, 0, 1)).await;
    let (port, calls) = stranger().await;
    let source = tenant.source();
    for template in templates(tenant.sim.address().port(), port) {
        tenant.switch(|graph| graph.next_link = Some(template.clone()));
        let snapshot = source.read(&Interest::default()).await.expect("the first page was fine");
        assert!(matches!(&snapshot.coverage, Coverage::Partial(_)), "{template}: {:?}", snapshot.coverage);
        assert_eq!(snapshot.people().len(), 999, "{template}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_group_whose_next_link_leaves_graph_is_not_taken_for_read() {
    let tenant = Tenant::of(World::generated(1_500, 1_500, 1)).await;
    let (port, calls) = stranger().await;
    let source = tenant.source();
    // The first page of people and the first page of members race for the one bad link, so people get none.
    tenant.change(|state| {
        for number in 1_000..1_500 {
            state.directory.people.remove(
                &state.directory.person(&format!("p{number:07}@example.com")).expect("there").id.clone(),
            );
        }
        for number in 900..1_000 {
            state.directory.people.remove(
                &state.directory.person(&format!("p{number:07}@example.com")).expect("there").id.clone(),
            );
        }
    });
    tenant.switch(|graph| graph.next_link = Some(format!("http://127.0.0.1:{port}{{path}}")));
    let snapshot = source.read(&groups(&["iOS Developers"])).await.expect("people were fine");
    let problems = snapshot.coverage.problems();
    assert!(problems.len() == 1 && problems[0].0.contains("iOS Developers"), "{problems:?}");
    assert!(snapshot.groups.is_empty(), "half a group is no group");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_feed_whose_link_leaves_graph_fails_and_is_not_kept() {
    let tenant = Tenant::of(World::generated(300, 3, 1)).await;
    let (port, calls) = stranger().await;
    let source = tenant.source();
    let interest = groups(&["iOS Developers"]);
    let kept = next(&source, &interest, None).await;
    tenant.change(|state| state.directory.people.iter_mut().for_each(|person| person.active = false));
    for template in templates(tenant.sim.address().port(), port) {
        tenant.switch(|graph| graph.next_link = Some(template.clone()));
        let error =
            try_next(&source, &interest, Some(&kept)).await.err().unwrap_or_else(|| panic!("{template}"));
        assert!(matches!(error, SourceError::Http(HttpError::ForeignLink { .. })), "{template}: {error:?}");
    }
    let mut forged = kept;
    forged.watermark = forged.watermark.replace(&tenant.sim.origin()[7..], &format!("127.0.0.1:{port}"));
    // The configuration's own address is in the watermark too, so a forged one does not even fit.
    let kept = next(&source, &interest, Some(forged)).await;
    assert_eq!(kept.snapshot.people().len(), 300);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}
