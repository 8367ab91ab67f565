//! When a schedule is looked at although nothing has happened.
//!
//! Before its instant: once a day at a time of day that follows from the object's uid, an hour before, and five
//! minutes before. After it: three times until the grace period ends. Nothing of this is stored.

use std::time::Duration;

use jiff::Timestamp;

use crate::plan::policy::{after, before};
use crate::users::row::short_hash;

const DAY: i64 = 24 * 3600;

/// Looks before the instant, besides the daily ones.
const LAST: [Duration; 2] = [Duration::from_secs(3600), Duration::from_secs(300)];

/// The last look before the instant that was due at `now`, and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// When the last one was due; `None` when there was none yet.
    pub last: Option<Timestamp>,
    /// When the next one is due; `None` when there is none any more.
    pub next: Option<Timestamp>,
}

impl Looks {
    /// Whether one is due that was not made. `since` is the last look, or when this process began to follow
    /// the object.
    #[must_use]
    pub fn due(self, since: Timestamp) -> bool {
        self.last.is_some_and(|last| last > since)
    }
}

/// Looks at events before the instant.
#[must_use]
pub fn of_events(uid: &str, time: Timestamp, now: Timestamp) -> Looks {
    let phase = i64::from_str_radix(short_hash(uid.as_bytes()).get(..8).unwrap_or_default(), 16)
        .unwrap_or_default()
        .rem_euclid(DAY);
    let since = (now.as_second() - phase).rem_euclid(DAY).unsigned_abs();
    let daily = before(now, Duration::from_secs(since) + fraction(now));
    let next_daily = after(daily, Duration::from_secs(DAY.unsigned_abs()));
    let last_hour = LAST.map(|ahead| before(time, ahead));
    let begin = last_hour.iter().min().copied().unwrap_or(time);
    let all = [daily, next_daily].into_iter().filter(|look| *look < begin).chain(last_hour);
    split(all, now)
}

/// Looks at users' states after the instant.
#[must_use]
pub fn of_states(time: Timestamp, grace: Duration, now: Timestamp) -> Looks {
    let first = (grace / 30).clamp(Duration::from_secs(1), Duration::from_secs(60)).min(grace);
    split([first, grace / 3, grace].map(|later| after(time, later)), now)
}

fn split(looks: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Looks {
    let (past, future): (Vec<_>, Vec<_>) = looks.into_iter().partition(|look| *look <= now);
    Looks { last: past.into_iter().max(), next: future.into_iter().min() }
}

/// The part of a second.
fn fraction(now: Timestamp) -> Duration {
    Duration::from_nanos(now.subsec_nanosecond().unsigned_abs().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn once_a_day_and_twice_in_the_last_hour() {
        let time = at("2027-01-04T08:00:00Z");
        let mut now = at("2027-01-01T00:00:00Z");
        let mut looks = Vec::new();
        while let Some(next) = of_events("uid", time, now).next {
            assert!(next > now);
            assert_eq!(of_events("uid", time, next).last, Some(next));
            looks.push(next);
            now = next;
        }
        assert_eq!(looks.len(), 5, "{looks:?}");
        assert_eq!(looks[3..], [at("2027-01-04T07:00:00Z"), at("2027-01-04T07:55:00Z")]);
        assert_eq!(looks[1].duration_since(looks[0]).as_secs(), DAY);
        let other = of_events("other", time, at("2027-01-01T00:00:00Z")).next;
        assert_ne!(other, Some(looks[0]), "objects do not look at the same time");
    }

    #[test]
    fn a_look_is_due_once() {
        let time = at("2027-01-04T08:00:00Z");
        let now = at("2027-01-04T07:00:30Z");
        let looks = of_events("uid", time, now);
        assert!(looks.due(at("2027-01-04T06:59:59Z")));
        assert!(!looks.due(at("2027-01-04T07:00:10Z")));
        assert_eq!(looks.next, Some(at("2027-01-04T07:55:00Z")));
    }

    #[test]
    fn three_looks_until_the_grace_period_ends() {
        let time = at("2027-01-04T08:00:00Z");
        let mut now = time;
        let mut looks = Vec::new();
        while let Some(next) = of_states(time, Duration::from_secs(1800), now).next {
            looks.push(next.duration_since(time).as_secs());
            now = next;
        }
        assert_eq!(looks, [60, 600, 1800]);
        assert_eq!(
            of_states(time, Duration::from_secs(1), time).next,
            Some(at("2027-01-04T08:00:00.333333333Z"))
        );
        assert_eq!(of_states(time, Duration::from_secs(1800), time).last, None);
    }

    #[test]
    fn far_away_is_a_day_at_a_time() {
        let looks = of_events("uid", at("2100-01-01T00:00:00Z"), at("2027-01-01T00:00:00.5Z"));
        let next = looks.next.unwrap().duration_since(at("2027-01-01T00:00:00Z"));
        assert!(next.as_secs() <= DAY);
    }
}
