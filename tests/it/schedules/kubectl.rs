//! Bar 9: what people and pipelines wait for.

use jumpcloud_sim::Settings;
use serde_json::json;

use super::suspending;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, ahead, rows};

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_waits_for_ready_and_for_executed() {
    let (calendar, _operator) = Calendar::running("jcsus-kubectl", Settings::default(), QUICK).await;
    calendar.add_users("w", 3, "ACTIVATED");
    let mut spec = suspending(&rows("w", 3), &ahead(20));
    spec["verification"] = json!({"gracePeriod": "30s"});
    calendar.apply_schedule("leavers", &spec);
    let wait = |condition: &str| {
        let condition = format!("--for=condition={condition}");
        calendar.kubectl(&["wait", &condition, "--timeout=60s", "scheduleduserstate/leavers"])
    };
    wait("Ready");
    assert_eq!(calendar.state_of("w0000"), "ACTIVATED", "Ready means scheduled, not executed");
    let row = calendar.kubectl(&["get", "jcsus", "leavers", "--no-headers"]);
    assert!(row.contains("True") && row.contains("Scheduled") && row.contains("Suspended"), "{row}");
    wait("Executed");
    assert_eq!(calendar.state_of("w0002"), "SUSPENDED");
    wait("Ready");
    let row = calendar.kubectl(&["get", "jcsus", "leavers", "--no-headers"]);
    assert!(row.contains("Executed"), "{row}");
    // Nothing keeps it.
    calendar.kubectl(&["delete", "scheduleduserstate", "leavers", "--timeout=20s"]);

    // Another date takes Executed back.
    calendar.apply_schedule("again", &suspending(&rows("w", 3), &ahead(-60)));
    calendar.kubectl(&["wait", "--for=condition=Executed", "--timeout=60s", "scheduleduserstate/again"]);
    calendar.edit("again", &json!({"startTime": ahead(3600).to_string()}));
    let status = calendar.comes_to("again", "Scheduled").await;
    assert!(!status.conditions.iter().any(|c| c.type_ == "Executed"), "{status:?}");
}
