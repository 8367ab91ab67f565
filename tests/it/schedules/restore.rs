//! Old manifests on a new cluster (bar 5): what is past is told and not done.

use std::time::Duration;

use jumpcloud_sim::{Route, Settings, What};
use serde_json::{Value, json};

use super::standing::{result, told};
use crate::harness::declare::apply;
use crate::harness::operator::QUICK;
use crate::harness::plane::plane;
use crate::harness::schedules::{Calendar, Calls, ahead, by_username, schedule};
use crate::harness::truth::calls;
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::PATIENCE;

const MANIFESTS: usize = 50;

/// The manifest of that number, of two users: one in the state, one not, and what its Ready says in the end.
fn manifest(namespace: &str, number: usize) -> (Value, &'static str) {
    // From two hours, which is more than startingDeadline, to some years ago.
    let date = ahead(-7200 - 2_000_000 * i64::try_from(number).expect("small")).to_string();
    let (missed, reason) = [("Fail", "Missed"), ("ApplyNow", "Missed"), ("Skip", "Succeeded")][number % 3];
    let users = by_username([format!("in{number}"), format!("out{number}")]);
    let spec = json!({
        "users": users, "state": "Suspended", "startTime": date, "missedPolicy": missed,
    });
    (schedule(namespace, &format!("past{number}"), &spec), reason)
}

/// 50 of them under all policies: who is in the state is Executed, the others are Missed, nothing is sent. Then
/// nothing happens any more, nor after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn past_manifests_suspend_nobody() {
    let calendar = Calendar::new("sus-restore", Settings::default()).await;
    for number in 0..MANIFESTS {
        calendar.add_user(&format!("in{number}"), "SUSPENDED");
        calendar.add_user(&format!("out{number}"), "ACTIVATED");
    }
    let items: Vec<Value> = (0..MANIFESTS).map(|number| manifest("sus-restore", number).0).collect();
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    let operator = calendar.operator(QUICK);
    for number in 0..MANIFESTS {
        let (name, reason) = (format!("past{number}"), manifest("sus-restore", number).1);
        let status = calendar.comes_to(&name, reason).await;
        assert_eq!(result(&status, &format!("in{number}")), ("Executed", None), "{name}");
        assert_eq!(result(&status, &format!("out{number}")), ("Missed", None), "{name}");
        let counts = status.counts.expect("counts");
        assert_eq!((counts.users, counts.executed, counts.failed), (2, 1, 1), "{name}");
        assert_eq!(told(&status, "Executed"), None, "{name}");
        assert_eq!(told(&status, "Stalled").is_some(), reason == "Missed", "{name}");
        let metadata = calendar.schedule(&name).await.expect("it is there").metadata;
        assert_eq!(metadata.finalizers.unwrap_or_default(), Vec::<String>::new(), "{name}");
    }
    nothing_was_changed(&calendar);

    // The last Kubernetes event may be on its way.
    calendar.sim.quiet_for(Duration::from_secs(3), Duration::from_secs(30)).await.expect("quiet");
    let (seq, mark) = calendar.mark();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(calls(&calendar.sim, seq).len(), 0, "calls at rest");
    assert_eq!(calendar.writes(mark), Vec::new(), "writes at rest");

    drop(operator);
    let mark = plane().audit().mark().expect("the audit log");
    let _operator = calendar.replica("b", QUICK);
    eventually("a pass over every object", PATIENCE, async || {
        let requests = calendar.requests(mark);
        let passes = requests.iter().filter(|e| e.verb == "get" && e.resource == "scheduleduserstates");
        let passes = passes.map(|entry| entry.name.clone()).collect::<std::collections::BTreeSet<_>>().len();
        if passes >= MANIFESTS { Ok(()) } else { Err(passes) }
    })
    .await;
    calendar.sim.quiet_for(Duration::from_secs(3), Duration::from_secs(30)).await.expect("quiet");
    let made: Vec<Route> =
        calendar.sim.ledger_since(seq).iter().filter_map(|e| e.request().map(|r| r.route)).collect();
    without_faults(|| assert_eq!(made, [Route::OrganizationList], "one check of the one connection"));
    assert_eq!(calendar.writes(mark), Vec::new(), "writes after a restart");
    nothing_was_changed(&calendar);
}

fn nothing_was_changed(calendar: &Calendar) {
    let calls = Calls::since(&calendar.sim, 0);
    assert_eq!((calls.posts, calls.deletes, calls.updates, calls.states), (0, 0, 0, 0), "{calls:?}");
    for entry in calendar.sim.ledger() {
        assert!(!matches!(entry.what, What::UserUpdated(_) | What::ScheduleAdded { .. }), "{entry:?}");
    }
}
