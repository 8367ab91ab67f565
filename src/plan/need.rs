//! What one user needs. No batches, no I/O.

use jiff::Timestamp;

use super::facts::Look;
use super::identity::identity;
use super::submission::created_since;
use crate::api::user_status::{Failure, InventoryEntry, reason};
use crate::users::row::DesiredRow;

/// What one user needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// To be looked up: nothing is known of it in this pass.
    Look,
    /// To be created: a look-up did not find it.
    Create,
    /// Found, and ours by an earlier request of unknown outcome.
    Take {
        /// JumpCloud's id.
        id: String,
        /// JumpCloud's state.
        live_state: Option<String>,
    },
    /// Found, and not ours: to be recorded as a conflict.
    Refuse,
    /// To be sent again, later.
    Later(Timestamp),
    /// Part of a request under way.
    InFlight,
    /// Ours.
    Owned,
    /// Failed or in conflict; waits for a person.
    Held,
}

/// Everything known of one user.
pub struct User<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// Its entry, when it is ours.
    pub owned: Option<&'a InventoryEntry>,
    /// Whether a request under way has it.
    pub in_flight: bool,
    /// What went wrong before.
    pub failure: Option<&'a Failure>,
    /// A look of this pass that nothing has outdated.
    pub look: Option<&'a Look>,
    /// Whether somebody asked to look and act now.
    pub urgent: bool,
}

impl User<'_> {
    /// Decides. Pure.
    #[must_use]
    pub fn need(&self, now: Timestamp) -> Need {
        if self.owned.is_some() {
            return Need::Owned;
        }
        if self.in_flight {
            return Need::InFlight;
        }
        if let Some(failure) = self.failure.filter(|f| f.hash == self.row.hash) {
            match (failure.retry_at(), self.urgent) {
                (Some(time), false) if time > now => return Need::Later(time),
                (Some(_), _) => {}
                // A conflict may have gone away; other final failures are the row's own.
                (None, true) if failure.reason == reason::ALREADY_EXISTS => {}
                (None, _) => return Need::Held,
            }
        }
        let Some(look) = self.look else { return Need::Look };
        if look.found.is_empty() {
            return Need::Create;
        }
        self.taken(look).unwrap_or(Need::Refuse)
    }

    /// A user that an earlier request may have made: its username and e-mail are the declared ones and
    /// it is no older than that request.
    fn taken(&self, look: &Look) -> Option<Need> {
        let since = self.failure?.unknown_since()?;
        let declared = identity("", &self.row.username, &self.row.email);
        let user = look.found.iter().find(|u| identity("", &u.username, &u.email) == declared)?;
        created_since(user, since).then(|| Need::Take { id: user.id.clone(), live_state: user.state.clone() })
    }
}

impl Failure {
    /// When the user is sent again by itself.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.retry_time.as_ref()?.parse().ok()
    }

    /// Since when the user may have been made by a request of unknown outcome.
    #[must_use]
    pub fn unknown_since(&self) -> Option<Timestamp> {
        self.unknown_time.as_ref()?.parse().ok()
    }
}
