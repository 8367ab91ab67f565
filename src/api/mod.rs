//! The custom resources: what people write and what they read back.

pub mod common;
pub mod condition;
pub mod connection;
pub mod crd;
pub mod fingerprint;
pub mod head;
pub mod recording;
pub mod schedule_head;
pub mod schedule_status;
pub mod scheduled_user_state;
pub mod submission;
pub mod user_batch;
pub mod user_status;
mod words;

use words::words;

/// The API group of all kinds.
pub const GROUP: &str = "jumpcloud-operator.dev";

words! {
    /// The finalizers that the operator sets, and what each waits for.
    FINALIZERS {
        /// Something in JumpCloud must be undone when the object is deleted: there only while that is so, and gone
        /// once it is done, or after `--cleanup-timeout`.
        FINALIZER = "jumpcloud-operator.dev/cleanup";
    }
}

words! {
    /// The annotations that people set, and what each does.
    ANNOTATIONS {
        /// Any new value asks to look and act again now.
        REQUESTED_AT = "jumpcloud-operator.dev/requested-at";
        /// The last resort for users whose requests got no answer: of a batch `adopt` takes users with the declared
        /// username and e-mail as this object's; of both kinds `abandon` forgets the requests.
        RESOLVE = "jumpcloud-operator.dev/resolve";
        /// Any new value forgets failed attempts.
        RETRY_FAILED = "jumpcloud-operator.dev/retry-failed";
    }
}
