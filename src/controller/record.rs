//! The write-ahead record: intents by compare-and-swap, job ids at once.
//!
//! Guarantee: [`commit`] is the only maker of [`Armed`], which [`super::send::send`] consumes. A request
//! whose intent is not in etcd cannot be sent, and none can be sent twice.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use kube::api::{Api, Patch};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::{Error, KUBE_TIMEOUT, within};
use super::object::{Fetched, fetch, is_conflict, patch_status, status_patch, written_by_us};
use crate::api::submission::{Phase, Recorded, Submission};
use crate::api::user_batch::JumpCloudUserBatch;
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::throttle::Permit;
use crate::plan::conflict::{Resolution, Snapshot, resolve};
use crate::plan::intent::{Intent, Payload};
use crate::plan::step::Commit;
use crate::runtime::clock;

/// How long the record of a job id is tried before the log line is all that is left of it. Longer than
/// any rolling update of an API server.
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

/// What came of a status write.
pub enum Committed {
    /// The status is in etcd.
    Written {
        /// The object as it is now.
        object: Box<Fetched>,
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
pub async fn commit(
    api: &Api<JumpCloudUserBatch>,
    planned: &Fetched,
    commit: &Commit,
    ready: Option<Ready>,
) -> Result<Committed, Error> {
    let name = planned.batch.metadata.name.clone().unwrap_or_default();
    let old = planned.status();
    let intent = commit.intent.as_ref().map(|i| (i.submission.nonce.as_str(), i.submission.submit_by));
    let mut version = planned.version().to_owned();
    for rewrites in 0.. {
        let patch = status_patch(planned.uid(), &version, &old, &commit.status);
        let answer = within(KUBE_TIMEOUT, patch_status(api, &name, &patch)).await;
        match answer {
            Ok(Ok(batch)) => return Ok(written(Fetched::of(batch), commit, ready)),
            Ok(Err(error)) if !is_conflict(&error) && is_final(&error) => return Err(error.into()),
            // 409 may be our own earlier write, repeated by the client; no answer says nothing at all.
            Ok(Err(_)) | Err(_) => {}
        }
        let Some(live) = fetch(api, &name).await? else { return Ok(Committed::Lost) };
        let live_status = live.status();
        let resolution = resolve(
            Snapshot { uid: planned.uid(), generation: planned.generation(), status: &old },
            &commit.status,
            intent,
            Snapshot { uid: live.uid(), generation: live.generation(), status: &live_status },
            rewrites,
            clock::now(),
        );
        match resolution {
            Resolution::Written => return Ok(written(live, commit, ready)),
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

fn written(object: Fetched, commit: &Commit, ready: Option<Ready>) -> Committed {
    let armed = commit
        .intent
        .clone()
        .zip(ready)
        .map(|(Intent { submission, payload }, ready)| Box::new(Armed { submission, payload, ready }));
    Committed::Written { object: Box::new(object), armed }
}

/// Records the job of an accepted request: a JSON patch that tests uid and nonce and carries no
/// resourceVersion, so that a busy object cannot starve it. Tried for minutes.
///
/// `None` when the object or its record is gone.
pub async fn record_job(
    api: &Api<JumpCloudUserBatch>,
    name: &str,
    uid: &str,
    nonce: &str,
    job_id: &str,
    accepted: Timestamp,
) -> Option<Fetched> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .build();
    let give_up = clock::monotonic() + RECORD_PATIENCE;
    for pause in pauses {
        match try_record(api, name, uid, nonce, job_id, accepted).await {
            Ok(Tried::Recorded(object)) => return Some(*object),
            Ok(Tried::Gone) => {
                tracing::warn!(
                    job = job_id,
                    nonce,
                    "job has no record any more: object or submission is gone"
                );
                return None;
            }
            Ok(Tried::Moved) => {}
            Err(error) => {
                tracing::warn!(job = job_id, nonce, %error, "job id is not recorded yet; trying again");
            }
        }
        if clock::monotonic() >= give_up {
            tracing::error!(
                job = job_id,
                nonce,
                "job id could not be recorded; the users are looked up instead"
            );
            return None;
        }
        tokio::time::sleep(pause).await;
    }
    None
}

enum Tried {
    Recorded(Box<Fetched>),
    Moved,
    Gone,
}

async fn try_record(
    api: &Api<JumpCloudUserBatch>,
    name: &str,
    uid: &str,
    nonce: &str,
    job_id: &str,
    accepted: Timestamp,
) -> Result<Tried, Error> {
    let Some(object) = fetch(api, name).await? else { return Ok(Tried::Gone) };
    let status = object.status();
    let index = status.submissions.iter().position(|record| record.nonce() == Some(nonce));
    let Some(index) = index.filter(|_| object.uid() == uid) else { return Ok(Tried::Gone) };
    let recorded =
        status.submissions.get(index).and_then(Recorded::known).is_some_and(|s| s.phase == Phase::Accepted);
    if recorded {
        return Ok(Tried::Recorded(Box::new(object)));
    }
    let patch = job_patch(index, uid, nonce, job_id, accepted);
    let operations = serde_json::from_value(patch).map_err(|error| Error::Unreadable(error.to_string()))?;
    match within(KUBE_TIMEOUT, api.patch_status(name, &written_by_us(), &Patch::<()>::Json(operations)))
        .await?
    {
        Ok(batch) => Ok(Tried::Recorded(Box::new(Fetched::of(batch)))),
        // A failed test: the record has moved to another index, or the answer to an earlier try was lost.
        Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => Ok(Tried::Moved),
        Err(error) => Err(error.into()),
    }
}

fn job_patch(index: usize, uid: &str, nonce: &str, job_id: &str, accepted: Timestamp) -> Value {
    let at = format!("/status/submissions/{index}");
    json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": format!("{at}/nonce"), "value": nonce},
        {"op": "add", "path": format!("{at}/jobID"), "value": job_id},
        {"op": "add", "path": format!("{at}/acceptTime"), "value": accepted.to_string()},
        {"op": "replace", "path": format!("{at}/phase"), "value": "Accepted"},
    ])
}
