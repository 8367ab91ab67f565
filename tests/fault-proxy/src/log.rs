//! What the proxy saw and did.

use jiff::Timestamp;

use crate::target::Target;

/// A request, an event of a watch that a rule changed, or a watch that was cut or frozen by order.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// When it came.
    pub time: Timestamp,
    /// What it is about; for an event, the object in it.
    pub target: Target,
    /// `ADDED`, `MODIFIED`, `DELETED` for an event.
    pub event: Option<String>,
    /// What the rule that fired does.
    pub fault: Option<String>,
    /// Whether it was sent to the API server.
    pub forwarded: bool,
    /// What the API server answered.
    pub upstream: Option<u16>,
    /// What the client was sent.
    pub sent: Option<u16>,
}

/// All entries. None is ever taken away; what a request comes to is added to its own.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<Entry>);

impl Log {
    /// Adds an entry; gives its number.
    pub(crate) fn push(&mut self, target: Target, event: Option<String>, fault: Option<String>) -> u64 {
        let seq = self.0.len() as u64 + 1;
        let time = Timestamp::now();
        self.0.push(Entry { seq, time, target, event, fault, forwarded: false, upstream: None, sent: None });
        seq
    }

    /// Says what became of one.
    pub(crate) fn complete(&mut self, seq: u64, add: impl FnOnce(&mut Entry)) {
        let at = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        if let Some(entry) = at.and_then(|at| self.0.get_mut(at)) {
            add(entry);
        }
    }

    pub(crate) fn since(&self, seq: u64) -> Vec<Entry> {
        let skip = usize::try_from(seq).unwrap_or(usize::MAX);
        self.0.iter().skip(skip).cloned().collect()
    }
}
