//! What this process remembers of a schedule beside what it remembers of every object.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::plan::facts::Notes as Common;
use crate::plan::schedule::facts::Notes;

/// Looks at a schedule's events and users, and how long it has been going away.
#[derive(Debug, Default, Clone)]
pub(super) struct Looks {
    since: Option<Timestamp>,
    listed: Option<Timestamp>,
    seen: Option<Timestamp>,
    searched: Option<Timestamp>,
    deleting: Option<Deleting>,
}

/// An object that is being deleted.
#[derive(Debug, Clone, Copy)]
struct Deleting {
    /// How long already, but for time in which its connection was paused.
    total: Duration,
    /// Until when that was counted.
    counted: Instant,
    /// The connection is paused, as far as passes have seen.
    paused: bool,
}

impl Looks {
    /// Notes for a pass that begins.
    pub(super) fn recall(&mut self, common: Common, deleting: bool, now: Timestamp, at: Instant) -> Notes {
        let since = *self.since.get_or_insert(now);
        let deleting_for = if deleting {
            let deleting =
                self.deleting.get_or_insert(Deleting { total: Duration::ZERO, counted: at, paused: false });
            if !deleting.paused {
                deleting.total += at.saturating_duration_since(deleting.counted);
            }
            deleting.counted = at;
            deleting.total
        } else {
            self.deleting = None;
            Duration::ZERO
        };
        let Self { listed, seen, searched, .. } = *self;
        Notes { common, listed, seen, searched, since, deleting_for }
    }

    /// Keeps what a pass has noted, if it came to its end, and whether the connection is paused if the pass has seen
    /// that. What was seen by a pass that did not is in no status, and is to be looked at again.
    pub(super) fn keep(&mut self, notes: Option<&Notes>, paused: Option<bool>) {
        if let Some(notes) = notes {
            (self.listed, self.seen, self.searched) = (notes.listed, notes.seen, notes.searched);
        }
        if let (Some(deleting), Some(paused)) = (&mut self.deleting, paused) {
            deleting.paused = paused;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn looks_are_kept_from_pass_to_pass() {
        let (mut looks, instant) = (Looks::default(), clock::monotonic());
        let mut notes = looks.recall(Common::default(), false, at(10), instant);
        assert_eq!((notes.since, notes.listed, notes.seen), (at(10), None, None));
        notes.listed = Some(at(11));
        looks.keep(Some(&notes), None);
        let mut notes = looks.recall(Common::default(), false, at(20), instant);
        assert_eq!((notes.since, notes.listed, notes.seen), (at(10), Some(at(11)), None));
        // A pass whose write was refused has told nobody what it has seen.
        notes.seen = Some(at(21));
        looks.keep(None, None);
        let notes = looks.recall(Common::default(), false, at(30), instant);
        assert_eq!((notes.listed, notes.seen), (Some(at(11)), None));
    }

    #[test]
    fn while_a_connection_is_paused_cleaning_up_does_not_run_out() {
        let (mut looks, begin) = (Looks::default(), clock::monotonic());
        let mut after = |seconds: u64, paused: Option<bool>| {
            let instant = begin + Duration::from_secs(seconds);
            let notes = looks.recall(Common::default(), true, at(0), instant);
            looks.keep(Some(&notes), paused);
            notes.deleting_for.as_secs()
        };
        assert_eq!(after(0, Some(false)), 0);
        assert_eq!(after(10, Some(true)), 10);
        assert_eq!(after(100, None), 10, "still paused, as far as is known");
        assert_eq!(after(200, Some(false)), 10);
        assert_eq!(after(203, None), 13);
        // An object of the same uid does not come back from deletion; were it so, time starts anew.
        looks.recall(Common::default(), false, at(0), begin);
        let notes = looks.recall(Common::default(), true, at(0), begin + Duration::from_secs(500));
        assert_eq!(notes.deleting_for, Duration::ZERO);
    }
}
