//! S8: states are set by the operator itself only after the date, under ApplyNow, and not after the deadline.

use jumpcloud_operator::api::scheduled_user_state::MissedPolicy;
use jumpcloud_operator::plan::schedule::facts::Call;

use super::World;
use crate::clock::Ms;
use crate::schedules::driver::applies;
use crate::schedules::jumpcloud::number;
use crate::schedules::objects::Object;

/// Checks the rule.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for post in world.ledger.posts.iter().filter(|post| applies(&post.order)) {
        let order = &post.order;
        // The time of the intent is the sender's.
        let text = wrong(&order.basis, order.change.1);
        let other = order.change.0 != order.basis.spec.manifest.change.0;
        let text = text.or_else(|| other.then_some("the other state"));
        found.extend(text.map(|text| format!("{} at {}: {text}", order.nonce, post.at)));
    }
    for call in &world.ledger.calls {
        let (id, state) = match &call.call {
            Call::Cancel { .. } => continue,
            Call::SetState { id, state } => (id, *state),
            Call::Activate { id } => {
                (id, jumpcloud_operator::api::scheduled_user_state::ScheduledState::Activated)
            }
        };
        let text = wrong(&call.basis, call.clock);
        let text = text.or_else(|| (state != call.basis.spec.manifest.change.0).then_some("the other state"));
        let text = text.or_else(|| {
            (!world.declares(&call.basis, number(id)) && !batched(id)).then_some("nobody of its")
        });
        found.extend(text.map(|text| format!("{:?} at {}: {text}", call.call, call.at)));
    }
    found
}

/// Whether the batch may have had the user meanwhile.
fn batched(id: &str) -> bool {
    [1, 2].contains(&number(id))
}

fn wrong(basis: &Object, clock: Ms) -> Option<&'static str> {
    let manifest = &basis.spec.manifest;
    let start = manifest.change.1;
    if manifest.missed != MissedPolicy::ApplyNow {
        Some("it is not to be applied")
    } else if clock < start {
        Some("before the date")
    } else if clock > start + manifest.deadline {
        Some("after the deadline")
    } else if manifest.paused || manifest.spoilt || basis.deleted.is_some() {
        Some("nothing is to be done")
    } else {
        None
    }
}
