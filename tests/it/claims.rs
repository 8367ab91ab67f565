//! Who has a user: two batches that claim one, and rows that move between them (bar 5).

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::ledger::What;
use jumpcloud_sim::{Route, Settings, Sim};
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::manifests::batch;
use crate::harness::operator::QUICK;
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::{PATIENCE, World};

fn spec(users: &[&str]) -> Value {
    let users: Vec<Value> = users
        .iter()
        .map(|user| json!({"username": user, "email": format!("{user}@canary.example.com")}))
        .collect();
    json!({"users": users})
}

/// Applies several batches at once, in this order.
fn apply_all(world: &World, batches: &[(&str, &[&str])]) {
    let items: Vec<Value> =
        batches.iter().map(|(name, users)| batch(&world.namespace, name, &spec(users))).collect();
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
}

/// Whose inventory has the user, and with which id.
fn id_of(status: &JumpCloudUserBatchStatus, user: &str) -> Option<String> {
    status.inventory.iter().find(|entry| entry.username == user).map(|entry| entry.id.clone())
}

/// Waits until the inventory has, or has not, the user.
async fn until_held(world: &World, name: &str, user: &str, held: bool) -> JumpCloudUserBatchStatus {
    eventually(&format!("{user} in {name}: {held}"), PATIENCE, async || {
        let status = world.status(name).await;
        if id_of(&status, user).is_some() == held { Ok(status) } else { Err(status.inventory) }
    })
    .await
}

/// Reason and message of a user's line.
fn line<'s>(status: &'s JumpCloudUserBatchStatus, user: &str) -> (&'s str, &'s str) {
    let line = status.users.iter().find(|line| line.username == user).expect("a line");
    (line.reason.as_deref().unwrap_or_default(), line.message.as_deref().unwrap_or_default())
}

/// Asserts that the user was sent and made once, and that nobody was changed or deleted.
fn assert_untouched(sim: &Sim, user: &str) {
    assert_made_once(sim, user);
    let requests = sim.requests(Route::BulkCreate);
    let sent = requests.iter().flat_map(|request| &request.usernames).filter(|name| *name == user).count();
    without_faults(|| assert_eq!(sent, 1, "{user} was sent {sent} times"));
}

/// Asserts that the user was made once, and that nobody was changed or deleted.
fn assert_made_once(sim: &Sim, user: &str) {
    let mut created = 0;
    for entry in sim.ledger() {
        match &entry.what {
            What::UserCreated(change) => created += usize::from(change.username == user),
            What::UserUpdated(change) | What::UserDeleted(change) => panic!("changed: {change:?}"),
            _ => {}
        }
    }
    assert_eq!(created, 1, "{user} was made {created} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_claim_a_user_the_older_gets_it_and_then_hands_it_over() {
    let world = World::new("claims-two", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    // Of the same second at most, and in this order: a is the older, by its name if by nothing else.
    apply_all(&world, &[("a", &["kim", "ada"]), ("b", &["ada", "eva"])]);
    let lost = world.reason("b", "UserConflict").await;
    assert_eq!(
        line(&lost, "ada"),
        ("ManagedElsewhere", "user ada is managed by claims-two/a; take the row off one of the two")
    );
    let has = world.reason("a", "Succeeded").await;
    let id = id_of(&has, "ada").expect("a has ada");
    assert!(id_of(&lost, "ada").is_none());
    assert!(until_held(&world, "b", "eva", true).await.submissions.is_empty(), "eva is not held up");

    world.apply_batch("a", &spec(&["kim"]));
    let taken = world.reason("b", "Succeeded").await;
    assert_eq!(id_of(&taken, "ada").as_ref(), Some(&id));
    let left = until_held(&world, "a", "ada", false).await;
    assert!(id_of(&left, "kim").is_some());
    assert_untouched(&world.sim, "ada");
}

/// Which one is seen first is a matter of moments, and two may have sent the user before either knows of
/// the other; JumpCloud takes it once.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_claim_a_user_one_has_it() {
    let world = World::new("claims-many", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let names = ["e", "d", "c", "b", "a"];
    let batches: Vec<(&str, &[&str])> = names.iter().map(|name| (*name, ["ada"].as_slice())).collect();
    apply_all(&world, &batches);
    eventually("one owner and four conflicts", PATIENCE, async || {
        let mut owners = Vec::new();
        let mut lost = 0;
        for name in names {
            let status = world.status(name).await;
            owners.extend(id_of(&status, "ada"));
            lost += usize::from(status.failures.iter().any(|f| f.reason == "ManagedElsewhere"));
        }
        if (owners.len(), lost) == (1, 4) { Ok(()) } else { Err((owners, lost)) }
    })
    .await;
    assert_made_once(&world.sim, "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_of_another_namespace_is_not_named_and_hands_nothing_over() {
    let world = World::new("claims-here", Settings::default()).await;
    let there = world.beside("claims-secret");
    let _operator = world.operator_with(&[&there], QUICK);
    world.connection_reason("default", "Succeeded").await;
    there.connection_reason("default", "Succeeded").await;
    there.apply_batch("hidden", &spec(&["ada"]));
    there.reason("hidden", "Succeeded").await;
    world.apply_batch("sales", &spec(&["ada", "eva"]));
    let lost = world.reason("sales", "UserConflict").await;
    let (reason, message) = line(&lost, "ada");
    assert_eq!(reason, "ManagedElsewhere");
    let whole = serde_json::to_string(&lost).expect("JSON");
    assert!(!whole.contains("hidden") && !whole.contains("claims-secret"), "{whole}");
    assert!(message.contains("another namespace"), "{message}");
    let events = world.kubectl(&["get", "events", "--output", "json"]);
    assert!(!events.contains("hidden") && !events.contains("claims-secret"), "{events}");

    // The owner goes: who lost is woken, looks, and finds a user that is nobody's.
    there.kubectl(&["delete", "jcub", "hidden"]);
    eventually("a look at ada", PATIENCE, async || {
        let status = world.status("sales").await;
        if line(&status, "ada").0 == "AlreadyExists" { Ok(()) } else { Err(status.users) }
    })
    .await;
    assert!(id_of(&world.status("sales").await, "ada").is_none());
    assert_untouched(&world.sim, "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_moves_takes_its_user_along_in_either_order() {
    let world = World::new("claims-move", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    apply_all(&world, &[("old", &["ada", "bob", "cid", "dan", "old"]), ("new", &["new"])]);
    let status = world.reason("old", "Succeeded").await;
    world.reason("new", "Succeeded").await;
    let ids: Vec<Option<String>> =
        ["ada", "bob", "cid", "dan"].iter().map(|user| id_of(&status, user)).collect();

    // In one apply, in both orders; then one edit long after the other, in both orders.
    apply_all(&world, &[("new", &["new", "ada"]), ("old", &["bob", "cid", "dan", "old"])]);
    until_held(&world, "new", "ada", true).await;
    until_held(&world, "old", "ada", false).await;
    apply_all(&world, &[("old", &["cid", "dan", "old"]), ("new", &["new", "ada", "bob"])]);
    until_held(&world, "new", "bob", true).await;
    until_held(&world, "old", "bob", false).await;

    world.apply_batch("new", &spec(&["new", "ada", "bob", "cid"]));
    world.reason("new", "UserConflict").await;
    world.apply_batch("old", &spec(&["dan", "old"]));
    until_held(&world, "new", "cid", true).await;
    until_held(&world, "old", "cid", false).await;

    world.apply_batch("old", &spec(&["old"]));
    let retained = world.reason("old", "Succeeded").await;
    assert!(retained.inventory.iter().any(|e| e.username == "dan" && e.removal_time.is_some()));
    world.apply_batch("new", &spec(&["new", "ada", "bob", "cid", "dan"]));
    until_held(&world, "old", "dan", false).await;

    let status = world.reason("new", "Succeeded").await;
    let moved: Vec<Option<String>> =
        ["ada", "bob", "cid", "dan"].iter().map(|user| id_of(&status, user)).collect();
    assert_eq!(moved, ids);
    assert!(status.failures.is_empty(), "{:?}", status.failures);
    assert_eq!(world.reason("old", "Succeeded").await.inventory.len(), 1);
    for user in ["ada", "bob", "cid", "dan"] {
        assert_untouched(&world.sim, user);
    }
}
