//! Scheduled state changes, and activation at once.

mod list;
mod next;
mod post;

use jiff::Timestamp;
use jumpcloud_operator::jumpcloud::schedules::{
    ActivationMail, ScheduleDelivery, ScheduleRequest, StateChange,
};
use jumpcloud_operator::jumpcloud::wire::ScheduledEvent;
use jumpcloud_sim::ledger::MailTo;
use jumpcloud_sim::settings::ScheduleSettings;
use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, Settings, What};
use serde_json::{Value, json};

use crate::rig::{LONG, Rig, after, people, status_of};

/// Far away, so that nothing is executed by itself.
const MONDAY: &str = "2100-01-04T08:00:00Z";
const TUESDAY: &str = "2100-01-05T08:00:00Z";

fn at(date: &str) -> Timestamp {
    date.parse().unwrap()
}

async fn rig(users: usize, schedules: ScheduleSettings) -> (Rig, Vec<String>) {
    let settings = Settings { schedules, ..Settings::default() };
    let rig = Rig::with(settings).await;
    let ids =
        people(users).iter().map(|user| rig.sim.add_user(DEFAULT_ORGANISATION, user).unwrap()).collect();
    (rig, ids)
}

fn suspend(users: &[String], date: &str) -> ScheduleRequest {
    ScheduleRequest { users: users.to_vec(), change: StateChange::Suspend, date: at(date) }
}

async fn schedule(rig: &Rig, request: &ScheduleRequest) -> ScheduleDelivery {
    let permit = rig.client.reserve().await.unwrap();
    rig.client.schedule_states(permit, request, after(LONG)).await
}

fn accepted(delivery: ScheduleDelivery) -> Vec<ScheduledEvent> {
    match delivery {
        ScheduleDelivery::Accepted(events) => events,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Makes events by hand.
fn made(rig: &Rig, users: &[String], state: &str, date: &str) -> Vec<String> {
    let schedule = json!({"user_ids": users, "state": state, "start_date": date});
    rig.sim.add_schedule(DEFAULT_ORGANISATION, &schedule).unwrap()
}

#[tokio::test]
async fn a_staged_user_is_activated_at_once_and_once() {
    let rig = Rig::new().await;
    let staged = |name: &str| {
        let user: Value = json!({"username": name, "email": format!("{name}@x.example"), "state": "STAGED"});
        rig.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap()
    };
    let mails = || {
        let ledger = rig.sim.ledger();
        let mails = ledger.iter().filter_map(|entry| match &entry.what {
            What::ActivationMail(mail) => Some(mail.to),
            _ => None,
        });
        mails.collect::<Vec<_>>()
    };
    for (name, mail, expected) in [
        ("a", ActivationMail::Default, Some(MailTo::Primary)),
        ("b", ActivationMail::ToUser, Some(MailTo::Primary)),
        ("c", ActivationMail::Suppressed, None),
        ("d", ActivationMail::To("hr@x.example".to_owned()), Some(MailTo::Override)),
    ] {
        let before = mails().len();
        rig.client.activate_user(&staged(name), &mail).await.unwrap();
        assert_eq!(rig.sim.user(name).unwrap()["state"], "ACTIVATED");
        assert_eq!(mails().get(before).copied(), expected, "{mail:?}");
    }
    let id = staged("e");
    rig.sim.set_faults(vec![FaultRule::status(503).acting().times(1)]);
    let before = rig.count(Route::UserActivate);
    let error = rig.client.activate_user(&id, &ActivationMail::Default).await.unwrap_err();
    assert!(!error.is_not_sent() && error.is_transient());
    assert_eq!(rig.count(Route::UserActivate) - before, 1);
    assert_eq!(status_of(&rig.client.activate_user(&id, &ActivationMail::Default).await), Some(400));
    let nobody = rig.client.activate_user("0123456789abcdef01234567", &ActivationMail::Default).await;
    assert!(nobody.unwrap_err().is_not_found());
    assert!(rig.client.activate_user("..", &ActivationMail::Default).await.unwrap_err().is_not_sent());
}
