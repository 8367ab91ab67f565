//! A host that is not there for a while: nobody listens, and a connection is refused by the kernel.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use crate::clock;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;

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

    /// Listens at `address` again when the time is over. Until then a socket that does not listen keeps the port: else
    /// a connection of somebody else might have it, for as long as that lasts.
    pub(crate) async fn sit_out(&self, address: SocketAddr) -> TcpListener {
        let mut kept = keep(address).await;
        self.listening.send_replace(false);
        loop {
            let left = self.until.borrow().map(|until| until.saturating_duration_since(clock::instant()));
            if let Some(left) = left.filter(|left| !left.is_zero()) {
                tokio::time::sleep(left).await;
                continue;
            }
            match kept.listen(BACKLOG) {
                Ok(listener) => {
                    self.until.send_replace(None);
                    self.listening.send_replace(true);
                    return listener;
                }
                Err(_) => kept = keep(address).await,
            }
        }
    }
}

/// A socket that has the address and does not listen.
async fn keep(address: SocketAddr) -> TcpSocket {
    loop {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let kept = socket.and_then(|socket| {
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        });
        match kept {
            Ok(socket) => return socket,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
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
