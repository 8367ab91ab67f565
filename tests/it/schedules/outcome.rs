//! Operators that come back after startTime.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jumpcloud_sim::{Pattern, Settings};
use serde_json::json;

use super::{results, suspending};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, Calls, ahead, dates_of, rows, seq};
use crate::harness::weather::without_faults;

/// Nobody was there when the time came: what the users are in tells.
#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_is_seen_by_an_operator_that_was_away() {
    let mut settings = Settings::default();
    settings.schedules.lost = vec![Pattern::new("^a0001$").unwrap()];
    let (calendar, operator) = Calendar::running("jcsus-away", settings, QUICK).await;
    let sim = &calendar.sim;
    calendar.add_users("a", 3, "ACTIVATED");
    let time = ahead(12);
    let mut spec = suspending(&rows("a", 3), &time);
    spec["verification"] = json!({"gracePeriod": "2s"});
    calendar.apply_schedule("leavers", &spec);
    calendar.comes_to("leavers", "Scheduled").await;
    operator.kill();
    let since = seq(sim);
    // Not a synchronisation: the time has to come.
    let away = (time + jiff::SignedDuration::from_secs(3)).duration_since(Timestamp::now());
    tokio::time::sleep(away.unsigned_abs()).await;
    let _operator = calendar.replica("b", QUICK);
    let status = calendar.comes_to("leavers", "NotReached").await;
    let wanted = [("Executed".to_owned(), 2), ("NotReached".to_owned(), 1)];
    assert_eq!(results(&status), BTreeMap::from(wanted));
    assert_eq!(dates_of(sim), []);
    let calls = Calls::since(sim, since);
    without_faults(|| {
        assert_eq!(calls, Calls { searches: 1, ..Calls::default() }, "one look tells everything");
    });
    // By hand, and somebody asks to look.
    let id = status.users[1].id.clone().expect("an id");
    sim.change_user(&id, &json!({"state": "SUSPENDED"})).unwrap();
    calendar.annotate("leavers", "requested-at", "now");
    let status = calendar.comes_to("leavers", "Executed").await;
    assert!(status.conditions.iter().any(|c| c.type_ == "Executed" && c.status == "True"));
    assert_eq!(status.events, []);
    calendar.kubectl(&["delete", "scheduleduserstate", "leavers", "--timeout=30s"]);
}
