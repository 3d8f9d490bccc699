//! What a peer's support asks for: the id of a request that failed, and where in it the fault lies. Both are in the error
//! line, in the log and in the audit, for Apple and for the identity provider.

use std::collections::BTreeMap;

use rosterd::simulator::{Fault, FileOptions, Peer, Rule, SourceKind};
use serde_json::{Value, json};

use crate::support::{Bench, Output};

fn answers(status: u16, header: (&str, &str), body: Value) -> Fault {
    let headers = BTreeMap::from([(header.0.to_owned(), header.1.to_owned())]);
    Fault::Answers { status, headers, body }
}

fn refused_name() -> Value {
    json!({"errors": [{
        "id": "6f1c2e0a-0b0e-4a51-9c0b-3f7f4c1f2a10", "status": "409", "code": "ENTITY_ERROR.ATTRIBUTE.INVALID",
        "title": "The provided entity includes an attribute with an invalid value",
        "detail": "This value is not allowed.", "source": {"pointer": "/data/attributes/lastName"},
    }]})
}

/// Somebody without a seat, and nothing else to do.
fn one_newcomer() -> Bench {
    let bench = Bench::settled();
    bench.run(&["apply", "--yes"]);
    bench.state(|state| {
        state.directory.add_person("new0@example.com", "New", "Zero");
        state.directory.join("iOS Developers", "new0@example.com");
    });
    bench
}

fn assert_names(output: &Output, words: &[&str], what: &str) {
    for word in words {
        assert!(output.stderr.contains(word), "{what}: no {word} in {}", output.stderr);
    }
}

#[test]
fn refused_invitation_names_request_error_and_place_in_message_log_and_audit() {
    let words = ["REQ-1234", "/data/attributes/lastName", "6f1c2e0a-0b0e-4a51-9c0b-3f7f4c1f2a10"];
    let bench = one_newcomer();
    let fault = answers(409, ("x-request-id", "REQ-1234"), refused_name());
    bench.sim.fault(Rule::asc("POST", "/v1/userInvitations", fault));
    let output = bench.run(&["--log-format", "json", "-v", "apply", "--yes"]).expect(5);
    assert_names(&output, &words, "message");
    let log: Vec<Value> = output.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let logged = log.iter().find(|line| line.to_string().contains("REQ-1234")).expect("a line of the log");
    for word in words {
        assert!(logged.to_string().contains(word), "log: no {word} in {logged}");
    }
    let audit = bench.run(&["audit", "show"]).expect(0).stdout;
    for word in words {
        assert_eq!(
            audit.matches(word).count(),
            audit.matches("not allowed").count(),
            "audit: {word} in {audit}"
        );
        assert!(audit.contains(word), "audit: no {word} in {audit}");
    }
    let export = bench.run(&["audit", "export"]).expect(0).stdout;
    assert!(export.contains(r#""request_id":"REQ-1234""#), "{export}");
}

#[test]
fn words_of_every_error_of_a_refusal_show_where_everything_is_asked_for() {
    let bench = one_newcomer();
    let mut body = refused_name();
    let second =
        json!({"code": "ENTITY_ERROR", "detail": "A second reason.", "source": {"pointer": "/data/b"}});
    body["errors"].as_array_mut().expect("a list").push(second);
    let refusal =
        || Rule::asc("POST", "/v1/userInvitations", answers(409, ("x-request-id", "R"), body.clone()));
    bench.sim.fault(refusal());
    let quiet = bench.run(&["apply", "--yes"]).expect(5);
    assert!(!quiet.stderr.contains("A second reason"), "{}", quiet.stderr);
    let bench = one_newcomer();
    bench.sim.fault(refusal());
    let loud = bench.run(&["-vv", "apply", "--yes"]).expect(5);
    assert_names(&loud, &["A second reason", "/data/b"], "-vv");
}

#[test]
fn hostile_request_id_reaches_no_terminal() {
    let bench = one_newcomer();
    let id = format!("\u{9b}31mRED{}", "x".repeat(3000));
    bench.sim.fault(Rule::asc(
        "POST",
        "/v1/userInvitations",
        answers(409, ("x-request-id", &id), refused_name()),
    ));
    let output = bench.run(&["apply", "--yes"]).expect(5);
    assert!(output.stderr.contains("31mRED"), "{}", output.stderr);
    assert!(
        !output.stderr.contains('\u{9b}') && !output.stderr.contains(&"x".repeat(200)),
        "{}",
        output.stderr
    );
}

#[test]
fn identity_provider_names_its_requests_too() {
    for (status, header, code) in
        [(500, "x-request-id", 5), (403, "x-okta-request-id", 4), (400, "request-id", 5)]
    {
        let bench = Bench::settled();
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": "no", "status": status.to_string()});
        let fault = answers(status, (header, "REQ-77"), body);
        bench.sim.fault(Rule::to(Peer::Scim, "GET", "/scim/v2/Users", fault).times(u32::MAX));
        let output = bench.run(&["plan"]);
        assert!(output.stderr.contains("REQ-77"), "{header} {code}: {}{}", output.stderr, output.stdout);
    }
}

#[test]
fn graph_names_its_requests_too() {
    let bench = Bench::sample();
    let graph = FileOptions { source: SourceKind::Graph };
    rosterd::simulator::write_files(bench.dir.path(), &bench.sim, graph).expect("a configuration");
    let body =
        json!({"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}});
    let fault = answers(403, ("request-id", "REQ-88"), body);
    bench.sim.fault(Rule::to(Peer::Graph, "GET", "*", fault).times(u32::MAX));
    let output = bench.run(&["plan"]).expect(4);
    assert_names(&output, &["REQ-88"], "graph");
}

/// Whatever a write is answered with: an exit code that is not 0 comes with an error line and its cure.
#[test]
fn no_command_fails_in_silence() {
    let html = |status| Fault::Html { status };
    let writes = [
        ("DELETE", "/v1/users/*"),
        ("DELETE", "/v1/userInvitations/*"),
        ("PATCH", "/v1/users/*"),
        ("POST", "/v1/userInvitations"),
    ];
    for (method, path) in writes {
        for status in [400, 401, 403, 404, 409, 410, 422, 429, 500, 502] {
            let bench = Bench::sample();
            bench.sim.fault(Rule::asc(method, path, html(status)));
            let output = bench.run(&["apply", "--yes"]);
            let code = output.code;
            if matches!(code, 0 | 3) {
                continue;
            }
            let what = format!("{method} {path} {status}: {}", output.stderr);
            assert!(output.stderr.contains("error: "), "{what}");
            assert!(output.stderr.contains("hint: "), "{what}");
        }
    }
}

#[test]
fn each_of_several_failures_is_told() {
    let bench = one_newcomer();
    bench.state(|state| {
        state.directory.add_person("new1@example.com", "New", "One");
        state.directory.join("iOS Developers", "new1@example.com");
    });
    for id in ["REQ-1", "REQ-2"] {
        let fault = answers(409, ("x-request-id", id), refused_name());
        bench.sim.fault(Rule::asc("POST", "/v1/userInvitations", fault));
    }
    let output = bench.run(&["apply", "--yes"]).expect(5);
    assert_names(&output, &["REQ-1", "REQ-2", "new0@example.com", "new1@example.com"], "message");
}
