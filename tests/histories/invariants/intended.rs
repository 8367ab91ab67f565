//! I2: no POST without a committed intent of the same nonce and hash. And no user is sent who was not
//! looked for since the last job that had it.

use jumpcloud_operator::api::submission::Operation;

use super::record;
use crate::api_server::{Cause, Kept, Object};
use crate::clock::MINUTE;
use crate::history::History;
use crate::jumpcloud::JobRow;

/// All POSTs that nobody had intended.
pub fn check(history: &History) -> Vec<String> {
    let posts = &history.world.ledger.posts;
    let mut found = Vec::new();
    for (index, post) in posts.iter().enumerate() {
        let intent = history
            .versions(post.uid)
            .take_while(|(kept, _)| kept.at <= post.at)
            .find_map(|(_, object)| record(&object.status, &post.nonce));
        match intent {
            None => found.push(format!("{} was sent without an intent", post.nonce)),
            Some(intent) if intent.payload_hash != post.hash => {
                found.push(format!("{} was sent with another payload", post.nonce));
            }
            Some(intent) if intent.organization_id != post.order.organization => {
                found.push(format!("{} was sent to {}", post.nonce, post.order.organization));
            }
            Some(intent) if intent.members != post.order.members => {
                found.push(format!("{} was sent with other members", post.nonce));
            }
            Some(_) => {}
        }
        if posts[..index].iter().any(|earlier| earlier.nonce == post.nonce) {
            found.push(format!("{} was sent twice", post.nonce));
        }
        if let Some((_, object)) = history.intent(post)
            && (object.spec.manifest.paused
                || !object.spec.desired.problems.is_empty()
                || post.order.sender.forbidden)
        {
            found.push(format!("{} was sent although nothing may be written", post.nonce));
        }
        if let Some((_, object)) = history.intent(post)
            && has_foreign(object)
        {
            found.push(format!("{} was sent beside a record of a newer operator", post.nonce));
        }
        if post.spare <= 0 {
            found.push(format!("{} was sent {} ms after its submitBy", post.nonce, -post.spare));
        }
    }
    found.extend(newer(history));
    found
}

/// A record of a newer operator stays until that operator takes it out.
fn newer(history: &History) -> Vec<String> {
    let versions = history.world.api.versions.windows(2);
    let gone = versions.filter(|two| {
        let has = |kept: &Kept| kept.object.as_deref().map(has_foreign);
        has(&two[0]) == Some(true)
            && has(&two[1]) == Some(false)
            && matches!(two[1].cause, Cause::Author | Cause::Operator)
            && two[0].object.as_ref().map(|object| object.uid)
                == two[1].object.as_ref().map(|object| object.uid)
    });
    gone.map(|two| format!("a record of a newer operator is gone at {} ms", two[1].at)).collect()
}

fn has_foreign(object: &Object) -> bool {
    object.status.submissions.iter().any(|record| record.known().is_none())
}

/// All users that were sent blindly.
pub fn looked_first(history: &History) -> Vec<String> {
    let ledger = &history.world.ledger;
    let mut found = Vec::new();
    for post in &ledger.posts {
        for member in &post.order.members {
            let update = post.order.operation == Operation::Update;
            // An update may come late; the same values may be sent again before.
            let updates = ledger
                .posts
                .iter()
                .filter(|other| other.at < post.at && other.order.members.contains(member))
                .map(|other| other.at);
            let created = |row: &JobRow| row.id.is_none() && row.username == *member;
            let jobs = &history.world.jumpcloud.jobs;
            let creates = jobs
                .iter()
                .filter(|job| job.accepted < post.at && job.rows.iter().any(created))
                .map(|job| job.accepted);
            let since = if update { updates.max() } else { creates.max() }.unwrap_or(i64::MIN);
            let looked = ledger.looks.iter().any(|look| {
                let about = if update { &look.ids } else { &look.missed };
                since <= look.at && look.at <= post.at && about.contains(member)
            });
            if !looked && !history.lost_since(post.uid, since.saturating_sub(MINUTE)) {
                found.push(format!("{member} was sent in {} without a look before", post.nonce));
            }
        }
    }
    found
}
