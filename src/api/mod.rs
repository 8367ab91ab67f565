//! The custom resources: what people write and what they read back.

pub mod common;
pub mod condition;
pub mod connection;
pub mod crd;
pub mod fingerprint;
pub mod head;
pub mod submission;
pub mod user_batch;
pub mod user_status;

/// The API group of all kinds.
pub const GROUP: &str = "jumpcloud-operator.dev";

/// Annotation: any new value asks to look and act again now.
pub const REQUESTED_AT: &str = "jumpcloud-operator.dev/requested-at";

/// Annotation, the last resort for users whose requests got no answer: `adopt` takes users with the
/// declared username and e-mail as this object's, `abandon` forgets the requests.
pub const RESOLVE: &str = "jumpcloud-operator.dev/resolve";

/// Annotation: any new value forgets failed attempts.
pub const RETRY_FAILED: &str = "jumpcloud-operator.dev/retry-failed";
