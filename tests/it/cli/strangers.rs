//! Strangers at the control socket: a runtime folder in which others could listen is not used, and what answers there is not
//! believed.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::daemon::{start, until};
use crate::support::Bench;

const NOBODY: u32 = 65534;

fn mode(bench: &Bench, name: &str, mode: u32) {
    fs::set_permissions(bench.path(name), Permissions::from_mode(mode)).expect("its mode");
}

/// Says of everything that is asked for that it is done.
fn listen(bench: &Bench) {
    let listener = UnixListener::bind(bench.path("run/control.sock")).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            if matches!(stream.read(&mut head), Ok(1..)) {
                let body = r#"{"answer":"done","lines":["approved: 1 held entry is released"]}"#;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        }
    });
}

#[test]
fn a_socket_where_anybody_could_listen_is_not_believed() {
    let bench = Bench::sample();
    fs::create_dir(bench.path("run")).expect("a folder");
    listen(&bench);
    for open in [0o777, 0o1777, 0o755] {
        mode(&bench, "run", open);
        let told = format!("mode {open:04o}");
        for args in [
            &["approve", "0123456789ab"] as &[&str],
            &["plan"],
            &["apply", "--yes"],
            &["status"],
            &["unlink", "--all", "--yes"],
            &["state", "export"],
        ] {
            let output = bench.run(args).expect_trouble(78, &[&told, "in the daemon's place"], "chmod 700");
            assert_eq!(output.stdout, "", "{args:?}");
        }
    }
    assert_eq!(bench.writes(), 0);
    let output = bench.run(&["doctor"]);
    assert!(output.stdout.contains("in the daemon's place"), "{output:?}");
}

#[test]
fn a_folder_of_another_user_is_not_believed() {
    let bench = Bench::sample();
    fs::create_dir(bench.path("run")).expect("a folder");
    mode(&bench, "run", 0o700);
    listen(&bench);
    // Only root can give a folder away.
    if chown(bench.path("run"), Some(NOBODY), None).is_err() {
        return;
    }
    let output = bench.run(&["approve", "0123456789ab"]);
    output.expect_trouble(78, &["belongs to user 65534", "in the daemon's place"], "daemon's own user");
}

#[test]
fn a_daemon_makes_no_socket_where_anybody_could_listen() {
    let bench = Bench::sample();
    fs::create_dir(bench.path("run")).expect("a folder");
    mode(&bench, "run", 0o777);
    let mut command = bench.command(&["run"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("a child of ours").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("a child of ours");
        }
        thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().expect("a child of ours");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("mode 0777") && text.contains("chmod 700"), "{text}");
    assert!(!bench.path("run/control.sock").exists());

    // Opened while it runs: the commands notice.
    mode(&bench, "run", 0o700);
    let daemon = start(&bench);
    bench.run(&["plan"]).expect(0);
    mode(&bench, "run", 0o770);
    bench.run(&["plan"]).expect_trouble(78, &["mode 0770"], "chmod 700");
    mode(&bench, "run", 0o700);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn root_asks_the_daemon_of_another_user() {
    let bench = Bench::sample();
    for folder in ["state", "run"] {
        fs::create_dir(bench.path(folder)).expect("a folder");
        mode(&bench, folder, 0o700);
    }
    mode(&bench, "", 0o755);
    mode(&bench, "config.toml", 0o644);
    for entry in fs::read_dir(bench.dir.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        // Only root can try this.
        if !path.ends_with("config.toml") && chown(&path, Some(NOBODY), Some(NOBODY)).is_err() {
            return;
        }
    }
    let mut command = bench.command(&["run"]);
    command.uid(NOBODY).gid(NOBODY).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        // Where the program was built, nobody else may look.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return,
        Err(error) => panic!("{error}"),
    };
    until("the daemon", || bench.run(&["plan"]).code == 0);
    bench.run(&["approve", "0123456789ab"]).expect_trouble(1, &["nothing"], "");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    assert_eq!(child.wait().expect("a child of ours").code(), Some(0));
}
