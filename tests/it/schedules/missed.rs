//! `missedPolicy: ApplyNow`: who was missed is brought to the state at once, by as few requests as there can be.

use jumpcloud_sim::ledger::{Cause, Mail, MailTo};
use jumpcloud_sim::settings::RowFailure;
use jumpcloud_sim::{Pattern, Route, Settings, What};
use serde_json::{Value, json};

use super::standing::{line, message, result, told, until};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, Calls, ahead, by_username, rows, seq, soon};
use crate::harness::weather::without_faults;

fn late(users: &[Value], state: &str, more: &Value) -> Value {
    let mut spec = json!({
        "users": users, "state": state, "startTime": ahead(-60).to_string(), "missedPolicy": "ApplyNow",
    });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

/// Mail that was sent since, by user.
fn mail(calendar: &Calendar, since: u64) -> Vec<(String, MailTo, Cause)> {
    let ledger = calendar.sim.ledger_since(since);
    let mails = ledger.into_iter().filter_map(|entry| match entry.what {
        What::ActivationMail(Mail { user_id, to, by, .. }) => Some((user_id, to, by)),
        _ => None,
    });
    mails.collect()
}

/// One bulk update of `state` and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn one_job_brings_all_to_the_state() {
    let (calendar, _operator) = Calendar::running("sus-now", Settings::default(), QUICK).await;
    calendar.add_users("u", 30, "ACTIVATED");
    calendar.add_user("u0030", "SUSPENDED");
    let since = seq(&calendar.sim);
    calendar.apply_schedule("sales", &late(&rows("u", 31), "Suspended", &json!({})));
    let status = calendar.comes_to("sales", "Executed").await;
    assert!(told(&status, "Executed").is_some());
    assert_eq!(status.counts.expect("counts").executed, 31);
    assert!((0..31).all(|i| calendar.state_of(&format!("u{i:04}")) == "SUSPENDED"));
    let calls = Calls::since(&calendar.sim, since);
    without_faults(|| assert_eq!((calls.posts, calls.updates, calls.states), (0, 1, 0), "{calls:?}"));
    let update = calendar.sim.requests(Route::BulkUpdate).remove(0);
    assert_eq!(update.rows, 30, "who is in the state is not sent");
    assert!(update.fields.iter().all(|fields| *fields == ["state"]), "{:?}", update.fields);
    assert_eq!(status.submissions, Vec::new());
}

/// A job that says finished and leaves the state: one V1 call for each user.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_the_job_ignores_is_set_by_calls() {
    let mut settings = Settings::default();
    settings.jobs.ignored_fields = vec!["state".to_owned()];
    let (calendar, _operator) = Calendar::running("sus-ignored", settings, QUICK).await;
    let ids = calendar.add_users("u", 3, "ACTIVATED");
    let since = seq(&calendar.sim);
    calendar.apply_schedule("sales", &late(&rows("u", 3), "Suspended", &json!({})));
    calendar.comes_to("sales", "Executed").await;
    assert!((0..3).all(|i| calendar.state_of(&format!("u{i:04}")) == "SUSPENDED"));
    let calls = Calls::since(&calendar.sim, since);
    without_faults(|| assert_eq!((calls.posts, calls.updates, calls.states), (0, 1, 3), "{calls:?}"));
    let mut changed: Vec<String> =
        calendar.sim.requests(Route::UserUpdate).into_iter().flat_map(|request| request.ids).collect();
    changed.sort();
    let mut ids = ids;
    ids.sort();
    without_faults(|| assert_eq!(changed, ids));
}

/// With `activationEmails` staged users are activated one by one, by the route that says what is mailed.
#[tokio::test(flavor = "multi_thread")]
async fn mail_is_sent_as_declared() {
    let (calendar, _operator) = Calendar::running("sus-mail", Settings::default(), QUICK).await;
    let ids = ["a", "b", "c", "d", "e"].map(|name| calendar.add_user(name, "STAGED"));
    calendar.add_user("s", "SUSPENDED");
    let cases = [
        ("unsaid", vec!["a"], json!({}), None, 0),
        ("none", vec!["b"], json!({"activationEmails": {"send": false}}), None, 1),
        (
            "user",
            vec!["c", "s"],
            json!({"activationEmails": {"send": true}}),
            Some((&ids[2], MailTo::Primary)),
            1,
        ),
        (
            "address",
            vec!["d"],
            json!({"activationEmails": {"send": true, "overrideAddress": "hr@canary.example.com"}}),
            Some((&ids[3], MailTo::Override)),
            1,
        ),
    ];
    for (name, users, more, mailed, activations) in cases {
        let since = seq(&calendar.sim);
        let before = calendar.sim.requests(Route::UserActivate).len();
        calendar.apply_schedule(name, &late(&by_username(users.clone()), "Activated", &more));
        let status = calendar.comes_to(name, "Executed").await;
        assert!(users.iter().all(|user| calendar.state_of(user) == "ACTIVATED"), "{name}: {status:?}");
        let want: Vec<_> = mailed.into_iter().map(|(id, to)| (id.clone(), to, Cause::Request)).collect();
        without_faults(|| assert_eq!(mail(&calendar, since), want, "{name}"));
        let activated = calendar.sim.requests(Route::UserActivate).len() - before;
        without_faults(|| assert_eq!(activated, activations, "{name}"));
        let calls = Calls::since(&calendar.sim, since);
        without_faults(|| assert_eq!(calls.updates, usize::from(name == "unsaid"), "{name}: {calls:?}"));
        assert!(!serde_json::to_string(&status).expect("JSON").contains('@'), "{name}: {status:?}");
    }

    // Before its date it is JumpCloud that mails, by what the request says.
    let since = seq(&calendar.sim);
    let mut spec = late(&by_username(["e"]), "Activated", &json!({"activationEmails": {"send": true}}));
    spec["startTime"] = json!(soon(4).to_string());
    spec["verification"] = json!({"gracePeriod": "20s"});
    calendar.apply_schedule("ahead", &spec);
    calendar.comes_to("ahead", "Scheduled").await;
    until(&calendar, "ahead", "e", "Executed").await;
    let mails = mail(&calendar, since);
    assert!(
        matches!(mails.as_slice(), [(id, MailTo::Primary, Cause::Schedule(_))] if *id == ids[4]),
        "{mails:?}"
    );
}

/// A row that JumpCloud fails is Failed in its words; the others are done. Asked again, it is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_told_in_jumpclouds_words() {
    let mut settings = Settings::default();
    let refused = Pattern::exactly("u0001").expect("a pattern");
    settings.jobs.row_failures = vec![RowFailure::new(refused, "state is not allowed by policy 7").times(1)];
    let (calendar, _operator) = Calendar::running("sus-refused", settings, QUICK).await;
    calendar.add_users("u", 3, "ACTIVATED");
    calendar.apply_schedule("sales", &late(&rows("u", 3), "Suspended", &json!({})));
    let status = calendar.comes_to("sales", "PartiallyFailed").await;
    assert_eq!(result(&status, "u0001"), ("Failed", Some("Rejected")));
    let words = line(&status, "u0001").message.clone().unwrap_or_default();
    assert!(words.contains("state is not allowed by policy 7"), "{words}");
    for other in ["u0000", "u0002"] {
        assert_eq!(result(&status, other), ("Executed", None));
        assert_eq!(calendar.state_of(other), "SUSPENDED");
    }
    assert_eq!(calendar.state_of("u0001"), "ACTIVATED");
    assert!(message(&status).contains("1 of 3"), "{}", message(&status));
    without_faults(|| assert_eq!(calendar.sim.requests(Route::BulkUpdate).len(), 1));
    calendar.annotate("sales", "retry-failed", "1");
    calendar.comes_to("sales", "Executed").await;
    assert_eq!(calendar.state_of("u0001"), "SUSPENDED");
}
