//! The finalizer is there only while something must be undone; policies decide what that is.

use jumpcloud_sim::{Entry, Route, Settings};
use serde_json::json;

use super::standing::until;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, ahead, by_username, dates_of};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::PATIENCE;

const OURS: &str = "jumpcloud-operator.dev/cleanup";
const THEIRS: &str = "example.com/keep";

async fn finalizers(calendar: &Calendar, name: &str) -> Vec<String> {
    calendar.schedule(name).await.expect("it is there").metadata.finalizers.unwrap_or_default()
}

/// Confirmed before the first request, gone after the date; another one's survives both.
#[tokio::test(flavor = "multi_thread")]
async fn it_comes_before_the_request_and_goes_after_the_date() {
    let (calendar, _operator) = Calendar::running("sus-final", Settings::default(), QUICK).await;
    calendar.add_user("ada", "ACTIVATED");
    let (_, mark) = calendar.mark();
    let spec = json!({
        "users": by_username(["ada"]), "state": "Suspended", "startTime": ahead(6).to_string(),
        "verification": {"gracePeriod": "20s"},
    });
    let mut object = crate::harness::schedules::schedule("sus-final", "sales", &spec);
    object["metadata"]["finalizers"] = json!([THEIRS]);
    crate::harness::declare::apply(&object.to_string());
    calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(finalizers(&calendar, "sales").await, [THEIRS, OURS]);
    let post = calendar.sim.requests(Route::ScheduleCreate).remove(0);
    let writes = calendar.writes(mark);
    let metadata: Vec<_> =
        writes.iter().filter(|e| e.resource == "scheduleduserstates" && e.subresource.is_empty()).collect();
    without_faults(|| assert_eq!(metadata.len(), 1, "{metadata:#?}"));
    assert!(
        metadata[0].time < post.arrived,
        "the finalizer was there at {}, the request at {}",
        metadata[0].time,
        post.arrived
    );
    let intents = writes.iter().filter(|e| e.subresource == "status" && e.time < post.arrived).count();
    assert!(intents >= 1, "{writes:#?}");

    until(&calendar, "sales", "ada", "Executed").await;
    eventually("the finalizer to go", PATIENCE, async || {
        let left = finalizers(&calendar, "sales").await;
        if left == [THEIRS] { Ok(()) } else { Err(left) }
    })
    .await;
    // Deleted, it waits for the other one alone, and nothing is sent about it.
    let before = calendar.sim.ledger().iter().filter_map(Entry::request).count();
    calendar.delete("sales");
    assert_eq!(finalizers(&calendar, "sales").await, [THEIRS]);
    calendar.kubectl(&[
        "patch",
        "jcsus",
        "sales",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    calendar.gone("sales").await;
    assert_eq!(calendar.sim.ledger().iter().filter_map(Entry::request).count(), before);
}

/// The policy is edited while events are there: the finalizer follows it, and so does what is undone.
#[tokio::test(flavor = "multi_thread")]
async fn it_follows_the_policy() {
    let (calendar, _operator) = Calendar::running("sus-policy", Settings::default(), QUICK).await;
    let id = calendar.add_user("ada", "ACTIVATED");
    let date = ahead(7200);
    let spec = json!({
        "users": by_username(["ada"]), "state": "Suspended", "startTime": date.to_string(),
        "deletionPolicy": "Retain",
    });
    calendar.apply_schedule("sales", &spec);
    calendar.comes_to("sales", "Scheduled").await;
    for (policy, wanted) in [("Cancel", vec![OURS]), ("Retain", vec![]), ("Cancel", vec![OURS])] {
        calendar.edit("sales", &json!({"deletionPolicy": policy}));
        eventually("the finalizers", PATIENCE, async || {
            let found = finalizers(&calendar, "sales").await;
            if found == wanted { Ok(()) } else { Err(found) }
        })
        .await;
        assert_eq!(dates_of(&calendar.sim), [(id.clone(), date)], "{policy}");
    }
    calendar.delete("sales");
    calendar.gone("sales").await;
    assert_eq!(dates_of(&calendar.sim), []);
}
