//! A model of the API server with one object: every version ever kept, compare-and-swap by
//! resourceVersion, JSON patch with tests.

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::{Phase, Recorded};
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;

use crate::clock::Ms;
use crate::manifest::{Manifest, Spec};

/// `namespace/name` of the object.
pub const NAME: &str = "people/sales";

/// The object at one resourceVersion.
#[derive(Debug, Clone)]
pub struct Object {
    /// Identity; another one after deletion and re-creation.
    pub uid: u32,
    /// Grows with each edit of the spec.
    pub generation: i64,
    /// Grows with each write of anything.
    pub version: u64,
    /// The spec.
    pub spec: Arc<Spec>,
    /// The status.
    pub status: Arc<JumpCloudUserBatchStatus>,
    /// Annotation requested-at.
    pub requested_at: Option<String>,
    /// Annotation retry-failed.
    pub retry_failed: Option<String>,
    /// Annotation resolve.
    pub resolve: Option<String>,
    /// Metadata that concerns nobody.
    pub other: u64,
}

/// Who wrote a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A person or tool: spec or metadata.
    Author,
    /// An operator process: status.
    Operator,
    /// A disaster that emptied the status.
    Loss,
    /// A newer operator: its record in the status.
    Newer,
}

/// One version in the order of writing.
#[derive(Debug, Clone)]
pub struct Kept {
    /// When it was written.
    pub at: Ms,
    /// Who wrote it.
    pub cause: Cause,
    /// The object; `None` while it is deleted.
    pub object: Option<Arc<Object>>,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 409: written by somebody else since.
    Conflict,
    /// 404
    Gone,
    /// 422: a `test` of a JSON patch failed.
    TestFailed,
}

/// A request to note a job id by JSON patch.
#[derive(Debug, Clone)]
pub struct JobRecord {
    /// Tested: the object's uid.
    pub uid: u32,
    /// The item of `status.submissions`.
    pub index: usize,
    /// Tested: the item's nonce.
    pub nonce: String,
    /// The id.
    pub job_id: String,
    /// When the answer came.
    pub accepted: Timestamp,
    /// Whether the patch holds its tests; a wrong driver leaves them out.
    pub tested: bool,
}

/// Which status a write is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Refused unless this is the resourceVersion.
    Version(u64),
    /// Written whatever is there; only a wrong driver does so.
    Whatever,
}

/// The API server.
#[derive(Debug, Default)]
pub struct ApiServer {
    /// Every version, oldest first.
    pub versions: Vec<Kept>,
    /// Writes of status that changed something.
    pub status_writes: u64,
    last_version: u64,
    last_uid: u32,
}

impl ApiServer {
    /// The object as it is now.
    pub fn live(&self) -> Option<Arc<Object>> {
        self.versions.last().and_then(|kept| kept.object.clone())
    }

    /// Creates the object, with the status that the schema gives it.
    pub fn create(&mut self, manifest: &Manifest, now: Ms) {
        self.last_uid += 1;
        let object = Object {
            uid: self.last_uid,
            generation: 1,
            version: 0,
            spec: manifest.check(),
            status: Arc::new(empty_status()),
            requested_at: None,
            retry_failed: None,
            resolve: None,
            other: 0,
        };
        self.keep(object, Cause::Author, now);
    }

    /// Deletes it.
    pub fn delete(&mut self, now: Ms) {
        self.versions.push(Kept { at: now, cause: Cause::Author, object: None });
    }

    /// An edit of the spec.
    pub fn edit(&mut self, manifest: &Manifest, now: Ms) {
        self.by_author(now, |object| {
            if object.spec.manifest != *manifest {
                object.spec = manifest.check();
                object.generation += 1;
            }
        });
    }

    /// A write of metadata.
    pub fn by_author(&mut self, now: Ms, change: impl FnOnce(&mut Object)) {
        if let Some(live) = self.live() {
            let mut object = (*live).clone();
            change(&mut object);
            self.keep(object, Cause::Author, now);
        }
    }

    /// The status is gone: an object restored from a backup without it, `replace --force`.
    pub fn lose_status(&mut self, now: Ms) {
        if let Some(live) = self.live() {
            let mut object = (*live).clone();
            object.status = Arc::new(empty_status());
            self.keep(object, Cause::Loss, now);
        }
    }

    /// A newer operator adds a record that this one does not know, or takes it out.
    pub fn by_newer(&mut self, there: bool, now: Ms) {
        if let Some(live) = self.live() {
            let mut status = (*live.status).clone();
            status.submissions.retain(|record| record.known().is_some());
            if there {
                let record = serde_json::json!({"nonce": "newer", "recordVersion": 99, "shape": [1, 2]});
                status.submissions.push(Recorded::Foreign(record.as_object().unwrap().clone()));
            }
            self.keep(Object { status: Arc::new(status), ..(*live).clone() }, Cause::Newer, now);
        }
    }

    /// Merge patch of status. A patch that changes nothing keeps the resourceVersion.
    pub fn patch_status(
        &mut self,
        basis: Basis,
        status: &JumpCloudUserBatchStatus,
        now: Ms,
    ) -> Result<Arc<Object>, Refusal> {
        let live = self.live().ok_or(Refusal::Gone)?;
        if let Basis::Version(version) = basis
            && version != live.version
        {
            return Err(Refusal::Conflict);
        }
        if *status == *live.status {
            return Ok(live);
        }
        self.status_writes += 1;
        Ok(self.keep(
            Object { status: Arc::new(self.stored(status)), ..(*live).clone() },
            Cause::Operator,
            now,
        ))
    }

    /// JSON patch that notes a job id.
    pub fn record(&mut self, record: &JobRecord, now: Ms) -> Result<Arc<Object>, Refusal> {
        let live = self.live().ok_or(Refusal::Gone)?;
        if live.uid != record.uid && record.tested {
            return Err(Refusal::TestFailed);
        }
        let mut status = (*live.status).clone();
        let Some(Recorded::Known(item)) = status.submissions.get_mut(record.index) else {
            return Err(Refusal::TestFailed);
        };
        if item.nonce != record.nonce && record.tested {
            return Err(Refusal::TestFailed);
        }
        item.phase = Phase::Accepted;
        item.job_id = Some(record.job_id.clone());
        item.accept_time = Some(record.accepted);
        if status == *live.status {
            return Ok(live);
        }
        self.status_writes += 1;
        Ok(self.keep(Object { status: Arc::new(status), ..(*live).clone() }, Cause::Operator, now))
    }

    /// What comes back from the API server is what went through JSON. That takes more time than all the
    /// rest of a write, so that it is done to every fourth.
    fn stored(&self, status: &JumpCloudUserBatchStatus) -> JumpCloudUserBatchStatus {
        if self.status_writes % 4 == 1 {
            serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap()
        } else {
            status.clone()
        }
    }

    fn keep(&mut self, object: Object, cause: Cause, now: Ms) -> Arc<Object> {
        self.last_version += 1;
        let object = Arc::new(Object { version: self.last_version, ..object });
        self.versions.push(Kept { at: now, cause, object: Some(object.clone()) });
        object
    }
}

/// The schema's default for status.
fn empty_status() -> JumpCloudUserBatchStatus {
    JumpCloudUserBatchStatus { observed_generation: Some(-1), ..JumpCloudUserBatchStatus::default() }
}
