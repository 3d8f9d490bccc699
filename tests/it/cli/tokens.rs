//! Answers of token endpoints, as they occur.

use rosterd::simulator::{Fault, Rule, SCIM_SECRET, SCIM_TOKEN, SCIM_USER};
use serde_json::{Value, json};

use crate::support::Bench;

/// A directory whose token endpoint gives this answer, and whose API takes the token in it.
fn bench(status: u16, body: Value) -> Bench {
    let bench = Bench::sample();
    bench.edit(
        "auth = \"bearer\"\ntoken_file = \"scim-token\"",
        &format!(
            "auth = \"oauth2\"\ntoken_url = \"{}\"\nclient_id = \"{SCIM_USER}\"\nclient_secret_file = \"scim-token\"",
            bench.sim.token_url()
        ),
    );
    std::fs::write(bench.path("scim-token"), SCIM_SECRET).expect("written");
    bench.sim.fault(Rule::scim("POST", "/oauth2/token", Fault::Says { status, body }).times(u32::MAX));
    bench
}

fn token_requests(bench: &Bench) -> usize {
    bench.state(|state| state.requests.iter().filter(|seen| seen.path == "/oauth2/token").count())
}

#[test]
fn one_token_serves_a_cycle_whatever_is_said_of_its_end() {
    for end in [json!(null), json!("3600"), json!(3599.0), json!({"seconds": 3600}), json!(0), json!(1e300)] {
        let bench =
            bench(200, json!({"access_token": SCIM_TOKEN, "token_type": "bearer", "expires_in": end}));
        bench.run(&["apply", "--yes"]).expect(0);
        assert_eq!(token_requests(&bench), 1, "{end}");
    }
    let bench = bench(200, json!({"access_token": SCIM_TOKEN}));
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(token_requests(&bench), 1);
}

#[test]
fn a_refused_client_is_shown_once_and_the_servers_words_with_it() {
    let said = "A client_id must be provided in the request.";
    for (status, body, words, requests) in [
        (401, json!({"error": "invalid_client"}), "invalid_client", 1),
        (400, json!({"error": "invalid_client", "error_description": "bad secret"}), "bad secret", 1),
        (200, json!({"error": "invalid_client", "error_description": "bad secret"}), "bad secret", 1),
        // It says that it did not find the id, so the body is tried once.
        (
            401,
            json!({"errorCode": "invalid_client", "errorSummary": said, "errorLink": "invalid_client"}),
            said,
            2,
        ),
    ] {
        let bench = bench(status, body);
        let output = bench.run(&["plan"]).expect_trouble(4, &[words], "client_auth");
        assert!(!output.stderr.contains(SCIM_SECRET), "{}", output.stderr);
        assert_eq!(token_requests(&bench), requests, "{words}");
    }
}

#[test]
fn client_auth_goes_with_oauth2_alone() {
    let bench = Bench::sample();
    bench.edit("auth = \"bearer\"", "auth = \"bearer\"\nclient_auth = \"post\"");
    bench.run(&["check"]).expect_trouble(
        78,
        &["source.scim.client_auth", "does not go with"],
        "remove client_auth",
    );
    bench.edit("client_auth = \"post\"", "client_auth = \"body\"");
    bench.run(&["check"]).expect_trouble(78, &["source.scim.client_auth"], "\"basic\" or \"post\"");
}
