//! Kubernetes events, on transitions only: when the reason of an object's Ready condition changes to
//! one that is final or that waits for something. A failed publication is logged and nothing else.

use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};

use crate::api::condition::{self, Standing, Verdict};
use crate::users::clean;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Most characters of a note: the API server takes 1024 bytes.
const MAX_NOTE: usize = 250;

/// Publishes the event that the change from `old` conditions to `verdict` calls for, if any.
pub async fn transition<K>(recorder: &Recorder, object: &K, old: &[Condition], verdict: &Verdict)
where
    K: Resource<DynamicType = ()>,
{
    let before = condition::find(old, "Ready").map(|c| c.reason.as_str());
    if before == Some(verdict.reason.as_str()) || verdict.standing == Standing::Working {
        return;
    }
    let type_ = match verdict.standing {
        Standing::Done | Standing::Working => EventType::Normal,
        Standing::Waiting | Standing::Stalled => EventType::Warning,
    };
    let event = Event {
        type_,
        reason: verdict.reason.as_str().to_owned(),
        note: Some(clean::cut(&clean::without_addresses(&verdict.message), MAX_NOTE)),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    publish(recorder, object, &event).await;
}

/// Publishes an event.
pub async fn publish<K>(recorder: &Recorder, object: &K, event: &Event)
where
    K: Resource<DynamicType = ()>,
{
    if let Err(error) = recorder.publish(event, &object.object_ref(&())).await {
        tracing::warn!(%error, reason = event.reason, "event was not published");
    }
}
