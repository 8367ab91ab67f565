//! S4, the silence: at rest nothing is written, and JumpCloud is looked at only when it is due.

use std::sync::Arc;

use jumpcloud_operator::api::schedule_status::ScheduledUserStateStatus;

use super::History;
use crate::clock::{MINUTE, Ms, SECOND};
use crate::invariants::restless;
use crate::schedules::history::{DAY, HOUR};
use crate::schedules::objects::Object;

/// Checks the rule.
pub fn check(history: &History) -> Vec<String> {
    let world = &history.world;
    let mut found = Vec::new();
    for place in 0..world.profile.objects {
        let versions = world.api.versions.iter().filter(|kept| kept.place == place);
        let versions: Vec<_> = versions.filter_map(|kept| Some((kept.at, kept.object.clone()?))).collect();
        let differ = |one: &Arc<Object>, two: &Arc<Object>| {
            let bare = |object: &Object| ScheduledUserStateStatus {
                conditions: Vec::new(),
                ..(*object.status).clone()
            };
            one.finalizer != two.finalizer || bare(one) != bare(two)
        };
        found.extend(restless(&versions, differ).into_iter().map(|text| format!("{place}: {text}")));
    }
    for place in 0..world.profile.objects {
        let Some(object) = world.api.live(place) else {
            let after =
                world.ledger.looks.iter().filter(|look| look.place == place && look.at > history.rest);
            if after.count() > 0 {
                found.push(format!("{place} is gone and still looked at"));
            }
            continue;
        };
        let (start, grace) = (object.spec.manifest.change.1, object.spec.manifest.grace);
        let acted = world
            .ledger
            .posts
            .iter()
            .any(|post| post.at > history.rest && post.order.uid == object.uid)
            || world.ledger.calls.iter().any(|call| call.at > history.rest && call.basis.uid == object.uid);
        let resting = world.api.versions.iter().rev().filter(|kept| kept.at <= history.rest);
        let resting = resting.filter_map(|kept| kept.object.clone()).find(|object| object.place == place);
        let contradicted = (1..=world.environment.users).any(|number| world.is_contradicted(&object, number));
        let left = contradicted
            || resting.is_some_and(|object| object.status.events.iter().any(|e| e.superseded.is_some()));
        // What others do is noticed later, and what cannot be cancelled is forgotten when its time has come.
        let others = world.profile.odd
            || world.profile.disasters
            || world.profile.objects > 1
            || left
            || !world.environment.touched.is_empty();
        for process in 0..world.processes.len() {
            let skew = world.processes[process].skew;
            let mut rounds: Vec<Ms> = Vec::new();
            let mut last = Ms::MIN;
            for look in
                world.ledger.looks.iter().filter(|look| look.place == place && look.process == process)
            {
                let at = look.at + skew;
                if look.at > history.rest && at > last.saturating_add(MINUTE / 4) {
                    rounds.push(at);
                }
                last = at;
            }
            let rest = history.rest + skew;
            let count = |from: Ms, to: Ms| rounds.iter().filter(|at| (from..to).contains(at)).count();
            let before = count(rest, start - HOUR - SECOND);
            let days = usize::try_from(((start - HOUR - rest) / DAY).max(0) + 1).unwrap();
            let hour = count((start - HOUR - SECOND).max(rest), start);
            let after = count(start.max(rest), Ms::MAX);
            // Another object that lets go of users at its own date is a reason to see to what was left.
            let neighbours = 2 * (world.profile.objects - 1);
            if !acted && (before > days + neighbours || hour > 2 || after > 3 + neighbours) {
                found.push(format!(
                    "{place} by {process}: {before} looks in {days} days, {hour} in the last hour, {after} after"
                ));
            }
        }
        if acted || others {
            continue;
        }
        let writes: Vec<Ms> = world
            .api
            .status_writes
            .iter()
            .filter(|(at, by)| *by == place && *at > history.rest)
            .map(|(at, _)| *at)
            .collect();
        let skewed = if world.profile.skew { 11 * MINUTE } else { 1000 };
        let due = (start - skewed)..=(start + grace + skewed + 5 * MINUTE);
        let early = writes.iter().filter(|at| !due.contains(at)).count();
        if early > 0 || writes.len() > 4 * world.processes.len() {
            found
                .push(format!("{place}: {early} writes out of time and {} in all: {writes:?}", writes.len()));
        }
    }
    found
}
