//! The request that schedules: its classes, its faults, and what comes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::delivery::{NotSent, Refusal, UnknownOutcome};
use jumpcloud_operator::jumpcloud::schedules::{
    ActivationMail, EventQuery, ScheduleDelivery, ScheduleRequest, StateChange,
};
use jumpcloud_operator::jumpcloud::wire::EventState;
use jumpcloud_operator::runtime::clock;
use jumpcloud_sim::ledger::MailTo;
use jumpcloud_sim::settings::{DateForm, Granularity, JobIds, PastDates, ScheduleSettings};
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Reply, Route, What};
use serde_json::json;
use tokio::net::TcpListener;

use super::{MONDAY, accepted, at, rig, schedule, suspend};
use crate::rig::{LONG, Rig, after, config};

#[tokio::test]
async fn a_schedule_is_accepted_with_an_event_for_each_user() {
    for (job_ids, distinct) in [(JobIds::Shared, 1), (JobIds::PerUser, 3)] {
        for accepted_status in [200, 201, 202] {
            let settings = ScheduleSettings { job_ids, accepted_status, ..ScheduleSettings::default() };
            let (rig, ids) = rig(3, settings).await;
            let events = accepted(schedule(&rig, &suspend(&ids, MONDAY)).await);
            assert_eq!(
                events.iter().map(|event| &event.user_id).collect::<Vec<_>>(),
                ids.iter().collect::<Vec<_>>()
            );
            assert!(
                events.iter().all(|one| one.state == EventState::Suspended && one.date == Some(at(MONDAY)))
            );
            let jobs: BTreeSet<_> = events.iter().map(|event| event.job_id.as_str()).collect();
            assert_eq!(jobs.len(), distinct);
            assert_eq!(rig.sim.schedules().len(), 3);
        }
    }
}

#[tokio::test]
async fn a_schedule_is_executed_with_the_mail_that_was_asked_for() {
    for (mail, to) in [
        (ActivationMail::Default, None),
        (ActivationMail::Suppressed, None),
        (ActivationMail::ToUser, Some(MailTo::Primary)),
        (ActivationMail::To("hr@example.com".to_owned()), Some(MailTo::Override)),
    ] {
        let (rig, _) = rig(0, ScheduleSettings::default()).await;
        let ada = json!({"username": "ada", "email": "ada@example.com", "state": "STAGED"});
        let users = vec![rig.sim.add_user(DEFAULT_ORGANISATION, &ada).unwrap()];
        let soon = rig.sim.now() + Duration::from_secs(3600);
        let request = ScheduleRequest { users, change: StateChange::Activate(mail.clone()), date: soon };
        let events = accepted(schedule(&rig, &request).await);
        assert_eq!(events[0].state, EventState::Activated);
        rig.sim.advance(Duration::from_secs(3600));
        assert_eq!(rig.sim.user("ada").unwrap()["state"], "ACTIVATED");
        let sent = rig.sim.ledger().iter().find_map(|entry| match &entry.what {
            What::ActivationMail(mail) => Some(mail.to),
            _ => None,
        });
        assert_eq!(sent, to, "{mail:?}");
    }
}

#[tokio::test]
async fn what_jumpcloud_refuses_is_rejected() {
    let settings = ScheduleSettings {
        past_dates: PastDates::Refuse,
        max_user_ids: Some(2),
        ..ScheduleSettings::default()
    };
    let (rig, ids) = rig(3, settings).await;
    let one = &ids[..1];
    let to = StateChange::Activate(ActivationMail::To("hr@example.com".to_owned()));
    for request in [
        suspend(one, "2020-01-01T00:00:00Z"),
        suspend(&[], MONDAY),
        suspend(&ids, MONDAY),
        ScheduleRequest { change: to, ..suspend(&ids[..2], MONDAY) },
    ] {
        let delivery = schedule(&rig, &request).await;
        assert!(matches!(delivery, ScheduleDelivery::Rejected { status: 400, .. }), "{delivery:?}");
    }
    assert!(rig.sim.schedules().is_empty());
}

/// Sends once under `rule`; gives the category after checking that it was sent once and that the event
/// exists exactly when the rule acts.
async fn faulty(rig: &Rig, ids: &[String], rule: FaultRule) -> &'static str {
    let acts = usize::from(rule.act == Act::Acts);
    let label = rule.label();
    rig.sim.set_faults(vec![rule]);
    let counts = || (rig.count(Route::ScheduleCreate), rig.sim.schedules().len());
    let before = counts();
    let delivery = schedule(rig, &suspend(ids, MONDAY)).await;
    assert_eq!(counts(), (before.0 + 1, before.1 + acts), "{label}");
    delivery.category()
}

#[tokio::test]
async fn faults_have_the_classes_of_bulk_requests_and_nothing_is_sent_twice() {
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    for (statuses, category) in [
        (vec![400, 409, 413, 422], "rejected"),
        (vec![401, 402, 403, 404, 405, 415], "refused"),
        (vec![408, 500, 502, 503, 504], "unknown"),
    ] {
        for status in statuses {
            assert_eq!(faulty(&rig, &ids, FaultRule::status(status)).await, category, "{status}");
        }
    }
    for act in [Act::Acts, Act::Refuses] {
        for reply in [
            Reply::Dropped,
            Reply::Reset,
            Reply::Truncated { bytes: 5 },
            Reply::Html,
            Reply::Large { bytes: 9 << 20 },
            Reply::Body { text: "[]".to_owned() },
            Reply::Body { text: "{}".to_owned() },
            Reply::Body { text: "[{\"scheduledJobId\":\"j1\"}]".to_owned() },
            Reply::Body { text: String::new() },
        ] {
            let label = format!("{act:?} {reply:?}");
            assert_eq!(faulty(&rig, &ids, FaultRule::new(act, reply)).await, "unknown", "{label}");
        }
    }
    assert_eq!(faulty(&rig, &ids, FaultRule::status(503).acting()).await, "unknown");
    let redirect = Reply::Redirect { status: 307, location: format!("{}/api/organizations", rig.sim.url()) };
    assert_eq!(faulty(&rig, &ids, FaultRule::new(Act::Refuses, redirect)).await, "refused");
    assert_eq!(rig.count(Route::OrganizationList), 0);
}

#[tokio::test]
async fn the_deadline_holds_and_what_was_not_sent_is_known() {
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    let request = suspend(&ids, MONDAY);
    let permit = rig.client.reserve().await.unwrap();
    let delivery = rig.client.schedule_states(permit, &request, clock::monotonic()).await;
    assert!(
        matches!(delivery, ScheduleDelivery::Refused(Refusal::NotSent(NotSent::Expired))),
        "{delivery:?}"
    );
    assert_eq!(rig.count(Route::ScheduleCreate), 0);

    rig.sim.set_faults(vec![FaultRule::new(Act::Acts, Reply::AsIs).after(LONG)]);
    let permit = rig.client.reserve().await.unwrap();
    let delivery = rig.client.schedule_states(permit, &request, after(Duration::from_secs(1))).await;
    assert!(matches!(delivery, ScheduleDelivery::Unknown(UnknownOutcome::Timeout)), "{delivery:?}");

    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let client = JumpCloud::new(config(&url)).unwrap();
    let permit = client.reserve().await.unwrap();
    let delivery = client.schedule_states(permit, &request, after(Duration::from_secs(2))).await;
    let not_sent = matches!(delivery, ScheduleDelivery::Refused(Refusal::NotSent(NotSent::Connect { .. })));
    assert!(not_sent, "{delivery:?}");
}

#[tokio::test]
async fn dates_are_those_that_jumpcloud_keeps() {
    for (granularity, date_form, kept) in [
        (Granularity::Millisecond, DateForm::Milliseconds, "2100-01-04T08:00:59.250Z"),
        (Granularity::Second, DateForm::Seconds, "2100-01-04T08:00:59Z"),
        (Granularity::Second, DateForm::Offset, "2100-01-04T08:00:59Z"),
        (Granularity::Minute, DateForm::Zoneless, "2100-01-04T08:00:00Z"),
    ] {
        // A zone-less reading of what is sent would be far off: there is none.
        let settings = ScheduleSettings {
            granularity,
            date_form,
            zoneless_offset_minutes: 330,
            ..ScheduleSettings::default()
        };
        let (rig, ids) = rig(1, settings).await;
        let events = accepted(schedule(&rig, &suspend(&ids, "2100-01-04T08:00:59.250Z")).await);
        assert_eq!(events[0].date, Some(at(kept)), "{granularity:?} {date_form:?}");
        let query = EventQuery { date: Some(at(kept)), ..EventQuery::default() };
        assert_eq!(rig.client.list_schedules(&query, 5).await.unwrap().events, events);
        assert_eq!(rig.client.next_events(&ids).await.unwrap().events, events);
    }
}
