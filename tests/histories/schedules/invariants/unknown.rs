//! S6: never more than two requests of unknown outcome, and without one, for a user and a change.

use std::collections::BTreeSet;

use jumpcloud_operator::api::schedule_status::result;

use super::World;
use crate::clock::Ms;
use crate::schedules::jumpcloud::number;
use crate::schedules::manifest::Change;
use crate::schedules::objects::Object;

/// Checks the rule.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let keys: BTreeSet<(u32, usize, Change)> = world
        .ledger
        .posts
        .iter()
        .filter(|post| !crate::schedules::driver::applies(&post.order))
        .flat_map(|post| post.order.members.iter().map(|id| (post.order.uid, number(id), post.order.change)))
        .collect();
    for (uid, user, change) in keys {
        let mut sent: Vec<Ms> =
            world.lost_posts(uid, user, change).filter(|post| !post.taken).map(|post| post.at).collect();
        sent.sort_unstable();
        // Another change meanwhile, a lost status or a person who asks for it makes a new start; so does an event
        // that the user has had in between.
        let had_event =
            |object: &Object| object.said(user).is_some_and(|line| line.result == result::SCHEDULED);
        // So does a row that names the user in another way.
        let named = |object: &Object| {
            let users = &object.spec.manifest.users;
            users.iter().find(|(number, _)| *number == user).map(|(_, by)| *by)
        };
        let anew = |from: Ms, to: Ms| {
            let kept = || world.api.versions.iter().filter(|kept| (from..=to).contains(&kept.at));
            let objects =
                || kept().filter_map(|kept| kept.object.as_deref()).filter(|object| object.uid == uid);
            let names: Vec<_> = objects().map(named).collect();
            names.windows(2).any(|two| two[0] != two[1])
                || kept().any(|kept| {
                    kept.object.as_deref().is_some_and(|object| {
                        object.uid == uid
                            && (object.spec.manifest.change != change
                                || object.spec.manifest.paused
                                || kept.loss
                                || !object.spec.manifest.names(user)
                                || object.retry_failed.is_some()
                                || had_event(object))
                    })
                })
        };
        for three in sent.windows(3) {
            if !anew(three[0], three[2]) {
                found.push(format!("u{user} of {uid}: {change:?} was sent at {three:?}"));
            }
        }
    }
    found
}
