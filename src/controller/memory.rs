//! What this process remembers of its objects between passes. Advice only: a restart empties it, and
//! nothing that must not happen twice rests on it.

mod looks;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use self::looks::Looks;
use crate::plan::facts::{Notes, Polled};
use crate::plan::policy::after;
use crate::plan::schedule::facts::Notes as ScheduleNotes;

/// Reads of JumpCloud that fail one after the other before conditions say so.
const SHOWN_AFTER: u32 = 3;

/// First pause after a refused request or a failed read of JumpCloud; doubled each time.
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
    reads: Trouble,
    /// Apart from reads: a credential that may read and not write is told by no read that works.
    requests: Trouble,
    hold: Option<Hold>,
    kube_failures: u32,
    /// Of a schedule alone.
    looks: Looks,
}

/// What failed, one time after the other.
#[derive(Debug, Default, Clone)]
struct Trouble {
    times: u32,
    message: Option<String>,
}

impl Trouble {
    /// Once more; returns the pause.
    fn again(&mut self, message: &str) -> Duration {
        self.times = self.times.saturating_add(1);
        self.message = Some(message.to_owned());
        let doublings = self.times.saturating_sub(1).min(10);
        FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
    }

    /// What people are told, once it lasts.
    fn shown(&self) -> Option<String> {
        self.message.clone().filter(|_| self.times >= SHOWN_AFTER)
    }
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
                object.reads = Trouble::default();
                object.requests = Trouble::default();
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
                trouble: object.requests.shown().or_else(|| object.reads.shown()),
                throttled_until: None,
            }
        })
    }

    /// The same for a pass over a schedule, with what is noted of schedules alone.
    pub fn recall_schedule(
        &self,
        uid: &str,
        common: Notes,
        deleting: bool,
        now: Timestamp,
        at: Instant,
    ) -> ScheduleNotes {
        self.with(uid, |object| object.looks.recall(common, deleting, now, at))
    }

    /// Keeps what a pass over a schedule has noted, if it came to its end, and whether its connection is paused if it has
    /// seen that.
    pub fn keep_schedule(&self, uid: &str, notes: Option<&ScheduleNotes>, paused: Option<bool>) {
        self.with(uid, |object| object.looks.keep(notes, paused));
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

    /// A read of JumpCloud failed. Returns when to try again.
    pub fn failed(&self, uid: &str, message: &str, asked: Option<Duration>, now: Timestamp) -> Timestamp {
        self.with(uid, |object| after(now, asked.unwrap_or_default().max(object.reads.again(message))))
    }

    /// A request was refused, or could not be sent: nothing is sent for this object for a while, unless
    /// the connection changes. Returns until when. A pause that JumpCloud asks for is enough.
    pub fn refused(
        &self,
        uid: &str,
        message: &str,
        asked: Option<Duration>,
        now: Timestamp,
        epoch: u64,
    ) -> Timestamp {
        self.with(uid, |object| {
            let pause = match asked {
                Some(asked) => asked.max(FIRST_PAUSE),
                None => object.requests.again(message),
            };
            let until = after(now, pause);
            object.hold = Some(Hold { until, epoch });
            until
        })
    }

    /// A repair got no answer that tells anything: it is made again much later, and people are told why
    /// when that lasts.
    pub fn unanswered(&self, uid: &str, message: &str) {
        self.with(uid, |object| object.requests.again(message));
    }

    /// JumpCloud answered a read.
    pub fn worked(&self, uid: &str) {
        self.with(uid, |object| object.reads = Trouble::default());
    }

    /// A request was not refused: what it came to is in status.
    pub fn delivered(&self, uid: &str) {
        self.with(uid, |object| {
            object.requests = Trouble::default();
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
            assert_eq!(memory.refused("u", "no answer", None, now, 0).as_second(), seconds);
        }
        let notes = memory.recall("u", &[], 0, instant);
        assert_eq!((notes.trouble.as_deref(), notes.hold_until.is_some()), (Some("no answer"), true));
        let notes = memory.recall("u", &[], 1, instant);
        assert_eq!((notes.trouble, notes.hold_until), (None, None));
    }

    #[test]
    fn a_read_that_works_does_not_excuse_a_refused_request() {
        let memory = Memory::default();
        let now = Timestamp::UNIX_EPOCH;
        let instant = clock::monotonic();
        // A key that may read and not write: each time the users are looked up before.
        for seconds in [2, 4, 8] {
            memory.worked("u");
            assert_eq!(memory.refused("u", "403", None, now, 0).as_second(), seconds);
        }
        memory.worked("u");
        let notes = memory.recall("u", &[], 0, instant);
        assert_eq!((notes.trouble.as_deref(), notes.hold_until.is_some()), (Some("403"), true));
        // What JumpCloud asks for is waited for, and no longer.
        let asked = Some(Duration::from_secs(3));
        assert_eq!(memory.refused("u", "429", asked, now, 0).as_second(), 3);
        memory.delivered("u");
        let notes = memory.recall("u", &[], 0, instant);
        assert_eq!((notes.trouble, notes.hold_until), (None, None));
        assert_eq!(memory.refused("u", "403", None, now, 0).as_second(), 2);
        // Who gets no answer is told of as well, and holds nobody back.
        memory.delivered("u");
        (0..SHOWN_AFTER).for_each(|_| memory.unanswered("u", "500"));
        let notes = memory.recall("u", &[], 0, instant);
        assert_eq!((notes.trouble.as_deref(), notes.hold_until), (Some("500"), None));
    }

    #[test]
    fn a_request_that_works_does_not_excuse_failing_reads() {
        let memory = Memory::default();
        let now = Timestamp::UNIX_EPOCH;
        for seconds in [2, 4, 8] {
            assert_eq!(memory.failed("u", "503", None, now).as_second(), seconds);
            memory.delivered("u");
        }
        let notes = memory.recall("u", &[], 0, clock::monotonic());
        assert_eq!((notes.trouble.as_deref(), notes.hold_until), (Some("503"), None));
        memory.worked("u");
        assert_eq!(memory.failed("u", "503", None, now).as_second(), 2);
    }
}
