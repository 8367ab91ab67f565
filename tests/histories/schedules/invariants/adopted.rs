//! S1, the sharing: where an equal event was there already, none was added.

use jumpcloud_operator::api::submission::Operation;

use super::World;
use crate::clock::MINUTE;
use crate::schedules::jumpcloud::{Author, Event, number};

/// Checks the rule. With several objects an event may be another's, and is left to it.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    if world.profile.objects > 1 {
        return found;
    }
    for post in &world.ledger.posts {
        let order = &post.order;
        // The look may have been a moment before the intent, and the request a moment after it.
        let was_there = |event: &&Event| {
            event.change == order.change
                && event.author == Author::Person
                && event.made < post.at - 2 * MINUTE
                && event.listed
                && event.gone.is_none_or(|(at, _)| at > post.at)
        };
        for event in world.jumpcloud.events.iter().filter(was_there) {
            let member = order.members.iter().any(|id| number(id) == event.user);
            let known = order.basis.status.events.iter().any(|entry| entry.scheduled_job_id == event.job_id);
            if order.operation == Operation::Schedule && member && !known {
                found.push(format!("{} at {}: {} was there already", order.nonce, post.at, event.job_id));
            }
        }
    }
    found
}
