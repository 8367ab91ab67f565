//! Bar 2: one row that JumpCloud answers the whole request with 400 for. Halving finds it; everybody else
//! of the request is served.

use std::collections::BTreeSet;

use jumpcloud_sim::settings::Poison;
use jumpcloud_sim::{Route, Settings};
use serde_json::json;

use crate::harness::manifests::{plain_users, users};
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::weather::without_faults;
use crate::harness::world::World;

/// Most requests beyond the first that one bad row of a hundred may cost: both halves at each of seven
/// levels, and two to spare.
const EXTRA: usize = 16;

fn poisoned(field: &str, value: &str, status: u16) -> Settings {
    let mut settings = Settings::default();
    let body = Some(json!({"message": format!("Bad Request: {field} is malformed")}));
    settings.api.poison = vec![Poison { field: field.to_owned(), equals: json!(value), status, body }];
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn one_poison_row_of_a_hundred_new_users_fails_alone() {
    let world = World::new("poison-create", poisoned("username", "x0037", 400)).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    world.apply_batch("sales", &json!({"users": plain_users("x", 100)}));
    let status = world.reason("sales", "PartiallyFailed").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    assert_eq!(existing(&world.sim).len(), 99);
    let failed: Vec<_> = status.users.iter().filter(|user| user.result == "Failed").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((failed[0].username.as_str(), failed[0].reason.as_deref()), ("x0037", Some("Rejected")));
    assert!(
        failed[0].message.as_deref().is_some_and(|text| text.contains("username is malformed")),
        "{failed:?}"
    );
    let posts = world.sim.requests(Route::BulkCreate);
    without_faults(|| assert!(posts.len() <= 1 + EXTRA, "{} requests", posts.len()));
    let mut accepted = BTreeSet::new();
    for name in posts.iter().filter(|post| post.accepted_job().is_some()).flat_map(|post| &post.usernames) {
        assert!(accepted.insert(name.clone()), "{name} is in two accepted requests");
    }
    assert!(status.submissions.is_empty(), "{:?}", status.submissions);
}

/// The same for an update, with another of the codes that mean it; the row is mended by an edit.
#[tokio::test(flavor = "multi_thread")]
async fn one_poison_row_of_an_update_fails_alone_and_is_mended() {
    let world = World::new("poison-update", poisoned("department", "poison", 422)).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let mut list = users("y", 30, |_| json!({"department": "fine"}));
    world.apply_batch("sales", &json!({"users": list}));
    world.reason("sales", "Succeeded").await;
    for (i, row) in list.iter_mut().enumerate() {
        row["department"] = if i == 11 { json!("poison") } else { json!("better") };
    }
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "PartiallyFailed").await;
    let departments = |of: &str| world.sim.users().iter().filter(|user| user["department"] == of).count();
    assert_eq!((departments("better"), departments("fine")), (29, 1));
    let failed: Vec<_> = status.users.iter().filter(|user| user.result == "Failed").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((failed[0].username.as_str(), failed[0].reason.as_deref()), ("y0011", Some("Rejected")));
    assert!(failed[0].id.is_some(), "the user exists: {failed:?}");
    without_faults(|| assert!(world.sim.requests(Route::BulkUpdate).len() <= 1 + 10));
    list[11]["department"] = json!("better");
    world.apply_batch("sales", &json!({"users": list}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(departments("better"), 30);
}
