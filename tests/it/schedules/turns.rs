//! Edits that take back, hurry or break what was declared before.

use jumpcloud_sim::settings::JobIds;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Settings};
use serde_json::json;

use super::{results, suspending};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, Calls, ahead, all_at, assert_always_listed, assert_scheduled_true, assert_untouched,
    by_username, dates_of, events_of, rows, seq,
};
use crate::harness::weather::without_faults;

/// One edit after another, without waiting: in the end exactly the last one, and never nothing for who is in all.
#[tokio::test(flavor = "multi_thread")]
async fn edits_in_quick_succession_end_in_the_last_one() {
    let (calendar, _operator) = Calendar::running("jcsus-hurry", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("h", 6, "ACTIVATED");
    let dates = [ahead(5 * 3600), ahead(6 * 3600), ahead(7 * 3600)];
    let strange = json!({"user_ids": [ids[0]], "state": "ACTIVATED", "start_date": dates[1].to_string()});
    let foreign = sim.add_schedule(DEFAULT_ORGANISATION, &strange).expect("an event");
    for job_ids in [JobIds::Shared, JobIds::PerUser] {
        sim.update_settings(|settings| settings.schedules.job_ids = job_ids);
        calendar.apply_schedule("leavers", &suspending(&rows("h", 3), &dates[0]));
        calendar.comes_to("leavers", "Scheduled").await;
        let since = seq(sim);
        for (from, to, date) in [(0, 3, 1), (0, 5, 1), (0, 5, 0), (1, 6, 2), (0, 2, 1), (0, 2, 0), (0, 4, 0)]
        {
            let mut users = rows("h", to);
            users.drain(1..=from);
            calendar.apply_schedule("leavers", &suspending(&users, &dates[date]));
        }
        let status = calendar.comes_to("leavers", "Scheduled").await;
        assert_scheduled_true(sim, &status);
        assert_untouched(sim, &foreign);
        assert_always_listed(sim, since, &ids[..1], "SUSPENDED", &dates);
        let listed = events_of(sim).into_iter().filter(|event| !foreign.contains(&event.job));
        let listed: Vec<_> = listed.map(|event| (event.user, event.date)).collect();
        assert_eq!(listed, all_at(&ids[..4], dates[0]));
        calendar.delete("leavers");
        calendar.gone("leavers").await;
        assert_eq!(events_of(sim).len(), 1);
    }
}

/// The other state at the same time: what was replaced is no contradiction.
#[tokio::test(flavor = "multi_thread")]
async fn another_state_takes_the_place_of_the_first() {
    let (calendar, _operator) = Calendar::running("jcsus-other-state", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("o", 3, "STAGED");
    let time = ahead(5 * 3600);
    calendar.apply_schedule("joiners", &suspending(&rows("o", 3), &time));
    calendar.comes_to("joiners", "Scheduled").await;
    calendar.edit("joiners", &json!({"state": "Activated"}));
    let status = calendar.comes_to("joiners", "Scheduled").await;
    assert_scheduled_true(sim, &status);
    assert_eq!(dates_of(sim), all_at(&ids, time));
    assert!(events_of(sim).iter().all(|event| event.state == "ACTIVATED"));
    assert!(!status.conditions.iter().any(|c| c.type_ == "Conflicting"), "{:?}", status.conditions);
}

/// A date that is moved into the past: what was to come is cancelled, and the policy decides about the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_date_moved_into_the_past_cancels_what_was_to_come() {
    let (calendar, _operator) = Calendar::running("jcsus-back", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("b", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    calendar.apply_schedule("leavers", &suspending(&rows("b", 3), &time));
    calendar.comes_to("leavers", "Scheduled").await;
    calendar.edit("leavers", &json!({"startTime": ahead(-600).to_string()}));
    let status = calendar.comes_to("leavers", "Missed").await;
    assert_eq!(results(&status).get("Missed"), Some(&3));
    assert_eq!(dates_of(sim), []);
    // And into the future again.
    calendar.edit("leavers", &json!({"startTime": time.to_string()}));
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
    // Now, please.
    let since = seq(sim);
    calendar.edit("leavers", &json!({"startTime": ahead(-60).to_string(), "missedPolicy": "ApplyNow"}));
    let status = calendar.comes_to("leavers", "Executed").await;
    assert_eq!(results(&status).get("Executed"), Some(&3));
    assert_eq!(calendar.state_of("b0002"), "SUSPENDED");
    assert_eq!(dates_of(sim), []);
    let calls = Calls::since(sim, since);
    without_faults(|| assert_eq!((calls.updates, calls.posts), (1, 0), "{calls:?}"));
    calendar.delete("leavers");
    calendar.gone("leavers").await;
}

/// A list that cannot be acted on changes nothing; the object can be mended, and it can go.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_edit_changes_nothing() {
    let (calendar, _operator) = Calendar::running("jcsus-wrong", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("w", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    let twice = || by_username(["w0000", "w0001", "W0000"]);
    calendar.apply_schedule("leavers", &suspending(&rows("w", 3), &time));
    calendar.comes_to("leavers", "Scheduled").await;
    let since = seq(sim);
    calendar.apply_schedule("leavers", &suspending(&twice(), &ahead(6 * 3600)));
    calendar.comes_to("leavers", "InvalidSpec").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
    assert_eq!(Calls::since(sim, since), Calls::default());
    calendar.apply_schedule("leavers", &suspending(&rows("w", 3), &time));
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(Calls::since(sim, since), Calls::default(), "nothing had changed");
    calendar.apply_schedule("leavers", &suspending(&twice(), &time));
    calendar.comes_to("leavers", "InvalidSpec").await;
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(dates_of(sim), []);
}
