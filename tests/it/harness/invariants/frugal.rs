//! I8 figures.

use std::collections::{BTreeMap, BTreeSet};

use jumpcloud_sim::Route;
use jumpcloud_sim::What;

use super::evidence::Evidence;
use super::sent::posts;
use super::version::Kind;

/// Figures of a run.
pub fn figures(evidence: &Evidence) -> String {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    let mut faults = 0;
    for entry in &evidence.ledger {
        if matches!(entry.what, What::ClientLeft { .. }) {
            faults += 1;
        }
        let Some(request) = entry.request() else { continue };
        *calls.entry(format!("{:?}", request.route)).or_default() += 1;
        if request.fault.is_some() || request.status.is_none_or(|status| status >= 400) {
            faults += 1;
        }
    }
    let posts = posts(evidence);
    let chunks: usize = posts.iter().map(|post| post.members.len().div_ceil(50)).sum();
    let jobs = posts.iter().filter(|post| post.job().is_some()).count();
    let mut generations = BTreeSet::new();
    let mut looks = 0;
    let mut touches = 0;
    let mut before: BTreeMap<&str, String> = BTreeMap::new();
    for version in &evidence.history.versions {
        let key = format!("{}", version.metadata["annotations"]);
        if before.insert(&version.uid, key.clone()).is_some_and(|other| other != key) {
            touches += 1;
        }
        let generation = (version.uid.clone(), version.metadata["generation"].as_i64());
        if generations.insert(generation) && version.kind != Kind::Connection {
            looks += version.rows().len().div_ceil(50);
        }
    }
    let polls: BTreeMap<String, usize> =
        evidence.ledger.iter().filter_map(|e| e.request()).filter(|r| r.route == Route::BulkResults).fold(
            BTreeMap::new(),
            |mut all, r| {
                *all.entry(r.ids.join("")).or_default() += 1;
                all
            },
        );
    let first = evidence.ledger.iter().find_map(|e| e.request()).map(|r| r.arrived);
    let elapsed = first.map_or(0, |first| evidence.now.duration_since(first).as_secs());
    let name = evidence.history.versions.first().map(|v| v.namespace.clone()).unwrap_or_default();
    format!(
        "{name} calls={calls:?} posts={} jobs={jobs} chunks={chunks} generations={} looks={looks} touches={touches} faults={faults} starts={} secrets={} elapsed={elapsed} polls={polls:?}\n",
        posts.len(),
        generations.len(),
        evidence.starts,
        evidence.secrets.len()
    )
}
