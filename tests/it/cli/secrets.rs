//! No output, file or page holds a secret, however much is logged.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rosterd::simulator::{Fault, Rule};

use super::daemon::{start_as, until};
use crate::support::{Bench, Output};

/// What must be nowhere: the lines of the private key, the provider's token and the page's.
fn secrets(bench: &Bench) -> Vec<String> {
    let key = fs::read_to_string(bench.path("AuthKey.p8")).expect("a key");
    let token = fs::read_to_string(bench.path("scim-token")).expect("a token");
    let page = fs::read_to_string(bench.path("page-token")).expect("a token");
    let key = key.lines().filter(|line| !line.starts_with("-----")).map(ToOwned::to_owned);
    key.chain([token.trim().to_owned(), page.trim().to_owned()]).collect()
}

fn look(secrets: &[String], place: &str, text: &str) {
    for secret in secrets {
        assert!(secret.len() > 12, "a marker that cannot be there by chance");
        assert!(!text.contains(secret.as_str()), "{place} has a secret in it");
    }
    // A token for Apple is made anew each time: three parts, of which the first never changes its beginning.
    assert!(!text.contains("eyJ"), "{place} has a signed token in it");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path))
        } else if path.is_file() {
            found.push(path)
        }
    }
    found
}

fn get(port: u16, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the page listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn no_output_file_or_page_of_any_command_has_a_secret_in_it() {
    let bench = Bench::sample();
    let page_token = "page-token-for-nobody-else";
    fs::write(bench.path("page-token"), page_token).expect("written");
    fs::set_permissions(bench.path("page-token"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("mode");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|bound| bound.local_addr())
        .expect("a port")
        .port();
    let config = fs::read_to_string(bench.path("config.toml")).expect("a configuration");
    let page = format!("[http]\nlisten = \"127.0.0.1:{port}\"\nbearer_token_file = \"page-token\"\n");
    let (before, _) = config.split_once("[http]\n").expect("the page's table, which is the last");
    fs::write(bench.path("config.toml"), format!("{before}{page}")).expect("written");
    let secrets = secrets(&bench);

    let saved = bench.path("plan.json").to_string_lossy().into_owned();
    let commands: [&[&str]; 21] = [
        &["check"],
        &["doctor"],
        &["doctor", "--json"],
        &["plan"],
        &["plan", "--json"],
        &["plan", "--out", &saved],
        &["apply", &saved],
        &["run", "--once"],
        &["status"],
        &["status", "--json"],
        &["explain", "ada@example.com"],
        &["explain", "ada@example.com", "--json"],
        &["approve", "sha256:000000000000"],
        &["link", "ada@example.com", "ada@example.org"],
        &["unlink", "ada@example.com"],
        &["adopt", "konrad@example.net"],
        &["audit", "show"],
        &["audit", "verify"],
        &["audit", "export"],
        &["state", "export"],
        &["state", "check"],
    ];
    let run = |args: &[&str], why: &str| {
        let mut command = bench.command(args);
        command.args(["-vv", "--log-format", "json"]);
        let output = Output::of(&mut command);
        look(&secrets, &format!("stdout of {args:?} ({why})"), &output.stdout);
        look(&secrets, &format!("stderr of {args:?} ({why})"), &output.stderr);
        output
    };
    for args in commands {
        assert!(run(args, "all is well").code != 64, "{args:?} is no command");
    }
    // Refusals and odd answers are shown in the server's own words, which repeat what was sent.
    let echo =
        serde_json::json!({"detail": format!("bad credential: Bearer {}", secrets[secrets.len() - 2])});
    for fault in [Fault::Html { status: 502 }, Fault::Says { status: 401, body: echo }] {
        for args in [&["plan"][..], &["doctor"], &["run", "--once"], &["status", "--json"]] {
            bench.sim.fault(Rule::scim("GET", "*", fault.clone()).times(1));
            bench.sim.fault(Rule::asc("GET", "*", fault.clone()).times(1));
            run(args, "the peers refuse");
        }
    }

    let mut command = bench.command(&["run", "-vv"]);
    command.stderr(Stdio::null());
    let daemon = start_as(&bench, command);
    until("the page", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let holder = format!("Authorization: Bearer {page_token}\r\n");
    for path in ["/", "/metrics", "/status", "/status.json", "/livez", "/readyz", "/nothing"] {
        for headers in ["", holder.as_str()] {
            look(&secrets, path, &get(port, path, headers));
        }
    }
    drop(daemon);
    let own = ["AuthKey.p8", "scim-token", "page-token"].map(|name| bench.path(name));
    for path in files(bench.dir.path()).into_iter().filter(|path| !own.contains(path)) {
        let bytes = fs::read(&path).expect("a file");
        look(&secrets, &path.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
}
