//! What a status that is written says of requests: of which ones the outcome is known, and which users may be
//! sent once more.

use jumpcloud_operator::api::submission::{Operation, Recorded, Submission};
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;

use super::Cloud;
use crate::explore::batch::Batches;
use crate::explore::object::Object;
use crate::invariants::Violation;

impl Cloud {
    /// A status was written.
    pub fn written(
        &mut self,
        before: &JumpCloudUserBatchStatus,
        after: &Object<Batches>,
        found: &mut Vec<Violation>,
    ) {
        let status = &after.status.status;
        // A request that was refused leaves no trace.
        for record in before.submissions.iter().filter_map(Recorded::known) {
            let open = status.submissions.iter().any(|other| other.nonce() == Some(&record.nonce));
            let traced = record.members.iter().any(|name| {
                status.inventory.iter().any(|entry| entry.username == *name)
                    || status.failures.iter().any(|f| f.username == *name && f.unknown_time.is_some())
            });
            if !open && !traced && record.accept_time.is_none() {
                self.is_known(record);
            }
        }
        let known = |nonce: &str| before.submissions.iter().any(|record| record.nonce() == Some(nonce));
        for record in after.status.status.submissions.iter().filter_map(Recorded::known) {
            if let Some(id) = &record.job_id {
                match self.jobs.iter_mut().find(|job| job.id == *id && job.nonce == record.nonce) {
                    Some(job) if job.recorded => {}
                    Some(job) => {
                        job.recorded = true;
                        self.is_known(record);
                    }
                    None => {
                        let text = format!("{id} is recorded as the job of {}", record.nonce);
                        found.push(Violation { rule: "I3", text });
                    }
                }
            }
            if !known(&record.nonce) && record.operation == Operation::Create {
                let jobs = self.jobs.iter().enumerate();
                let cleared = jobs.flat_map(|(index, job)| job.cleared().map(move |place| (index, place)));
                let cleared = cleared.collect();
                self.cleared.push((record.nonce.clone(), cleared));
                record.members.iter().for_each(|name| self.unknown.add(name));
            }
        }
    }

    /// The outcome of a request is known.
    fn is_known(&mut self, record: &Submission) {
        if record.operation == Operation::Create {
            self.unknown.settle(&record.members);
        }
    }
}
