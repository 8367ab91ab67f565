//! What forbids to send, whatever a status says.

use jumpcloud_operator::plan::facts::{Connection, ConnectionFact};
use jumpcloud_operator::plan::policy::{Policy, Writes};

/// The organisation that objects are of.
pub const ORGANISATION: &str = "org";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbids {
    Deleting,
    /// Of the object. Cancelling is what the pause of a schedule is for.
    Pause,
    ConnectionPause,
    ReadOnly,
    /// Another organisation is behind the connection.
    Organisation,
}

impl Forbids {
    pub const ALL: [Self; 5] =
        [Self::Deleting, Self::Pause, Self::ConnectionPause, Self::ReadOnly, Self::Organisation];
}

/// The settings of a process under it.
pub fn policy(forbids: Option<Forbids>) -> Policy {
    let writes = if forbids == Some(Forbids::ReadOnly) { Writes::Forbidden } else { Writes::Allowed };
    Policy { writes, ..Policy::default() }
}

/// The organisation behind the connection under it.
pub fn organisation(forbids: Option<Forbids>) -> &'static str {
    if forbids == Some(Forbids::Organisation) { "elsewhere" } else { ORGANISATION }
}

/// The connection under it.
pub fn connection(forbids: Option<Forbids>) -> ConnectionFact {
    ConnectionFact::Ready(Connection {
        organization: organisation(forbids).to_owned(),
        paused: forbids == Some(Forbids::ConnectionPause),
        max_batch_size: 100,
    })
}
