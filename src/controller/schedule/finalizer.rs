//! The finalizer of a schedule: there only while something would have to be undone.
//!
//! Guarantees: a write is for exactly the version that was planned from, and is repeated only while nothing but
//! metadata has changed; finalizers of others survive.

use kube::api::{Api, Patch};
use serde_json::{Value, json};

use crate::api::FINALIZER;
use crate::api::scheduled_user_state::ScheduledUserState;
use crate::controller::error::{Error, KUBE_TIMEOUT, is_status, within};
use crate::controller::object::{Fetched, fetch, is_conflict, written_by_us};
use crate::plan::conflict::REWRITES;

type Object = Fetched<ScheduledUserState>;

/// What came of it.
pub(super) enum Changed {
    /// The finalizers are as wanted.
    Done(Box<Object>),
    /// The object is gone.
    Gone,
    /// Somebody else was there: the pass ends without effect.
    Lost,
}

/// Whether an object has the finalizer.
pub(super) fn is_there(object: &Object) -> bool {
    object.metadata().finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Puts the finalizer there, or takes it away.
///
/// # Errors
/// When the API server cannot be used.
pub(super) async fn change(
    api: &Api<ScheduledUserState>,
    planned: &Object,
    wanted: bool,
) -> Result<Changed, Error> {
    let name = planned.metadata().name.clone().unwrap_or_default();
    let mut live = planned.clone();
    for rewrites in 0..=REWRITES {
        if is_there(&live) == wanted {
            return Ok(Changed::Done(Box::new(live)));
        }
        // The API server takes no new finalizers then.
        if wanted && live.metadata().deletion_timestamp.is_some() {
            return Ok(Changed::Lost);
        }
        let (params, patch) = (written_by_us(), Patch::Merge(patch(&live, wanted)));
        let failed = match within(KUBE_TIMEOUT, api.patch(&name, &params, &patch)).await {
            Ok(Ok(whole)) => return Ok(Changed::Done(Box::new(Fetched::of(whole)))),
            Ok(Err(error)) if is_status(&error, 404) => return Ok(Changed::Gone),
            // A conflict may be our own earlier write, repeated by the client; no answer says nothing at all.
            Ok(Err(error)) => Some(error).filter(|error| !is_conflict(error)),
            Err(_) => None,
        };
        live = match fetch(api, &name).await? {
            Some(found) if found.uid() == planned.uid() => found,
            Some(_) | None => return Ok(Changed::Gone),
        };
        // Also an error may have come of a write that was carried out, the last one of an object among them.
        if let Some(error) = failed.filter(|_| is_there(&live) != wanted) {
            return Err(error.into());
        }
        let same = live.generation() == planned.generation() && live.status() == planned.status();
        if !same || rewrites == REWRITES {
            break;
        }
    }
    Ok(Changed::Lost)
}

/// The merge patch. The list goes whole, so it is for one version only.
fn patch(object: &Object, wanted: bool) -> Value {
    let mut finalizers: Vec<String> = object.metadata().finalizers.clone().unwrap_or_default();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    if wanted {
        finalizers.push(FINALIZER.to_owned());
    }
    json!({"metadata": {
        "uid": object.uid(),
        "resourceVersion": object.version(),
        "finalizers": finalizers,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalizers_of_others_survive_and_the_version_is_that_planned_from() {
        let of = |finalizers: &[&str]| {
            let whole = json!({
                "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "ScheduledUserState",
                "metadata": {"name": "s", "uid": "u", "resourceVersion": "7", "finalizers": finalizers},
                "spec": {"state": "Suspended", "startTime": "2027-01-04T09:00:00Z"},
            });
            Fetched::<ScheduledUserState>::of(serde_json::from_value(whole).unwrap())
        };
        let added = patch(&of(&["example.com/other"]), true);
        assert_eq!(added["metadata"]["finalizers"], json!(["example.com/other", FINALIZER]));
        assert_eq!(
            (&added["metadata"]["resourceVersion"], &added["metadata"]["uid"]),
            (&json!("7"), &json!("u"))
        );
        assert_eq!(added["metadata"].as_object().unwrap().len(), 3);
        let removed = patch(&of(&[FINALIZER, "example.com/other"]), false);
        assert_eq!(removed["metadata"]["finalizers"], json!(["example.com/other"]));
        assert!(is_there(&of(&[FINALIZER])) && !is_there(&of(&["example.com/other"])) && !is_there(&of(&[])));
    }
}
