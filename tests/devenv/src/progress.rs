//! Progress for the person who waits.

use std::io::Write;

/// Writes one line to standard error.
///
/// The handle is written to directly because the test harness captures `eprintln!`: a first test run would build for five minutes
/// without a word.
pub(crate) fn say(line: &str) {
    // A closed standard error must not fail a build.
    drop(writeln!(std::io::stderr(), "devenv: {line}"));
}
