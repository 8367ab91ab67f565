//! I2: no POST without a committed intent of the same nonce and hash. And no user is sent who was not
//! looked for since the last job that had it.

use super::record;
use crate::history::History;

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
            Some(intent) if intent.organization_id != post.organization => {
                found.push(format!("{} was sent to {}", post.nonce, post.organization));
            }
            Some(intent) if intent.members != post.members => {
                found.push(format!("{} was sent with other members", post.nonce));
            }
            Some(_) => {}
        }
        if posts[..index].iter().any(|earlier| earlier.nonce == post.nonce) {
            found.push(format!("{} was sent twice", post.nonce));
        }
        if post.spare <= 0 {
            found.push(format!("{} was sent {} ms after its submitBy", post.nonce, -post.spare));
        }
    }
    found
}

/// All users that were sent blindly.
pub fn looked_first(history: &History) -> Vec<String> {
    let ledger = &history.world.ledger;
    let mut found = Vec::new();
    for post in &ledger.posts {
        for member in &post.members {
            let since = history
                .world
                .jumpcloud
                .jobs
                .iter()
                .filter(|job| job.accepted < post.at && job.rows.iter().any(|row| row.username == *member))
                .map(|job| job.accepted)
                .max()
                .unwrap_or(i64::MIN);
            let looked = ledger
                .looks
                .iter()
                .any(|look| since <= look.at && look.at <= post.at && look.missed.contains(member));
            if !looked && !history.lost_since(post.uid, since) {
                found.push(format!("{member} was sent in {} without a look before", post.nonce));
            }
        }
    }
    found
}
