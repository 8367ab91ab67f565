//! What goes wrong in daily use (bar 6): refused at once with field and row, or told in a condition with
//! a reason and what to do; and it recovers by itself when mended.

mod accounts;
mod credentials;
mod edits;
mod organisation;
mod rotated;
mod rows;
mod switches;

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::{Route, Sim};

use crate::harness::declare::apply;
use crate::harness::manifests::secret;
use crate::harness::wait::eventually;
use crate::harness::weather;
use crate::harness::world::{PATIENCE, World};

/// The message of Ready.
pub fn message(status: &JumpCloudUserBatchStatus) -> &str {
    &status.conditions.iter().find(|c| c.type_ == "Ready").expect("Ready is always there").message
}

/// Asserts that a text has all these words.
pub fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
}

/// Usernames of each create request that was carried out, in order.
fn sent(sim: &Sim) -> Vec<Vec<String>> {
    let requests = sim.requests(Route::BulkCreate).into_iter();
    requests.filter(|request| request.accepted_job().is_some()).map(|request| request.usernames).collect()
}

/// Puts a key into the Secret that the connection names.
fn put_key(world: &World, key: &str) {
    apply(&secret(&world.namespace, key).to_string());
}

/// Waits until so many create requests were accepted.
pub async fn jobs(world: &World, count: usize) {
    eventually(&format!("{count} jobs"), PATIENCE, async || {
        let found = world.sim.jobs().len();
        if found >= count { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Waits until the batch is done. At no time may a user have used up an attempt.
async fn succeeds_without_an_attempt(world: &World, name: &str) -> JumpCloudUserBatchStatus {
    if weather::is_on() {
        // Weather uses attempts up.
        return world.reason(name, "Succeeded").await;
    }
    eventually(&format!("{name} to succeed"), PATIENCE, async || {
        let status = world.status(name).await;
        let spent: Vec<_> =
            status.failures.iter().filter(|f| f.attempts > 0 || f.unknown_sends.is_some()).collect();
        assert!(spent.is_empty(), "attempts were used up: {spent:?}");
        let reason = status.conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.reason.clone());
        if reason.as_deref() == Some("Succeeded") { Ok(status) } else { Err((reason, status.progress)) }
    })
    .await
}

/// Sets an annotation of ours on a batch.
pub fn annotate(world: &World, name: &str, annotation: &str, value: &str) {
    let pair = format!("jumpcloud-operator.dev/{annotation}={value}");
    world.kubectl(&["annotate", "--overwrite", "jumpclouduserbatch", name, &pair]);
}
