//! What is expected, and why: steps of the protocol in docs/reliability.md and ARCHITECTURE.md.

use super::cell::Outcome;
use super::fault::Fault;
use super::request::{ASKS, Ask};

const ON: Outcome = Outcome::WentOn;
const PASS: Outcome = Outcome::PassAgain;
const LATER: Outcome = Outcome::RecordedLater;
const LOST: Outcome = Outcome::EventLost;

/// A row: the fault, what comes of it at each request, and why.
struct Line(Fault, [Outcome; 14], &'static str);

/// The columns are those of `ASKS`.
#[rustfmt::skip]
const TABLE: &[Line] = &[
    //                              get, intent, record, result, schedule intent, schedule record, finalizer, event, secret, connection, list, watch, lease get, lease update
    Line(Fault::Status(409),       [PASS, ON, ON, ON, ON, ON, ON, LOST, PASS, ON, ON, ON, ON, ON],
        "read back: not written and only metadata differs, so written again (3)"),
    Line(Fault::Busy,              [ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON],
        "kube's client repeats it"),
    Line(Fault::Status(500),       [PASS, ON, LATER, ON, ON, LATER, PASS, LOST, PASS, PASS, ON, ON, ON, ON],
        "read back (3); what JumpCloud gave is recorded for minutes (6)"),
    Line(Fault::Status(503),       [ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON],
        "kube's client repeats it"),
    Line(Fault::Status(504),       [ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON],
        "kube's client repeats it"),
    Line(Fault::Reset,             [PASS, ON, LATER, ON, ON, LATER, PASS, LOST, PASS, PASS, ON, ON, ON, ON],
        "read back (3)"),
    Line(Fault::Silence,           [PASS, ON, LATER, ON, ON, LATER, ON, LOST, PASS, PASS, ON, ON, ON, ON],
        "no call is waited for longer than 15 s, a list or watch no longer than 75 s"),
    Line(Fault::Lost,              [PASS, ON, LATER, ON, ON, LATER, ON, ON, PASS, PASS, ON, ON, ON, ON],
        "read back: written (3)"),
    Line(Fault::ResetActed,        [PASS, ON, LATER, ON, ON, LATER, ON, ON, PASS, PASS, ON, ON, ON, ON],
        "read back: written (3)"),
    Line(Fault::StatusActed(500),  [PASS, ON, LATER, ON, ON, LATER, ON, ON, PASS, PASS, ON, ON, ON, ON],
        "read back: written (3)"),
    Line(Fault::StatusActed(504),  [ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON, ON],
        "kube's client repeats it; the conflict with its own write is read back (3)"),
    Line(Fault::SilenceActed,      [PASS, ON, LATER, ON, ON, LATER, ON, ON, PASS, PASS, ON, ON, ON, ON],
        "read back: written (3)"),
];

/// What comes of it.
pub fn of(ask: Ask, fault: Fault) -> Option<Outcome> {
    let column = ASKS.iter().position(|known| *known == ask)?;
    TABLE.iter().find(|line| line.0 == fault)?.1.get(column).copied()
}

/// Why.
pub fn why(fault: Fault) -> &'static str {
    TABLE.iter().find(|line| line.0 == fault).map_or("", |line| line.2)
}
