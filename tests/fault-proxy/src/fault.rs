//! What can go wrong.

use std::time::Duration;

/// What becomes of the reply to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is sent as it is.
    AsIs,
    /// The connection is closed without a byte.
    Close,
    /// The connection is reset.
    Reset,
    /// It is a list, and the oldest reply to the same request is sent again. The first is sent as it is.
    Stale,
    /// Another one is sent.
    Status {
        /// Its code.
        code: u16,
        /// Its `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// None is ever sent, and the connection stays open. A watch that is carried out begins and has no events.
    Silence,
    /// It is a watch, and something happens at an event of it.
    Event(EventFault),
}

/// What happens at an event of a watch. Bookmarks are no events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// It is kept for so long, and so is all that follows.
    Delay(Duration),
    /// It is kept for so long, and so is all that follows; then of each object only the last comes.
    Merge(Duration),
    /// It comes twice.
    Repeat,
    /// It does not come; those after it do.
    Drop,
    /// It does not come, and the connection is closed.
    Cut,
    /// Neither it nor any other comes, and the connection stays open.
    Freeze,
    /// In its place the API server says 410 Gone, and the watch ends.
    Gone,
}

impl Fault {
    /// A short name for the log.
    pub(crate) fn label(self) -> String {
        match self {
            Self::AsIs => "as is".to_owned(),
            Self::Close => "closed".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Stale => "stale".to_owned(),
            Self::Status { code, .. } => format!("status {code}"),
            Self::Silence => "silence".to_owned(),
            Self::Event(fault) => fault.label().to_owned(),
        }
    }
}

impl EventFault {
    fn label(self) -> &'static str {
        match self {
            Self::Delay(_) => "event delayed",
            Self::Merge(_) => "events merged",
            Self::Repeat => "event repeated",
            Self::Drop => "event dropped",
            Self::Cut => "watch cut",
            Self::Freeze => "watch frozen",
            Self::Gone => "watch gone",
        }
    }
}
