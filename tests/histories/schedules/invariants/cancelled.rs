//! S7: what is cancelled is the object's own: recorded by it, made by it, or taken over by it and to be
//! cancelled all the same.

use jumpcloud_operator::api::schedule_status::origin;
use jumpcloud_operator::api::scheduled_user_state::DeletionPolicy;
use jumpcloud_operator::api::submission::Recorded;

use super::World;
use crate::clock::{Ms, SECOND};
use crate::schedules::jumpcloud::{Author, Event};
use crate::schedules::ledger::Call;
use crate::schedules::manifest::id;
use crate::schedules::objects::Object;

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
    let others = world.recorded_at(call.at).any(|other| {
        other.uid != call.basis.uid
            && other
                .status
                .events
                .iter()
                .any(|e| e.id == id(event.user) && e.scheduled_job_id == event.job_id)
    });
    if others {
        return Some("another object has it");
    }
    let uid = call.basis.uid;
    if matches!(&event.author, Author::Post(_, by) if *by == uid) {
        // Also after the status got lost: then it was taken over, and counts as another's.
        return None;
    }
    // Made by another one while a request of unknown outcome was being settled: it cannot be told from ours.
    let unsettled = world.unanswered(uid, event.user, event.change) > 0;
    if unsettled && entry.is_some_and(|entry| entry.origin == origin::CREATED) {
        return None;
    }
    let all = call.basis.spec.manifest.deletion == DeletionPolicy::CancelAll;
    (!all).then_some("it is another's")
}

impl World {
    /// The objects that were there at that time, as they were written a moment before: news take a while.
    fn recorded_at(&self, at: Ms) -> impl Iterator<Item = &Object> {
        (0..self.profile.objects).filter_map(move |place| {
            let versions = self.api.versions.iter().rev().filter(move |kept| kept.place == place);
            let mut known = versions.skip_while(move |kept| kept.at > at - 10 * SECOND);
            known.next().and_then(|kept| kept.object.as_deref())
        })
    }
}
