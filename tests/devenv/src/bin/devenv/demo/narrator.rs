//! What the person reads.

use std::io::{Write as _, stdout};
use std::time::Instant;

/// Writes to standard output, with the time since the start where it helps.
#[derive(Debug)]
pub(super) struct Narrator {
    started: Instant,
}

impl Narrator {
    pub(super) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// A blank line and a line of its own.
    pub(super) fn heading(&self, text: &str) {
        write(&format!("\n{text}"));
    }

    /// What is being done, with the time.
    pub(super) fn step(&self, text: &str) {
        write(&format!("{:6.1} s  {text}", self.started.elapsed().as_secs_f64()));
    }

    /// Something below a heading.
    pub(super) fn line(&self, text: &str) {
        write(&format!("  {text}"));
    }

    /// The output of a program, indented.
    pub(super) fn quote(&self, text: &str) {
        for line in text.lines() {
            self.line(line);
        }
    }
}

/// Whoever closes our output early (`make demo | head`) ends the showing, not the work.
fn write(text: &str) {
    drop(writeln!(stdout(), "{text}"));
}
