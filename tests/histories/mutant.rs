//! Deliberately wrong drivers. Each breaks one rule of the protocol; the invariants must notice.

use jumpcloud_operator::api::submission::{Recorded, Submission};
use jumpcloud_operator::api::user_status::{JumpCloudUserBatchStatus, reason};
use jumpcloud_operator::plan::facts::Live;
use serde_json::json;

use crate::jumpcloud::kept;
use crate::ledger::Post;

/// One wrong driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Sends without having written the intent.
    SkipSwap,
    /// Sends the same request again when no answer came.
    SendAgainOnUnknown,
    /// Takes a missing answer for a refusal.
    TimeoutIsRefusal,
    /// Takes a 5xx for the payload's fault.
    ServerErrorIsRejection,
    /// Does not record the job's id.
    ForgetJobId,
    /// Sends after submitBy.
    IgnoreSubmitBy,
    /// Looks users of an unknown outcome up at once.
    NoQuarantine,
    /// Writes without resourceVersion.
    OverwriteStatus,
    /// Takes a 409 for its own earlier write.
    ConflictIsSuccess,
    /// Creates without having looked.
    NoLookUp,
    /// Uses one nonce for all requests.
    SameNonce,
    /// Records job ids without testing nonce and uid.
    UntestedRecord,
    /// Takes a refusal (429, no connection) for the payload's fault.
    RefusalIsRejection,
    /// Trusts the wall clock alone.
    WallClockOnly,
    /// Notes in status that it was there.
    Restless,
    /// Sends other values of a user as soon as an update got no answer.
    HastyUpdate,
    /// Sends every declared field of a row that was edited.
    SendEverything,
    /// Looks at every user, whether its row changed or not.
    LookAtAll,
    /// Sends declared attributes alone.
    ForgetAttributes,
    /// Sets the declared state whenever it finds another one.
    CorrectState,
    /// Keeps all members in both halves of a refused request.
    WholeHalves,
    /// Takes the word of a job's results for the values of its users.
    TrustRows,
    /// Does not know of protected users.
    IgnoreProtection,
    /// Repairs without having announced it.
    RepairUnannounced,
    /// Forgets repairs that it has announced.
    ForgetRepair,
    /// Forgets users that are off the list.
    ForgetRemoved,
}

impl Mutant {
    /// A status as this driver takes it to be.
    pub fn sees(self, status: &JumpCloudUserBatchStatus) -> Option<JumpCloudUserBatchStatus> {
        let mut seen = status.clone();
        match self {
            Self::CorrectState => seen.inventory.iter_mut().for_each(|entry| entry.state = None),
            Self::LookAtAll if status.submissions.is_empty() => {
                seen.inventory.iter_mut().for_each(|entry| entry.hash = String::new());
            }
            Self::ForgetRepair => seen.failures.retain(|failure| failure.reason != reason::FIELD_NOT_TAKEN),
            _ => return None,
        }
        Some(seen)
    }

    /// Users as this driver takes them to be, from what was found of them.
    pub fn finds(self, status: &JumpCloudUserBatchStatus, posts: &[Post], found: &mut [Live]) {
        for user in found {
            let records = status.submissions.iter().filter_map(|record| record.known());
            let sent = records.into_iter().find(|record| record.members.contains(&user.id));
            match (self, sent) {
                (Self::SendEverything, None) => {
                    user.fields.retain(|name, _| ["username", "email"].contains(&name.as_str()));
                }
                (Self::ForgetAttributes, None) => drop(user.fields.remove("attributes")),
                (Self::TrustRows, Some(sent)) => {
                    let post = posts.iter().find(|post| post.nonce == sent.nonce);
                    let rows = post.iter().flat_map(|post| &post.rows);
                    for row in rows.filter(|row| row.get("id") == Some(&json!(user.id))) {
                        let kept =
                            row.iter().filter_map(|(name, value)| Some((name.clone(), kept(name, value)?)));
                        user.fields.extend(kept);
                    }
                }
                _ => {}
            }
        }
    }

    /// A status as this driver writes it.
    pub fn writes(self, planned: &JumpCloudUserBatchStatus, status: &mut JumpCloudUserBatchStatus) {
        if self == Self::ForgetRemoved {
            status.inventory.retain(|entry| entry.removal_time.is_none());
        }
        if self == Self::WholeHalves {
            for half in &mut status.submissions {
                let Recorded::Known(half) = half else { continue };
                let whole = planned.submissions.iter().filter_map(|record| record.known()).find(|whole| {
                    half.nonce == format!("{}a", whole.nonce) || half.nonce == format!("{}b", whole.nonce)
                });
                if let Some(whole) = whole {
                    **half = Submission { nonce: half.nonce.clone(), phase: half.phase, ..whole.clone() };
                }
            }
        }
    }
}
