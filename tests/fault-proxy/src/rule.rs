//! Rules: which requests or events go wrong, how often, and how.

use std::time::Duration;

use crate::fault::{EventFault, Fault};
use crate::target::{Verb, Which};

/// Where a request is kept until [`crate::Proxy::release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Before,
    After,
}

/// Makes requests, or events of watches, go wrong. For each the rules are asked in order; the first that fires counts.
#[derive(Clone, Debug)]
pub struct FaultRule {
    pub(crate) which: Which,
    pub(crate) skip: u32,
    pub(crate) times: Option<u32>,
    pub(crate) probability: f64,
    pub(crate) max_in_a_row: Option<u32>,
    pub(crate) each: bool,
    pub(crate) lasting: Option<Duration>,
    pub(crate) acts: bool,
    pub(crate) before: Duration,
    pub(crate) after: Duration,
    pub(crate) held: Option<Held>,
    pub(crate) fault: Fault,
}

impl FaultRule {
    fn new(acts: bool, fault: Fault) -> Self {
        Self {
            which: Which::all(),
            skip: 0,
            times: None,
            probability: 1.0,
            max_in_a_row: None,
            each: false,
            lasting: None,
            acts,
            before: Duration::ZERO,
            after: Duration::ZERO,
            held: None,
            fault,
        }
    }

    /// Closes the connection; the API server hears of nothing.
    #[must_use]
    pub fn refuse() -> Self {
        Self::new(false, Fault::Close)
    }

    /// The request is carried out, and the connection closed instead of a reply.
    #[must_use]
    pub fn drop_reply() -> Self {
        Self::new(true, Fault::Close)
    }

    /// Resets the connection; the API server hears of nothing unless [`FaultRule::acting`] is said.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(false, Fault::Reset)
    }

    /// Answers a list as the same request was answered first, however much has happened since.
    #[must_use]
    pub fn stale() -> Self {
        Self::new(true, Fault::Stale).of(Which::verb(Verb::List))
    }

    /// Answers with that code; the API server hears of nothing unless [`FaultRule::acting`] is said.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::new(false, Fault::Status { code, retry_after: None })
    }

    /// Never answers; the API server hears of nothing unless [`FaultRule::acting`] is said.
    #[must_use]
    pub fn silence() -> Self {
        Self::new(false, Fault::Silence)
    }

    /// The request is carried out and answered, after the waits of [`FaultRule::before`] and [`FaultRule::after`].
    #[must_use]
    pub fn slow() -> Self {
        Self::new(true, Fault::AsIs)
    }

    /// Something happens at an event of a watch. All conditions of the rule are about events then, and
    /// [`Which::named`] about the object in them.
    #[must_use]
    pub fn event(fault: EventFault) -> Self {
        Self::new(true, Fault::Event(fault))
    }

    /// Only these.
    #[must_use]
    pub fn of(self, which: Which) -> Self {
        Self { which, ..self }
    }

    /// The request is carried out, whatever the reply is.
    #[must_use]
    pub fn acting(self) -> Self {
        Self { acts: true, ..self }
    }

    /// Adds `Retry-After` to the reply of [`FaultRule::status`].
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        if let Fault::Status { retry_after, .. } = &mut self.fault {
            *retry_after = Some(seconds);
        }
        self
    }

    /// Lets the first ones through.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Fires at most so often.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Fires by chance, from the proxy's seed.
    #[must_use]
    pub fn by_chance(self, probability: f64) -> Self {
        Self { probability, ..self }
    }

    /// After so many in a row the next is let through.
    #[must_use]
    pub fn in_a_row(self, most: u32) -> Self {
        Self { max_in_a_row: Some(most), ..self }
    }

    /// Counts for each object, verb and subresource by itself.
    #[must_use]
    pub fn each(self) -> Self {
        Self { each: true, ..self }
    }

    /// Fires no more when it fired first so long ago.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        Self { lasting: Some(time), ..self }
    }

    /// Waits before the request is carried out.
    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        Self { before: wait, ..self }
    }

    /// Waits before the reply is sent.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { after: wait, ..self }
    }

    /// Waits for [`crate::Proxy::release`] before the request is carried out. The log has the request from the first.
    #[must_use]
    pub fn held_before(self) -> Self {
        Self { held: Some(Held::Before), ..self }
    }

    /// Waits for [`crate::Proxy::release`] before the reply is sent. The log has then what the API server answered.
    #[must_use]
    pub fn held_after(self) -> Self {
        Self { held: Some(Held::After), ..self }
    }

    /// A short name for the log.
    pub(crate) fn label(&self) -> String {
        let held = match self.held {
            None => "",
            Some(Held::Before) => "held before, ",
            Some(Held::After) => "held after, ",
        };
        let acts = match self.fault {
            Fault::Event(_) => "",
            _ if self.acts => "acts, ",
            _ => "",
        };
        format!("{held}{acts}{}", self.fault.label())
    }
}
