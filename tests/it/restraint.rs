//! What keeps the operator from writing, and the last resort after requests without an answer.

use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, Settings};
use serde_json::json;

use crate::failures::{annotate, jobs, message, says};
use crate::harness::manifests::{plain_users, users};
use crate::harness::operator::QUICK;
use crate::harness::truth::assert_true;
use crate::harness::weather::without_faults;
use crate::harness::world::World;

/// `--read-only`: what runs is followed to its end, nothing else happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_operator_follows_jobs_and_sends_nothing() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 4000;
    let world = World::new("read-only", settings).await;
    let operator = world.operator(QUICK);
    let mut list = plain_users("r", 3);
    world.apply_batch("sales", &json!({"users": list, "batchSize": 3}));
    jobs(&world, 1).await;
    crate::harness::wait::eventually("the recorded job", crate::harness::world::PATIENCE, async || {
        let status = world.status("sales").await;
        let recorded = status.submissions.iter().filter_map(|s| s.known()).any(|s| s.job_id.is_some());
        if recorded { Ok(()) } else { Err(status.progress) }
    })
    .await;
    operator.kill();
    list[0]["company"] = json!("Example");
    list.extend(plain_users("s", 1));
    world.apply_batch("sales", &json!({"users": list, "batchSize": 3}));
    let flags = [QUICK, &[("--read-only", "true")]].concat();
    let operator = world.replica("b", &flags);
    let status = world.reason("sales", "Paused").await;
    says(message(&status), &["--read-only"]);
    assert_eq!(status.inventory.len(), 3, "the running job was followed to its end");
    assert_eq!(world.sim.jobs().len(), 1);
    operator.kill();
    let _operator = world.replica("c", QUICK);
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(world.sim.user("r0000").unwrap()["company"], "Example");
}

/// `protectedUsers` of the connection: nobody updates them; taken off, the update follows by itself.
#[tokio::test(flavor = "multi_thread")]
async fn protected_users_are_not_updated() {
    let world = World::new("protected", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let mut list = [plain_users("svc-", 1), plain_users("p", 1)].concat();
    world.apply_batch("sales", &json!({"users": list}));
    world.reason("sales", "Succeeded").await;
    let protect = |globs: &str| {
        world.kubectl(&[
            "patch",
            "jcconn",
            "default",
            "--type=merge",
            "-p",
            &format!(r#"{{"spec":{{"protectedUsers":{globs}}}}}"#),
        ]);
    };
    protect(r#"["SVC-*"]"#);
    world.connection_reason("default", "Succeeded").await;
    list.iter_mut().for_each(|row| row["company"] = json!("Example"));
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "PartiallyFailed").await;
    let line = status.users.iter().find(|user| user.username == "svc-0000").expect("a line");
    assert_eq!((line.result.as_str(), line.reason.as_deref()), ("Failed", Some("UserProtected")));
    says(line.message.as_deref().unwrap_or_default(), &["protectedUsers"]);
    let company = |name: &str| world.sim.user(name).expect("the user is there")["company"].clone();
    assert_eq!(company("p0000"), "Example");
    assert_ne!(company("svc-0000"), "Example");
    protect("[]");
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(company("svc-0000"), "Example");
}

/// Annotation `resolve` after two requests without an answer: `adopt` takes who is there by now,
/// `abandon` forgets the requests.
#[tokio::test(flavor = "multi_thread")]
async fn requests_without_an_answer_are_resolved_by_a_person() {
    let world = World::new("resolve", Settings::default()).await;
    world.sim.set_faults(vec![FaultRule::status(502).on(Route::BulkCreate).times(2)]);
    let _operator = world.operator(QUICK);
    let list = users("q", 2, |_| json!({"company": "Example"}));
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "SubmissionUnknown").await;
    assert!(
        status.users.iter().all(|user| user.reason.as_deref() == Some("SubmissionUnknown")),
        "{status:?}"
    );
    without_faults(|| {
        assert_eq!(world.sim.requests(Route::BulkCreate).len(), 2, "at most two sends without an answer");
    });

    world
        .sim
        .add_user(DEFAULT_ORGANISATION, &json!({"username": "q0000", "email": list[0]["email"]}))
        .unwrap();
    annotate(&world, "sales", "resolve", "adopt");
    // Found, and brought to its row; the other one is not there and is sent anew by nobody.
    crate::harness::wait::eventually("the user that is there", crate::harness::world::PATIENCE, async || {
        let company = world.sim.user("q0000").expect("the user is there")["company"].clone();
        if company == "Example" { Ok(()) } else { Err(company) }
    })
    .await;
    world.reason("sales", "SubmissionUnknown").await;
    without_faults(|| assert_eq!(world.sim.requests(Route::BulkCreate).len(), 2, "adopt sends nobody"));
    annotate(&world, "sales", "resolve", "abandon");
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_eq!(status.last_handled.and_then(|handled| handled.resolve).as_deref(), Some("abandon"));
    assert_eq!(world.sim.users().len(), 2);
}
