//! A namespace that is deleted with everything in it (bar 7), by kubectl and the real namespace controller, which
//! deletes Secret, connection and schedules in whatever order it likes. Only the operator's own account and lease
//! are in another namespace, as in an installation.

use std::time::Duration;

use jumpcloud_sim::{DEFAULT_KEY, Settings};
use serde_json::{Value, json};

use super::standing::message;
use crate::harness::declare::apply;
use crate::harness::grants;
use crate::harness::operator::{Operator, QUICK, but};
use crate::harness::plane::kubectl;
use crate::harness::schedules::{Calendar, ahead, all_at, by_username, dates_of, events_of, rows, schedule};
use crate::harness::wait::eventually;
use crate::harness::weather;
use crate::harness::world::PATIENCE;

const SCHEDULES: usize = 50;

/// Applies pending schedules of one user each, and waits until they are scheduled.
async fn pending(calendar: &Calendar, count: usize) {
    let date = ahead(86_400).to_string();
    let items: Vec<Value> = (0..count)
        .map(|i| {
            let username = format!("u{i:04}");
            calendar.add_user(&username, "ACTIVATED");
            let spec = json!({"users": by_username([username]), "state": "Suspended", "startTime": date});
            schedule(&calendar.namespace, &format!("s{i}"), &spec)
        })
        .collect();
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    for i in 0..count {
        calendar.comes_to(&format!("s{i}"), "Scheduled").await;
    }
    assert_eq!(events_of(&calendar.sim).len(), count);
}

/// An operator in a namespace of its own, and another namespace with pending schedules.
async fn world(name: &str, count: usize) -> (Calendar, Calendar, Operator) {
    let home = Calendar::new(&format!("{name}-home"), Settings::default()).await;
    let there = Calendar::of(home.beside(&format!("{name}-there")));
    grants::beyond(&home.namespace);
    let operator = home.operator_with(&[&there], QUICK);
    there.connection_reason("default", "Succeeded").await;
    pending(&there, count).await;
    (home, there, operator)
}

fn delete_namespace(calendar: &Calendar) {
    let printed = kubectl(&["delete", "namespace", &calendar.namespace, "--wait=false"], "");
    assert!(printed.success, "{}", printed.text);
}

/// Waits until the namespace is no more.
async fn namespace_gone(calendar: &Calendar, limit: Duration) {
    let arguments = ["get", "namespace", &calendar.namespace, "--ignore-not-found", "--output", "json"];
    eventually("the end of the namespace", limit, async || {
        let printed = kubectl(&arguments, "");
        if printed.success && printed.text.trim().is_empty() { Ok(()) } else { Err(printed.text) }
    })
    .await;
}

/// What a metric says.
async fn metric(operator: &Operator, name: &str) -> Option<u64> {
    let text = operator.try_metrics().await?;
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'))?;
    line.split_whitespace().next_back()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_and_leaves_nothing_in_jumpcloud() {
    let (_home, there, operator) = world("sus-ns", SCHEDULES).await;
    delete_namespace(&there);
    namespace_gone(&there, PATIENCE).await;
    assert_eq!(events_of(&there.sim), Vec::new());
    assert_eq!(metric(&operator, "jumpcloud_operator_cleanup_abandoned_total").await, Some(0));
    assert!(!operator.log().contains("given up"), "nothing was given up");
}

/// The operator is not there when Secret and connection go, and has nothing to clean up with when it comes: the
/// namespace ends all the same, and what is left is told by log and metric. A namespace that ends takes no
/// Kubernetes events.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_without_its_credential() {
    let (home, there, operator) = world("sus-abandon", SCHEDULES).await;
    operator.kill();
    delete_namespace(&there);
    eventually("the end of Secret and connection", PATIENCE, async || {
        let arguments = ["get", "secret,jcconn", "--namespace", &there.namespace, "--output", "name"];
        let left = kubectl(&arguments, "").text;
        if left.contains("jumpcloud") || left.contains("jcconn") { Err(left) } else { Ok(()) }
    })
    .await;
    assert_eq!(
        there.schedules().list(&kube::api::ListParams::default()).await.expect("a list").items.len(),
        SCHEDULES
    );
    let flags = but(QUICK, "--cleanup-timeout", "2s");
    let watched = ("--watch-namespace", there.namespace.as_str());
    let operator = home.replica("b", &[&[watched], flags.as_slice()].concat());
    namespace_gone(&there, PATIENCE).await;
    let told = eventually("the metric", PATIENCE, async || {
        match metric(&operator, "jumpcloud_operator_cleanup_abandoned_total").await {
            Some(left) if left >= SCHEDULES as u64 => Ok(left),
            other => Err(other),
        }
    })
    .await;
    assert_eq!(told, SCHEDULES as u64);
    assert_eq!(events_of(&there.sim).len(), SCHEDULES, "nobody could cancel them");
    let log = operator.log();
    let lines = log.lines().filter(|line| line.contains("given up") && line.contains("events=1")).count();
    assert_eq!(lines, SCHEDULES, "a line for each object");
}

/// Waits until so many changes have been told as given up, which is done when the object has gone.
async fn given_up(operator: &Operator, changes: u64) {
    eventually("the metric", PATIENCE, async || {
        match metric(operator, "jumpcloud_operator_cleanup_abandoned_total").await {
            Some(told) if told == changes => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

/// One object without a credential in a namespace that stays: it waits and says why, then it goes, and an event
/// says how much is left.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_goes_without_its_credential() {
    let flags = but(QUICK, "--cleanup-timeout", "4s");
    let (calendar, operator) = Calendar::running("sus-alone", Settings::default(), &flags).await;
    let ids = calendar.add_users("u", 3, "ACTIVATED");
    let date = ahead(86_400);
    let spec = json!({"users": rows("u", 3), "state": "Suspended", "startTime": date.to_string()});
    calendar.apply_schedule("sales", &spec);
    calendar.comes_to("sales", "Scheduled").await;
    drop(operator);
    calendar.delete("sales");
    calendar.kubectl(&["delete", "jcconn", "default"]);
    calendar.kubectl(&["delete", "secret", "jumpcloud"]);
    let operator = calendar.replica("b", &flags);
    let waiting = calendar.comes_to("sales", "Deleting").await;
    let why = message(&waiting);
    assert!(why.contains("3 scheduled changes") && why.contains("default"), "{why}");
    calendar.gone("sales").await;
    // The event is published once; under weather it may be lost.
    let note = eventually("the event", PATIENCE, async || {
        let path = "jsonpath={range .items[?(@.reason==\"CleanupAbandoned\")]}{.note}{\"\\n\"}{end}";
        let notes = calendar.kubectl(&["get", "events.events.k8s.io", "--output", path]);
        if notes.trim().is_empty() && !weather::is_on() { Err(notes) } else { Ok(notes) }
    })
    .await;
    let lost = weather::is_on() && note.trim().is_empty();
    assert!(lost || note.contains("3 scheduled state changes"), "{note}");
    given_up(&operator, 3).await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
}

/// While the connection is paused nothing is cancelled, and the deletion waits without being given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_waits_for_a_paused_connection() {
    let flags = but(QUICK, "--cleanup-timeout", "2s");
    let (calendar, operator) = Calendar::running("sus-stopped", Settings::default(), &flags).await;
    pending(&calendar, 1).await;
    calendar.pause_connection(true).await;
    calendar.delete("s0");
    let status = calendar.comes_to("s0", "Deleting").await;
    assert!(message(&status).contains("JumpCloudConnection default is paused"), "{}", message(&status));
    // Longer than the timeout, which does not run meanwhile.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(calendar.schedule("s0").await.is_some(), "it was given up");
    assert_eq!(events_of(&calendar.sim).len(), 1);
    calendar.pause_connection(false).await;
    calendar.gone("s0").await;
    assert_eq!(events_of(&calendar.sim), Vec::new());
    assert_eq!(metric(&operator, "jumpcloud_operator_cleanup_abandoned_total").await, Some(0));
}

/// A key that JumpCloud does not take any more cancels nothing: the object waits, says so, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_goes_although_its_key_was_revoked() {
    let flags = but(QUICK, "--cleanup-timeout", "4s");
    let (calendar, operator) = Calendar::running("sus-revoked", Settings::default(), &flags).await;
    pending(&calendar, 1).await;
    assert!(calendar.sim.revoke_key(DEFAULT_KEY));
    calendar.delete("s0");
    let status = calendar.comes_to("s0", "Deleting").await;
    assert!(message(&status).contains("1 scheduled change"), "{}", message(&status));
    calendar.gone("s0").await;
    given_up(&operator, 1).await;
    assert_eq!(events_of(&calendar.sim).len(), 1);
}
