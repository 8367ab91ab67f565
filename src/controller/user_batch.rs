//! Batches, as their controller needs them.

use std::sync::Arc;
use std::time::Duration;

use super::attend::{Attended, Head};
use super::claims::Claims;
use super::context::Context;
use super::drive::drive;
use super::error::Error;
use super::intake::Listener;
use super::schedule_claims::ScheduleClaims;
use super::turns::Turns;
use crate::api::head::{BatchHead, HeadUsers};
use crate::api::recording::Kind;
use crate::api::user_batch::JumpCloudUserBatch;

impl Head for BatchHead {
    fn connection(&self) -> &str {
        &self.spec.connection_ref.name
    }
}

impl Attended for JumpCloudUserBatch {
    type Head = BatchHead;

    async fn drive(context: &Arc<Context>, namespace: &str, name: &str) -> Result<Option<Duration>, Error> {
        drive(context, namespace, name).await
    }
}

/// Whoever must know of batches before their store does.
pub struct Listeners {
    /// Which object has or wants which user.
    pub claims: Arc<Claims>,
    /// Whose turn it is.
    pub turns: Arc<Turns>,
    /// Which schedules take their users from which batch.
    pub schedule_claims: Arc<ScheduleClaims>,
}

impl Listener<BatchHead> for Listeners {
    fn observe(&self, head: &mut BatchHead) {
        self.claims.observe(head);
        let under_way = head.status.submissions.iter().filter(|s| s.is_under_way()).count();
        self.turns.observe(Kind::UserBatch, &head.metadata, &head.spec.connection_ref.name, under_way);
        self.schedule_claims.batch_changed(head);
    }

    fn forget(&self, namespace: &str, name: &str) {
        self.claims.forget(namespace, name);
        self.turns.forget(Kind::UserBatch, namespace, name);
        self.schedule_claims.batch_gone(namespace, name);
    }

    fn lighten(&self, head: &mut BatchHead) {
        head.users = HeadUsers::default();
    }
}
