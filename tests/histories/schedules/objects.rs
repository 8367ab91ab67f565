//! A model of the API server with a few schedules: every version ever kept, compare-and-swap by
//! resourceVersion, finalizers, JSON patch with tests.

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::schedule_status::ScheduledUserStateStatus;
use jumpcloud_operator::api::submission::{AcceptedEvent, Phase, Recorded};

use super::manifest::{Manifest, Spec};
use crate::clock::Ms;

/// Names of the objects, by place. Of equal age the first is the older one.
pub const NAMES: [&str; 2] = ["people/leavers", "team/leavers"];

/// An object at one resourceVersion.
#[derive(Debug, Clone)]
pub struct Object {
    /// Which name it has.
    pub place: usize,
    /// Identity.
    pub uid: u32,
    /// When it was created.
    pub created: Ms,
    /// Grows with each edit of the spec.
    pub generation: i64,
    /// Grows with each write of anything.
    pub version: u64,
    /// The spec.
    pub spec: Arc<Spec>,
    /// The status.
    pub status: Arc<ScheduledUserStateStatus>,
    /// When it was deleted, if it only waits for its finalizer.
    pub deleted: Option<Ms>,
    /// Whether the finalizer is there.
    pub finalizer: bool,
    /// Annotation requested-at.
    pub requested_at: Option<String>,
    /// Annotation retry-failed.
    pub retry_failed: Option<String>,
    /// Annotation resolve.
    pub resolve: Option<String>,
    /// Metadata that concerns nobody.
    pub other: u64,
}

/// One version in the order of writing.
#[derive(Debug, Clone)]
pub struct Kept {
    /// When it was written.
    pub at: Ms,
    /// Which name it has.
    pub place: usize,
    /// Whether it was written because the status got lost.
    pub loss: bool,
    /// Whether a newer operator wrote it.
    pub newer: bool,
    /// The object; `None` while there is none.
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

/// A request to note what was accepted, by JSON patch.
#[derive(Debug, Clone)]
pub struct Record {
    /// Which object.
    pub place: usize,
    /// Tested: the object's uid.
    pub uid: u32,
    /// The item of `status.submissions`.
    pub index: usize,
    /// Tested: the item's nonce.
    pub nonce: String,
    /// Events of a schedule.
    pub events: Vec<AcceptedEvent>,
    /// Id of a bulk job.
    pub job_id: Option<String>,
    /// When the answer came.
    pub accepted: Timestamp,
}

/// The API server.
#[derive(Debug, Default)]
pub struct ApiServer {
    /// Every version, oldest first.
    pub versions: Vec<Kept>,
    /// Writes of status that changed something, with the place.
    pub status_writes: Vec<(Ms, usize)>,
    last_version: u64,
    last_uid: u32,
}

impl ApiServer {
    /// The object as it is now.
    pub fn live(&self, place: usize) -> Option<Arc<Object>> {
        self.versions.iter().rev().find(|kept| kept.place == place).and_then(|kept| kept.object.clone())
    }

    /// Creates an object, with the status that the schema gives it.
    pub fn create(&mut self, place: usize, manifest: &Manifest, now: Ms) {
        self.last_uid += 1;
        let object = Object {
            place,
            uid: self.last_uid,
            created: now,
            generation: 1,
            version: 0,
            spec: manifest.check(),
            status: Arc::new(empty_status()),
            deleted: None,
            finalizer: false,
            requested_at: None,
            retry_failed: None,
            resolve: None,
            other: 0,
        };
        self.keep(object, false, now);
    }

    /// Deletes an object: it goes at once without a finalizer.
    pub fn delete(&mut self, place: usize, now: Ms) {
        match self.live(place) {
            Some(live) if live.finalizer => self.by_author(place, now, |object| {
                object.deleted.get_or_insert(now);
                object.generation += 1;
            }),
            Some(_) => self.versions.push(Kept { at: now, place, loss: false, newer: false, object: None }),
            None => {}
        }
    }

    /// An edit of the spec.
    pub fn edit(&mut self, place: usize, manifest: &Manifest, now: Ms) {
        self.by_author(place, now, |object| {
            if object.spec.manifest != *manifest {
                object.spec = manifest.check();
                object.generation += 1;
            }
        });
    }

    /// A write of spec or metadata.
    pub fn by_author(&mut self, place: usize, now: Ms, change: impl FnOnce(&mut Object)) {
        if let Some(live) = self.live(place) {
            let mut object = (*live).clone();
            change(&mut object);
            self.keep(object, false, now);
        }
    }

    /// The status is gone: an object restored from a backup without it.
    pub fn lose_status(&mut self, place: usize, now: Ms) {
        if let Some(live) = self.live(place) {
            let status = Arc::new(empty_status());
            self.keep(Object { status, ..(*live).clone() }, true, now);
        }
    }

    /// A newer operator adds a record that this one does not know, or takes it out.
    pub fn by_newer(&mut self, place: usize, there: bool, now: Ms) {
        if let Some(live) = self.live(place) {
            let mut status = (*live.status).clone();
            status.submissions.retain(|record| record.known().is_some());
            if there {
                let record = serde_json::json!({"nonce": "newer", "recordVersion": 99, "shape": [1, 2]});
                status.submissions.push(Recorded::Foreign(record.as_object().unwrap().clone()));
            }
            self.keep(Object { status: Arc::new(status), ..(*live).clone() }, false, now);
            if let Some(kept) = self.versions.last_mut() {
                kept.newer = true;
            }
        }
    }

    /// Any version of an object that is there, by a number.
    pub fn earlier(&self, place: usize, number: usize) -> Option<Arc<Object>> {
        let versions: Vec<_> = self.versions.iter().filter(|kept| kept.place == place).collect();
        versions.get(number % versions.len().max(1)).and_then(|kept| kept.object.clone())
    }

    /// Merge patch of status, refused unless `basis` is the resourceVersion. A patch that changes nothing
    /// keeps the resourceVersion.
    pub fn patch_status(
        &mut self,
        place: usize,
        basis: Option<u64>,
        status: &ScheduledUserStateStatus,
        now: Ms,
    ) -> Result<Arc<Object>, Refusal> {
        let live = self.live(place).ok_or(Refusal::Gone)?;
        if basis.is_some_and(|version| version != live.version) {
            return Err(Refusal::Conflict);
        }
        if *status == *live.status {
            return Ok(live);
        }
        self.status_writes.push((now, place));
        let status = Arc::new(self.stored(status));
        Ok(self.keep(Object { status, ..(*live).clone() }, false, now))
    }

    /// JSON patch that notes what was accepted.
    pub fn record(&mut self, record: &Record, now: Ms) -> Result<Arc<Object>, Refusal> {
        let live = self.live(record.place).ok_or(Refusal::Gone)?;
        if live.uid != record.uid {
            return Err(Refusal::TestFailed);
        }
        let mut status = (*live.status).clone();
        let Some(Recorded::Known(item)) = status.submissions.get_mut(record.index) else {
            return Err(Refusal::TestFailed);
        };
        if item.nonce != record.nonce {
            return Err(Refusal::TestFailed);
        }
        item.phase = Phase::Accepted;
        item.job_id.clone_from(&record.job_id);
        item.events.clone_from(&record.events);
        item.accept_time = Some(record.accepted);
        if status == *live.status {
            return Ok(live);
        }
        self.status_writes.push((now, record.place));
        Ok(self.keep(Object { status: Arc::new(status), ..(*live).clone() }, false, now))
    }

    /// Puts the finalizer there or takes it away, refused unless `version` is the resourceVersion. `None`
    /// when the object is gone with it.
    pub fn finalize(
        &mut self,
        place: usize,
        version: u64,
        present: bool,
        now: Ms,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        let live = self.live(place).ok_or(Refusal::Gone)?;
        if live.version != version {
            return Err(Refusal::Conflict);
        }
        if live.deleted.is_some() && !present {
            self.versions.push(Kept { at: now, place, loss: false, newer: false, object: None });
            return Ok(None);
        }
        if live.deleted.is_some() || live.finalizer == present {
            return Ok(Some(live));
        }
        Ok(Some(self.keep(Object { finalizer: present, ..(*live).clone() }, false, now)))
    }

    /// What comes back from the API server is what went through JSON: done to every fourth write, because it
    /// takes more time than all the rest of it.
    fn stored(&self, status: &ScheduledUserStateStatus) -> ScheduledUserStateStatus {
        if self.status_writes.len() % 4 == 1 {
            serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap()
        } else {
            status.clone()
        }
    }

    fn keep(&mut self, object: Object, loss: bool, now: Ms) -> Arc<Object> {
        self.last_version += 1;
        let object = Arc::new(Object { version: self.last_version, ..object });
        self.versions.push(Kept {
            at: now,
            place: object.place,
            loss,
            newer: false,
            object: Some(object.clone()),
        });
        object
    }
}

/// The schema's default for status.
fn empty_status() -> ScheduledUserStateStatus {
    ScheduledUserStateStatus { observed_generation: Some(-1), ..ScheduledUserStateStatus::default() }
}
