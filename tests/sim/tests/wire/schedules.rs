//! Scheduled state changes: the four routes, and execution.

mod activation;
mod unknowns;

use std::time::Duration;

use jiff::Timestamp;
use jumpcloud_sim::clock::iso;
use jumpcloud_sim::ledger::{Cause, ScheduleOutcome};
use jumpcloud_sim::settings::JobIds;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Entry, FaultRule, Route, What};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, USERS, row};

const STATES: &str = "/api/v2/bulk/userstates";
const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";
const HOUR: Duration = Duration::from_secs(3600);

/// A simulator at a whole second, with users `user0` and so on, who are staged.
async fn api(users: usize, schedules: Value) -> (Api, Vec<String>) {
    let api = Api::with(json!({"schedules": schedules})).await;
    api.post("/_sim/clock", &json!({"set": "2027-01-04T07:00:00Z"})).await;
    let ids = (0..users).map(|index| {
        let mut user = row(&format!("user{index}"));
        user["state"] = json!("STAGED");
        api.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap()
    });
    let ids = ids.collect();
    (api, ids)
}

fn body(users: &[String], state: &str, date: &str) -> Value {
    json!({"user_ids": users, "state": state, "start_date": date})
}

fn in_an_hour(users: &[String], state: &str) -> Value {
    body(users, state, "2027-01-04T08:00:00.000Z")
}

fn state(api: &Api, username: &str) -> String {
    api.sim.user(username).unwrap()["state"].as_str().unwrap().to_owned()
}

fn texts<'a>(rows: &'a Value, name: &str) -> Vec<&'a str> {
    rows.as_array().unwrap().iter().map(|row| row[name].as_str().unwrap()).collect()
}

async fn listed(api: &Api, query: &str) -> Value {
    let got = api.get(&format!("{STATES}?limit=100{query}")).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()
}

#[tokio::test]
async fn one_post_lists_one_row_per_user_and_is_executed_by_the_clock() {
    let (api, ids) = api(2, json!({})).await;
    let got = api.post(STATES, &in_an_hour(&ids, "ACTIVATED")).await;
    assert_eq!(got.status, 201);
    let rows = got.json();
    assert_eq!(texts(&rows, "systemUserId"), ids);
    assert_eq!(texts(&rows, "state"), ["ACTIVATED"; 2]);
    assert_eq!(texts(&rows, "scheduledDate"), ["2027-01-04T08:00:00.000Z"; 2]);
    let jobs = texts(&rows, "scheduledJobId");
    assert_eq!((jobs[0], jobs[0].len()), (jobs[1], 24));
    assert_eq!(listed(&api, "").await, rows);
    assert_eq!(api.get(&format!("{STATES}/{}", jobs[0])).await.status, 404, "there is no such GET");

    api.sim.advance(HOUR - Duration::from_millis(1));
    assert_eq!((state(&api, "user0"), api.sim.schedules().len()), ("STAGED".to_owned(), 2));
    api.sim.advance(Duration::from_millis(1));
    assert_eq!(state(&api, "user0"), "ACTIVATED");
    assert_eq!(listed(&api, "").await, json!([]), "there is no history");

    let ledger = api.sim.ledger();
    let executed = ledger.iter().filter_map(|entry| match &entry.what {
        What::ScheduleExecuted { event, outcome } => Some((entry.time, event.date, *outcome)),
        _ => None,
    });
    let at: Timestamp = "2027-01-04T08:00:00Z".parse().unwrap();
    assert_eq!(executed.collect::<Vec<_>>(), [(at, at, ScheduleOutcome::Changed); 2]);
    let by = ledger.iter().filter_map(|entry| match &entry.what {
        What::UserUpdated(change) => Some(change.by.clone()),
        _ => None,
    });
    assert_eq!(by.collect::<Vec<_>>(), vec![Cause::Schedule(jobs[0].to_owned()); 2]);
    let request = api.sim.requests(Route::ScheduleCreate).remove(0);
    assert_eq!((request.rows, request.ids, request.job_id.as_deref()), (2, ids, Some(jobs[0])));
}

#[tokio::test]
async fn bad_requests_are_refused_and_schedule_nothing() {
    let (api, ids) = api(2, json!({"max_user_ids": 2})).await;
    let one = &ids[..1];
    let with = |users: &[String], state: &str, name: &str, value: Value| {
        let mut body = in_an_hour(users, state);
        body[name] = value;
        body
    };
    for (bad, why) in [
        (json!([]), "no object"),
        (json!({"state": "ACTIVATED", "start_date": "2027-01-04T08:00:00Z"}), "no users"),
        (with(one, "ACTIVATED", "user_ids", json!([])), "nobody"),
        (with(one, "ACTIVATED", "user_ids", json!([7])), "no ids"),
        (with(one, "ACTIVATED", "user_ids", json!(["a", "b", "c"])), "too many"),
        (in_an_hour(one, "STAGED"), "no way back"),
        (in_an_hour(one, "activated"), "case"),
        (body(one, "ACTIVATED", "monday"), "no date"),
        (body(one, "ACTIVATED", "2027-01-04T06:59:59Z"), "past"),
        (with(one, "ACTIVATED", "send_activation_emails", json!("yes")), "no boolean"),
        (with(one, "SUSPENDED", "send_activation_emails", json!(true)), "mail on suspension"),
        (with(one, "SUSPENDED", "activation_email_override", json!("a@x.test")), "override on suspension"),
        (with(&ids, "ACTIVATED", "activation_email_override", json!("a@x.test")), "override for two"),
    ] {
        let got = api.post(STATES, &bad).await;
        assert_eq!((got.status, got.json()["code"].clone()), (400, json!(400)), "{why}");
    }
    assert_eq!(api.sim.schedules().len(), 0);
    let mut ignored = in_an_hour(&ids, "ACTIVATED");
    ignored["send_activation_emails"] = json!(false);
    ignored["activation_email_override"] = json!("a@x.test");
    assert_eq!(api.post(STATES, &ignored).await.status, 201);
}

#[tokio::test]
async fn deletion_removes_every_row_of_the_id() {
    for (job_ids, left) in [("shared", 0), ("per_user", 2)] {
        let (api, ids) = api(3, json!({"job_ids": job_ids})).await;
        let rows = api.post(STATES, &in_an_hour(&ids, "ACTIVATED")).await.json();
        let path = format!("{STATES}/{}", texts(&rows, "scheduledJobId")[0]);
        let got = api.send(Method::DELETE, &path, &json!({})).await;
        assert_eq!((got.status, got.text.as_str()), (204, ""));
        assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.status, 404);
        assert_eq!(api.sim.schedules().len(), left, "{job_ids}");
        api.sim.advance(HOUR);
        assert_eq!(
            (state(&api, "user0"), state(&api, "user2")),
            match left {
                0 => ("STAGED".to_owned(), "STAGED".to_owned()),
                _ => ("STAGED".to_owned(), "ACTIVATED".to_owned()),
            }
        );
    }
}

#[tokio::test]
async fn lists_have_pages_filters_and_a_user() {
    let (api, ids) = api(120, json!({})).await;
    api.post(STATES, &in_an_hour(&ids, "ACTIVATED")).await;
    api.post(STATES, &body(&ids[..5], "SUSPENDED", "2027-01-05T18:00:00+01:00")).await;
    assert_eq!(api.get(STATES).await.json().as_array().unwrap().len(), 10);
    assert_eq!(listed(&api, "&skip=100").await.as_array().unwrap().len(), 25);
    assert_eq!(api.get(&format!("{STATES}?limit=101")).await.status, 400);
    for (query, count) in [
        ("&filter=state:eq:SUSPENDED", 5),
        ("&filter=scheduledDate:eq:2027-01-05T17:00:00Z", 5),
        ("&filter=scheduledDate:gt:2027-01-04T08:00:00Z&filter=state:eq:ACTIVATED", 0),
        ("&filter[0]=state:eq:SUSPENDED", 100),
        (&format!("&userid={}", ids[0]), 2),
        (&format!("&userid={}&filter=state:eq:ACTIVATED", ids[0]), 1),
    ] {
        assert_eq!(listed(&api, query).await.as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(api.get(&format!("{STATES}?filter=state:like:x")).await.status, 400);
    let asked = &api.sim.requests(Route::ScheduleList)[3].asked;
    assert_eq!(asked, &["state:eq:SUSPENDED"]);

    api.post("/_sim/settings", &json!({"schedules": {"filter": "ignored"}})).await;
    assert_eq!(listed(&api, "&filter=state:eq:SUSPENDED").await.as_array().unwrap().len(), 100);
    assert_eq!(listed(&api, "&filter=nonsense").await.as_array().unwrap().len(), 100);
    assert_eq!(listed(&api, &format!("&userid={}", ids[0])).await.as_array().unwrap().len(), 2);
    api.post("/_sim/settings", &json!({"schedules": {"filter": "as_text", "shuffle_pages": true}})).await;
    let equal = async |date: &str| {
        listed(&api, &format!("&filter=scheduledDate:eq:{date}")).await.as_array().unwrap().len()
    };
    assert_eq!((equal("2027-01-05T17:00:00.000Z").await, equal("2027-01-05T17:00:00Z").await), (5, 0));
    assert_ne!(listed(&api, "").await, listed(&api, "").await, "no order is promised");
}

#[tokio::test]
async fn the_next_events_are_one_for_each_state_and_user() {
    let (api, ids) = api(100, json!({})).await;
    for date in ["2027-02-01T00:00:00Z", "2027-01-05T00:00:00Z", "2027-03-01T00:00:00Z"] {
        api.post(STATES, &body(&ids, "ACTIVATED", date)).await;
    }
    api.post(STATES, &body(&ids, "SUSPENDED", "2027-04-01T00:00:00Z")).await;
    let next = |query: String| format!("{STATES}/eventlist/next?{query}");
    let all = ids.join(",");
    let got = api.get(&next(format!("users={all}&limit=100"))).await.json();
    assert_eq!((&got["events_count"], got["results"].as_array().unwrap().len()), (&json!(200), 100));
    let rest = api.get(&next(format!("users={all}&limit=100&skip=100"))).await.json();
    assert_eq!(rest["results"].as_array().unwrap().len(), 100);
    let got = api.get(&next(format!("users={}", ids[7]))).await.json();
    assert_eq!(
        texts(&got["results"], "scheduledDate"),
        ["2027-01-05T00:00:00.000Z", "2027-04-01T00:00:00.000Z"]
    );
    assert_eq!(api.get(&next(format!("users={all},one-more"))).await.status, 400);
    assert_eq!(api.get(&next("limit=10".to_owned())).await.status, 400);
    assert_eq!(
        api.get(&next("users=nobody".to_owned())).await.json(),
        json!({"events_count": 0, "results": []})
    );
    assert_eq!(api.sim.requests(Route::ScheduleNext)[2].ids, [ids[7].clone()]);
}

#[tokio::test]
async fn organisations_do_not_see_each_others_events() {
    let organisations = json!([{"id": DEFAULT_ORGANISATION}, {"id": OTHER, "keys": ["other-key"]}]);
    let api = Api::with(json!({"organisations": organisations})).await;
    let user = api.sim.add_user(OTHER, &row("ada")).unwrap();
    let date = iso(jumpcloud_sim::clock::after(api.sim.now(), HOUR));
    let ids = api.sim.add_schedule(OTHER, &body(std::slice::from_ref(&user), "SUSPENDED", &date)).unwrap();
    assert_eq!(listed(&api, "").await, json!([]));
    assert_eq!(api.get(&format!("{STATES}/eventlist/next?users={user}")).await.json()["events_count"], 0);
    let path = format!("{STATES}/{}", ids[0]);
    assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.status, 404);
    assert_eq!(api.sim.schedules()[0]["organisation"], OTHER);
}

#[tokio::test]
async fn events_are_made_and_removed_by_hand() {
    let (api, ids) = api(2, json!({})).await;
    let job = api.sim.add_schedule(DEFAULT_ORGANISATION, &in_an_hour(&ids, "ACTIVATED")).unwrap().remove(0);
    let seen = api.sim.schedules();
    assert_eq!(
        (seen.len(), &seen[1]["username"], &seen[1]["scheduledJobId"]),
        (2, &json!("user1"), &json!(job))
    );
    assert_eq!(api.sim.remove_schedules(&job, Some(&ids[0])), 1);
    assert_eq!(api.get("/_sim/state").await.json()["schedules"][0]["systemUserId"], ids[1]);
    let path = format!("/_sim/schedules/{job}");
    assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.json(), json!({"removed": 1}));
    assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.status, 400);
    let made = api.post("/_sim/schedules", &in_an_hour(&ids, "SUSPENDED")).await.json();
    assert_eq!(made["ids"].as_array().unwrap().len(), 1);
    api.sim.update_settings(|settings| settings.schedules.job_ids = JobIds::PerUser);
    let each = api.sim.add_schedule(DEFAULT_ORGANISATION, &in_an_hour(&ids, "SUSPENDED")).unwrap();
    assert_eq!(each.len(), 2);
    assert!(api.sim.add_schedule("nowhere", &in_an_hour(&ids, "SUSPENDED")).is_err());
    let ledger = api.sim.ledger();
    let by_hand = |entry: &&Entry| matches!(entry.what, What::ScheduleRemoved { by: Cause::Control, .. });
    assert_eq!(ledger.iter().filter(by_hand).count(), 2);
}

#[tokio::test]
async fn fault_rules_hold_for_these_routes_too() {
    let (api, ids) = api(1, json!({})).await;
    let request = in_an_hour(&ids, "ACTIVATED");
    api.sim.set_faults(vec![
        FaultRule::drop_reply().on(Route::ScheduleCreate).times(1),
        FaultRule::status(503).on(Route::ScheduleList).times(1),
        FaultRule::status(502).acting().on(Route::ScheduleDelete).times(1),
        FaultRule::status(500).on(Route::ScheduleNext).times(1),
        FaultRule::status(504).on(Route::UserActivate).times(1),
    ]);
    assert!(api.request(Method::POST, STATES).json(&request).send().await.is_err());
    assert_eq!(api.sim.schedules().len(), 1, "the reply is lost, the event is there");
    let sent = api.sim.requests(Route::ScheduleCreate).remove(0);
    assert!(sent.accepted_job().is_some() && sent.reply_dropped);
    assert_eq!(api.get(STATES).await.status, 503);
    assert_eq!(api.get(&format!("{STATES}/eventlist/next?users=x")).await.status, 500);
    let job = sent.job_id.unwrap();
    assert_eq!(api.send(Method::DELETE, &format!("{STATES}/{job}"), &json!({})).await.status, 502);
    assert_eq!(api.sim.schedules().len(), 0);
    assert_eq!(api.post(&format!("{USERS}/{}/state/activate", ids[0]), &json!({})).await.status, 504);
    assert_eq!(state(&api, "user0"), "STAGED");
}
