//! Deliberately wrong drivers. Each breaks one rule of the protocol; the invariants must notice.

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
}
