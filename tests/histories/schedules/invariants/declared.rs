//! S1: for every declared user there is exactly one event of the declared change, and no other of ours.

use jumpcloud_operator::api::schedule_status::{EventEntry, origin};

use super::{History, World};
use crate::clock::MINUTE;
use crate::schedules::jumpcloud::{Author, Event, number};
use crate::schedules::manifest::id;
use crate::schedules::objects::Object;

/// Checks the rule at a moment before the date.
pub fn check(history: &History) -> Vec<String> {
    let world = &history.world;
    let mut found = Vec::new();
    for object in world.objects().filter(|object| object.deleted.is_none()) {
        // With clocks that differ, "before" begins earlier.
        if object.spec.manifest.change.1 > world.now + 15 * MINUTE {
            found.extend(wrong(history, &object));
        }
    }
    found
}

fn wrong(history: &History, object: &Object) -> Vec<String> {
    let world = &history.world;
    let change = object.spec.manifest.change;
    let place = object.place;
    let mut found = Vec::new();
    for event in world.made_by(object).filter(|event| event.is_listed()) {
        let number = event.user;
        if is_stuck(world, object, event)
            || is_mistaken(world, object, event)
            || world.is_swapped(event, object.uid)
        {
            continue;
        }
        let wanted = world.declares(object, number) && event.makes(change) && !object.spec.manifest.paused;
        if !wanted && world.is_there(number) && event.kept > world.now {
            found.push(format!(
                "{place} at {}: {} of u{number} for {:?} is left",
                world.now, event.job_id, event.change
            ));
        }
    }
    if object.spec.manifest.paused {
        return found;
    }
    for number in (1..=world.environment.users).filter(|number| world.declares(object, *number)) {
        if let Some(text) = of_user(history, object, number) {
            found.push(format!("{place} at {}: u{number}: {text}", world.now));
        }
    }
    found
}

fn of_user(history: &History, object: &Object, number: usize) -> Option<String> {
    let world = &history.world;
    let change = object.spec.manifest.change;
    if !world.is_there(number) {
        return None;
    }
    let listed = |event: &&Event| event.user == number && event.makes(change) && event.is_listed();
    let made = world
        .made_by(object)
        .filter(listed)
        .filter(|event| !is_stuck(world, object, event) && !is_mistaken(world, object, event))
        .filter(|event| !world.is_swapped(event, object.uid))
        .count();
    if made > 1 {
        return Some(format!("{made} events that we made"));
    }
    // What others did is noticed at the next look.
    let unnoticed =
        !history.has_looked(object) && world.is_touched(number) || history.is_taken_too_late(object, number);
    let held = world.is_protected(number) || world.is_guarded(object);
    if unnoticed || held {
        return None;
    }
    let status = &object.status;
    let entries: Vec<_> =
        status.events.iter().filter(|event| event.id == id(number) && event.superseded.is_none()).collect();
    if world.is_elsewhere(object, number) {
        // The older object has it, and may have lost it for good.
        return (made > 0).then(|| "the older object's and ours".to_owned());
    }
    if entries.is_empty() && world.is_hopeless(object, number) {
        return None;
    }
    let [entry] = entries[..] else { return Some(format!("{} events are recorded", entries.len())) };
    let is = |event: &&Event| listed(event) && event.job_id == entry.scheduled_job_id;
    if !world.jumpcloud.events.iter().any(|event| is(&event)) {
        return Some(format!("{} is recorded and not listed", entry.scheduled_job_id));
    }
    let ours = world.made_by(object).any(|event| is(&event));
    (made > 0 && (!ours || entry.origin != origin::CREATED))
        .then(|| format!("one is recorded as {}, and another one is ours", entry.origin))
}

/// Whether an event is to go, and stays for another user of the same id that could not be given one of its own.
fn is_stuck(world: &World, object: &Object, event: &Event) -> bool {
    let of_id = |entry: &&EventEntry| entry.scheduled_job_id == event.job_id;
    // Somebody else's event has the same id: condition Conflicting says so.
    if object.status.events.iter().filter(of_id).any(|entry| entry.shared) {
        return true;
    }
    let leaves = |entry: &EventEntry| entry.id == id(event.user) && entry.superseded.is_some();
    let events = &object.status.events;
    event.makes(object.spec.manifest.change)
        && events.iter().filter(of_id).any(leaves)
        && events.iter().filter(of_id).any(|entry| world.is_hopeless(object, number(&entry.id)))
}

/// Whether a person made an equal event while a request of unknown outcome waited to be settled: nobody can
/// tell which of the two is whose.
fn is_mistaken(world: &World, object: &Object, event: &Event) -> bool {
    let equal = |other: &&Event| {
        other.user == event.user && other.change == event.change && other.author == Author::Person
    };
    let mut made = world.jumpcloud.events.iter().filter(equal);
    made.any(|other| (event.made - 10 * MINUTE..event.made + 20 * MINUTE).contains(&other.made))
        && world.unanswered(object.uid, event.user, event.change) > 0
}
