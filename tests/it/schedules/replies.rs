//! Replies that get lost, requests that do, and JumpCloud asking for patience.

use std::collections::BTreeMap;
use std::time::Duration;

use jumpcloud_sim::settings::RetryAfter;
use jumpcloud_sim::{FaultRule, Route, Settings};

use super::{hasty, results, suspending};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, Calls, ahead, all_at, assert_scheduled_true, dates_of, rows, seq};
use crate::harness::wait::eventually;
use crate::harness::weather::{clean_only, without_faults};
use crate::harness::world::PATIENCE;

const USERS: usize = 30;

/// The outcome of a POST is unknown: events are looked for. With effect they are taken over as this object's own;
/// without, they are sent again, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_post_is_settled_by_looking() {
    let (calendar, _operator) =
        Calendar::running("jcsus-lost-post", Settings::default(), &hasty(QUICK)).await;
    let sim = &calendar.sim;
    let mut ids = calendar.add_users("p", USERS, "ACTIVATED");
    ids.sort();
    let rules =
        [(FaultRule::drop_reply(), 1), (FaultRule::status(502), 2), (FaultRule::status(502).acting(), 1)];
    for (index, (rule, posts)) in rules.into_iter().enumerate() {
        let label = rule.label();
        let name = format!("leavers-{index}");
        let time = ahead(5 * 3600);
        sim.set_faults(vec![rule.on(Route::ScheduleCreate).times(1)]);
        let since = seq(sim);
        calendar.apply_schedule(&name, &suspending(&rows("p", USERS), &time));
        let status = calendar.comes_to(&name, "Scheduled").await;
        assert_eq!(dates_of(sim), all_at(&ids, time), "{label}");
        assert_scheduled_true(sim, &status);
        assert_eq!(status.submissions, []);
        assert!(status.events.iter().all(|entry| entry.origin == "Created"), "{label}");
        let calls = Calls::since(sim, since);
        without_faults(|| assert_eq!(calls.posts, posts, "{label}: {calls:?}"));
        calendar.delete(&name);
        calendar.gone(&name).await;
        assert_eq!(dates_of(sim), [], "{label}");
    }
}

/// While nobody knows what became of a POST the date is edited, or the object deleted: events that come to light
/// are cancelled all the same, also those that JumpCloud makes after the operator has stopped waiting.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_the_end_while_nobody_knows_leave_nothing_behind() {
    let (calendar, _operator) =
        Calendar::running("jcsus-unknown-edit", Settings::default(), &hasty(QUICK)).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("n", 3, "ACTIVATED");
    let late = FaultRule::drop_reply().before(Duration::from_millis(1300));
    let cases = [("found", FaultRule::drop_reply()), ("lost", FaultRule::status(502)), ("late", late)];
    for (name, rule) in cases {
        for deleted in [false, true] {
            let name = format!("{name}-{}", if deleted { "deleted" } else { "edited" });
            let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
            let since = seq(sim);
            let begun = jiff::Timestamp::now();
            sim.set_faults(vec![rule.clone().on(Route::ScheduleCreate).times(1)]);
            calendar.apply_schedule(&name, &suspending(&rows("n", 3), &first));
            eventually("the request", PATIENCE, async || {
                let status = calendar.schedule_status(&name).await;
                let sent = !status.submissions.is_empty() && sim.last_request().is_some_and(|at| at > begun);
                if sent { Ok(()) } else { Err(status) }
            })
            .await;
            if !deleted {
                calendar.apply_schedule(&name, &suspending(&rows("n", 3), &second));
                let status = calendar.comes_to(&name, "Scheduled").await;
                assert_scheduled_true(sim, &status);
                assert_eq!(dates_of(sim), all_at(&ids, second), "{name}");
                let calls = Calls::since(sim, since);
                without_faults(|| assert_eq!(calls.posts, 2, "{name}: {calls:?}"));
            }
            calendar.delete(&name);
            calendar.gone(&name).await;
            // Whatever was on the way has arrived by then.
            assert!(Calls::since(sim, since).posts > 0, "{name}: the object went before its request came");
            assert_eq!(dates_of(sim), [], "{name}");
        }
    }
}

/// Twice unknown and nothing found: a person decides, by retry-failed.
#[tokio::test(flavor = "multi_thread")]
async fn twice_lost_waits_for_a_person() {
    let (calendar, _operator) =
        Calendar::running("jcsus-lost-twice", Settings::default(), &hasty(QUICK)).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("t", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    sim.set_faults(vec![FaultRule::status(502).on(Route::ScheduleCreate).times(2)]);
    calendar.apply_schedule("leavers", &suspending(&rows("t", 3), &time));
    let status = calendar.comes_to("leavers", "SubmissionUnknown").await;
    assert_eq!(results(&status), BTreeMap::from([("Failed/SubmissionUnknown".to_owned(), 3)]));
    assert_eq!(dates_of(sim), []);
    without_faults(|| assert_eq!(Calls::since(sim, 0).posts, 2));
    calendar.annotate("leavers", "retry-failed", "1");
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
    without_faults(|| {
        assert_eq!(status.last_handled.and_then(|handled| handled.retry_failed).as_deref(), Some("1"));
    });
    without_faults(|| assert_eq!(Calls::since(sim, 0).posts, 3));
}

/// A DELETE whose reply is lost, or that was lost itself, is made again; the object goes when all its events went.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_delete_is_made_again() {
    let (calendar, _operator) = Calendar::running("jcsus-lost-delete", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("d", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    let names = ["acted", "lost"];
    for (name, rule) in names.into_iter().zip([FaultRule::drop_reply(), FaultRule::status(502)]) {
        sim.set_faults(vec![]);
        calendar.apply_schedule(name, &suspending(&rows("d", 3), &time));
        calendar.comes_to(name, "Scheduled").await;
        assert_eq!(dates_of(sim), all_at(&ids, time));
        let since = seq(sim);
        sim.set_faults(vec![rule.on(Route::ScheduleDelete).times(1)]);
        calendar.delete(name);
        calendar.gone(name).await;
        assert_eq!(dates_of(sim), [], "{name}");
        let calls = Calls::since(sim, since);
        without_faults(|| assert!((1..=2).contains(&calls.deletes), "{name}: {calls:?}"));
        assert_eq!(calls.posts, 0, "{name}");
    }
}

/// 429 on each route in turn: nothing is doubled, nothing counts as unknown, and what JumpCloud asks for is kept.
#[tokio::test(flavor = "multi_thread")]
async fn patience_is_kept_when_jumpcloud_asks_for_it() {
    if clean_only("counts calls, measures time") {
        return;
    }
    let (calendar, _operator) = Calendar::running("jcsus-429", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("r", 3, "ACTIVATED");
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    let routes = [Route::UserSearch, Route::ScheduleList, Route::ScheduleCreate, Route::ScheduleDelete];
    let busy = FaultRule::status(429).retry_after(RetryAfter::Seconds(2));
    sim.set_faults(routes.map(|route| busy.clone().on(route).times(1)).into());
    calendar.apply_schedule("leavers", &suspending(&rows("r", 3), &first));
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, first));
    calendar.apply_schedule("leavers", &suspending(&rows("r", 3), &second));
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, second));
    assert!(status.users.iter().all(|user| user.unknown_sends.is_none()));
    let calls = Calls::since(sim, 0);
    assert_eq!((calls.posts, calls.deletes), (3, 2), "{calls:?}");
    let ledger = sim.ledger();
    let requests: Vec<_> =
        ledger.iter().filter_map(|entry| entry.request().map(|request| (entry.wall, request))).collect();
    let mut told = 0;
    for pair in requests.windows(2) {
        let [(at, refused), (later, next)] = pair else { continue };
        if refused.status == Some(429) {
            told += 1;
            let waited = later.duration_since(*at).as_millis();
            assert!(waited >= 1900, "{:?} came {waited} ms after 429 on {:?}", next.route, refused.route);
        }
    }
    assert_eq!(told, routes.len());
}

/// JumpCloud is down for a while, in the middle: it goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_sat_out() {
    let (calendar, _operator) = Calendar::running("jcsus-outage", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("o", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    sim.update_settings(|settings| settings.api.down = true);
    calendar.apply_schedule("leavers", &suspending(&rows("o", 3), &time));
    eventually("trouble that is told", PATIENCE, async || {
        let status = calendar.schedule_status("leavers").await;
        match status.conditions.iter().find(|c| c.type_ == "Ready") {
            Some(ready) if ["Retrying", "ConnectionNotReady"].contains(&ready.reason.as_str()) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    sim.update_settings(|settings| settings.api.down = false);
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
}
