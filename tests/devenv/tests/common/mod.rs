//! What the test binaries of this crate share.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest wait for something that should take a moment, on a machine with other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until the condition holds.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process of this id is there.
pub(crate) fn is_alive(pid: u32) -> bool {
    let pid = pid.to_string();
    let asked =
        Command::new("sh").args(["-c", r#"kill -0 "$1""#, "kill", &pid]).stderr(Stdio::null()).status();
    asked.unwrap().success()
}
