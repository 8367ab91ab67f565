//! The end of the process: signals, and the work that must finish before.
//!
//! The first SIGTERM or SIGINT cancels a token: nothing new is begun, the lease is released, watches
//! end. Requests that were already sent to JumpCloud go on to their record in `status`, because a lost
//! jobID would have to be settled as unknown (ARCHITECTURE.md, the protocol); [`Shutdown::drain`] waits for
//! them. A second signal ends the process at once: what was in flight then is settled by whoever
//! leads next.

use std::future::Future;
use std::io;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How long submissions may go on after the first signal: a send (20 s by default) and minutes of
/// attempts to record its jobID. The pod's terminationGracePeriodSeconds must not be less.
pub const GRACE: Duration = Duration::from_secs(150);

/// The token that says "begin nothing new", and the tasks that must finish nevertheless. Clones share
/// both.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    submissions: TaskTracker,
}

/// How [`Shutdown::drain`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Every submission came to its record.
    Complete,
    /// Time ran out for this many; their outcome is settled by the next leader.
    Abandoned(usize),
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::begin`] starts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that begins with the first SIGTERM or SIGINT. Must be called within a tokio runtime;
    /// from then on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let terminate = received(signal(SignalKind::terminate())?, Exit { name: "SIGTERM", code: 143 });
        let interrupt = received(signal(SignalKind::interrupt())?, Exit { name: "SIGINT", code: 130 });
        let shutdown = Self::new();
        let signals = stream::select(terminate, interrupt);
        tokio::spawn(obey(signals, shutdown.token.clone(), |code| std::process::exit(code)));
        Ok(shutdown)
    }

    /// Begins the shutdown. Repetition does nothing.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Cancelled when the shutdown begins.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Runs `submission` on a task of its own that [`Shutdown::drain`] waits for: neither an aborted
    /// pass nor the end of the process drops it half done.
    pub fn submit<F>(&self, submission: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.submissions.spawn(submission)
    }

    /// How many submissions are under way.
    #[must_use]
    pub fn submissions(&self) -> usize {
        self.submissions.len()
    }

    /// Waits until every submission has finished, at most `grace`. Call it when nothing can begin a
    /// submission any more.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.submissions.close();
        let waiting = self.submissions.len();
        if waiting > 0 {
            info!(submissions = waiting, ?grace, "waiting for submissions to be recorded");
        }
        if timeout(grace, self.submissions.wait()).await.is_ok() {
            return Drained::Complete;
        }
        let left = self.submissions.len();
        warn!(submissions = left, "submissions were not recorded in time; the next leader settles them");
        Drained::Abandoned(left)
    }
}

/// A signal's name, and the exit code by which shells know it (128 + its number).
#[derive(Debug, Clone, Copy)]
struct Exit {
    name: &'static str,
    code: i32,
}

fn received(signal: Signal, exit: Exit) -> impl Stream<Item = Exit> + Send {
    stream::unfold(signal, move |mut signal| async move { signal.recv().await.map(|()| (exit, signal)) })
}

/// Cancels `token` on the first signal and calls `end` on the second.
async fn obey(signals: impl Stream<Item = Exit> + Send, token: CancellationToken, end: impl FnOnce(i32)) {
    let mut signals = std::pin::pin!(signals);
    if let Some(first) = signals.next().await {
        info!(signal = first.name, "shutting down; a second signal ends the process at once");
        token.cancel();
    }
    if let Some(second) = signals.next().await {
        warn!(signal = second.name, "ending at once");
        end(second.code);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI32, Ordering};

    use tokio::sync::{mpsc, oneshot};
    use tokio::time::sleep;

    use super::*;
    use crate::runtime::clock;

    #[tokio::test(start_paused = true)]
    async fn the_first_signal_asks_and_the_second_ends() {
        let (sender, receiver) = mpsc::unbounded_channel();
        let signals = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|exit| (exit, receiver))
        });
        let shutdown = Shutdown::new();
        let ended = Arc::new(AtomicI32::new(0));
        let code = Arc::clone(&ended);
        let task =
            tokio::spawn(obey(signals, shutdown.token(), move |with| code.store(with, Ordering::SeqCst)));

        assert!(!shutdown.token().is_cancelled());
        sender.send(Exit { name: "SIGTERM", code: 143 }).unwrap();
        shutdown.token().cancelled().await;
        assert_eq!(ended.load(Ordering::SeqCst), 0);

        sender.send(Exit { name: "SIGINT", code: 130 }).unwrap();
        task.await.unwrap();
        assert_eq!(ended.load(Ordering::SeqCst), 130);
    }

    #[tokio::test(start_paused = true)]
    async fn a_started_submission_outlives_its_pass_and_the_signal() {
        let shutdown = Shutdown::new();
        let (recorded, was_recorded) = oneshot::channel();
        // The handle is dropped, as it is when the pass that began the submission is aborted.
        drop(shutdown.submit(async move {
            sleep(Duration::from_secs(90)).await;
            recorded.send(()).unwrap();
        }));
        shutdown.begin();
        assert_eq!(shutdown.submissions(), 1);
        assert_eq!(shutdown.drain(GRACE).await, Drained::Complete);
        was_recorded.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_is_bounded() {
        let shutdown = Shutdown::new();
        drop(shutdown.submit(std::future::pending::<()>()));
        drop(shutdown.submit(async {}));
        let start = clock::monotonic();
        assert_eq!(shutdown.drain(GRACE).await, Drained::Abandoned(1));
        assert!(clock::monotonic() - start < GRACE + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_wait_for_takes_no_time() {
        let start = clock::monotonic();
        assert_eq!(Shutdown::new().drain(GRACE).await, Drained::Complete);
        assert_eq!(clock::monotonic(), start);
    }
}
