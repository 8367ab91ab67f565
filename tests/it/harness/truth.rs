//! Comparing what a status says with what the simulator has.

use std::collections::{BTreeMap, BTreeSet};

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::ledger::What;
use jumpcloud_sim::{Sim, invariants};

use super::weather;

/// Usernames that exist in the simulator.
pub fn existing(sim: &Sim) -> BTreeSet<String> {
    sim.users().iter().filter_map(|user| user["username"].as_str().map(str::to_owned)).collect()
}

/// Asserts that the status tells the truth about every user: who is Created exists under the id that
/// is given, and was made by a job; who is Failed without an id was not made by any.
pub fn assert_true(sim: &Sim, status: &JumpCloudUserBatchStatus) {
    let live: BTreeMap<String, String> = sim
        .users()
        .iter()
        .map(|user| {
            let text = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
            (text("username"), text("_id"))
        })
        .collect();
    let made: BTreeSet<String> =
        invariants::created_by_jobs(&sim.ledger()).into_iter().map(str::to_owned).collect();
    for user in &status.users {
        match user.result.as_str() {
            "Created" => {
                assert_eq!(live.get(&user.username), user.id.as_ref(), "{user:?}");
                assert!(made.contains(&user.username), "{user:?} was not made by a job");
            }
            "Updated" | "Unchanged" | "Adopted" => {
                assert_eq!(live.get(&user.username), user.id.as_ref(), "{user:?}");
            }
            // An update, or a part of one, did not come true: the user is ours.
            "Failed" if user.id.is_some() => {
                assert_eq!(live.get(&user.username), user.id.as_ref(), "{user:?}");
            }
            "Failed" | "Conflict" => assert!(!made.contains(&user.username), "{user:?} was made by a job"),
            other => panic!("{other} is not final: {user:?}"),
        }
    }
    let declared = status.inventory.iter().filter(|entry| entry.removal_time.is_none());
    let listed: BTreeSet<&String> = declared.map(|entry| &entry.username).collect();
    let created: BTreeSet<&String> = status
        .users
        .iter()
        .filter(|user| {
            let is_there = ["Created", "Updated", "Unchanged", "Adopted"].contains(&user.result.as_str());
            is_there || (user.result == "Failed" && user.id.is_some())
        })
        .map(|user| &user.username)
        .collect();
    if status.users_truncated != Some(true) {
        assert_eq!(listed, created, "inventory and users differ");
    }
}

/// Asserts the strong form of "at most once": no username is in two accepted create jobs, unless the
/// earlier row had failed or `excused` says why the double is right.
pub fn assert_single_create(sim: &Sim, excused: impl Fn(&invariants::Double) -> bool) {
    let doubles = invariants::double_creates(&sim.ledger());
    let excused = |d: &_| excused(d) || weather::excuses(d);
    let wrong: Vec<_> = doubles.iter().filter(|d| d.excuse().is_none() && !excused(d)).collect();
    assert!(wrong.is_empty(), "users in two accepted jobs: {wrong:#?}");
    assert!(invariants::users_made_twice(&sim.ledger()).is_empty(), "users made twice");
}

/// How many requests of that route were made since entry `since` of the ledger.
pub fn calls(sim: &Sim, since: u64) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for entry in sim.ledger_since(since) {
        if let What::Request(request) = &entry.what {
            *calls.entry(format!("{:?}", request.route)).or_default() += 1;
        }
    }
    calls
}
