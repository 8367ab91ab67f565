//! What a refused or unanswered status write means: "read back" of the submission protocol.

use jiff::Timestamp;

use crate::api::recording::Records;
use crate::api::submission::Recorded;

/// Most times one intent is written again because only metadata had changed.
pub const REWRITES: u32 = 5;

/// The object as it was planned from, or as it was read back.
#[derive(Debug)]
pub struct Snapshot<'a, S> {
    /// Identity of the object.
    pub uid: &'a str,
    /// Generation of its spec.
    pub generation: i64,
    /// Its status.
    pub status: &'a S,
}

// Not derived: a status need not be `Copy` for that.
impl<S> Clone for Snapshot<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Snapshot<'_, S> {}

/// How to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The write had succeeded: its answer was lost, or the client had repeated it.
    Written,
    /// Only metadata differs: write the same again, with the new resourceVersion.
    WriteAgain,
    /// Somebody else was there: the pass ends without effect.
    GiveUp,
}

/// Decides. `wanted` is the status that was to be written, `nonce` and `submit_by` those of its intent.
#[must_use]
pub fn resolve<S: Records>(
    planned: Snapshot<'_, S>,
    wanted: &S,
    intent: Option<(&str, Timestamp)>,
    live: Snapshot<'_, S>,
    rewrites: u32,
    now: Timestamp,
) -> Resolution {
    if live.uid != planned.uid {
        return Resolution::GiveUp;
    }
    if let Some((nonce, submit_by)) = intent {
        if live.status.submissions().iter().filter_map(Recorded::known).any(|s| s.nonce == nonce) {
            return if now < submit_by { Resolution::Written } else { Resolution::GiveUp };
        }
        if now >= submit_by {
            return Resolution::GiveUp;
        }
    } else if live.status == wanted {
        return Resolution::Written;
    }
    let same = live.generation == planned.generation && live.status == planned.status;
    if same && rewrites < REWRITES { Resolution::WriteAgain } else { Resolution::GiveUp }
}
