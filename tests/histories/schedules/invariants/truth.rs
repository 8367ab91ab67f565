//! S4, the truth: what status says of each user is so.

use jumpcloud_operator::api::schedule_status::result;

use super::{History, World};
use crate::clock::MINUTE;
use crate::schedules::history::HOUR;
use crate::schedules::manifest::id;
use crate::schedules::objects::Object;

/// Checks the rule at a moment of rest.
pub fn check(history: &History) -> Vec<String> {
    let world = &history.world;
    let mut found = Vec::new();
    for object in world.objects().filter(|object| object.deleted.is_none()) {
        let (start, grace) = (object.spec.manifest.change.1, object.spec.manifest.grace);
        let mut wrong = |text: String| found.push(format!("{} at {}: {text}", object.place, world.now));
        if object.status.observed_generation != Some(object.generation) {
            wrong(format!("generation {:?} of {}", object.status.observed_generation, object.generation));
        }
        for number in (1..=world.environment.users).filter(|number| world.declares(&object, *number)) {
            // The users of a batch are those that it had when the date came.
            let may_be_unknown = world.now > start && !object.spec.manifest.names(number);
            let Some(line) = object.said(number) else {
                if may_be_unknown {
                    continue;
                }
                wrong(format!("nothing is said of u{number}"));
                continue;
            };
            let said = (line.result.as_str(), line.reason.as_deref());
            let text = if world.now + 15 * MINUTE < start {
                before(history, &object, number, said.0)
            } else if world.now > start + grace + 30 * MINUTE {
                after(world, &object, number, said.0)
            } else {
                None
            };
            if let Some(text) = text {
                wrong(format!("u{number} is {said:?}, and {text}"));
            }
        }
    }
    found
}

/// Before the date.
fn before(history: &History, object: &Object, number: usize, said: &str) -> Option<String> {
    let world = &history.world;
    if !history.has_looked(object) && world.is_touched(number) || history.is_taken_too_late(object, number) {
        return None;
    }
    let there = world.is_there(number);
    let listed = object.status.events.iter().any(|entry| {
        entry.id == id(number)
            && entry.superseded.is_none()
            && world.jumpcloud.events.iter().any(|event| {
                event.job_id == entry.scheduled_job_id
                    && event.user == number
                    && event.is_listed()
                    && event.makes(object.spec.manifest.change)
            })
    });
    match said {
        result::SCHEDULED => (!listed).then(|| "no event is listed".to_owned()),
        result::NOT_FOUND => there.then(|| "the user is there".to_owned()),
        result::HELD => {
            let held = object.spec.manifest.paused || world.is_protected(number) || world.is_guarded(object);
            (!held).then(|| "nothing holds it".to_owned())
        }
        result::CONFLICT => {
            (!world.is_elsewhere(object, number)).then(|| "no older object has it".to_owned())
        }
        result::FAILED => {
            // JumpCloud refuses who is gone.
            let excused = world.is_hopeless(object, number) || !there;
            (!excused || listed).then(|| "nothing excuses it".to_owned())
        }
        other => Some(format!("{other} is nothing to be before the date")),
    }
}

/// After the grace period.
fn after(world: &World, object: &Object, number: usize, said: &str) -> Option<String> {
    let (state, start) = object.spec.manifest.change;
    let grace = object.spec.manifest.grace;
    let user = world.jumpcloud.user(number)?;
    let slack = if world.profile.skew { 10 * MINUTE } else { MINUTE };
    let since =
        user.states.iter().rev().take_while(|(_, now)| *now == state.word()).last().map(|(at, _)| *at);
    let reached = since.is_some_and(|since| since <= start + grace - slack) && user.is_there(world.now);
    let last_edit = world.calm;
    match said {
        result::EXECUTED => {
            (!user.was(state, start - slack, world.now)).then(|| "was never in the state".to_owned())
        }
        // It was looked at when the grace period ended, or when the object was seen first.
        result::MISSED | result::NOT_REACHED => {
            let judged = start + grace > last_edit || since.is_some_and(|since| since < start);
            (reached && judged && !world.is_touched(number) && since.is_some_and(|since| since <= start))
                .then(|| "was in the state in time".to_owned())
        }
        result::SCHEDULED | result::PENDING => Some("the date has come long ago".to_owned()),
        result::NOT_FOUND => {
            let always = user.created < start.min(world.calm) - HOUR && user.is_there(world.now);
            always.then(|| "was there all the time".to_owned())
        }
        _ => None,
    }
}
