//! The write-ahead record: intents by compare-and-swap, job ids at once.
//!
//! Guarantee: [`commit`] is the only maker of [`Armed`], which [`super::send::send`] consumes. A request
//! whose intent is not in etcd cannot be sent, and none can be sent twice.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use kube::api::{Api, Patch};
use kube::core::object::HasStatus;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::{Error, KUBE_TIMEOUT, within};
use super::object::{Fetched, fetch, is_conflict, patch_status, status_patch, written_by_us};
use crate::api::recording::{Recording, Records};
use crate::api::submission::{AcceptedEvent, Phase, Recorded, Submission};
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::throttle::Permit;
use crate::plan::conflict::{Resolution, Snapshot, resolve};
use crate::plan::intent::{Intent, Payload};
use crate::runtime::clock;

/// How long the record of what JumpCloud accepted is tried before the log line is all that is left of it.
/// Longer than any rolling update of an API server.
const RECORD_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Everything a request needs besides its intent, got before the intent is written.
pub struct Ready {
    /// One rate token.
    pub permit: Permit,
    /// The client with the credential and the organisation.
    pub client: JumpCloud,
    /// No byte is sent after this.
    pub deadline: Instant,
}

/// A request whose intent is committed. Made by [`commit`] alone.
pub struct Armed {
    submission: Submission,
    payload: Payload,
    ready: Ready,
}

impl Armed {
    /// The nonce of the intent.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.submission.nonce
    }

    /// Uses the right up.
    pub(super) fn spend(self) -> (Submission, Payload, Ready) {
        (self.submission, self.payload, self.ready)
    }
}

/// A status to be written.
pub struct Write<'a, S> {
    /// All of it.
    pub status: &'a S,
    /// The request that it intends.
    pub intent: Option<&'a Intent>,
}

/// What came of a status write.
pub enum Committed<K> {
    /// The status is in etcd.
    Written {
        /// The object as it is now.
        object: Box<Fetched<K>>,
        /// The right to send, when an intent was written.
        armed: Option<Box<Armed>>,
    },
    /// Somebody else was there; the pass ends without effect.
    Lost,
}

/// Writes a status by compare-and-swap on exactly the version that was planned from.
///
/// # Errors
/// When the API server cannot be asked whether the write took place.
pub async fn commit<K: Recording>(
    api: &Api<K>,
    planned: &Fetched<K>,
    write: Write<'_, <K as HasStatus>::Status>,
    ready: Option<Ready>,
) -> Result<Committed<K>, Error> {
    let name = planned.metadata().name.clone().unwrap_or_default();
    let old = planned.status();
    let intent = write.intent.map(|i| (i.submission.nonce.as_str(), i.submission.submit_by));
    let mut version = planned.version().to_owned();
    for rewrites in 0.. {
        let patch = status_patch(planned.uid(), &version, &old, write.status);
        let answer = within(KUBE_TIMEOUT, patch_status(api, &name, &patch)).await;
        match answer {
            Ok(Ok(whole)) => return Ok(written(Fetched::of(whole), write.intent, ready)),
            Ok(Err(error)) if !is_conflict(&error) && is_final(&error) => return Err(error.into()),
            // 409 may be our own earlier write, repeated by the client; no answer says nothing at all.
            Ok(Err(_)) | Err(_) => {}
        }
        let Some(live) = fetch(api, &name).await? else { return Ok(Committed::Lost) };
        let live_status = live.status();
        let resolution = resolve(
            Snapshot { uid: planned.uid(), generation: planned.generation(), status: &old },
            write.status,
            intent,
            Snapshot { uid: live.uid(), generation: live.generation(), status: &live_status },
            rewrites,
            clock::now(),
        );
        match resolution {
            Resolution::Written => return Ok(written(live, write.intent, ready)),
            Resolution::WriteAgain => live.version().clone_into(&mut version),
            Resolution::GiveUp => return Ok(Committed::Lost),
        }
    }
    Ok(Committed::Lost)
}

/// Answers that say for certain that nothing was written and that asking again is no use.
fn is_final(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 400 | 401 | 403 | 404 | 405 | 413 | 415 | 422))
}

fn written<K>(object: Fetched<K>, intent: Option<&Intent>, ready: Option<Ready>) -> Committed<K> {
    let armed = intent
        .cloned()
        .zip(ready)
        .map(|(Intent { submission, payload }, ready)| Box::new(Armed { submission, payload, ready }));
    Committed::Written { object: Box::new(object), armed }
}

/// Where a request belongs.
pub struct Address<K> {
    /// API of the object's namespace.
    pub api: Api<K>,
    /// Name of the object.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A request that JumpCloud accepted.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The nonce of its intent.
    pub nonce: String,
    /// What JumpCloud gave for it.
    pub receipt: Receipt,
    /// When.
    pub time: Timestamp,
}

/// What JumpCloud gives for a request that it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// The id of a job.
    Job(String),
    /// Scheduled events.
    Events(Vec<AcceptedEvent>),
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(id) => write!(f, "job {id}"),
            Self::Events(events) => {
                let mut ids: Vec<_> = events.iter().map(|event| event.scheduled_job_id.as_str()).collect();
                ids.dedup();
                write!(f, "scheduled jobs {}", ids.join(" "))
            }
        }
    }
}

impl Receipt {
    /// The key of the record that keeps it, and what is kept.
    fn kept(&self) -> (&'static str, Value) {
        match self {
            Self::Job(id) => ("jobID", id.as_str().into()),
            Self::Events(events) => ("events", json!(events)),
        }
    }
}

/// Records what JumpCloud gave for an accepted request: a JSON patch that tests uid and nonce and carries no
/// resourceVersion, so that a busy object cannot starve it. Tried for minutes.
///
/// `None` when the object or its record is gone.
pub async fn record<K: Recording>(to: &Address<K>, accepted: &Acceptance) -> Option<Fetched<K>> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .build();
    let give_up = clock::monotonic() + RECORD_PATIENCE;
    let (nonce, receipt) = (accepted.nonce.as_str(), &accepted.receipt);
    for pause in pauses {
        match try_record(to, accepted).await {
            Ok(Tried::Recorded(object)) => return Some(*object),
            Ok(Tried::Gone) => {
                tracing::warn!(%receipt, nonce, "no record any more: object or submission is gone");
                return None;
            }
            Ok(Tried::Moved) => {}
            Err(error) => {
                tracing::warn!(%receipt, nonce, %error, "not recorded yet; trying again");
            }
        }
        if clock::monotonic() >= give_up {
            tracing::error!(%receipt, nonce, "could not be recorded; JumpCloud is asked instead");
            return None;
        }
        tokio::time::sleep(pause).await;
    }
    None
}

enum Tried<K> {
    Recorded(Box<Fetched<K>>),
    Moved,
    Gone,
}

async fn try_record<K: Recording>(to: &Address<K>, accepted: &Acceptance) -> Result<Tried<K>, Error> {
    let Some(object) = fetch(&to.api, &to.name).await? else { return Ok(Tried::Gone) };
    let status = object.status();
    let records = status.submissions();
    let index = records.iter().position(|record| record.nonce() == Some(&accepted.nonce));
    let Some(index) = index.filter(|_| object.uid() == to.uid) else { return Ok(Tried::Gone) };
    let recorded = records.get(index).and_then(Recorded::known).is_some_and(|s| s.phase == Phase::Accepted);
    if recorded {
        return Ok(Tried::Recorded(Box::new(object)));
    }
    let patch = accepted.patch(&to.uid, index);
    let operations = serde_json::from_value(patch).map_err(|error| Error::Unreadable(error.to_string()))?;
    let (params, patch) = (written_by_us(), Patch::<()>::Json(operations));
    match within(KUBE_TIMEOUT, to.api.patch_status(&to.name, &params, &patch)).await? {
        Ok(whole) => Ok(Tried::Recorded(Box::new(Fetched::of(whole)))),
        // A failed test: the record has moved to another index, or the answer to an earlier try was lost.
        Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => Ok(Tried::Moved),
        Err(error) => Err(error.into()),
    }
}

impl Acceptance {
    fn patch(&self, uid: &str, index: usize) -> Value {
        let at = format!("/status/submissions/{index}");
        let (key, kept) = self.receipt.kept();
        json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": format!("{at}/nonce"), "value": self.nonce},
            {"op": "add", "path": format!("{at}/{key}"), "value": kept},
            {"op": "add", "path": format!("{at}/acceptTime"), "value": self.time.to_string()},
            {"op": "replace", "path": format!("{at}/phase"), "value": "Accepted"},
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_tested_for_its_object_and_nonce_and_carries_what_was_given() {
        let patch = |receipt: Receipt| {
            let time = Timestamp::UNIX_EPOCH;
            Acceptance { nonce: "n".to_owned(), receipt, time }.patch("u", 3)
        };
        let job = patch(Receipt::Job("j1".to_owned()));
        assert_eq!(job[0], json!({"op": "test", "path": "/metadata/uid", "value": "u"}));
        assert_eq!(job[1], json!({"op": "test", "path": "/status/submissions/3/nonce", "value": "n"}));
        assert_eq!(job[2], json!({"op": "add", "path": "/status/submissions/3/jobID", "value": "j1"}));
        let event =
            |id: &str, time| AcceptedEvent { id: id.to_owned(), scheduled_job_id: "s1".to_owned(), time };
        let events = patch(Receipt::Events(vec![event("1", None), event("2", Some(Timestamp::UNIX_EPOCH))]));
        let given = json!([{"id": "1", "scheduledJobID": "s1"},
                           {"id": "2", "scheduledJobID": "s1", "time": "1970-01-01T00:00:00Z"}]);
        assert_eq!(events[2], json!({"op": "add", "path": "/status/submissions/3/events", "value": given}));
        for patch in [job, events] {
            assert_eq!(patch.as_array().unwrap().len(), 5);
            assert_eq!(patch[4]["value"], "Accepted", "last: a reader sees it with what was given");
            assert!(!patch.to_string().contains("resourceVersion"));
        }
    }
}
