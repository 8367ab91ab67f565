//! Bar 2: whatever is edited, nobody is without the declared event for a moment, and nobody else's goes.

use jumpcloud_sim::settings::JobIds;
use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, Settings};
use serde_json::json;

use super::{hasty, suspending};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, Calls, ahead, all_at, assert_always_listed, assert_scheduled_true, assert_untouched,
    by_username, dates_of, events_of, rows, seq,
};
use crate::harness::weather::without_faults;

/// Every edit of a schedule beside events of others: of the same users and of somebody else, at the same time
/// and at another one.
async fn edited(name: &str, job_ids: JobIds) {
    let mut settings = Settings::default();
    settings.schedules.job_ids = job_ids;
    let (calendar, _operator) = Calendar::running(name, settings, QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("e", 4, "ACTIVATED");
    let stranger = calendar.add_user("stranger", "ACTIVATED");
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    let foreign: Vec<String> = [
        (&ids[0], "ACTIVATED", first),
        (&ids[0], "SUSPENDED", ahead(5 * 3600 + 30)),
        (&ids[1], "SUSPENDED", ahead(7 * 3600)),
        (&stranger, "SUSPENDED", first),
        (&stranger, "SUSPENDED", second),
    ]
    .into_iter()
    .flat_map(|(user, state, time)| {
        let body = json!({"user_ids": [user], "state": state, "start_date": time.to_string()});
        sim.add_schedule(DEFAULT_ORGANISATION, &body).expect("an event")
    })
    .collect();
    let ours = || {
        let listed = events_of(sim).into_iter().filter(|event| !foreign.contains(&event.job));
        listed.map(|event| (event.user, event.date)).collect::<Vec<_>>()
    };
    let exactly = |users: &[usize], time: jiff::Timestamp| {
        let mut all: Vec<_> = users.iter().map(|user| (ids[*user].clone(), time)).collect();
        all.sort();
        all
    };
    let some = |users: &[usize]| users.iter().map(|user| ids[*user].clone()).collect::<Vec<_>>();
    let spec = |users: &[usize], time| {
        suspending(&by_username(users.iter().map(|user| format!("e{user:04}"))), &time)
    };
    let settled = async || {
        let status = calendar.comes_to("leavers", "Scheduled").await;
        assert_scheduled_true(sim, &status);
        assert!(status.events.iter().all(|entry| entry.superseded.is_none()), "{:?}", status.events);
        assert_untouched(sim, &foreign);
    };

    calendar.apply_schedule("leavers", &spec(&[0, 1, 2], first));
    settled().await;
    assert_eq!(ours(), exactly(&[0, 1, 2], first));

    // One more.
    let since = seq(sim);
    calendar.apply_schedule("leavers", &spec(&[0, 1, 2, 3], first));
    settled().await;
    assert_always_listed(sim, since, &some(&[0, 1, 2]), "SUSPENDED", &[first]);
    assert_eq!(ours(), exactly(&[0, 1, 2, 3], first));
    let calls = Calls::since(sim, since);
    without_faults(|| assert_eq!((calls.posts, calls.deletes), (1, 0), "{calls:?}"));

    // One off, who shares an id with two that stay.
    let since = seq(sim);
    calendar.apply_schedule("leavers", &spec(&[0, 2, 3], first));
    settled().await;
    assert_always_listed(sim, since, &some(&[0, 2, 3]), "SUSPENDED", &[first]);
    assert_eq!(ours(), exactly(&[0, 2, 3], first));
    let calls = Calls::since(sim, since);
    let posts = usize::from(job_ids == JobIds::Shared);
    without_faults(|| assert_eq!((calls.posts, calls.deletes), (posts, 1), "{calls:?}"));

    // Another date.
    let since = seq(sim);
    calendar.apply_schedule("leavers", &spec(&[0, 2, 3], second));
    settled().await;
    assert_always_listed(sim, since, &some(&[0, 2, 3]), "SUSPENDED", &[first, second]);
    assert_eq!(ours(), exactly(&[0, 2, 3], second));

    // Everything at once: another date again, one off, one who comes back.
    let since = seq(sim);
    calendar.apply_schedule("leavers", &spec(&[0, 1, 3], first));
    settled().await;
    assert_always_listed(sim, since, &some(&[0, 3]), "SUSPENDED", &[first, second]);
    assert_eq!(ours(), exactly(&[0, 1, 3], first));

    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(ours(), []);
    assert_untouched(sim, &foreign);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_users_who_share_an_id_leave_no_gap() {
    edited("jcsus-edit-shared", JobIds::Shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_users_with_an_id_each_leave_no_gap() {
    edited("jcsus-edit-each", JobIds::PerUser).await;
}

/// Requests of an edit that get lost, on the way there or back: the old events stay until the new ones are known.
#[tokio::test(flavor = "multi_thread")]
async fn edits_whose_requests_get_lost_leave_no_gap() {
    let (calendar, _operator) =
        Calendar::running("jcsus-edit-lost", Settings::default(), &hasty(QUICK)).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("f", 4, "ACTIVATED");
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    let edit = async |users: usize, time: jiff::Timestamp, rule: FaultRule| {
        let label = rule.label();
        sim.set_faults(vec![rule.on(Route::ScheduleCreate).times(1)]);
        let since = seq(sim);
        calendar.apply_schedule("leavers", &suspending(&rows("f", users), &time));
        let status = calendar.comes_to("leavers", "Scheduled").await;
        assert_scheduled_true(sim, &status);
        assert_eq!(dates_of(sim), all_at(&ids[..users], time), "{label}");
        since
    };
    for job_ids in [JobIds::Shared, JobIds::PerUser] {
        sim.update_settings(|settings| settings.schedules.job_ids = job_ids);
        edit(4, first, FaultRule::status(429)).await;
        let since = edit(4, second, FaultRule::status(502)).await;
        assert_always_listed(sim, since, &ids, "SUSPENDED", &[first, second]);
        let since = edit(4, first, FaultRule::drop_reply()).await;
        assert_always_listed(sim, since, &ids, "SUSPENDED", &[first, second]);
        let since = edit(3, first, FaultRule::status(502)).await;
        assert_always_listed(sim, since, &ids[..3], "SUSPENDED", &[first]);
        let since = edit(2, first, FaultRule::drop_reply()).await;
        assert_always_listed(sim, since, &ids[..2], "SUSPENDED", &[first]);
        sim.set_faults(vec![]);
        calendar.delete("leavers");
        calendar.gone("leavers").await;
        assert_eq!(dates_of(sim), []);
    }
}

/// Retain: nothing has to be undone, so nothing keeps the object, and its events stay.
#[tokio::test(flavor = "multi_thread")]
async fn retained_events_outlive_their_object() {
    let (calendar, _operator) = Calendar::running("jcsus-retain", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("k", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    let mut spec = suspending(&rows("k", 3), &time);
    spec["deletionPolicy"] = json!("Retain");
    let (_, audit) = calendar.mark();
    calendar.apply_schedule("leavers", &spec);
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(calendar.writes_to("leavers", audit).metadata, 0, "no finalizer");
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));

    // Made anew it takes them over, and CancelAll cancels what was found.
    spec["deletionPolicy"] = json!("CancelAll");
    calendar.apply_schedule("leavers", &spec);
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert!(status.events.iter().all(|entry| entry.origin == "Adopted"), "{:?}", status.events);
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(dates_of(sim), []);
    let calls = Calls::since(sim, 0);
    without_faults(|| assert_eq!((calls.posts, calls.deletes), (1, 1), "{calls:?}"));
}
