//! A host that is not there for a while: nobody listens, and a connection is refused by the kernel.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock;

/// Asks for it, and says whether it is so. Clones are about the same host.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    until: watch::Sender<Option<Instant>>,
    listening: watch::Sender<bool>,
}

/// What one task has seen of it.
pub(crate) struct Asked(watch::Receiver<Option<Instant>>);

impl Default for Refusal {
    fn default() -> Self {
        Self { until: watch::Sender::new(None), listening: watch::Sender::new(true) }
    }
}

impl Refusal {
    /// Begins one, or makes it last longer.
    pub(crate) fn ask(&self, time: Duration) {
        let end = clock::instant() + time;
        self.until.send_modify(|until| *until = Some(until.map_or(end, |until| until.max(end))));
    }

    /// Begins one, and returns when nobody listens any more.
    pub(crate) async fn begin(&self, time: Duration) {
        let mut listening = self.listening.subscribe();
        self.ask(time);
        // An error means that the simulator ends.
        drop(listening.wait_for(|listening| !listening).await);
    }

    /// Whether one was asked for and is not over.
    pub(crate) fn is_asked(&self) -> bool {
        self.until.borrow().is_some()
    }

    /// For a task that obeys.
    pub(crate) fn asked(&self) -> Asked {
        Asked(self.until.subscribe())
    }

    /// Listens at `address` again, when the time is over and the port is free.
    pub(crate) async fn sit_out(&self, address: SocketAddr) -> TcpListener {
        self.listening.send_replace(false);
        loop {
            let left = self.until.borrow().map(|until| until.saturating_duration_since(clock::instant()));
            match left.filter(|left| !left.is_zero()) {
                Some(left) => tokio::time::sleep(left).await,
                None => match TcpListener::bind(address).await {
                    Ok(listener) => {
                        self.until.send_replace(None);
                        self.listening.send_replace(true);
                        return listener;
                    }
                    // A connection of somebody else may have the port for a moment.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                },
            }
        }
    }
}

impl Asked {
    /// Waits until one is asked for.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
