//! A leaver (bar 6): a batch declares `state: Activated`, a schedule has suspended the user, and it stays so.

use jumpcloud_sim::ledger::Cause;
use jumpcloud_sim::{Settings, What};
use serde_json::json;

use super::standing::told;
use crate::harness::manifests::users;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, by_username, seq, soon};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

const PASSES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_stays_suspended() {
    let (calendar, _operator) = Calendar::running("sus-leaver", Settings::default(), QUICK).await;
    let mut list = users("l", 2, |_| json!({"state": "Activated"}));
    calendar.apply_batch("sales", &json!({"users": list}));
    calendar.reason("sales", "Succeeded").await;
    let since = seq(&calendar.sim);
    calendar.apply_schedule(
        "leaver",
        &json!({
            "users": by_username(["l0000"]), "state": "Suspended", "startTime": soon(4).to_string(),
            "verification": {"gracePeriod": "30s"},
        }),
    );
    calendar.comes_to("leaver", "Executed").await;
    assert_eq!(calendar.state_of("l0000"), "SUSPENDED");

    // Another field of the row, then look after look.
    list[0]["company"] = json!("Example");
    calendar.apply_batch("sales", &json!({"users": list}));
    calendar.reason("sales", "Succeeded").await;
    assert_eq!(calendar.sim.user("l0000").expect("the user is there")["company"], "Example");
    for pass in 0..PASSES {
        let value = format!("pass-{pass}");
        let pair = format!("jumpcloud-operator.dev/requested-at={value}");
        calendar.kubectl(&["annotate", "--overwrite", "jcub", "sales", &pair]);
        eventually("the pass", PATIENCE, async || {
            let status = calendar.status("sales").await;
            let handled = status.last_handled.and_then(|handled| handled.requested_at);
            if handled.as_ref() == Some(&value) { Ok(()) } else { Err(handled) }
        })
        .await;
    }
    let status = calendar.reason("sales", "Succeeded").await;
    let row = status.users.iter().find(|user| user.username == "l0000").expect("a line");
    assert_eq!(row.live_state.as_deref(), Some("SUSPENDED"));
    assert_eq!(calendar.state_of("l0000"), "SUSPENDED");
    assert_eq!(calendar.state_of("l0001"), "ACTIVATED");
    for entry in calendar.sim.ledger_since(since) {
        if let What::UserUpdated(change) = &entry.what {
            let by_schedule = matches!(change.by, Cause::Schedule(_));
            assert!(by_schedule || !change.fields.contains(&"state".to_owned()), "{change:?}");
        }
        if let Some(request) = entry.request() {
            let states = request.fields.iter().flatten().filter(|field| *field == "state").count();
            assert_eq!(states, 0, "{request:?}");
        }
    }
    let schedule = calendar.comes_to("leaver", "Executed").await;
    assert!(told(&schedule, "Executed").is_some());
}
