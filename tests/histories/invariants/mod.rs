//! What must hold of every history. Checked from JumpCloud's own truth, the ledger of the wire and
//! the versions of the object; never from what the planner says about itself.

mod fields;
mod frugal;
mod halving;
mod healed;
mod intended;
mod once;
mod overtaken;
mod quiet;
mod recorded;
mod requested;
mod retained;
mod shape;
mod state;
mod truth;
mod updates;

use std::sync::Arc;

use jumpcloud_operator::api::submission::Submission;
use jumpcloud_operator::api::user_status::{Failure, JumpCloudUserBatchStatus};

pub use self::quiet::restless;
use crate::api_server::{Cause, Kept, Object};
use crate::clock::Ms;
use crate::history::History;
use crate::jumpcloud::Job;
use crate::ledger::Post;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// I1 to I5 as the document on reliability numbers them, or a word.
    pub rule: &'static str,
    /// What happened.
    pub text: String,
}

/// Everything that is wrong with a history.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for (rule, texts) in [
        ("I1", once::check(history)),
        ("I2", intended::check(history)),
        ("look", intended::looked_first(history)),
        ("I3", recorded::check(history)),
        ("I4", quiet::check(history)),
        ("I5", truth::check(history)),
        ("I8", frugal::check(history)),
        ("I8", frugal::needless_looks(history)),
        ("requested", requested::check(history)),
        ("heals", healed::check(history)),
        ("shape", shape::check(history)),
        ("update", updates::check(history)),
        ("order", overtaken::check(history)),
        ("fields", fields::check(history)),
        ("state", state::check(history)),
        ("retained", retained::check(history)),
        ("halving", halving::check(history)),
    ] {
        found.extend(texts.into_iter().map(|text| Violation { rule, text }));
    }
    found
}

/// Views of a history that several rules need.
impl History {
    /// The object as it is in the end.
    fn object(&self) -> Option<Arc<Object>> {
        self.world.api.live()
    }

    /// Versions that hold an object with that uid.
    fn versions(&self, uid: u32) -> impl Iterator<Item = (&Kept, &Object)> {
        self.world
            .api
            .versions
            .iter()
            .filter_map(|kept| Some((kept, kept.object.as_deref()?)))
            .filter(move |(_, object)| object.uid == uid)
    }

    /// When a request was intended, or else sent, or else accepted.
    fn intended(&self, job: &Job) -> Ms {
        self.versions(job.uid)
            .find(|(_, object)| record(&object.status, &job.nonce).is_some())
            .map(|(kept, _)| kept.at)
            .or_else(|| self.post(&job.nonce).map(|post| post.at))
            .unwrap_or(job.accepted)
    }

    /// The version that intended a request, and when it was written.
    fn intent(&self, post: &Post) -> Option<(Ms, &Object)> {
        self.versions(post.uid)
            .find(|(_, object)| record(&object.status, &post.nonce).is_some())
            .map(|(kept, object)| (kept.at, object))
    }

    /// The first request with that nonce.
    fn post(&self, nonce: &str) -> Option<&Post> {
        self.world.ledger.posts.iter().find(|post| post.nonce == nonce)
    }

    /// Whether somebody gave up users of unknown outcome.
    fn abandoned(&self) -> bool {
        self.world.environment.resolved.iter().any(|(_, how)| *how == "abandon")
    }

    /// Whether the status of that object was lost after that time.
    fn lost_since(&self, uid: u32, at: Ms) -> bool {
        self.versions(uid).any(|(kept, _)| kept.cause == Cause::Loss && kept.at >= at)
    }
}

/// The record of that nonce in a status.
fn record<'a>(status: &'a JumpCloudUserBatchStatus, nonce: &str) -> Option<&'a Submission> {
    status.submissions.iter().filter_map(|record| record.known()).find(|s| s.nonce == nonce)
}

/// The failure entry of that user in a status.
fn failure<'a>(status: &'a JumpCloudUserBatchStatus, username: &str) -> Option<&'a Failure> {
    status.failures.iter().find(|failure| failure.username == username)
}
