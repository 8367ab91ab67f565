//! S9: nothing waits for a person, or for ever, unless a fault makes it.

use jumpcloud_operator::api::condition::find;
use jumpcloud_operator::api::schedule_status::result;

use super::History;
use crate::clock::MINUTE;

/// Checks the rule at a moment of rest.
pub fn check(history: &History) -> Vec<String> {
    let world = &history.world;
    let mut found = Vec::new();
    for place in 0..world.profile.objects {
        let Some(object) = world.api.live(place) else { continue };
        let mut wrong = |text: String| found.push(format!("{place} at {}: {text}", world.now));
        if object.deleted.is_some() {
            wrong("it is still being deleted".to_owned());
            continue;
        }
        let manifest = &object.spec.manifest;
        let (start, grace) = (manifest.change.1, manifest.grace);
        let between = start - 15 * MINUTE < world.now && world.now < start + grace + 30 * MINUTE;
        if between {
            continue;
        }
        let conditions = &object.status.conditions;
        let reason = find(conditions, "Ready").map_or("-", |ready| ready.reason.as_str());
        let numbers: Vec<usize> =
            (1..=world.environment.users).filter(|number| world.declares(&object, *number)).collect();
        let held = manifest.paused
            || world.is_guarded(&object)
            || numbers.iter().any(|number| world.is_protected(*number));
        if !object.status.submissions.is_empty() {
            wrong(format!("{} requests are not settled", object.status.submissions.len()));
        }
        if find(conditions, "Reconciling").is_some() && !held {
            wrong(format!("it is still {reason}"));
        }
        let bad = |number: &usize| object.said(*number).is_none_or(|line| is_bad(&line.result));
        let excused = |number: &usize| {
            !world.is_there(*number)
                || world.is_hopeless(&object, *number)
                || world.is_touched(*number)
                || world.is_elsewhere(&object, *number)
                || world.is_contradicted(&object, *number)
                || world.jumpcloud.setting.lost.contains(number)
                || world.profile.near
                || world.profile.odd
                || start < world.calm + 20 * MINUTE
        };
        let stalled = find(conditions, "Stalled").is_some();
        if stalled && !held && !object.status.users.iter().any(|line| is_bad(&line.result)) {
            wrong(format!("it is {reason}, and nobody is"));
        }
        if let Some(number) = numbers.iter().find(|number| bad(number) && !excused(number)).filter(|_| !held)
        {
            let line = object.said(*number);
            wrong(format!("u{number} needs a person: {:?}", line.map(|line| (&line.result, &line.reason))));
        }
        if find(conditions, "Ready").is_none() {
            wrong("there is no Ready".to_owned());
        }
    }
    found
}

fn is_bad(said: &str) -> bool {
    ![result::SCHEDULED, result::EXECUTED, result::CONFLICT].contains(&said)
}
