//! The operator killed in the middle, and replies that get lost.

use std::time::Duration;

use jumpcloud_sim::invariants::Double;
use jumpcloud_sim::{FaultRule, Route, Settings};
use serde_json::json;

use crate::harness::manifests::plain_users;
use crate::harness::operator::{FRAGILE, Operator, QUICK};
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::World;

const USERS: usize = 300;

/// After one crash: three jobs, some of unknown outcome, two quarantines, look-ups.
const LIMIT: Duration = Duration::from_secs(120);

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1000;
    settings
}

/// A second job for a user is right when the first reply never came, a quarantine passed and two looks
/// missed the user.
fn settled_by_looking(double: &Double) -> bool {
    double.was_looked_up(2)
}

/// Requests that a run without a crash makes at least: 2 look-ups and a job, three times, then 3 polls
/// and 6 look-ups. What is written to the API server lies between them.
const REQUESTS: usize = 18;

/// Moments at which the operator is killed.
const MOMENTS: usize = 20;

/// Kills the operator when the simulator has seen so many requests, or some milliseconds later, and
/// starts it again: the same users, a true status, no user in two jobs.
async fn killed_at(moment: usize) {
    let request = moment * (REQUESTS - 1) / (MOMENTS - 1);
    let pause = Duration::from_millis(15 * (moment % 4) as u64);
    let name = format!("crash-{moment}");
    let world = World::new(&name, settings()).await;
    let mut first = Some(world.replica("a", FRAGILE));
    world.connection_reason("default", "Succeeded").await;
    let before = requests(&world);
    let users = plain_users("c", USERS);
    world.apply_batch("users", &json!({"users": users}));
    eventually("the moment", LIMIT, async || {
        first = first.take().map(Operator::keep);
        let seen = requests(&world) - before;
        if seen > request { Ok(()) } else { Err(seen) }
    })
    .await;
    tokio::time::sleep(pause).await;
    if let Some(first) = first {
        first.kill();
    }
    let mut second = Some(world.replica("b", FRAGILE));
    let status = eventually("the end", LIMIT, async || {
        second = second.take().map(Operator::keep);
        world.succeeded("users").await
    })
    .await;
    assert_eq!(existing(&world.sim).len(), USERS);
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, settled_by_looking);
    assert_eq!(status.submissions, Vec::new());
}

fn requests(world: &World) -> usize {
    world.sim.ledger().iter().filter(|entry| entry.request().is_some()).count()
}

/// Bar 5: twenty moments, from the first look-up to the last one after the jobs.
macro_rules! moments {
    ($($name:ident: $moments:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for moment in $moments {
                killed_at(moment).await;
            }
        }
    )*};
}

moments! {
    killed_at_moments_0_to_4: 0..5;
    killed_at_moments_5_to_9: 5..10;
    killed_at_moments_10_to_14: 10..15;
    killed_at_moments_15_to_19: 15..20;
}

/// The rest of bar 5: no second accepted job for users whose reply was lost after acting, and a true
/// status within two quarantines (2 s each) and 10 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_settled_by_looking() {
    let world = World::new("lost-reply", settings()).await;
    world.sim.set_faults(vec![FaultRule::drop_reply().on(Route::BulkCreate).times(1)]);
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    world.apply_batch("users", &json!({"users": plain_users("l", 100)}));
    eventually("the job", LIMIT, async || {
        let jobs = world.sim.jobs().len();
        if jobs == 1 { Ok(()) } else { Err(jobs) }
    })
    .await;
    let status = world.reason_within("users", "Succeeded", Duration::from_secs(14)).await;
    assert_eq!(world.sim.jobs().len(), 1);
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    let adopted = status.users.iter().filter(|u| u.reason.as_deref() == Some("AdoptedAfterUnknown")).count();
    assert_eq!(adopted, 100);
}

/// A request of which JumpCloud saw nothing, although bytes were sent: two looks miss the users, then
/// they are sent again, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_is_sent_again_after_two_looks() {
    let world = World::new("lost-request", settings()).await;
    world.sim.set_faults(vec![FaultRule::status(502).on(Route::BulkCreate).times(1)]);
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    world.apply_batch("users", &json!({"users": plain_users("r", 10)}));
    let status = world.reason_within("users", "Succeeded", LIMIT).await;
    assert_eq!(world.sim.jobs().len(), 1);
    assert_true(&world.sim, &status);
    let posts = world.sim.requests(Route::BulkCreate).len();
    without_faults(|| assert_eq!(posts, 2));
}

/// A job goes on when its object is deleted: one log line and one event say the result.
#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_deleted_object_is_followed_to_its_end() {
    let mut settings = settings();
    settings.jobs.service_time_ms = 5000;
    let world = World::new("orphan", settings).await;
    let operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    world.apply_batch("users", &json!({"users": plain_users("o", 3)}));
    eventually("the recorded job", LIMIT, async || {
        let status = world.status("users").await;
        let recorded = status.submissions.iter().filter_map(|s| s.known()).any(|s| s.job_id.is_some());
        if recorded { Ok(()) } else { Err(status.progress) }
    })
    .await;
    world.kubectl(&["delete", "jcub", "users"]);
    eventually("the event", LIMIT, async || {
        let events = world.kubectl(&["get", "events.events.k8s.io", "-o", "jsonpath={.items[*].reason}"]);
        if events.contains("JobEnded") { Ok(()) } else { Err(events) }
    })
    .await;
    assert!(operator.log().contains("job of a deleted object has ended"));
    assert_eq!(existing(&world.sim).len(), 3);
}
