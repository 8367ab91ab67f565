//! S7: what is cancelled is the object's own: recorded by it, made by it, or taken over by it and to be
//! cancelled all the same.

use jumpcloud_operator::api::schedule_status::origin;
use jumpcloud_operator::api::scheduled_user_state::DeletionPolicy;
use jumpcloud_operator::api::submission::Recorded;

use super::World;
use crate::schedules::jumpcloud::{Author, Event};
use crate::schedules::ledger::Call;
use crate::schedules::manifest::id;

/// Checks the rule.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for call in &world.ledger.calls {
        for event in call.removed.iter().map(|index| &world.jumpcloud.events[*index]) {
            if let Some(text) = wrong(world, call, event) {
                found.push(format!(
                    "{} of u{} was cancelled for {} at {}: {text}",
                    event.job_id, event.user, call.basis.place, call.at
                ));
            }
        }
    }
    found
}

fn wrong(world: &World, call: &Call, event: &Event) -> Option<&'static str> {
    let status = &call.basis.status;
    let mut entries =
        status.events.iter().filter(|e| e.id == id(event.user) && e.scheduled_job_id == event.job_id);
    let entry = entries.next();
    let mut records = status.submissions.iter().filter_map(Recorded::known).flat_map(|record| &record.events);
    let accepted = records.any(|e| e.id == id(event.user) && e.scheduled_job_id == event.job_id);
    if entry.is_none() && !accepted {
        return Some("it is not recorded");
    }
    let uid = call.basis.uid;
    if matches!(&event.author, Author::Post(_, by) if *by == uid) {
        // Also after the status got lost: then it was taken over, and counts as another's.
        return None;
    }
    // Made by another one while a request of unknown outcome was being settled: it cannot be told from ours.
    let unsettled = world.lost_posts(uid, event.user, event.change).any(|post| post.at <= event.made);
    if unsettled && entry.is_some_and(|entry| entry.origin == origin::CREATED) {
        return None;
    }
    if call.basis.spec.manifest.deletion != DeletionPolicy::CancelAll {
        return Some("it is another's");
    }
    let others = matches!(&event.author, Author::Post(_, by) if world.objects().any(|object| {
        object.uid == *by && object.created < call.at && object.status.events.iter().any(|e| e.scheduled_job_id == event.job_id)
    }));
    others.then_some("another object has it")
}
