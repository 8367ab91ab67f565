//! When connections are written: at once, but never twice within a period.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Least time between two writes of one connection.
pub const PERIOD: Duration = Duration::from_secs(30);

/// Connections whose events have changed, as `namespace/name`, until somebody takes them.
#[derive(Debug, Default)]
pub struct Changes {
    noted: Mutex<BTreeSet<String>>,
    some: Notify,
}

impl Changes {
    /// Notes a connection.
    pub fn note(&self, connection: String) {
        self.with(|noted| noted.insert(connection));
        self.some.notify_one();
    }

    /// Waits until there are some, and takes them.
    pub(super) async fn take(&self) -> BTreeSet<String> {
        loop {
            let noted = self.with(std::mem::take);
            if !noted.is_empty() {
                return noted;
            }
            self.some.notified().await;
        }
    }

    /// Takes what there is.
    #[cfg(test)]
    pub(in crate::controller) fn noted(&self) -> BTreeSet<String> {
        self.with(std::mem::take)
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        act(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which connection is due when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    due: BTreeMap<String, Instant>,
    written: BTreeMap<String, Instant>,
}

impl Pace {
    /// A connection is to be looked at as soon as it may be written.
    pub(super) fn note(&mut self, connection: String, now: Instant) {
        let free = self.written.get(&connection).map_or(now, |written| *written + PERIOD);
        let due = free.max(now);
        self.due.entry(connection).or_insert(due);
    }

    /// A connection was written, or could not be.
    pub(super) fn written(&mut self, connection: &str, now: Instant) {
        self.written.retain(|_, written| now < *written + PERIOD);
        self.written.insert(connection.to_owned(), now);
    }

    /// Takes the connections that are due.
    pub(super) fn take(&mut self, now: Instant) -> Vec<String> {
        self.due.extract_if(.., |_, due| *due <= now).map(|(connection, _)| connection).collect()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }
}
