//! A pseudo-terminal, so that the program meets a person: both ends of its question are one.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A program at a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts a command there.
    pub(crate) fn start(mut command: Command) -> Self {
        let (keys, program) = open();
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("another handle"));
        command.env("NO_COLOR", "1").stdin(end(&program)).stdout(end(&program)).stderr(end(&program));
        let child = command.spawn().expect("the program starts");
        // Only the program holds its side now, so that its end is seen.
        drop((command, program));
        let screen = Arc::new(Mutex::new(String::new()));
        let reader = reader(keys.try_clone().expect("another handle"), Arc::clone(&screen));
        Self { child, keys, screen, reader }
    }

    /// Everything that was shown so far, the keys that were typed among it.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().expect("no panic").clone()
    }

    /// Waits until this is shown.
    #[track_caller]
    pub(crate) fn until(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.screen().contains(text) {
            assert!(Instant::now() < deadline, "{text:?} is not shown: {}", self.screen());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types a line.
    pub(crate) fn answer(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).expect("typed");
    }

    /// Waits for the end; its code, and all that was shown.
    pub(crate) fn end(mut self) -> (i32, String) {
        let status = self.child.wait().expect("a child of ours");
        self.reader.join().expect("no panic");
        let screen = self.screen.lock().expect("no panic").clone();
        (status.code().unwrap_or(-1), screen)
    }
}

/// The side of the person and that of the program. Neither is handed on to programs that other tests start meanwhile.
#[expect(unsafe_code, reason = "the standard library makes no terminals")]
fn open() -> (File, OwnedFd) {
    let keys = OpenOptions::new().read(true).write(true).open("/dev/ptmx").expect("a terminal");
    let (unlocked, mut number) = (0 as libc::c_int, 0 as libc::c_int);
    // SAFETY: the first reads one `int`, the second writes one, each through a pointer to a local that outlives the call.
    let answers = unsafe {
        [
            libc::ioctl(keys.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked),
            libc::ioctl(keys.as_raw_fd(), libc::TIOCGPTN, &raw mut number),
        ]
    };
    assert_eq!(answers, [0, 0], "a terminal: {}", std::io::Error::last_os_error());
    let program = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(format!("/dev/pts/{number}"))
        .expect("its other side");
    (keys, program.into())
}

fn reader(mut from: File, screen: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Reading fails once the program and with it its side is gone.
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).replace('\r', "");
            screen.lock().expect("no panic").push_str(&text);
        }
    })
}
