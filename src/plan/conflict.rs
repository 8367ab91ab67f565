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
    } else if live.status == wanted && live.generation == planned.generation {
        // After an edit the pass goes on by what nobody declares any more: another one begins.
        return Resolution::Written;
    }
    let same = live.generation == planned.generation && live.status == planned.status;
    if same && rewrites < REWRITES { Resolution::WriteAgain } else { Resolution::GiveUp }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::user_status::JumpCloudUserBatchStatus;
    use crate::plan::fixtures::{at, intended};

    /// A status with the records of these users, each of a request of its own.
    fn status(nonces: &[&str]) -> JumpCloudUserBatchStatus {
        let mut status = JumpCloudUserBatchStatus::default();
        for nonce in nonces {
            let mut record = intended(&["ada"]);
            (*nonce).clone_into(&mut record.nonce);
            status.submissions.push(Recorded::Known(Box::new(record)));
        }
        status
    }

    fn found(uid: &str, generation: i64, live: &JumpCloudUserBatchStatus, rewrites: u32) -> Resolution {
        let (before, wanted) = (status(&[]), status(&["ours"]));
        let planned = Snapshot { uid: "u", generation: 1, status: &before };
        let live = Snapshot { uid, generation, status: live };
        resolve(planned, &wanted, Some(("ours", at(20))), live, rewrites, at(1))
    }

    #[test]
    fn our_nonce_says_that_the_write_took_place_whatever_else_has_changed() {
        assert_eq!(found("u", 1, &status(&["ours"]), 0), Resolution::Written);
        assert_eq!(found("u", 2, &status(&["theirs", "ours"]), REWRITES), Resolution::Written);
    }

    #[test]
    fn only_other_metadata_lets_the_same_be_written_again_and_not_for_ever() {
        assert_eq!(found("u", 1, &status(&[]), 0), Resolution::WriteAgain);
        assert_eq!(found("u", 1, &status(&[]), REWRITES - 1), Resolution::WriteAgain);
        assert_eq!(found("u", 1, &status(&[]), REWRITES), Resolution::GiveUp);
    }

    #[test]
    fn an_edit_another_status_and_another_object_end_the_pass() {
        assert_eq!(found("u", 2, &status(&[]), 0), Resolution::GiveUp, "the spec was edited");
        assert_eq!(found("u", 1, &status(&["theirs"]), 0), Resolution::GiveUp, "another replica was there");
        assert_eq!(found("v", 1, &status(&["ours"]), 0), Resolution::GiveUp, "made anew under the same name");
    }

    #[test]
    fn an_intent_whose_time_is_over_is_neither_sent_nor_written_again() {
        let (before, wanted) = (status(&[]), status(&["ours"]));
        for live in [&before, &wanted] {
            let of = |status| Snapshot { uid: "u", generation: 1, status };
            let late = resolve(of(&before), &wanted, Some(("ours", at(20))), of(live), 0, at(20));
            assert_eq!(late, Resolution::GiveUp);
        }
    }

    #[test]
    fn a_write_without_an_intent_took_place_when_the_status_is_the_wanted_one() {
        let (before, wanted, strange) = (status(&["n"]), status(&[]), status(&["m"]));
        let of = |generation, status| Snapshot { uid: "u", generation, status };
        let resolved =
            |generation, live| resolve(of(1, &before), &wanted, None, of(generation, live), 0, at(1));
        assert_eq!(resolved(1, &wanted), Resolution::Written);
        assert_eq!(resolved(1, &before), Resolution::WriteAgain);
        assert_eq!(resolved(1, &strange), Resolution::GiveUp);
        assert_eq!(resolved(2, &wanted), Resolution::GiveUp, "the spec was edited");
    }
}
