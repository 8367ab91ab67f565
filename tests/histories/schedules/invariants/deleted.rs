//! S5: when an object is gone, none of its events is left under Cancel and CancelAll; under Retain all stay.

use jumpcloud_operator::api::scheduled_user_state::DeletionPolicy;
use jumpcloud_operator::plan::schedule::facts::Call;

use super::World;
use crate::clock::MINUTE;

/// Checks the rule.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for (index, kept) in world.api.versions.iter().enumerate().filter(|(_, kept)| kept.object.is_none()) {
        let earlier = world.api.versions[..index].iter().rev().filter(|other| other.place == kept.place);
        let Some(last) = earlier.into_iter().next().and_then(|kept| kept.object.clone()) else { continue };
        let abandoned = world.ledger.abandoned.iter().any(|(uid, _)| *uid == last.uid);
        // What was to be retained until a moment before the end had no finalizer.
        let retained = world.api.versions[..index]
            .iter()
            .filter_map(|kept| kept.object.as_deref())
            .any(|object| object.uid == last.uid && object.spec.manifest.deletion == DeletionPolicy::Retain);
        if abandoned
            || (last.deleted.is_none() && retained)
            || last.spec.manifest.deletion == DeletionPolicy::Retain
        {
            continue;
        }
        for event in world.made_by(&last) {
            let left = event.gone.is_none_or(|(at, _)| at > kept.at);
            if left
                && !world.is_swapped(event, last.uid)
                && event.kept > kept.at + 11 * MINUTE
                && event.listed
            {
                found.push(format!(
                    "{} went at {}, and {} of u{}, made at {}, is left",
                    kept.place, kept.at, event.job_id, event.user, event.made
                ));
            }
        }
    }
    for call in &world.ledger.calls {
        let manifest = &call.basis.spec.manifest;
        if call.basis.deleted.is_none() || manifest.deletion != DeletionPolicy::Retain {
            continue;
        }
        let Call::Cancel { job_id } = &call.call else { continue };
        let kept = call
            .basis
            .status
            .events
            .iter()
            .any(|event| event.scheduled_job_id == *job_id && event.superseded.is_none());
        if kept && !call.removed.is_empty() {
            found.push(format!("{job_id} was cancelled at {}, though it was to be retained", call.at));
        }
    }
    found
}
