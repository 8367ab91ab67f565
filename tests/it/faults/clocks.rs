//! Point 8 of the fault plan, as far as the process itself can show it: JumpCloud's clock is ten minutes ahead of the
//! operator's, or behind, and requests get lost.
//!
//! The clock of the process is that of the machine, which a test cannot change: nothing that pretends another one
//! to a program is at hand. Steps of it, during a lease, a quarantine or a date, are shown in virtual time by the
//! histories (`tests/histories`), and that the lease counts on the monotonic clock by `runtime/lease/tests.rs`.
//! Dates around now with a skewed JumpCloud are in `schedules/clocks.rs`.

use jumpcloud_sim::{FaultRule, Route, Settings};
use serde_json::json;

use crate::harness::extent::part_of;
use crate::harness::manifests::users;
use crate::harness::operator::{QUICK, but};
use crate::harness::schedules::{Calendar, ahead, all_at, assert_scheduled_true, dates_of, rows};
use crate::harness::truth::{assert_single_create, assert_true};

async fn skewed(name: &str, seconds: i64) {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 300;
    let calendar = Calendar::new(name, settings).await;
    let sim = &calendar.sim;
    sim.skew(seconds);
    let flags = [("--submit-timeout", "8s"), ("--unknown-quarantine", "8s")];
    let flags = flags.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value));
    let _operator = calendar.operator(&flags);
    calendar.connection_reason("default", "Succeeded").await;
    let ids = calendar.add_users("leaver", 3, "ACTIVATED");
    let lost = [Route::BulkCreate, Route::BulkUpdate, Route::ScheduleCreate];
    sim.set_faults(lost.map(|route| FaultRule::drop_reply().on(route).times(1)).into());

    let list = |department: &str| json!({"users": users("hire", 3, |_| json!({"department": department}))});
    calendar.apply_batch("hires", &list("one"));
    let time = ahead(5 * 3600);
    calendar.apply_schedule(
        "leavers",
        &json!({"users": rows("leaver", 3), "state": "Suspended", "startTime": time.to_string()}),
    );
    // JumpCloud's time of creation is ten minutes off: who it is stays evident all the same.
    let status = calendar.reason("hires", "Succeeded").await;
    assert_true(sim, &status);
    assert_single_create(sim, |_| false);
    let adopted = |user: &jumpcloud_operator::api::user_status::UserStatus| {
        user.reason.as_deref() == Some("AdoptedAfterUnknown")
    };
    assert!(status.users.iter().all(adopted), "{:?}", status.users);
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_scheduled_true(sim, &status);
    assert!(status.events.iter().all(|event| event.origin == "Created"), "{:?}", status.events);
    assert_eq!(dates_of(sim), all_at(&ids, time));

    calendar.apply_batch("hires", &list("two"));
    let status = calendar.reason("hires", "Succeeded").await;
    assert_true(sim, &status);
    assert!(sim.users().iter().filter(|user| user["department"] == "two").count() == 3);
    assert_eq!(lost.map(|route| sim.requests(route).len()), [1, 1, 1], "nothing was sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_replies_under_a_clock_that_is_ten_minutes_off() {
    let all = part_of(vec![("skew-behind", -600), ("skew-ahead", 600)], 2);
    futures::future::join_all(all.into_iter().map(|(name, seconds)| skewed(name, seconds))).await;
}
