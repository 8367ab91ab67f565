//! Jobs of objects that were deleted while they ran: followed to their end in memory, told in one log
//! line and one event. Nothing waits for them.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::events;
use super::gauges::KIND;
use crate::api::head::BatchHead;
use crate::api::submission::Submission;
use crate::jumpcloud::wire::RowStatus;
use crate::runtime::clock;

/// How long a job is followed after its object went.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The object `namespace/name` is gone: its jobs go on without it.
pub fn follow(context: &Arc<Context>, object: &str) {
    let Some(object) = context.running.take(object) else { return };
    for job in object.jobs {
        let (context, head) = (Arc::clone(context), object.head.clone());
        tokio::spawn(async move { to_the_end(&context, &head, &job).await });
    }
}

async fn to_the_end(context: &Context, head: &BatchHead, job: &Submission) {
    let Some(job_id) = &job.job_id else { return };
    let namespace = head.metadata.namespace.as_deref().unwrap_or_default();
    let give_up = clock::monotonic() + PATIENCE;
    let mut pause = context.policy.poll_min;
    while clock::monotonic() < give_up && !context.shutdown.token().is_cancelled() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(context.policy.poll_max);
        let connection = context.connections.resolve(namespace, &head.spec.connection_ref.name).await;
        let Ok((_, Some(access))) = connection else { continue };
        let Ok(rows) = access.client.job_results(job_id, job.members.len()).await else { continue };
        let pending = rows.iter().any(|row| matches!(row.status, RowStatus::Pending));
        if pending || rows.len() < job.members.len() {
            continue;
        }
        let finished = rows.iter().filter(|row| matches!(row.status, RowStatus::Finished)).count();
        let (users, failed) = (job.members.len(), rows.len() - finished);
        tracing::info!(
            job = job_id,
            kind = KIND,
            users,
            finished,
            failed,
            "job of a deleted object has ended"
        );
        let note =
            format!("job {job_id} ended after the object was deleted: {finished} of {users} users succeeded");
        events::job_ended(&context.recorder, head, note, failed == 0).await;
        return;
    }
    tracing::warn!(job = job_id, kind = KIND, "job of a deleted object was not seen to end");
}
