//! Signing in, and how it goes wrong.

use rosterd::secret::SecretRef;
use rosterd::simulator::World;
use rosterd::simulator::graph::{ClientCertificate, GRAPH_SECRET};
use rosterd::source::graph::GraphAuth;
use rosterd::source::{DirectorySource as _, Interest, SourceError};
use serde_json::json;

use super::Tenant;

fn token_requests(tenant: &Tenant) -> usize {
    tenant.change(|state| state.requests.iter().filter(|seen| seen.path.ends_with("/token")).count())
}

#[tokio::test]
async fn one_token_serves_until_shortly_before_its_end() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    for _ in 0..3 {
        source.read(&Interest::default()).await.expect("read");
    }
    assert_eq!(token_requests(&tenant), 1);
    tenant.clock.advance(std::time::Duration::from_secs(3_400));
    source.read(&Interest::default()).await.expect("read");
    assert_eq!(token_requests(&tenant), 2);
}

#[tokio::test]
async fn a_token_serves_whatever_is_said_of_its_end() {
    for end in [
        json!(null),
        json!("3599"),
        json!(3599.0),
        json!(0),
        json!(-1),
        json!({"seconds": 3600}),
        json!(1e300),
    ] {
        let tenant = Tenant::of(World::sample()).await;
        tenant.switch(|graph| graph.token_end = Some(end.clone()));
        let source = tenant.source();
        for _ in 0..2 {
            source.read(&Interest::default()).await.expect("read");
        }
        assert_eq!(token_requests(&tenant), 1, "{end}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_shown_once_in_a_cycle() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.switch(|graph| graph.refuse = Some(7_000_215));
    let source = tenant.source();
    for requests in [1, 2] {
        let error = source.read_since(&Interest::default(), None).await.expect_err("refused");
        assert!(error.to_string().contains("refused by the simulated tenant"), "their own words: {error}");
        assert_eq!(source.credential_expiry().await, None);
        assert!(source.recheck(&Interest::default(), &["p".into()], &[]).await.is_err());
        assert_eq!(token_requests(&tenant), requests);
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_once() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    source.read(&Interest::default()).await.expect("read");
    tenant.change(|state| state.graph.revoke_tokens());
    source.read(&Interest::default()).await.expect("a fresh token");
    assert_eq!(token_requests(&tenant), 2);
    // A token that is refused at once is not worth a third try.
    tenant.switch(|graph| graph.token_seconds = 0);
    tenant.change(|state| state.graph.revoke_tokens());
    let error = source.read(&Interest::default()).await.expect_err("refused");
    assert!(matches!(error, SourceError::Refused { .. }), "{error:?}");
    assert_eq!(token_requests(&tenant), 3);
}

#[tokio::test]
async fn a_certificate_signs_in() {
    let tenant = Tenant::of(World::sample()).await;
    let ends = "2027-05-01T00:00:00Z".parse().expect("a time");
    let made = ClientCertificate::generate(ends).expect("randomness");
    tenant.change(|state| state.graph.certificate = Some(made.der.clone()));
    let certificate = tenant.file("certificate.pem", &made.pem);
    let key = tenant.secret("key.pem", &made.key_pem);
    let settings = || {
        let (certificate, key) = (certificate.clone(), key.clone());
        tenant.settings(GraphAuth::Certificate { certificate, key })
    };
    let source = tenant.source_with(settings());
    source.read(&Interest::default()).await.expect("signed in");
    assert_eq!(source.credential_expiry().await, Some((ends, "certificate")));
    let other = ClientCertificate::generate(ends).expect("randomness");
    tenant.change(|state| state.graph.certificate = Some(other.der));
    let error = tenant.source_with(settings()).read(&Interest::default()).await.expect_err("refused");
    assert!(error.to_string().contains("AADSTS700027"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("certificate_file")));
}

#[tokio::test]
async fn a_new_pair_is_taken_in_once_both_halves_are_there() {
    let tenant = Tenant::of(World::sample()).await;
    let (soon, later) =
        ("2027-05-01T00:00:00Z".parse().expect("a time"), "2028-05-01T00:00:00Z".parse().expect("a time"));
    let old = ClientCertificate::generate(soon).expect("randomness");
    let new = ClientCertificate::generate(later).expect("randomness");
    tenant.change(|state| state.graph.certificate = Some(old.der.clone()));
    let certificate = tenant.file("certificate.pem", &old.pem);
    let key = tenant.secret("key.pem", &old.key_pem);
    let source = tenant.source_with(tenant.settings(GraphAuth::Certificate { certificate, key }));
    tenant.file("certificate.pem", &new.pem);
    let error = source.renew().expect_err("half a pair");
    assert!(error.to_string().contains("does not belong"), "{error}");
    source.read(&Interest::default()).await.expect("signed in with the old pair");
    tenant.secret("key.pem", &new.key_pem);
    source.renew().expect("a pair");
    tenant.change(|state| {
        state.graph.certificate = Some(new.der.clone());
        state.graph.revoke_tokens();
    });
    source.read(&Interest::default()).await.expect("signed in with the new pair");
    assert_eq!(source.credential_expiry().await, Some((later, "certificate")));
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_each_sign_in_also_through_links() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.file("first", "first-token");
    tenant.file("second", "second-token");
    let link = tenant.dir.path().join("token");
    std::os::unix::fs::symlink("first", &link).expect("a link");
    let auth = GraphAuth::Federated(SecretRef::new(link.clone(), None));
    let source = tenant.source_with(tenant.settings(auth));
    tenant.change(|state| state.graph.federated = Some("first-token".to_owned()));
    source.read(&Interest::default()).await.expect("signed in");
    std::fs::remove_file(&link).expect("ours");
    std::os::unix::fs::symlink("second", &link).expect("a link");
    tenant.change(|state| {
        state.graph.federated = Some("second-token".to_owned());
        state.graph.revoke_tokens();
    });
    source.read(&Interest::default()).await.expect("signed in anew");
    assert_eq!(source.credential_expiry().await, None);
}

#[tokio::test]
async fn each_refusal_is_named_with_its_cure() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    for (code, cure) in [
        (7_000_222, "client_secret_file"),
        (7_000_215, "not its id"),
        (90_002, "tenant_id"),
        (700_016, "client_id"),
        (65_001, "admin consent"),
        (700_027, "certificate_file"),
        (700_024, "clock"),
        (123_456, "AADSTS numbers"),
    ] {
        tenant.switch(|graph| graph.refuse = Some(code));
        let error = source.read(&Interest::default()).await.expect_err("refused");
        assert!(matches!(error, SourceError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains(cure)), "{code}: {:?}", error.hint());
        assert!(!error.to_string().contains(GRAPH_SECRET));
    }
}

#[tokio::test]
async fn settings_that_are_wrong_are_told_apart() {
    let tenant = Tenant::of(World::sample()).await;
    let right = || tenant.settings(GraphAuth::Secret(tenant.secret("graph-secret", GRAPH_SECRET)));
    let (mut other_tenant, mut other_client, mut other_scope) = (right(), right(), right());
    other_tenant.tenant_id = "example.com".to_owned();
    other_client.client_id = "somebody".to_owned();
    other_scope.scope = "https://graph.microsoft.us/.default".to_owned();
    let wrong_secret = tenant.settings(GraphAuth::Secret(tenant.secret("wrong", "abc")));
    for (settings, code) in
        [(other_tenant, 90_002), (other_client, 700_016), (other_scope, 500_011), (wrong_secret, 7_000_215)]
    {
        let error = tenant.source_with(settings).read(&Interest::default()).await.expect_err("refused");
        assert!(error.to_string().contains(&format!("AADSTS{code}")), "{error}");
    }
}

#[tokio::test]
async fn the_end_of_the_secret_is_asked_for_rarely_and_only_where_that_is_granted() {
    let tenant = Tenant::of(World::sample()).await;
    let ends = "2027-01-31T00:00:00Z".parse().expect("a time");
    tenant.change(|state| state.graph.secret_ends = Some(ends));
    let source = tenant.source();
    for _ in 0..3 {
        assert_eq!(source.credential_expiry().await, Some((ends, "graph")));
    }
    assert_eq!(tenant.requests().len(), 1);
    tenant.switch(|graph| _ = graph.rights.remove("Application.Read.All"));
    assert_eq!(tenant.source().credential_expiry().await, None);
}

#[tokio::test]
async fn a_secret_that_others_may_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let path = tenant.dir.path().join("graph-secret");
    std::fs::write(&path, "another").expect("ours");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let error = source.renew().expect_err("refused").to_string();
    assert!(error.contains("0644"), "{error}");
    source.read(&Interest::default()).await.expect("the one that was read before goes on");
}

#[tokio::test]
async fn a_new_secret_is_asked_for_its_own_end() {
    let tenant = Tenant::of(World::sample()).await;
    let (soon, later) =
        ("2027-01-31T00:00:00Z".parse().expect("a time"), "2028-01-31T00:00:00Z".parse().expect("a time"));
    tenant.change(|state| state.graph.secret_ends = Some(soon));
    let source = tenant.source();
    assert_eq!(source.credential_expiry().await, Some((soon, "graph")));
    tenant.change(|state| state.graph.secret_ends = Some(later));
    source.renew().expect("as good as before");
    assert_eq!(source.credential_expiry().await, Some((later, "graph")));
}
