//! Events that somebody made in the console (bar 4): equal ones are taken over, contradicting ones are told.

use jiff::Timestamp;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Settings};
use serde_json::json;

use super::standing::{line, look, result, told, until};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, Calls, ahead, assert_untouched, by_username, dates_of, events_of, seq,
};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// Schedules a change in the console; gives its scheduledJobId.
fn by_hand(calendar: &Calendar, users: &[&String], state: &str, date: Timestamp) -> String {
    let schedule = json!({"user_ids": users, "state": state, "start_date": date.to_string()});
    calendar.sim.add_schedule(DEFAULT_ORGANISATION, &schedule).expect("an event").remove(0)
}

/// An equal event is adopted, and only who has none is sent. Under Cancel it stays when the object goes, and when
/// its user is taken off, and then it is named; under CancelAll it goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_equal_event_is_taken_over() {
    let (calendar, _operator) = Calendar::running("sus-equal", Settings::default(), QUICK).await;
    let ids = ["ada", "bob", "cleo"].map(|name| calendar.add_user(name, "ACTIVATED"));
    for (name, policy) in [("keep", "Cancel"), ("all", "CancelAll")] {
        let date = ahead(86_400);
        let hand = by_hand(&calendar, &[&ids[0]], "SUSPENDED", date);
        let since = seq(&calendar.sim);
        let spec = json!({
            "users": by_username(["ada", "bob"]), "state": "Suspended", "startTime": date.to_string(),
            "deletionPolicy": policy,
        });
        calendar.apply_schedule(name, &spec);
        let status = calendar.comes_to(name, "Scheduled").await;
        assert_eq!((result(&status, "ada").0, result(&status, "bob").0), ("Scheduled", "Scheduled"));
        assert_eq!(told(&status, "Conflicting"), None);
        let of = |id: &String| {
            let entry = status.events.iter().find(|entry| entry.id == *id).expect("an event");
            (entry.origin.clone(), entry.scheduled_job_id.clone())
        };
        assert_eq!(of(&ids[0]), ("Adopted".to_owned(), hand.clone()));
        assert_eq!(of(&ids[1]).0, "Created");
        let sent = calendar.sim.ledger_since(since);
        let sent: Vec<_> = sent.iter().filter_map(|e| e.request()).filter(|r| !r.ids.is_empty()).collect();
        let posted: Vec<_> = sent.iter().filter(|r| r.accepted_job().is_some()).map(|r| &r.ids).collect();
        assert_eq!(posted, [&vec![ids[1].clone()]], "only bob is sent");

        // Whom alone the console has scheduled is nothing to undo, unless the policy says so.
        calendar.edit(name, &json!({"users": by_username(["ada"])}));
        let found = eventually("bob's event to go", PATIENCE, async || {
            calendar.stands(name, "Scheduled").await?;
            let finalizers = calendar.schedule(name).await.expect("it is there").metadata.finalizers;
            let settled = policy == "CancelAll" || finalizers.is_none();
            let dates = dates_of(&calendar.sim);
            if settled && dates == [(ids[0].clone(), date)] {
                Ok(finalizers)
            } else {
                Err(format!("{dates:?}"))
            }
        })
        .await;
        assert_eq!(found.is_some(), policy == "CancelAll", "{found:?}");
        calendar.delete(name);
        calendar.gone(name).await;
        let left = dates_of(&calendar.sim);
        if policy == "Cancel" {
            assert_eq!(left, [(ids[0].clone(), date)], "the event of the console stays");
            assert_untouched(&calendar.sim, std::slice::from_ref(&hand));
            assert_eq!(calendar.sim.remove_schedules(&hand, None), 1);
        } else {
            assert_eq!(left, [], "CancelAll cancels what was taken over, too");
        }
    }

    // Taken off the list: what the console made stays, and is named.
    let date = ahead(86_400);
    let hand = by_hand(&calendar, &[&ids[0]], "SUSPENDED", date);
    let spec = |users: &[&str]| json!({"users": by_username(users.to_vec()), "state": "Suspended", "startTime": date.to_string()});
    calendar.apply_schedule("off", &spec(&["ada", "bob"]));
    calendar.comes_to("off", "Scheduled").await;
    calendar.apply_schedule("off", &spec(&["bob"]));
    let status = eventually("the event that stays to be named", PATIENCE, async || {
        let status = calendar.stands("off", "Scheduled").await?;
        let told = told(&status, "Conflicting").is_some();
        if told { Ok(status) } else { Err(format!("{status:?}")) }
    })
    .await;
    let (reason, message) = told(&status, "Conflicting").expect("it is told");
    assert_eq!(reason, "EventsLeft");
    assert!(message.contains("CancelAll"), "{message}");
    assert_eq!(status.users.len(), 1);
    assert_untouched(&calendar.sim, &[hand]);
}

/// The other state for the same instant: both events stay, it is told, and Ready does not change. When somebody
/// has removed it, that is seen at the next look.
#[tokio::test(flavor = "multi_thread")]
async fn a_contradicting_event_is_told() {
    let (calendar, _operator) = Calendar::running("sus-contra", Settings::default(), QUICK).await;
    let ids = ["ada", "bob"].map(|name| calendar.add_user(name, "ACTIVATED"));
    let date = ahead(86_400);
    let hand = by_hand(&calendar, &[&ids[0]], "ACTIVATED", date);
    let spec = json!({
        "users": by_username(["ada", "bob"]), "state": "Suspended", "startTime": date.to_string(),
    });
    calendar.apply_schedule("sales", &spec);
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(result(&status, "ada"), ("Scheduled", Some("Contradicted")));
    assert_eq!(result(&status, "bob"), ("Scheduled", None));
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready").expect("Ready");
    assert_eq!(ready.status, "True");
    let (reason, message) = told(&status, "Conflicting").expect("Conflicting is True");
    assert_eq!(reason, "Contradicted");
    assert!(message.contains("ada") && !message.contains("bob"), "{message}");
    let advice = line(&status, "ada").message.clone().unwrap_or_default();
    assert!(advice.contains("remove one of them"), "{advice}");
    assert_eq!(events_of(&calendar.sim).len(), 3);
    assert_untouched(&calendar.sim, std::slice::from_ref(&hand));

    assert_eq!(calendar.sim.remove_schedules(&hand, None), 1);
    let since = seq(&calendar.sim);
    let status = look(&calendar, "sales", "removed").await;
    assert_eq!(told(&status, "Conflicting"), None, "{status:?}");
    assert_eq!(result(&status, "ada"), ("Scheduled", None));
    assert_eq!(Calls::since(&calendar.sim, since).posts, 0);

    // One that is made later is seen at the next look as well.
    by_hand(&calendar, &[&ids[1]], "ACTIVATED", date);
    let status = look(&calendar, "sales", "added").await;
    assert_eq!(result(&status, "bob"), ("Scheduled", Some("Contradicted")));
    until(&calendar, "sales", "ada", "Scheduled").await;
}
