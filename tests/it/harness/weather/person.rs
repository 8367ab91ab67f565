//! The person that `SubmissionUnknown` waits for.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use jumpcloud_operator::api::user_status::LastHandled;

use super::{is_on, tell};
use crate::harness::plane::kubectl;

/// What is rescued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A `JumpCloudUserBatch`.
    Batch,
    /// A `ScheduledUserState`.
    Schedule,
}

impl Kind {
    fn resource(self) -> &'static str {
        match self {
            Self::Batch => "jumpclouduserbatch",
            Self::Schedule => "scheduleduserstate",
        }
    }
}

/// Under weather: sets annotation `retry-failed` of an object that stands at `SubmissionUnknown`, unless it was set since
/// the operator acted on it last: `handled` is the value of that time.
///
/// The documents tell people to look in JumpCloud first. Two quarantines have passed here, so whatever was to come has
/// come, and the operator looks again before it sends.
pub fn rescue(kind: Kind, namespace: &str, name: &str, handled: Option<&LastHandled>) {
    static RESCUED: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    if !is_on() {
        return;
    }
    let object = format!("{}/{name}", kind.resource());
    let handled = handled.and_then(|handled| handled.retry_failed.as_deref()).unwrap_or("nothing");
    let number = {
        let mut rescued = RESCUED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if !rescued.insert(format!("{namespace}/{object} after {handled}")) {
            return;
        }
        rescued.len()
    };
    tell(&format!(
        "weather: rescue {number} of the suite: {object} of {namespace} stood at SubmissionUnknown"
    ));
    let value = format!("jumpcloud-operator.dev/retry-failed=rescue-{number}");
    let done = kubectl(&["annotate", "--overwrite", "--namespace", namespace, &object, &value], "");
    assert!(done.success, "{}", done.text);
}
