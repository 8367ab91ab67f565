//! Results of an update job. The users exist; what counts is whether they have the values that were sent.

use std::collections::BTreeSet;

use super::{Ended, Reading, Said};
use crate::api::submission::Submission;
use crate::api::user_status::reason;
use crate::plan::applied::How;
use crate::plan::messages;
use crate::plan::retry::is_permanent;
use crate::plan::submission::{Context, Fate, Settled};

/// The result of every member.
pub(super) fn settle(
    job: &Submission,
    job_id: &str,
    reading: &Reading,
    ended: &Ended,
    context: &Context<'_>,
) -> Vec<Settled> {
    let nameless: BTreeSet<&str> = reading
        .nameless
        .iter()
        .filter_map(|said| if let Said::Failed(message) = said { Some(message.as_str()) } else { None })
        .collect();
    job.all(|index, name| {
        let Some(user) = job.owned(name, context) else { return Fate::Vanished };
        let applied = job.applied(index, user, context);
        let updated = || Fate::Updated {
            id: user.id.clone(),
            live_state: user.state.clone(),
            applied: applied.clone(),
        };
        match reading.of(job, name) {
            // Whatever the row says, the user has the values: another row of the same job, or an earlier
            // one, brought them.
            _ if applied.how == How::Whole => updated(),
            Said::Finished => updated(),
            Said::Failed(message) => Fate::Failed {
                reason: reason::REJECTED,
                may_pass: !is_permanent(&message),
                may_appear: false,
                message,
            },
            Said::Nothing if !nameless.is_empty() => Fate::Failed {
                reason: reason::ROW_NOT_ATTRIBUTED,
                message: messages::not_attributed(
                    job_id,
                    &nameless.iter().copied().collect::<Vec<_>>().join("; "),
                ),
                may_pass: false,
                may_appear: false,
            },
            Said::Open | Said::Nothing if ended.overdue && !ended.complete => Fate::Failed {
                reason: reason::JOB_TIMED_OUT,
                message: messages::update_timed_out(job_id),
                may_pass: true,
                may_appear: false,
            },
            // Nobody said that it was done: the values are not refused, they may only be missing yet.
            Said::Open | Said::Nothing if matches!(applied.how, How::NotTaken(_)) => Fate::Unanswered,
            Said::Open | Said::Nothing => updated(),
        }
    })
}
