//! The same list again: made anew, replaced, or of another cluster. Schedules: `schedules/forged.rs`.

use jumpcloud_sim::{Route, Settings};
use serde_json::json;

use crate::harness::invariants::Rule;
use crate::harness::manifests::{batch, plain_users};
use crate::harness::operator::{Operator, QUICK};
use crate::harness::plane::kubectl;
use crate::harness::truth::assert_single_create;
use crate::harness::weather::clean_only;
use crate::harness::world::World;

/// Users who exist are told as conflicts; no job names them a second time.
#[tokio::test(flavor = "multi_thread")]
async fn case_14_a_batch_made_again_sends_nobody_again() {
    let world = World::new("abuse-again", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let spec = json!({"users": plain_users("u", 5)});
    world.apply_batch("sales", &spec);
    world.reason("sales", "Succeeded").await;
    let (jobs, users) = (world.sim.jobs().len(), world.sim.users());

    world.kubectl(&["delete", "jcub", "sales"]);
    world.apply_batch("sales", &spec);
    let status = world.reason("sales", "UserConflict").await;
    assert_eq!(status.counts.expect("counts").conflicts, 5);

    let manifest = batch(&world.namespace, "sales", &spec).to_string();
    let printed = kubectl(&["replace", "--force", "-f", "-"], &manifest);
    assert!(printed.success, "{}", printed.text);
    world.reason("sales", "UserConflict").await;

    // Lost with its status, as after a restore that does not bring it back.
    let remove = r#"[{"op":"remove","path":"/status"}]"#;
    world.kubectl(&["patch", "jcub", "sales", "--subresource=status", "--type=json", "-p", remove]);
    world.reason("sales", "UserConflict").await;
    assert_eq!((world.sim.jobs().len(), world.sim.users()), (jobs, users));
    assert_single_create(&world.sim, |_| false);
}

/// Two clusters that know nothing of each other, with one list each and the same organisation: two operators, each of
/// which watches a namespace of its own.
#[tokio::test(flavor = "multi_thread")]
async fn case_14_two_clusters_make_each_user_once() {
    if clean_only("of two unanswered requests for one user nobody can tell whose was carried out") {
        return;
    }
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 300;
    let one = World::new("abuse-cluster-one", settings).await;
    let two = one.beside("abuse-cluster-two");
    one.may_break(
        Rule::Once,
        "two clusters that send the same users at the same moment cannot know of each other",
    );
    crate::harness::grants::grant(&two.namespace);
    let _first = one.operator(QUICK);
    let _second = Operator::start(&two.namespace, "b", two.sim.url(), QUICK);
    one.connection_reason("default", "Succeeded").await;
    two.connection_reason("default", "Succeeded").await;
    // At the same moment.
    let spec = json!({"batchSize": 5, "users": plain_users("u", 20)});
    one.apply_batch("sales", &spec);
    two.apply_batch("sales", &spec);
    let ended = async |world: &World| {
        crate::harness::wait::eventually("an end", crate::harness::world::PATIENCE, async || {
            let status = world.status("sales").await;
            let ready = status.conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.reason.clone());
            match ready.as_deref() {
                Some("Succeeded" | "UserConflict") if status.submissions.is_empty() => Ok(status),
                other => Err(format!("{other:?} {:?}", status.counts)),
            }
        })
        .await
    };
    let (first, second) = (ended(&one).await, ended(&two).await);
    let counts = [&first, &second].map(|status| status.counts.expect("counts"));
    assert_eq!(counts[0].created + counts[1].created, 20, "{counts:?}");
    assert_eq!(counts[0].conflicts + counts[1].conflicts, 20, "{counts:?}");
    assert_eq!(one.sim.users().len(), 20);

    // Users that exist are in no second job: later, each list again, under a name of its own.
    let posts = one.sim.requests(Route::BulkCreate).len();
    for world in [&one, &two] {
        world.apply_batch("again", &spec);
    }
    for world in [&one, &two] {
        world.reason("again", "UserConflict").await;
    }
    assert_eq!(one.sim.requests(Route::BulkCreate).len(), posts);
}
