//! The status page in a real browser, served by the real daemon.
//!
//! Skipped with a note when chromium is not installed, unless `REQUIRE_CHROMIUM=1`.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use crate::support::Bench;

/// Ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The document after the browser has read it, and what it had to say about it.
fn browse(url: &str, width: u32) -> Option<(String, String)> {
    let profile = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("chromium");
    // Root has no sandbox, and shared memory is small in containers.
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]);
    command.args(["--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=3000", "--dump-dom"]);
    command.arg(format!("--window-size={width},900"));
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
    match command.output() {
        Ok(output) => Some((
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
        Err(error) if std::env::var_os("REQUIRE_CHROMIUM").is_some() => {
            panic!("chromium is required and does not start: {error}")
        }
        Err(error) => {
            eprintln!("skipped: chromium does not start ({error})");
            None
        }
    }
}

#[test]
fn a_browser_shows_the_page_and_its_policy_refuses_nothing() {
    let bench = Bench::settled();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    bench.edit("listen = \"\"", &format!("listen = \"127.0.0.1:{port}\""));
    let _daemon = Daemon(bench.spawn(&["run"]));
    let answers = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(answers, "the daemon does not answer");
    for width in [360, 1280] {
        let Some((document, console)) = browse(&format!("http://127.0.0.1:{port}/"), width) else { return };
        assert!(document.contains("<title>In step"), "{document}\n{console}");
        assert!(document.contains("</html>"), "{document}");
        // Chromium tells what a content security policy kept it from doing on the console.
        let refused: Vec<&str> = console.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }
}
