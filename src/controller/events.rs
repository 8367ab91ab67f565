//! Kubernetes events, on transitions only: when the reason of an object's Ready condition changes to
//! one that is final or that waits for something.
//!
//! Guarantees: the change is that from the conditions in etcd, so a restart or a repeated pass publishes
//! nothing, and each event stands in [`catalogue`], from which the reference is made. A failed publication is
//! logged and nothing else; a crash between the write of a status and its event loses the event.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};

use super::error::{KUBE_TIMEOUT, within};
use crate::api::condition::{self, Reason, Standing, Verdict};
use crate::users::clean;

/// Most characters of a note: the API server takes 1024 bytes.
const MAX_NOTE: usize = 250;

/// Reason of the event for a job whose object was deleted while it ran.
const JOB_ENDED: &str = "JobEnded";

/// Reason of the event for an object whose cleanup was given up.
const CLEANUP_ABANDONED: &str = "CleanupAbandoned";

/// An event that can be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its reason.
    pub reason: &'static str,
    /// Normal or Warning.
    pub type_: &'static str,
    /// When it is published.
    pub when: &'static str,
}

/// Every event there is, in the order of the reasons.
#[must_use]
pub fn catalogue() -> Vec<Entry> {
    let transitions = Reason::ALL.iter().flat_map(|reason| {
        let types = reason.standings().iter().filter_map(|standing| type_of(*standing));
        types.map(|type_| Entry { reason: reason.as_str(), type_: word(type_), when: reason.meaning() })
    });
    let ended = [EventType::Normal, EventType::Warning].map(|type_| Entry {
        reason: JOB_ENDED,
        type_: word(type_),
        when: match type_ {
            EventType::Normal => "A job ended after its object was deleted; every row succeeded.",
            EventType::Warning => "A job ended after its object was deleted; some rows failed.",
        },
    });
    let abandoned = Entry {
        reason: CLEANUP_ABANDONED,
        type_: word(EventType::Warning),
        when: "Cleaning up after a deleted object was given up after `--cleanup-timeout`; scheduled state changes \
               may be left in JumpCloud.",
    };
    let mut entries: Vec<Entry> = transitions.chain(ended).chain([abandoned]).collect();
    entries.dedup();
    entries
}

/// The type of the event for a change to this standing; work that begins is no event.
fn type_of(standing: Standing) -> Option<EventType> {
    match standing {
        Standing::Working => None,
        Standing::Done => Some(EventType::Normal),
        Standing::Waiting | Standing::Stalled => Some(EventType::Warning),
    }
}

fn word(type_: EventType) -> &'static str {
    match type_ {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    }
}

/// Publishes the event that the change from `old` conditions to `verdict` calls for, if any.
pub async fn transition<K>(recorder: &Recorder, object: &K, old: &[Condition], verdict: &Verdict)
where
    K: Resource<DynamicType = ()>,
{
    transition_of(recorder, &object.object_ref(&()), old, verdict).await;
}

/// The same for an object that is referred to.
pub async fn transition_of(
    recorder: &Recorder,
    object: &ObjectReference,
    old: &[Condition],
    verdict: &Verdict,
) {
    if let Some(event) = due(old, verdict) {
        publish(recorder, object, &event).await;
    }
}

/// Publishes that a job has ended whose object was deleted meanwhile.
pub async fn job_ended(recorder: &Recorder, object: &ObjectReference, note: String, all_succeeded: bool) {
    let type_ = if all_succeeded { EventType::Normal } else { EventType::Warning };
    let event = Event {
        type_,
        reason: JOB_ENDED.to_owned(),
        note: Some(note),
        action: "Follow".to_owned(),
        secondary: None,
    };
    publish(recorder, object, &event).await;
}

/// Publishes that an object goes although something may be left of it in JumpCloud; `note` says how much.
pub async fn cleanup_abandoned<K>(recorder: &Recorder, object: &K, note: &str)
where
    K: Resource<DynamicType = ()>,
{
    publish(recorder, &object.object_ref(&()), &abandoned(note)).await;
}

fn abandoned(note: &str) -> Event {
    Event {
        type_: EventType::Warning,
        reason: CLEANUP_ABANDONED.to_owned(),
        note: Some(short(note)),
        action: "CleanUp".to_owned(),
        secondary: None,
    }
}

/// A note as it may be published.
fn short(note: &str) -> String {
    clean::cut(&clean::without_addresses(note), MAX_NOTE)
}

/// The event that a change of conditions calls for.
fn due(old: &[Condition], verdict: &Verdict) -> Option<Event> {
    let before = condition::find(old, "Ready").map(|c| c.reason.as_str());
    if before == Some(verdict.reason.as_str()) {
        return None;
    }
    Some(Event {
        type_: type_of(verdict.standing)?,
        reason: verdict.reason.as_str().to_owned(),
        note: Some(short(&verdict.message)),
        action: "Reconcile".to_owned(),
        secondary: None,
    })
}

async fn publish(recorder: &Recorder, object: &ObjectReference, event: &Event) {
    match within(KUBE_TIMEOUT, recorder.publish(event, object)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if is_of_ending_namespace(&error) => {
            tracing::debug!(reason = event.reason, "the namespace ends and takes no event");
        }
        Ok(Err(error)) => tracing::warn!(%error, reason = event.reason, "event was not published"),
        // Whoever waits here does nothing for the object meanwhile.
        Err(error) => tracing::warn!(%error, reason = event.reason, "event was not published"),
    }
}

/// Whether nothing can be made because the namespace is being deleted, or has gone. A missing permission
/// has the same code, and is told.
fn is_of_ending_namespace(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    match status.code {
        403 => causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating"),
        404 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts() -> impl Iterator<Item = Verdict> {
        Reason::ALL.iter().flat_map(|reason| {
            reason.standings().iter().map(|standing| Verdict::new(*standing, *reason, "a message"))
        })
    }

    #[test]
    fn every_event_is_in_the_catalogue() {
        let entries = catalogue();
        let listed = |event: &Event| {
            entries.iter().any(|entry| entry.reason == event.reason && entry.type_ == word(event.type_))
        };
        let mut published = 0;
        for event in verdicts().filter_map(|verdict| due(&[], &verdict)) {
            assert!(listed(&event), "{}", event.reason);
            published += 1;
        }
        assert!(published > 10);
        let event = abandoned("2 changes may be left");
        assert!(listed(&event), "{}", event.reason);
        // Two of JobEnded; a reason with two standings of one type stands there once.
        let others = [JOB_ENDED, CLEANUP_ABANDONED];
        let reasons = entries.iter().filter(|entry| !others.contains(&entry.reason)).count();
        assert_eq!(reasons, Reason::ALL.len() - 1, "all but Progressing: {entries:#?}");
        assert_eq!(entries.len(), reasons + 3);
    }

    #[test]
    fn an_ending_namespace_is_told_from_a_missing_permission() {
        let error = |code: u16, details: serde_json::Value| {
            let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                "message": "no", "reason": "Forbidden", "code": code, "details": details});
            kube::Error::Api(Box::new(serde_json::from_value(status).unwrap()))
        };
        // As the API server's NamespaceLifecycle plugin answers.
        let ending = serde_json::json!({"name": "a.b", "group": "events.k8s.io", "kind": "events", "causes": [
            {"reason": "NamespaceTerminating", "message": "namespace a is being terminated",
             "field": "metadata.namespace"}]});
        let plain = serde_json::json!({"name": "a.b", "group": "events.k8s.io", "kind": "events"});
        assert!(is_of_ending_namespace(&error(403, ending.clone())));
        assert!(!is_of_ending_namespace(&error(403, plain.clone())), "a missing permission");
        assert!(is_of_ending_namespace(&error(404, plain)));
        assert!(!is_of_ending_namespace(&error(500, ending)));
    }

    #[test]
    fn only_a_changed_reason_is_an_event() {
        let time = jiff::Timestamp::UNIX_EPOCH;
        for before in verdicts() {
            let old = condition::conditions(&[], &before, 1, time);
            for verdict in verdicts() {
                let wanted = verdict.reason != before.reason && verdict.standing != Standing::Working;
                assert_eq!(due(&old, &verdict).is_some(), wanted, "{before:?} to {verdict:?}");
            }
        }
    }
}
