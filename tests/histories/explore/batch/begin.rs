//! How worlds of user batches begin.

use std::sync::Arc;

use jumpcloud_operator::api::user_status::{InventoryEntry, JumpCloudUserBatchStatus};

use super::{Batches, Cloud, ORGANIZATION};
use crate::clock::SECOND;
use crate::explore::canon::tag;
use crate::explore::object::Object;
use crate::explore::state::State;
use crate::explore::timing::JOB_TIMEOUT;
use crate::manifest::{Flaw, Manifest, Row, Spec};

fn manifest(users: usize) -> Manifest {
    Manifest {
        rows: (1..=users).map(|number| Row::new(number, Flaw::None)).collect(),
        paused: false,
        batch_size: 10,
        retry_limit: 1,
        job_timeout: u32::try_from(JOB_TIMEOUT / SECOND).unwrap(),
    }
}

fn object(spec: Arc<Spec>, status: JumpCloudUserBatchStatus) -> Object<Batches> {
    let tag = tag(&spec.manifest);
    Object::new(spec, tag, status)
}

/// The status of a new object.
pub fn empty() -> JumpCloudUserBatchStatus {
    JumpCloudUserBatchStatus { observed_generation: Some(-1), ..JumpCloudUserBatchStatus::default() }
}

/// A new object of so many users, of whom JumpCloud has none.
pub fn creating<const USERS: usize>() -> State<Batches> {
    State::of(object(manifest(USERS).check(), empty()), Cloud::default())
}

/// A new object of two users, each of whom needs a job of its own.
pub fn two_jobs() -> State<Batches> {
    let manifest = Manifest { batch_size: 1, ..manifest(2) };
    State::of(object(manifest.check(), empty()), Cloud::default())
}

/// An object whose one user is there, edited a moment ago.
pub fn updating() -> State<Batches> {
    let mut manifest = manifest(1);
    let old = manifest.check();
    manifest.rows[0].revision = 1;
    let cloud = Cloud::with(&old.manifest.rows[0]);
    let entry = InventoryEntry {
        username: old.desired.rows[0].username.clone(),
        id: cloud.users[0].id.clone(),
        hash: old.desired.rows[0].hash.clone(),
        ..InventoryEntry::default()
    };
    let status = JumpCloudUserBatchStatus {
        organization_id: Some(ORGANIZATION.to_owned()),
        inventory: vec![entry],
        ..empty()
    };
    State::of(Object { generation: 2, ..object(manifest.check(), status) }, cloud)
}
