//! What the vendor leaves open, each setting with its values.

use std::time::Duration;

use jumpcloud_sim::ledger::ScheduleOutcome;
use jumpcloud_sim::settings::NextOrgHeader;
use jumpcloud_sim::{DEFAULT_ORGANISATION, What};
use reqwest::Method;
use serde_json::json;

use super::{HOUR, STATES, api, body, in_an_hour, listed, state, texts};
use crate::support::{Got, USERS};

#[tokio::test]
async fn past_dates_follow_their_setting() {
    let past = "2027-01-04T06:00:00Z";
    let (now, ids) = api(1, json!({"past_dates": "execute_at_once"})).await;
    let got = now.post(STATES, &body(&ids, "ACTIVATED", past)).await;
    assert_eq!((got.status, state(&now, "user0").as_str()), (201, "ACTIVATED"));
    assert_eq!(now.sim.schedules().len(), 0);

    let (never, ids) = api(1, json!({"past_dates": "never_execute"})).await;
    assert_eq!(never.post(STATES, &body(&ids, "ACTIVATED", past)).await.status, 201);
    never.sim.advance(HOUR);
    assert_eq!((state(&never, "user0").as_str(), never.sim.schedules().len()), ("STAGED", 1));
    let next = never.get(&format!("{STATES}/eventlist/next?users={}", ids[0])).await.json();
    assert_eq!(next["events_count"], 0);
}

#[tokio::test]
async fn dates_are_read_kept_and_shown_by_their_settings() {
    for (schedules, sent, shown) in [
        (json!({}), "2027-01-04T09:00:00.987+01:00", "2027-01-04T08:00:00.987Z"),
        (json!({}), "2027-01-04T08:00:00", "2027-01-04T08:00:00.000Z"),
        (json!({"zoneless_offset_minutes": -300}), "2027-01-04T08:00:00", "2027-01-04T13:00:00.000Z"),
        (json!({"date_form": "seconds"}), "2027-01-04T08:00:00.000Z", "2027-01-04T08:00:00Z"),
        (json!({"date_form": "offset"}), "2027-01-04T08:00:00Z", "2027-01-04T08:00:00+00:00"),
        (json!({"date_form": "zoneless"}), "2027-01-04T08:00:00Z", "2027-01-04T08:00:00"),
        (json!({"granularity": "second"}), "2027-01-04T08:00:59.987Z", "2027-01-04T08:00:59.000Z"),
        (json!({"granularity": "minute"}), "2027-01-04T08:00:59.987Z", "2027-01-04T08:00:00.000Z"),
    ] {
        let (api, ids) = api(1, schedules.clone()).await;
        let rows = api.post(STATES, &body(&ids, "ACTIVATED", sent)).await.json();
        assert_eq!(texts(&rows, "scheduledDate"), [shown], "{schedules}");
        let filter = "&filter=scheduledDate:ge:2027-01-04T08:00:00Z";
        assert_eq!(listed(&api, filter).await.as_array().unwrap().len(), 1, "{schedules}");
    }
}

#[tokio::test]
async fn execution_can_be_late_and_can_come_to_nothing() {
    let (late, ids) = api(2, json!({"execution_delay_ms": 90_000, "lost": ["^user1$"]})).await;
    late.post(STATES, &in_an_hour(&ids, "SUSPENDED")).await;
    late.sim.advance(HOUR + Duration::from_secs(89));
    assert_eq!((state(&late, "user0").as_str(), late.sim.schedules().len()), ("STAGED", 2));
    late.sim.advance(Duration::from_secs(1));
    assert_eq!((state(&late, "user0").as_str(), state(&late, "user1").as_str()), ("SUSPENDED", "STAGED"));
    assert_eq!(late.sim.schedules().len(), 0);
}

#[tokio::test]
async fn events_of_deleted_and_unknown_users_follow_their_settings() {
    for (setting, left) in [("events_stay", 1), ("events_vanish", 0)] {
        let (api, ids) = api(1, json!({"deleted_users": setting})).await;
        api.post(STATES, &in_an_hour(&ids, "ACTIVATED")).await;
        api.send(Method::DELETE, &format!("{USERS}/{}", ids[0]), &json!({})).await;
        assert_eq!(api.sim.schedules().len(), left, "{setting}");
        api.sim.advance(HOUR);
        assert_eq!(api.sim.schedules().len(), 0);
        let without_user = api.sim.ledger().iter().any(|entry| {
            matches!(&entry.what, What::ScheduleExecuted { outcome: ScheduleOutcome::NoUser, .. })
        });
        assert_eq!(without_user, left == 1, "{setting}");
    }
    let nobody = ["nobody".to_owned()];
    let (api, _) = api(0, json!({})).await;
    assert_eq!(api.post(STATES, &in_an_hour(&nobody, "ACTIVATED")).await.status, 201);
    api.post("/_sim/settings", &json!({"schedules": {"unknown_users": "refuse"}})).await;
    assert_eq!(api.post(STATES, &in_an_hour(&nobody, "ACTIVATED")).await.status, 400);
}

#[tokio::test]
async fn nothing_is_merged_and_contradictions_stand_side_by_side() {
    for (setting, wins) in [("last_created_wins", "SUSPENDED"), ("first_created_wins", "ACTIVATED")] {
        let (api, ids) = api(1, json!({"equal_times": setting})).await;
        for state in ["ACTIVATED", "ACTIVATED", "SUSPENDED"] {
            assert_eq!(api.post(STATES, &in_an_hour(&ids, state)).await.status, 201);
        }
        assert_eq!(listed(&api, "").await.as_array().unwrap().len(), 3);
        api.sim.advance(HOUR);
        assert_eq!(state(&api, "user0"), wins, "{setting}");
    }
}

#[tokio::test]
async fn the_organisation_header_may_be_refused_by_the_next_events_alone() {
    let (api, ids) = api(1, json!({})).await;
    let with = async |path: &str| {
        let request = api.request(Method::GET, path).header("x-org-id", DEFAULT_ORGANISATION);
        Got::of(request.send().await.unwrap()).await.status
    };
    let next = format!("{STATES}/eventlist/next?users={}", ids[0]);
    assert_eq!(with(&next).await, 200);
    api.sim.update_settings(|settings| settings.schedules.next_org_header = NextOrgHeader::Refused);
    assert_eq!((with(&next).await, with(STATES).await, api.get(&next).await.status), (403, 200, 200));
}
