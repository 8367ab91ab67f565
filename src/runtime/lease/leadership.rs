//! The handle by which the rest of the process asks whether it leads.

use std::future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::runtime::clock;

/// What the campaign last found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is no election.
    Always,
    /// Somebody else leads, or nobody.
    Candidate,
    /// We lead, by a renewal that was begun at this time.
    Holder {
        /// When the call that renewed it was begun: the earliest moment at which it can have taken
        /// effect, hence the one to count from.
        renewed: Instant,
    },
}

/// Whether this process leads. Cheap to clone and to ask; the answer is by the clock, never stale.
#[derive(Debug, Clone)]
pub struct Leadership {
    standing: watch::Receiver<Standing>,
    duration: Duration,
    renew_deadline: Duration,
}

impl Leadership {
    pub(super) fn new(
        standing: watch::Receiver<Standing>,
        duration: Duration,
        renew_deadline: Duration,
    ) -> Self {
        Self { standing, duration, renew_deadline }
    }

    /// The leadership of a process that has no rivals (`--leader-elect=false`).
    #[must_use]
    pub fn always() -> Self {
        let (_, standing) = watch::channel(Standing::Always);
        Self::new(standing, Duration::MAX, Duration::MAX)
    }

    /// Ends when this process leads; at once if it already does. Never ends once the campaign is over.
    pub async fn acquired(&self) {
        let mut standing = self.standing.clone();
        loop {
            let seen = *standing.borrow_and_update();
            if self.leads(seen) {
                return;
            }
            if standing.changed().await.is_err() {
                future::pending::<()>().await;
            }
        }
    }

    /// Ends when this process no longer leads; at once if it does not. Never ends for
    /// [`Leadership::always`].
    pub async fn lost(&self) {
        let mut standing = self.standing.clone();
        loop {
            let seen = *standing.borrow_and_update();
            let until = match seen {
                Standing::Always => return future::pending().await,
                Standing::Candidate => return,
                Standing::Holder { renewed } => renewed + self.renew_deadline,
            };
            tokio::select! {
                () = sleep_until(until) => return,
                changed = standing.changed() => if changed.is_err() {
                    return sleep_until(until).await;
                }
            }
        }
    }

    /// Whether this process leads now.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leads(*self.standing.borrow())
    }

    /// How long from now, on the monotonic clock, nobody else can take the lease; `None` when this
    /// process does not lead. Ask before a request that must not overlap with a successor's.
    ///
    /// Holds for rivals that obey the record (see the module); a person who edits or deletes the Lease
    /// object can break it. [`Duration::MAX`] for [`Leadership::always`].
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let seen = *self.standing.borrow();
        match seen {
            Standing::Always => Some(Duration::MAX),
            Standing::Holder { renewed } if self.leads(seen) => {
                Some((renewed + self.duration).saturating_duration_since(clock::monotonic()))
            }
            Standing::Candidate | Standing::Holder { .. } => None,
        }
    }

    fn leads(&self, standing: Standing) -> bool {
        match standing {
            Standing::Always => true,
            Standing::Candidate => false,
            Standing::Holder { renewed } => clock::monotonic() < renewed + self.renew_deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::advance;

    use super::*;

    const DURATION: Duration = Duration::from_secs(30);
    const DEADLINE: Duration = Duration::from_secs(20);

    fn pair() -> (watch::Sender<Standing>, Leadership) {
        let (sender, receiver) = watch::channel(Standing::Candidate);
        (sender, Leadership::new(receiver, DURATION, DEADLINE))
    }

    #[tokio::test(start_paused = true)]
    async fn without_rivals_it_is_held_for_ever() {
        let always = Leadership::always();
        assert!(always.is_leader());
        assert_eq!(always.remaining(), Some(Duration::MAX));
        assert_eq!(always.acquired().now_or_never(), Some(()));
        assert_eq!(always.lost().now_or_never(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_the_renew_deadline_even_if_the_campaign_hangs() {
        let (sender, leadership) = pair();
        assert!(!leadership.is_leader());
        assert_eq!(leadership.remaining(), None);

        let start = clock::monotonic();
        sender.send_replace(Standing::Holder { renewed: start });
        leadership.acquired().await;
        advance(Duration::from_secs(5)).await;
        assert_eq!(leadership.remaining(), Some(Duration::from_secs(25)));

        leadership.lost().await;
        let held = clock::monotonic() - start;
        assert!(held >= DEADLINE && held < DEADLINE + Duration::from_millis(5), "held for {held:?}");
        assert!(!leadership.is_leader());
        assert_eq!(leadership.remaining(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_prolongs_it_for_those_who_wait() {
        let (sender, leadership) = pair();
        let start = clock::monotonic();
        sender.send_replace(Standing::Holder { renewed: start });
        let waiting = tokio::spawn({
            let leadership = leadership.clone();
            async move { leadership.lost().await }
        });
        advance(Duration::from_secs(15)).await;
        sender.send_replace(Standing::Holder { renewed: clock::monotonic() });
        waiting.await.unwrap();
        assert!(clock::monotonic() - start >= Duration::from_secs(35));
    }

    #[tokio::test(start_paused = true)]
    async fn a_campaign_that_vanished_leads_no_longer_than_its_deadline() {
        let (sender, leadership) = pair();
        let start = clock::monotonic();
        sender.send_replace(Standing::Holder { renewed: start });
        drop(sender);
        assert!(leadership.is_leader());
        leadership.lost().await;
        assert!(clock::monotonic() - start >= DEADLINE);
        assert_eq!(leadership.acquired().now_or_never(), None);
    }
}
