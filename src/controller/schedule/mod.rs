//! Schedules, as their controller needs them.

mod call;
mod drive;
mod finalizer;
pub mod listing;
mod read;

use std::sync::Arc;
use std::time::Duration;

use super::attend::{Attended, Head};
use super::context::Context;
use super::error::Error;
use super::intake::Listener;
use super::schedule_claims::ScheduleClaims;
use super::turns::Turns;
use crate::api::recording::Kind;
use crate::api::schedule_head::{ScheduleHead, ScheduleUsers};
use crate::api::scheduled_user_state::ScheduledUserState;

impl Head for ScheduleHead {
    fn connection(&self) -> &str {
        &self.spec.connection_ref.name
    }
}

impl Attended for ScheduledUserState {
    type Head = ScheduleHead;

    async fn drive(context: &Arc<Context>, namespace: &str, name: &str) -> Result<Option<Duration>, Error> {
        drive::drive(context, namespace, name).await
    }
}

/// Whoever must know of schedules before their store does.
pub struct Listeners {
    /// Whose turn it is.
    pub turns: Arc<Turns>,
    /// Which schedule claims which change, and takes its users from which batch.
    pub claims: Arc<ScheduleClaims>,
}

impl Listener<ScheduleHead> for Listeners {
    fn observe(&self, head: &mut ScheduleHead) {
        // Only ApplyNow starts a job; requests to schedule are answered at once and hold no slot.
        let jobs = head.status.submissions.iter().filter(|request| request.job_id.is_some());
        let (metadata, connection) = (&head.metadata, &head.spec.connection_ref.name);
        self.turns.observe(Kind::Schedule, metadata, connection, jobs.count());
        self.claims.observe(head);
    }

    fn forget(&self, namespace: &str, name: &str) {
        self.turns.forget(Kind::Schedule, namespace, name);
        self.claims.forget(namespace, name);
    }

    fn lighten(&self, head: &mut ScheduleHead) {
        head.users = ScheduleUsers::default();
    }
}
