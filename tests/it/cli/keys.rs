//! Keys and ids as secret stores and people hand them over: what can be read without doubt works, of the rest it is said
//! offline what it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rosterd::simulator::ISSUER_ID;
use rosterd::simulator::graph::{ClientCertificate, GRAPH_CLIENT, GRAPH_TENANT};

use crate::support::{Bench, Output};

fn write(bench: &Bench, name: &str, text: &str) {
    let path = bench.path(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
}

#[test]
fn a_key_that_lost_its_line_ends_on_the_way_signs() {
    let bench = Bench::sample();
    let good = bench.sim.private_key_pem().to_owned();
    for (what, text) in [
        ("written line ends", good.replace('\n', "\\n")),
        ("blanks", good.replace('\n', " ")),
        ("one line", good.replace('\n', "")),
        ("quotes and CRLF", format!("\"{}\"", good.replace('\n', "\r\n"))),
        ("base64", STANDARD.encode(&good)),
    ] {
        write(&bench, "AuthKey.p8", &text);
        let output = bench.run(&["check"]);
        assert_eq!(output.code, 0, "{what}: {}", output.stderr);
        let output = bench.run(&["plan"]);
        assert_eq!(output.code, 0, "{what}: {}", output.stderr);
    }
}

#[test]
fn a_key_that_is_damaged_beside_its_line_ends_is_not_called_lost() {
    let bench = Bench::sample();
    let flat = bench.sim.private_key_pem().replace('\n', "");
    write(&bench, "AuthKey.p8", &flat[..flat.len() / 2]);
    let output = bench.run(&["check"]).expect_trouble(78, &["line ends are missing"], "may be fine");
    assert!(!output.stderr.contains("new key"), "{}", output.stderr);
}

#[test]
fn ids_that_are_something_else_are_named_before_anything_is_sent() {
    let (key, issuer) = ("key_id = \"SIMTEAM001\"", format!("issuer_id = \"{ISSUER_ID}\""));
    let cases = [
        (format!("key_id = \"{ISSUER_ID}\""), "issuer_id = \"SIMTEAM001\"".to_owned(), "key_id", "swapped"),
        ("key_id = \"'SIMTEAM001'\"".to_owned(), issuer.clone(), "key_id", "quotes"),
        ("key_id = \"AuthKey_SIMTEAM001.p8\"".to_owned(), issuer.clone(), "key_id", "name of a file"),
        ("key_id = \"simteam001\"".to_owned(), issuer.clone(), "key_id", "lower case"),
        (key.to_owned(), format!("issuer_id = \"'{ISSUER_ID}'\""), "issuer_id", "quotes"),
        (key.to_owned(), "issuer_id = \"AB12CD34EF\"".to_owned(), "issuer_id", "Team ID"),
        (key.to_owned(), "issuer_id = \"ada@example.com\"".to_owned(), "issuer_id", "e-mail"),
    ];
    for (new_key, new_issuer, names, says) in cases {
        let bench = Bench::sample();
        bench.edit(key, &new_key);
        bench.edit(&issuer, &new_issuer);
        let names = format!("app_store_connect.{names}");
        for command in [&["check"] as &[&str], &["plan"]] {
            bench.run(command).expect_trouble(78, &[&names, says], "");
        }
        assert_eq!(bench.state(|state| state.answered()), 0, "{says}");
    }
    let bench = Bench::sample();
    bench.edit(key, "key_id = \" SIMTEAM001 \"");
    bench.edit(&issuer, &format!("issuer_id = \"{ISSUER_ID} \""));
    bench.run(&["plan"]).expect(0);
}

#[test]
fn the_api_of_the_enterprise_program_is_named() {
    let bench = Bench::sample();
    let origin = format!("base_url = \"{}\"", bench.sim.origin());
    bench.edit(&origin, "base_url = \"https://api.enterprise.developer.apple.com\"");
    let names = ["app_store_connect.base_url", "Enterprise Program teams are not served"];
    bench.run(&["check"]).expect_trouble(78, &names, "api.appstoreconnect.apple.com");
    bench.run(&["doctor"]).expect_trouble(78, &names, "api.appstoreconnect.apple.com");
}

#[test]
fn check_sees_that_a_certificate_and_its_key_are_a_pair() {
    let bench = Bench::sample();
    let ends = "2031-05-01T00:00:00Z".parse().expect("a time");
    let made = ClientCertificate::generate(ends).expect("randomness");
    let other = ClientCertificate::generate(ends).expect("randomness");
    bench.read_from(&format!(
        "type = \"graph\"\n[source.graph]\ntenant_id = \"{GRAPH_TENANT}\"\nclient_id = \"{GRAPH_CLIENT}\"\n\
         auth = \"certificate\"\ncertificate_file = \"graph.pem\"\nprivate_key_file = \"graph.key\"\n"
    ));
    write(&bench, "graph.pem", &made.pem.replace('\n', "\\n"));
    write(&bench, "graph.key", &made.key_pem.replace('\n', " "));
    bench.run(&["check"]).expect(0);
    write(&bench, "graph.key", &other.key_pem);
    bench.run(&["check"]).expect_trouble(78, &["source.graph.private_key_file", "does not belong"], "a pair");
    write(&bench, "graph.pem", &made.key_pem);
    let names = ["source.graph.certificate_file", "a private key and no certificate"];
    bench.run(&["check"]).expect_trouble(78, &names, "PEM");
}

#[test]
fn a_proxy_of_the_environment_is_named_and_one_that_cannot_be_used_is_refused() {
    let bench = Bench::sample();
    let run = |command: &str, proxy: &str| {
        let output =
            Output::of(bench.command(&[command]).env("HTTPS_PROXY", proxy).env("NO_PROXY", "10.0.0.0/8"));
        assert!(!format!("{}{}", output.stdout, output.stderr).contains("s3cret"), "the password stays out");
        output
    };
    for command in ["check", "doctor"] {
        let output = run(command, "http://ada:s3cret@proxy.example.com:3128").expect(0);
        let text = "http://proxy.example.com:3128, by HTTPS_PROXY, except for 10.0.0.0/8";
        assert!(output.stdout.contains(text), "{}", output.stdout);
        for bad in ["http://ada:s3cret@proxy.example.com:port", "socks5://proxy.example.com", "not a proxy"] {
            run(command, bad).expect_trouble(78, &["HTTPS_PROXY"], "http://HOST:PORT");
        }
        run(command, "").expect(0);
    }
}
