//! Numbers over all objects, kept up to date from what each pass leaves behind.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::api::submission::{Phase, Recorded};
use crate::api::user_status::{Counts, JumpCloudUserBatchStatus};
use crate::runtime::metrics::Metrics;

/// Name of the kind in metrics.
pub const KIND: &str = "JumpCloudUserBatch";

/// What each object contributes.
#[derive(Debug, Default)]
pub struct Gauges {
    objects: Mutex<HashMap<String, Share>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    counts: Counts,
    jobs: i64,
    unknown: i64,
}

impl Gauges {
    /// Replaces what an object contributes.
    pub fn keep(&self, metrics: &Metrics, uid: &str, status: &JumpCloudUserBatchStatus) {
        let phases = || status.submissions.iter().filter_map(Recorded::known).map(|s| s.phase);
        let number = |phase| i64::try_from(phases().filter(|p| *p == phase).count()).unwrap_or(i64::MAX);
        let share = Share {
            counts: status.counts.unwrap_or_default(),
            jobs: number(Phase::Accepted),
            unknown: number(Phase::Unknown),
        };
        let before = self.with(|objects| objects.insert(uid.to_owned(), share)).unwrap_or_default();
        shift(metrics, &before, &share);
    }

    /// Takes out what objects contribute that are not among these.
    pub fn keep_only(&self, metrics: &Metrics, uids: &BTreeSet<String>) {
        self.with(|objects| {
            objects.retain(|uid, share| {
                let stays = uids.contains(uid);
                if !stays {
                    shift(metrics, share, &Share::default());
                }
                stays
            });
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Share>) -> T) -> T {
        act(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn shift(metrics: &Metrics, before: &Share, now: &Share) {
    for (result, old, new) in [
        ("Created", before.counts.created, now.counts.created),
        ("Pending", before.counts.pending, now.counts.pending),
        ("Failed", before.counts.failed, now.counts.failed),
        ("Conflict", before.counts.conflicts, now.counts.conflicts),
    ] {
        if old != new {
            metrics.users_changed(KIND, result, i64::from(new) - i64::from(old));
        }
    }
    metrics.jobs_in_flight.inc_by(now.jobs - before.jobs);
    metrics.submissions_unknown.inc_by(now.unknown - before.unknown);
}
