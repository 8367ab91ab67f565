//! A record of a newer operator in the status.

use serde_json::json;

use super::world::{World, spec};
use crate::api::schedule_status::ScheduledUserStateStatus;
use crate::api::submission::Recorded;

fn record() -> Recorded {
    serde_json::from_value(json!({"nonce": "n9", "recordVersion": 2})).unwrap()
}

#[test]
fn beside_it_conditions_and_their_generation_alone_are_written() {
    let mut world = World::new(spec(&["ada"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.status.submissions.push(record());
    let before = world.status.clone();
    world.edit(|spec| spec.users.push(serde_json::from_value(json!({"username": "bob"})).unwrap()));
    assert_eq!(world.pass(), None);
    assert_eq!((world.took().as_str(), world.reason()), ("commit", "NewerVersion"));
    let conditions = world.status.conditions.clone();
    assert!(conditions.iter().all(|condition| condition.observed_generation == Some(2)), "{conditions:?}");
    let expected = ScheduledUserStateStatus { observed_generation: Some(2), conditions, ..before };
    assert_eq!(world.status, expected);
    world.pass();
    assert_eq!(world.took(), "", "at rest");
}

/// The generation says that the spec was seen, and not that it was acted upon.
#[test]
fn an_edit_beside_it_is_acted_upon_once_it_is_gone() {
    let mut world = World::new(spec(&["nobody"]), &[]);
    world.pass();
    world.took();
    world.pass();
    assert_eq!(world.took(), "", "who is missing is looked for again after an edit");
    world.status.submissions.push(record());
    world.edit(|_| ());
    world.pass();
    assert_eq!(world.took(), "commit");
    world.status.submissions.clear();
    world.pass();
    assert!(world.took().starts_with("search 1"), "{:?}", world.status);
    assert_eq!(world.reason(), "Failed");
    world.pass();
    assert_eq!(world.took(), "", "at rest");
}
