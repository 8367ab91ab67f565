//! Statuses that somebody has tampered with or lost (abuse cases 6, 7 and 14).

use std::time::Duration;

use jiff::Timestamp;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Entry, Route, Settings};
use serde_json::{Value, json};

use super::standing::look;
use crate::harness::operator::{QUICK, but};
use crate::harness::plane::kubectl;
use crate::harness::schedules::{
    Calendar, ahead, all_at, assert_scheduled_true, assert_untouched, by_username, dates_of, events_of,
    schedule,
};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// Writes over a status; what it says of itself is that work goes on, which is in the table of conditions.
fn forge(calendar: &Calendar, name: &str, status: &Value) {
    let condition = |kind: &str, value: &str| {
        json!({
            "type": kind, "status": value, "reason": "Progressing", "message": "forged", "observedGeneration": 1,
            "lastTransitionTime": ahead(0).to_string(),
        })
    };
    let mut status = status.clone();
    status["conditions"] = json!([condition("Ready", "Unknown"), condition("Reconciling", "True")]);
    let patch = json!({"status": status}).to_string();
    calendar.kubectl(&["patch", "jcsus", name, "--subresource=status", "--type=merge", "-p", &patch]);
}

fn spec(user: &str, date: Timestamp) -> Value {
    json!({"users": by_username([user]), "state": "Suspended", "startTime": date.to_string()})
}

/// Job ids of others in `status.events`: of another user, another date, another state, and one that has another
/// user besides. None of them is deleted, by an edit or by the deletion of the object; its own event is.
#[tokio::test(flavor = "multi_thread")]
async fn job_ids_of_others_are_not_deleted() {
    let flags = but(QUICK, "--cleanup-timeout", "5s");
    let (calendar, _operator) = Calendar::running("sus-forged", Settings::default(), &flags).await;
    let ids = ["ada", "eve"].map(|name| calendar.add_user(name, "ACTIVATED"));
    let (date, other) = (ahead(7200), ahead(9000));
    let hand = |users: &[&String], state: &str, date: Timestamp| {
        let event = json!({"user_ids": users, "state": state, "start_date": date.to_string()});
        calendar.sim.add_schedule(DEFAULT_ORGANISATION, &event).expect("an event").remove(0)
    };
    let foreign = [
        hand(&[&ids[1]], "SUSPENDED", date),
        hand(&[&ids[0]], "SUSPENDED", other),
        hand(&[&ids[0]], "ACTIVATED", date),
        hand(&[&ids[0], &ids[1]], "SUSPENDED", date),
    ];
    calendar.apply_schedule("sales", &spec("ada", date));
    let status = calendar.comes_to("sales", "Scheduled").await;
    let mut events = serde_json::to_value(&status.events).expect("JSON");
    for job in &foreign {
        let superseded = json!({"state": "Suspended", "time": date.to_string()});
        let entry = json!({
            "id": ids[0], "scheduledJobID": job, "origin": "Created", "superseded": superseded,
        });
        let list = events.as_array_mut().expect("a list");
        // The one that was adopted as equal is recorded already.
        list.retain(|known| known["scheduledJobID"] != json!(job));
        list.push(entry);
    }
    forge(&calendar, "sales", &json!({"events": events}));
    look(&calendar, "sales", "1").await;
    assert_untouched(&calendar.sim, &foreign);
    calendar.edit("sales", &json!({"startTime": ahead(10_800).to_string()}));
    eventually("the new event", PATIENCE, async || {
        let listed = events_of(&calendar.sim);
        let status = calendar.schedule_status("sales").await;
        let now = status.users.iter().all(|user| user.result == "Scheduled");
        if now && listed.iter().any(|e| e.date > other) { Ok(()) } else { Err((listed, status)) }
    })
    .await;
    calendar.delete("sales");
    calendar.gone("sales").await;
    assert_untouched(&calendar.sim, &foreign);
    let left: Vec<String> = events_of(&calendar.sim).into_iter().map(|event| event.job).collect();
    assert!(left.iter().all(|job| foreign.contains(job)), "{left:?}");
}

/// Forged submissions: an intent, or one with an unknown outcome, causes no POST of its own, and one of another
/// organisation causes no read of it.
#[tokio::test(flavor = "multi_thread")]
async fn forged_submissions_cause_no_request() {
    let (calendar, _operator) = Calendar::running("sus-intent", Settings::default(), QUICK).await;
    let ids = ["ada", "eve"].map(|name| calendar.add_user(name, "ACTIVATED"));
    let date = ahead(7200);
    calendar.apply_schedule("sales", &spec("ada", date));
    calendar.comes_to("sales", "Scheduled").await;
    let posts = calendar.sim.requests(Route::ScheduleCreate).len();
    let record = |nonce: &str, phase: &str, operation: &str, submit_by: i64| {
        json!({
            "nonce": nonce, "recordVersion": 1, "operation": operation, "members": [ids[1]],
            "state": "Suspended", "time": date.to_string(), "payloadHash": "0", "organizationID": DEFAULT_ORGANISATION,
            "intentTime": ahead(-1).to_string(), "submitBy": ahead(submit_by).to_string(), "phase": phase,
        })
    };
    let records = [
        record("f1", "Intended", "Schedule", 3),
        record("f2", "Unknown", "Schedule", -30),
        record("f3", "Rejected", "Schedule", -30),
        record("f4", "Intended", "Update", 1),
        record("f5", "Rejected", "Update", -30),
    ];
    forge(&calendar, "sales", &json!({"submissions": records}));
    let status = eventually("the records to be settled", PATIENCE, async || {
        let status = calendar.schedule_status("sales").await;
        if status.submissions.is_empty() { Ok(status) } else { Err(status.submissions) }
    })
    .await;
    assert_eq!(calendar.sim.requests(Route::ScheduleCreate).len(), posts);
    for route in [Route::BulkUpdate, Route::UserUpdate, Route::UserActivate, Route::ScheduleDelete] {
        assert_eq!(calendar.sim.requests(route).len(), 0, "{route:?}");
    }
    assert_eq!(dates_of(&calendar.sim), [(ids[0].clone(), date)]);
    assert_scheduled_true(&calendar.sim, &status);
    assert_eq!(calendar.state_of("eve"), "ACTIVATED");

    // Of an organisation that the connection does not lead to: nothing is asked about it.
    calendar.sim.quiet_for(Duration::from_secs(1), PATIENCE).await.expect("quiet");
    let asked = calendar.sim.ledger().iter().filter_map(Entry::request).count();
    forge(
        &calendar,
        "sales",
        &json!({"organizationID": "5f0c1d2e3a4b5c6d7e8f9a02", "submissions": [record("f6", "Unknown", "Schedule", -30)]}),
    );
    calendar.comes_to("sales", "OrgMismatch").await;
    let now = calendar.sim.ledger();
    let since: Vec<Route> = now.iter().filter_map(Entry::request).skip(asked).map(|r| r.route).collect();
    assert!(since.iter().all(|route| *route == Route::OrganizationList), "{since:?}");
}

/// The same name again, and `replace --force`: the old object's event goes, the new one has its own, and in the
/// end there is one. A status that was lost is found again.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_made_again_has_one_event() {
    let (calendar, _operator) = Calendar::running("sus-again", Settings::default(), QUICK).await;
    let ids = vec![calendar.add_user("ada", "ACTIVATED")];
    let date = ahead(7200);
    calendar.apply_schedule("sales", &spec("ada", date));
    calendar.comes_to("sales", "Scheduled").await;
    let first = events_of(&calendar.sim)[0].job.clone();
    calendar.kubectl(&["delete", "jcsus", "sales"]);
    calendar.apply_schedule("sales", &spec("ada", date));
    let status = calendar.comes_to("sales", "Scheduled").await;
    let second = events_of(&calendar.sim);
    assert_eq!((second.len(), status.events[0].origin.as_str()), (1, "Created"));
    assert_ne!(second[0].job, first);

    let manifest = schedule(&calendar.namespace, "sales", &spec("ada", date)).to_string();
    let printed = kubectl(&["replace", "--force", "-f", "-"], &manifest);
    assert!(printed.success, "{}", printed.text);
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
    assert_scheduled_true(&calendar.sim, &status);
    assert_ne!(status.events[0].scheduled_job_id, second[0].job);

    // Lost with its finalizer, as with a lost cluster: the event that is there is taken over, not doubled.
    calendar.kubectl(&[
        "patch",
        "jcsus",
        "sales",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    let kept = status.events[0].scheduled_job_id.clone();
    eventually("a deletion that undoes nothing", PATIENCE, async || {
        let deleted = kubectl(
            &[
                "--namespace",
                &calendar.namespace,
                "patch",
                "jcsus",
                "sales",
                "--subresource=status",
                "--type=json",
                "-p",
                r#"[{"op":"remove","path":"/status"}]"#,
            ],
            "",
        );
        if deleted.success { Ok(()) } else { Err(deleted.text) }
    })
    .await;
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(status.events[0].scheduled_job_id, kept);
    assert_eq!(status.events[0].origin, "Adopted");
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
}
