//! Requests that JumpCloud refuses as a whole.

use std::collections::BTreeMap;

use jumpcloud_sim::settings::UnknownUsers;
use jumpcloud_sim::{FaultRule, Pattern, Route, Settings};

use super::{results, suspending};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, Calls, ahead, all_at, assert_scheduled_true, dates_of, rows, seq};
use crate::harness::weather::without_faults;

const USERS: usize = 30;

/// One user among 30 that JumpCloud takes from nobody: found by halving, named; the others are scheduled.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_user_does_not_keep_the_others() {
    let (calendar, _operator) = Calendar::running("jcsus-one-bad", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("b", USERS, "ACTIVATED");
    let time = ahead(5 * 3600);
    let bad = Pattern::new(&ids[17]).unwrap();
    sim.set_faults(vec![FaultRule::status(400).on(Route::ScheduleCreate).body(bad)]);
    let since = seq(sim);
    calendar.apply_schedule("leavers", &suspending(&rows("b", USERS), &time));
    let status = calendar.comes_to("leavers", "PartiallyFailed").await;
    let wanted = [("Failed/Rejected".to_owned(), 1), ("Scheduled".to_owned(), USERS - 1)];
    assert_eq!(results(&status), BTreeMap::from(wanted));
    let failed = status.users.iter().find(|user| user.result == "Failed").unwrap();
    assert_eq!(failed.username.as_deref(), Some("b0017"));
    let others: Vec<String> = ids.iter().filter(|id| **id != ids[17]).cloned().collect();
    assert_eq!(dates_of(sim), all_at(&others, time));
    assert_scheduled_true(sim, &status);
    let calls = Calls::since(sim, since);
    without_faults(|| assert!(calls.posts <= 11, "{calls:?}"));

    // Mended, and somebody says so.
    sim.set_faults(vec![]);
    calendar.annotate("leavers", "retry-failed", "now");
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
    assert_scheduled_true(sim, &status);
}

/// JumpCloud takes fewer users at once than is documented.
#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_limit_is_found_by_halving() {
    let mut settings = Settings::default();
    settings.schedules.max_user_ids = Some(10);
    let (calendar, _operator) = Calendar::running("jcsus-halving", settings, QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("h", USERS, "ACTIVATED");
    let time = ahead(5 * 3600);
    let since = seq(sim);
    calendar.apply_schedule("leavers", &suspending(&rows("h", USERS), &time));
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
    assert_scheduled_true(sim, &status);
    let calls = Calls::since(sim, since);
    without_faults(|| assert_eq!(calls.posts, 7, "{calls:?}"));
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(dates_of(sim), []);
}

/// A user who left JumpCloud is refused with everybody of the same request; only that user fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_left_does_not_keep_the_others() {
    let mut settings = Settings::default();
    settings.schedules.unknown_users = UnknownUsers::Refuse;
    let (calendar, _operator) = Calendar::running("jcsus-left", settings, QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("x", 8, "ACTIVATED");
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    calendar.apply_schedule("leavers", &suspending(&rows("x", 8), &first));
    calendar.comes_to("leavers", "Scheduled").await;
    assert!(sim.delete_user(&ids[5]));
    calendar.apply_schedule("leavers", &suspending(&rows("x", 8), &second));
    let status = calendar.comes_to("leavers", "PartiallyFailed").await;
    assert_eq!(results(&status).get("Scheduled"), Some(&7), "{status:?}");
    let others: Vec<String> = ids.iter().filter(|id| **id != ids[5]).cloned().collect();
    assert_eq!(dates_of(sim), all_at(&others, second));
    assert_scheduled_true(sim, &status);
    let user = status.users.iter().find(|user| user.result != "Scheduled").unwrap();
    assert_eq!(user.username.as_deref(), Some("x0005"));
}
