//! What nobody knows of the API, each way round.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jumpcloud_sim::settings::{
    DateForm, FilterEffect, Granularity, JobIds, NextOrgHeader, PastDates, ScheduleSettings,
};
use jumpcloud_sim::{DEFAULT_ORGANISATION, Settings};
use serde_json::{Value, json};

use super::{results, suspending};
use crate::harness::declare::apply;
use crate::harness::manifests::connection;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, ahead, all_at, assert_always_listed, assert_scheduled_true, assert_untouched, events_of, rows,
    seq, soon,
};
use crate::harness::weather::without_faults;

/// Our events, as user and date; doubles show twice.
fn ours(calendar: &Calendar, foreign: &[String]) -> Vec<(String, Timestamp)> {
    let listed = events_of(&calendar.sim).into_iter();
    listed.filter(|event| !foreign.contains(&event.job)).map(|event| (event.user, event.date)).collect()
}

/// Events of others, so many: one each for as many users that only JumpCloud knows.
fn strangers(calendar: &Calendar, count: usize, time: impl Fn(usize) -> Timestamp) -> Vec<String> {
    let events = (0..count).flat_map(|i| {
        let user = format!("{i:024x}");
        let body = json!({"user_ids": [user], "state": "SUSPENDED", "start_date": time(i).to_string()});
        calendar.sim.add_schedule(DEFAULT_ORGANISATION, &body).expect("an event")
    });
    events.collect()
}

/// A whole life under these settings: scheduled, moved, one user off, deleted.
async fn lives(calendar: &Calendar, name: &str, ids: &[String], foreign: &[String]) {
    let sim = &calendar.sim;
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    calendar.apply_schedule(name, &suspending(&rows("u", 3), &first));
    let settled = async || {
        let status = calendar.comes_to(name, "Scheduled").await;
        assert_scheduled_true(sim, &status);
        assert_untouched(sim, foreign);
    };
    settled().await;
    assert_eq!(ours(calendar, foreign), all_at(ids, first), "{name}");
    let since = seq(sim);
    calendar.apply_schedule(name, &suspending(&rows("u", 3), &second));
    settled().await;
    assert_eq!(ours(calendar, foreign), all_at(ids, second), "{name}");
    calendar.apply_schedule(name, &suspending(&rows("u", 2), &second));
    settled().await;
    assert_eq!(ours(calendar, foreign), all_at(&ids[..2], second), "{name}");
    assert_always_listed(sim, since, &ids[..2], "SUSPENDED", &[first, second]);
    calendar.delete(name);
    calendar.gone(name).await;
    assert_eq!(ours(calendar, foreign), [], "{name}");
    assert_untouched(sim, foreign);
}

/// Shared ids, filters, dates without zone, and x-org-id on `eventlist/next`, which is asked when the listing is
/// long and not filtered. There are 620 events of others: more than five pages.
#[tokio::test(flavor = "multi_thread")]
async fn both_answers_to_what_nobody_knows() {
    let usual = ScheduleSettings::default;
    let cases: Vec<(&str, ScheduleSettings)> = vec![
        ("shared-honoured", usual()),
        (
            "each-zoneless",
            ScheduleSettings {
                job_ids: JobIds::PerUser,
                zoneless_offset_minutes: 330,
                date_form: DateForm::Zoneless,
                ..usual()
            },
        ),
        ("ignored", ScheduleSettings { filter: FilterEffect::Ignored, ..usual() }),
        (
            "each-ignored-header",
            ScheduleSettings {
                job_ids: JobIds::PerUser,
                filter: FilterEffect::Ignored,
                next_org_header: NextOrgHeader::Refused,
                zoneless_offset_minutes: -300,
                ..usual()
            },
        ),
        (
            "as-text",
            ScheduleSettings { filter: FilterEffect::AsText, date_form: DateForm::Offset, ..usual() },
        ),
        (
            "as-text-seconds",
            ScheduleSettings { filter: FilterEffect::AsText, date_form: DateForm::Seconds, ..usual() },
        ),
    ];
    let (calendar, _operator) = Calendar::running("jcsus-unknowns", Settings::default(), QUICK).await;
    let mut named = connection(&calendar.namespace, "default", calendar.sim.url());
    named["spec"]["organizationID"] = DEFAULT_ORGANISATION.into();
    apply(&named.to_string());
    let ids = calendar.add_users("u", 3, "ACTIVATED");
    let foreign = strangers(&calendar, 620, |i| ahead(3 * 3600 + i64::try_from(i).expect("a number")));
    for (name, settings) in cases {
        calendar.sim.update_settings(|all| all.schedules = settings);
        lives(&calendar, name, &ids, &foreign).await;
    }
    let asked = calendar.sim.requests(jumpcloud_sim::Route::ScheduleNext);
    assert!(!asked.is_empty(), "the next events were never asked for: this test shows nothing of them");
    assert!(calendar.sim.ledger().iter().filter_map(|e| e.request()).any(|r| r.org_id.is_some()));
}

/// By JumpCloud's clock startTime has passed when the request comes.
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_to_a_date_in_the_past() {
    let mut settings = Settings::default();
    settings.schedules.past_dates = PastDates::Refuse;
    let (calendar, _operator) = Calendar::running("jcsus-past", settings, QUICK).await;
    let sim = &calendar.sim;
    calendar.add_users("p", 2, "ACTIVATED");
    sim.advance(std::time::Duration::from_secs(120));
    let spec = |time: Timestamp| {
        let mut spec: Value = suspending(&rows("p", 2), &time);
        spec["verification"] = json!({"gracePeriod": "3s"});
        spec
    };
    let all = |what: &str| BTreeMap::from([(what.to_owned(), 2)]);
    calendar.apply_schedule("refused", &spec(ahead(60)));
    let status = calendar.comes_to("refused", "Failed").await;
    assert_eq!(results(&status), all("Failed/Rejected"));
    calendar.delete("refused");
    calendar.gone("refused").await;
    assert_eq!(events_of(sim), []);

    // Listed for ever and never executed.
    sim.update_settings(|settings| settings.schedules.past_dates = PastDates::NeverExecute);
    let time = soon(15);
    calendar.apply_schedule("never", &spec(time));
    calendar.comes_to("never", "Scheduled").await;
    let status = calendar.comes_to("never", "NotReached").await;
    assert_eq!(results(&status), all("NotReached"));
    calendar.delete("never");
    calendar.gone("never").await;

    // Executed at once; seen when the time has come.
    sim.update_settings(|settings| settings.schedules.past_dates = PastDates::ExecuteAtOnce);
    calendar.apply_schedule("at-once", &spec(soon(15)));
    calendar.comes_to("at-once", "Scheduled").await;
    assert_eq!(calendar.state_of("p0001"), "SUSPENDED");
    let status = calendar.comes_to("at-once", "Executed").await;
    assert_eq!(results(&status), all("Executed"));
    without_faults(|| assert_eq!(sim.requests(jumpcloud_sim::Route::ScheduleCreate).len(), 1 + 2 + 1 + 1));
}

/// Pages whose rows are in another order each time: what was not seen is not taken for gone.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_move_double_and_lose_nothing() {
    let mut settings = Settings::default();
    settings.schedules.shuffle_pages = true;
    let (calendar, _operator) = Calendar::running("jcsus-shuffled", settings, QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("m", 210, "ACTIVATED");
    let time = ahead(5 * 3600);
    calendar.apply_schedule("leavers", &suspending(&rows("m", 210), &time));
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(ours(&calendar, &[]), all_at(&ids, time));
    let since = seq(sim);
    calendar.annotate("leavers", "requested-at", "now");
    calendar.apply_schedule("leavers", &suspending(&rows("m", 205), &time));
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_scheduled_true(sim, &status);
    assert_eq!(ours(&calendar, &[]), all_at(&ids[..205], time));
    assert_always_listed(sim, since, &ids[..205], "SUSPENDED", &[time]);
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(ours(&calendar, &[]), []);
}

/// JumpCloud keeps whole minutes: the events are still known as ours, and not made twice.
#[tokio::test(flavor = "multi_thread")]
async fn dates_that_lose_their_seconds_are_known_again() {
    let mut settings = Settings::default();
    settings.schedules.granularity = Granularity::Minute;
    let (calendar, operator) = Calendar::running("jcsus-minutes", settings, QUICK).await;
    let mut operator = Some(operator);
    let sim = &calendar.sim;
    let ids = calendar.add_users("g", 3, "ACTIVATED");
    let minute = Timestamp::from_second(ahead(5 * 3600).as_second() / 60 * 60).unwrap();
    for (name, seconds) in [("whole", 0), ("odd", 37)] {
        let time = minute + jiff::SignedDuration::from_secs(seconds);
        calendar.apply_schedule(name, &suspending(&rows("g", 3), &time));
        let status = calendar.comes_to(name, "Scheduled").await;
        assert_scheduled_true(sim, &status);
        assert_eq!(status.scheduled_time, Some(time.to_string()));
        assert_eq!(ours(&calendar, &[]), all_at(&ids, minute), "{name}");
        // Looked at again, and after a restart: the same events.
        let since = seq(sim);
        drop(operator.take());
        operator = Some(calendar.replica(&format!("after-{name}"), QUICK));
        calendar.annotate(name, "requested-at", name);
        crate::harness::wait::eventually("the look", crate::harness::world::PATIENCE, async || {
            let status = calendar.stands(name, "Scheduled").await?;
            let said = status.last_handled.as_ref().and_then(|handled| handled.requested_at.clone());
            if said.as_deref() == Some(name) { Ok(()) } else { Err(format!("{said:?}")) }
        })
        .await;
        let calls = crate::harness::schedules::Calls::since(sim, since);
        assert_eq!((calls.posts, calls.deletes), (0, 0), "{name}: {calls:?}");
        // One off, then all.
        calendar.apply_schedule(name, &suspending(&rows("g", 2), &time));
        let status = calendar.comes_to(name, "Scheduled").await;
        assert_scheduled_true(sim, &status);
        assert_eq!(ours(&calendar, &[]), all_at(&ids[..2], minute), "{name}");
        calendar.delete(name);
        calendar.gone(name).await;
        assert_eq!(ours(&calendar, &[]), [], "{name}");
    }
}
