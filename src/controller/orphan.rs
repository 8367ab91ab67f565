//! Jobs of objects that were deleted while they ran: followed to their end in memory, told in one log
//! line and one event. Nothing waits for them.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;

use super::context::Context;
use super::events;
use super::running::Object;
use crate::api::recording::Kind;
use crate::api::submission::Submission;
use crate::jumpcloud::wire::RowStatus;
use crate::runtime::clock;

/// How long a job is followed after its object went.
const PATIENCE: Duration = Duration::from_secs(3600);

/// An object whose jobs go on without it.
struct Gone {
    kind: Kind,
    namespace: String,
    connection: String,
    object: ObjectReference,
}

/// The object is gone: its jobs go on without it.
pub fn follow(context: &Arc<Context>, object: &Object) {
    let Some(running) = context.running.take(object) else { return };
    let gone = Arc::new(Gone {
        kind: object.kind,
        namespace: object.namespace.clone(),
        connection: running.connection,
        object: running.object,
    });
    for job in running.jobs {
        let (context, gone) = (Arc::clone(context), Arc::clone(&gone));
        tokio::spawn(async move { to_the_end(&context, &gone, &job).await });
    }
}

async fn to_the_end(context: &Context, gone: &Gone, job: &Submission) {
    let Some(job_id) = &job.job_id else { return };
    let kind = gone.kind.name();
    let give_up = clock::monotonic() + PATIENCE;
    let mut pause = context.policy.poll_min;
    while clock::monotonic() < give_up && !context.shutdown.token().is_cancelled() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(context.policy.poll_max);
        let connection = context.connections.resolve(&gone.namespace, &gone.connection).await;
        let Ok((_, Some(access))) = connection else { continue };
        let Ok(rows) = access.client.job_results(job_id, job.members.len()).await else { continue };
        let pending = rows.iter().any(|row| matches!(row.status, RowStatus::Pending));
        if pending || rows.len() < job.members.len() {
            continue;
        }
        let finished = rows.iter().filter(|row| matches!(row.status, RowStatus::Finished)).count();
        let (users, failed) = (job.members.len(), rows.len() - finished);
        tracing::info!(job = job_id, kind, users, finished, failed, "job of a deleted object has ended");
        let note =
            format!("job {job_id} ended after the object was deleted: {finished} of {users} users succeeded");
        events::job_ended(&context.recorder, &gone.object, note, failed == 0).await;
        return;
    }
    tracing::warn!(job = job_id, kind, "job of a deleted object was not seen to end");
}
