//! What a run left behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jumpcloud_sim::Entry;
use serde_json::Value;

use super::version::History;

/// What a run left behind. The rules look at nothing else.
#[derive(Debug)]
pub struct Evidence {
    /// The objects.
    pub history: History,
    /// The simulator's ledger.
    pub ledger: Vec<Entry>,
    /// The users that JumpCloud has in the end.
    pub users: Vec<Value>,
    /// Every version of every event.
    pub events: Vec<Arc<Value>>,
    /// Every value that a Secret ever had, as it is and encoded.
    pub secrets: BTreeSet<String>,
    /// Everything that the operators said, by place: logs, metrics.
    pub said: Arc<Vec<(String, String)>>,
    /// What the operators were told.
    pub flags: Flags,
    /// How often an operator was started.
    pub starts: usize,
}

/// What the operators were told; of several the shortest times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// `--unknown-quarantine`.
    pub quarantine: Duration,
    /// `--poll-min`.
    pub poll_min: Duration,
}

impl Default for Flags {
    fn default() -> Self {
        Self { quarantine: Duration::from_secs(300), poll_min: Duration::from_secs(5) }
    }
}

impl Flags {
    /// Those of a command line, with values beside their flags or after an equals sign.
    pub fn of(arguments: &[String]) -> Self {
        let value = |flag: &str, default: Duration| {
            let joined = |argument: &String| {
                argument.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')).map(str::to_owned)
            };
            let mut found = arguments.iter().enumerate().rev().filter_map(|(at, argument)| {
                if argument == flag { arguments.get(at + 1).cloned() } else { joined(argument) }
            });
            found.next().map_or(default, |text| period(&text))
        };
        let default = Self::default();
        Self {
            quarantine: value("--unknown-quarantine", default.quarantine),
            poll_min: value("--poll-min", default.poll_min),
        }
    }

    /// The shorter times of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            quarantine: self.quarantine.min(other.quarantine),
            poll_min: self.poll_min.min(other.poll_min),
        }
    }
}

fn period(text: &str) -> Duration {
    let span: jiff::SignedDuration = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    span.unsigned_abs()
}
