//! I4: once everything is settled there are zero writes and zero calls. (That the status is the truth then is I5's.)
//!
//! Looked at when an operator that still answers is about to end, as the objects stand then: a test that leaves
//! something in the middle is told from its statuses, not from its word. The silence may have begun before; else it
//! is waited for.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::version::{History, Kind, Version};

/// How long nothing may happen.
pub const SILENCE: Duration = Duration::from_secs(2);

/// When it must have begun at the latest: machines are busy.
const BOUND: Duration = Duration::from_secs(20);

/// How much of the audit log is read.
const TAIL: u64 = 1024 * 1024;

/// What one look at a run gives.
pub struct Sight {
    /// The objects.
    pub history: History,
    /// When JumpCloud was called last.
    pub last_call: Option<Timestamp>,
    /// When the operators wrote last, but for leases, and what.
    pub last_write: Option<(Timestamp, String)>,
}

/// Waits for the silence; what is wrong when it does not come. Nothing is wrong with what is not settled.
pub fn unrest(look: impl Fn() -> Sight) -> Option<String> {
    let begun = Instant::now();
    loop {
        let sight = look();
        let now = Timestamp::now();
        if !is_settled(&sight.history, now) {
            return None;
        }
        let (quiet, what) = sight.quiet(now);
        if quiet >= SILENCE {
            return None;
        }
        if begun.elapsed() > BOUND {
            return Some(format!("everything is settled, and {what} {} ms ago", quiet.as_millis()));
        }
        std::thread::sleep((SILENCE - quiet).max(Duration::from_millis(20)));
    }
}

impl Sight {
    /// For how long nothing has happened, and what happened last.
    fn quiet(&self, now: Timestamp) -> (Duration, String) {
        let call = self.last_call.map(|at| (at, "JumpCloud was called".to_owned()));
        let write = self.last_write.clone();
        let last = call.into_iter().chain(write).max_by_key(|(at, _)| *at);
        let Some((at, what)) = last else { return (SILENCE, String::new()) };
        (now.duration_since(at).try_into().unwrap_or_default(), what)
    }
}

/// Whether nothing moves any more, and nothing is about to.
pub fn is_settled(history: &History, now: Timestamp) -> bool {
    let live: Vec<_> = history.live().collect();
    live.iter().any(|version| version.kind != Kind::Connection)
        && live.iter().all(|version| match version.kind {
            Kind::Connection => is_connected(version),
            Kind::Batch => version.is_settled() && is_handled(version) && !retries(version),
            Kind::Schedule => version.is_settled() && is_handled(version) && !is_due(version, now),
        })
}

fn is_connected(version: &Version) -> bool {
    version.is_settled() && version.condition("Ready").is_some_and(|ready| ready["status"] == "True")
}

/// Whether every annotation was acted on.
fn is_handled(version: &Version) -> bool {
    let annotations = &version.metadata["annotations"];
    [("requested-at", "requestedAt"), ("retry-failed", "retryFailed"), ("resolve", "resolve")]
        .into_iter()
        .all(|(annotation, handled)| {
            annotations[format!("jumpcloud-operator.dev/{annotation}")]
                == version.status["lastHandled"][handled]
        })
}

/// Whether a user is sent again by itself.
fn retries(version: &Version) -> bool {
    version.list("failures").iter().any(|failure| !failure["retryTime"].is_null())
}

/// Whether a schedule looks at its events or its users soon: before its date an hour and five minutes, after it until
/// the grace period ends. The daily look falls on a moment that nobody knows; it takes less than the bound.
fn is_due(version: &Version, now: Timestamp) -> bool {
    if version.reason() != "Scheduled" {
        return false;
    }
    let Some(time) = version.status["scheduledTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok())
    else {
        return false;
    };
    let soon = SignedDuration::try_from(SILENCE + BOUND).expect("a short time");
    [3600, 300].into_iter().any(|ahead| {
        let look = time - SignedDuration::from_secs(ahead);
        look - soon <= now && now <= look + soon
    }) || now >= time - soon
}

/// When an operator of one of these namespaces has written last, but for leases, and what.
/// `audit` is the log of their API server.
pub fn last_write(audit: &Path, namespaces: &[String]) -> Option<(Timestamp, String)> {
    let users: BTreeSet<String> = namespaces
        .iter()
        .map(|namespace| format!("system:serviceaccount:{namespace}:jumpcloud-operator"))
        .collect();
    let mut log = File::open(audit).expect("the audit log");
    let length = log.metadata().expect("the audit log").len();
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL))).expect("the audit log");
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes).expect("the audit log");
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().find_map(|line| written(line, &users))
}

/// The time and the object of a line, when it is a write of one of these users.
fn written(line: &str, users: &BTreeSet<String>) -> Option<(Timestamp, String)> {
    if !users.iter().any(|user| line.contains(user.as_str())) {
        return None;
    }
    // The tail may begin within a line, and end within one that is being written.
    let entry: Value = serde_json::from_str(line).ok()?;
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (verb, resource) = (text("/verb"), text("/objectRef/resource"));
    let is_write = users.contains(text("/user/username"))
        && !["get", "list", "watch"].contains(&verb)
        && resource != "leases";
    let time = text("/stageTimestamp").parse().ok()?;
    is_write.then(|| (time, format!("there was a {verb} of {resource} {}", text("/objectRef/name"))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::fixtures::{Run, at};
    use super::*;

    fn history(condition: &str, failures: &Value) -> History {
        let mut run = Run::default();
        let status = &mut run.batch("b", 10, Vec::new()).status;
        status["conditions"] = json!([{"type": condition, "status": "True", "reason": "Any"}]);
        status["failures"] = failures.clone();
        run.evidence().history
    }

    fn sight(history: &History, call: Timestamp) -> Sight {
        Sight { history: history.clone(), last_call: Some(call), last_write: None }
    }

    #[test]
    fn settled_is_what_neither_moves_nor_will() {
        let none = json!([]);
        assert!(is_settled(&history("Ready", &none), at(0)));
        assert!(is_settled(&history("Stalled", &none), at(0)));
        assert!(!is_settled(&history("Reconciling", &none), at(0)));
        assert!(!is_settled(&history("Ready", &json!([{"username": "ada", "retryTime": "soon"}])), at(0)));
        assert!(!is_settled(&History::default(), at(0)), "there is nothing");
        let mut leaving = history("Ready", &none);
        Arc::make_mut(&mut leaving.versions[0]).metadata["deletionTimestamp"] = json!("now");
        assert!(!is_settled(&leaving, at(0)));
    }

    #[test]
    fn a_schedule_is_not_settled_when_it_is_about_to_look() {
        for (seconds, settled) in
            [(7200, true), (3610, false), (2000, true), (290, false), (100, true), (1, false)]
        {
            let mut run = Run::default();
            let status = &mut run.version(Kind::Schedule, "s", 10, Vec::new()).status;
            status["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "Scheduled"}]);
            status["scheduledTime"] = json!(at(seconds).to_string());
            assert_eq!(is_settled(&run.evidence().history, at(0)), settled, "{seconds} s ahead");
        }
    }

    #[test]
    fn silence_is_told_from_calls_and_writes() {
        let settled = history("Ready", &json!([]));
        let now = at(10);
        assert!(sight(&settled, at(8)).quiet(now).0 >= SILENCE);
        let mut busy = sight(&settled, at(8));
        busy.last_write = Some((at(9), "there was a patch".to_owned()));
        let (quiet, what) = busy.quiet(now);
        assert!(quiet < SILENCE && what.contains("patch"), "{what}");
    }

    #[test]
    fn a_call_that_goes_on_is_unrest_only_when_all_is_settled() {
        let settled = history("Ready", &json!([]));
        let long_ago = Timestamp::now() - SignedDuration::from_secs(5);
        assert_eq!(unrest(|| sight(&settled, long_ago)), None);
        let moving = history("Reconciling", &json!([]));
        assert_eq!(unrest(|| sight(&moving, Timestamp::now())), None);
    }

    #[test]
    fn a_line_of_the_log_is_a_write_when_it_is_one() {
        let users = BTreeSet::from(["system:serviceaccount:ns:jumpcloud-operator".to_owned()]);
        let line = |user: &str, verb: &str, resource: &str| {
            json!({
                "verb": verb, "user": {"username": user}, "objectRef": {"resource": resource, "name": "x"},
                "stageTimestamp": "2026-01-02T03:04:05.678901Z",
            })
            .to_string()
        };
        let user = "system:serviceaccount:ns:jumpcloud-operator";
        assert!(written(&line(user, "patch", "jumpclouduserbatches"), &users).is_some());
        assert!(written(&line(user, "update", "leases"), &users).is_none());
        assert!(written(&line(user, "get", "secrets"), &users).is_none());
        assert!(written(&line("admin", "patch", "jumpclouduserbatches"), &users).is_none());
    }
}
