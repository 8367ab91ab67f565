//! S3: nothing is sent without a committed intent of the same nonce, nothing twice, and nothing that would
//! have to be undone without the finalizer.

use std::collections::BTreeSet;

use jumpcloud_operator::api::scheduled_user_state::DeletionPolicy;
use jumpcloud_operator::api::submission::{Operation, Phase, Recorded, Submission};

use super::{Object, Post, World};
use crate::clock::stamp;

/// Checks the rule.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let mut nonces = BTreeSet::new();
    for post in &world.ledger.posts {
        let order = &post.order;
        let mut wrong = |text: &str| found.push(format!("{} at {}: {text}", order.nonce, post.at));
        if !nonces.insert(&order.nonce) {
            wrong("sent twice");
        }
        if !world.api.versions.iter().filter(|kept| kept.at <= post.at).any(|kept| {
            let object = kept.object.as_deref().filter(|object| object.uid == order.uid);
            let records = object.into_iter().flat_map(|object| &object.status.submissions);
            records.filter_map(Recorded::known).any(|record| is_intent(record, post))
        }) {
            wrong("sent without an intent");
        }
        if order.organization != "org" || order.forbidden {
            wrong("sent to another organisation, or with --read-only");
        }
        // What came after the intent, with whose write it is read back, is too late for this request.
        let of_this = world.api.versions.iter().filter_map(|kept| kept.object.as_deref());
        let intended = of_this.filter(|object| object.uid == order.uid).find(|object| {
            object.status.submissions.iter().any(|record| record.nonce() == Some(order.nonce.as_str()))
        });
        if intended
            .is_some_and(|object| object.status.submissions.iter().any(|record| record.known().is_none()))
        {
            wrong("sent beside a record of a newer operator");
        }
        if post.spare <= 0 {
            wrong("sent too late");
        }
        if order.basis.deleted.is_some() {
            wrong("intended for an object that is being deleted");
        }
        let Some(live) = post.object.as_deref().filter(|live| live.uid == order.uid) else {
            if order.basis.spec.manifest.deletion != DeletionPolicy::Retain {
                wrong("sent when the object was gone");
            }
            continue;
        };
        let undone = [Some(live), Some(&*order.basis), intended]
            .into_iter()
            .flatten()
            .all(|object| object.spec.manifest.deletion != DeletionPolicy::Retain);
        if order.operation == Operation::Schedule && undone && !live.finalizer {
            wrong("sent without the finalizer");
        }
    }
    for call in &world.ledger.calls {
        if call.organization != "org" {
            found.push(format!("{:?} at {}: sent to another organisation", call.call, call.at));
        }
    }
    found.extend(newer(world));
    found
}

/// A record of a newer operator stays until that operator takes it out.
fn newer(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for place in 0..world.profile.objects {
        let versions: Vec<_> = world.api.versions.iter().filter(|kept| kept.place == place).collect();
        for two in versions.windows(2) {
            let (Some(before), Some(after)) = (&two[0].object, &two[1].object) else { continue };
            let foreign = |object: &Object| object.status.submissions.iter().any(|r| r.known().is_none());
            if foreign(before) && !foreign(after) && !two[1].loss && !two[1].newer {
                found.push(format!("{place} at {}: a record of a newer operator is gone", two[1].at));
            }
        }
    }
    found
}

fn is_intent(record: &Submission, post: &Post) -> bool {
    let order = &post.order;
    record.nonce == order.nonce
        && record.phase == Phase::Intended
        && record.operation == order.operation
        && record.members == order.members
        && (record.operation != Operation::Schedule || record.time == Some(stamp(order.change.1)))
        && record.state == Some(order.change.0)
        && !record.payload_hash.is_empty()
        && record.organization_id == "org"
}
