//! Wrong operators. Each breaks one rule of the protocol; the explorer must find where that leads.

use jumpcloud_operator::api::submission::{Recorded, Submission};

use crate::clock::{MINUTE, stamp};

/// What a wrong one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Sends without having written the intent.
    SkipSwap,
    /// Sends the same request again after a 5xx.
    SendAgainOnServerError,
    /// Takes silence for a failure: nothing has happened.
    TimeoutIsFailure,
    /// Takes a 5xx for the payload's fault.
    ServerErrorIsRejection,
    /// Takes a 429 for the payload's fault.
    RefusalIsRejection,
    /// Records what was accepted on the version that it knows, and forgets it after a 409.
    ForgetJobId,
    /// Records what was accepted without testing nonce and uid.
    UntestedRecord,
    /// Takes every user that it finds for its own.
    AdoptWithoutEvidence,
    /// Sends after submitBy.
    IgnoreSubmitBy,
    /// Settles a whole request by its first user.
    SettleByFirst,
    /// Writes without resourceVersion.
    TrustCache,
    /// Takes a 409 for success.
    ConflictIsSuccess,
    /// Takes one look for two.
    OneLook,
    /// Looks users of an unknown outcome up at once.
    NoQuarantine,
    /// Counts the quarantine by the wall clock alone.
    WallClockOnly,
    /// Uses one nonce for all requests.
    SameNonce,
    /// Sends other values of a user as soon as an update got no answer.
    HastyUpdate,
    /// Writes in every pass.
    Restless,
    /// Schedules: sees no event that is there.
    Blind,
    /// Schedules: cancels ids without having seen that all their events are its own.
    CancelUnverified,
    /// Schedules: cancels what is replaced before there is anything else.
    CancelFirst,
    /// Schedules: believes that the finalizer is there.
    NoFinalizer,
}

/// All of them.
pub const ALL: [Wrong; 22] = [
    Wrong::SkipSwap,
    Wrong::SendAgainOnServerError,
    Wrong::TimeoutIsFailure,
    Wrong::ServerErrorIsRejection,
    Wrong::RefusalIsRejection,
    Wrong::ForgetJobId,
    Wrong::UntestedRecord,
    Wrong::AdoptWithoutEvidence,
    Wrong::IgnoreSubmitBy,
    Wrong::SettleByFirst,
    Wrong::TrustCache,
    Wrong::ConflictIsSuccess,
    Wrong::OneLook,
    Wrong::NoQuarantine,
    Wrong::WallClockOnly,
    Wrong::SameNonce,
    Wrong::HastyUpdate,
    Wrong::Restless,
    Wrong::Blind,
    Wrong::CancelUnverified,
    Wrong::CancelFirst,
    Wrong::NoFinalizer,
];

/// Takes one look for two: as if all users of these records had been missed long ago.
pub fn one_look(records: &mut [Recorded], counts: impl Fn(&Submission) -> bool) {
    for record in records {
        if let Recorded::Known(record) = record
            && counts(record)
            && record.look_time.is_none()
        {
            record.look_time = Some(stamp(-60 * MINUTE));
            record.missing.clone_from(&record.members);
        }
    }
}
