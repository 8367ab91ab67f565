//! Replies and requests that get lost, and an object that is deleted while its job runs. Crashes at each effect are in
//! `faults::crashes`.

use std::time::Duration;

use jumpcloud_sim::{FaultRule, Route, Settings};
use serde_json::json;

use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::World;

/// After one crash: three jobs, some of unknown outcome, two quarantines, look-ups.
const LIMIT: Duration = Duration::from_secs(120);

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1000;
    settings
}

/// No second accepted job for users whose reply was lost after acting, and a true
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
