//! What this process remembers of its objects between passes. Advice only: a restart empties it, and
//! nothing that must not happen twice rests on it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::plan::facts::{Notes, Polled};
use crate::plan::policy::after;

/// Reads of JumpCloud that fail one after the other before conditions say so.
const SHOWN_AFTER: u32 = 3;

/// First pause after a failed request or read of JumpCloud; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Notes about all objects, by uid.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<HashMap<String, Remembered>>,
}

#[derive(Debug, Default, Clone)]
struct Remembered {
    first_seen: HashMap<String, Instant>,
    polls: HashMap<String, Polled>,
    failures: u32,
    trouble: Option<String>,
    hold: Option<Hold>,
    kube_failures: u32,
}

/// Nothing is sent for a while, unless the connection changes.
#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Timestamp,
    epoch: u64,
}

impl Memory {
    /// Notes for a pass. `sights` are what is to be known by the monotonic clock, `epoch` counts changes of
    /// the connection.
    pub fn recall(&self, uid: &str, sights: &[String], epoch: u64, now: Instant) -> Notes {
        self.with(uid, |object| {
            object.first_seen.retain(|sight, _| sights.contains(sight));
            if object.hold.is_some_and(|hold| hold.epoch != epoch) {
                object.hold = None;
                object.failures = 0;
                object.trouble = None;
            }
            Notes {
                first_seen: sights
                    .iter()
                    .map(|sight| {
                        let seen = *object.first_seen.entry(sight.clone()).or_insert(now);
                        (sight.clone(), now.saturating_duration_since(seen))
                    })
                    .collect(),
                polls: object.polls.iter().map(|(job, polled)| (job.clone(), *polled)).collect(),
                hold_until: object.hold.map(|hold| hold.until),
                trouble: object.trouble.clone().filter(|_| object.failures >= SHOWN_AFTER),
                throttled_until: None,
            }
        })
    }

    /// Keeps the polls of the jobs that are still under way.
    pub fn keep_polls(&self, uid: &str, notes: &Notes, jobs: &[String]) {
        self.with(uid, |object| {
            object.polls = notes
                .polls
                .iter()
                .filter(|(job, _)| jobs.contains(job))
                .map(|(job, polled)| (job.clone(), *polled))
                .collect();
        });
    }

    /// A request or read of JumpCloud failed. Returns when to try again.
    pub fn failed(&self, uid: &str, message: &str, asked: Option<Duration>, now: Timestamp) -> Timestamp {
        self.with(uid, |object| {
            object.failures = object.failures.saturating_add(1);
            object.trouble = Some(message.to_owned());
            let doublings = object.failures.saturating_sub(1).min(10);
            let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
            after(now, asked.unwrap_or_default().max(pause))
        })
    }

    /// Nothing is sent for this object before `until`, unless the connection changes.
    pub fn hold(&self, uid: &str, until: Timestamp, epoch: u64) {
        self.with(uid, |object| object.hold = Some(Hold { until, epoch }));
    }

    /// JumpCloud answered.
    pub fn worked(&self, uid: &str) {
        self.with(uid, |object| {
            object.failures = 0;
            object.trouble = None;
            object.hold = None;
        });
    }

    /// A pass failed at the API server. Returns when to try again.
    pub fn pass_failed(&self, uid: &str) -> Duration {
        self.with(uid, |object| {
            object.kube_failures = object.kube_failures.saturating_add(1);
            let doublings = object.kube_failures.saturating_sub(1).min(10);
            Duration::from_millis(500).saturating_mul(1 << doublings).min(Duration::from_secs(60))
        })
    }

    /// A pass came to its end.
    pub fn pass_ended(&self, uid: &str) {
        self.with(uid, |object| object.kube_failures = 0);
    }

    /// Forgets every object that is not among these.
    pub fn keep_only(&self, uids: &BTreeSet<String>) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| uids.contains(uid));
    }

    fn with<T>(&self, uid: &str, act: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        act(objects.entry(uid.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[tokio::test(start_paused = true)]
    async fn first_sight_counts_from_the_first_pass() {
        let memory = Memory::default();
        let nonces = ["n".to_owned()];
        let begin = clock::monotonic();
        assert_eq!(memory.recall("u", &nonces, 0, begin).first_seen["n"], Duration::ZERO);
        let later = begin + Duration::from_secs(7);
        assert_eq!(memory.recall("u", &nonces, 0, later).first_seen["n"], Duration::from_secs(7));
        memory.recall("u", &[], 0, later);
        assert_eq!(memory.recall("u", &nonces, 0, later).first_seen["n"], Duration::ZERO);
    }

    #[test]
    fn trouble_shows_when_it_lasts_and_a_changed_connection_ends_it() {
        let memory = Memory::default();
        let now = Timestamp::UNIX_EPOCH;
        let instant = clock::monotonic();
        for seconds in [2, 4, 8] {
            assert!(memory.recall("u", &[], 0, instant).trouble.is_none());
            let until = memory.failed("u", "no answer", None, now);
            assert_eq!(until.as_second(), seconds);
            memory.hold("u", until, 0);
        }
        let notes = memory.recall("u", &[], 0, instant);
        assert_eq!((notes.trouble.as_deref(), notes.hold_until.is_some()), (Some("no answer"), true));
        let notes = memory.recall("u", &[], 1, instant);
        assert_eq!((notes.trouble, notes.hold_until), (None, None));
    }
}
