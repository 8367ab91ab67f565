//! Objects that cannot be read: their conditions say so.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, Patch};

use super::context::Context;
use super::error::{Error, KUBE_TIMEOUT, within};
use super::events;
use super::object::written_by_us;
use crate::api::condition::{self, Reason, Standing, Verdict};
use crate::api::recording::Recording;
use crate::runtime::clock;

/// Says in the conditions that the object cannot be read. The rest of it is left as it is.
///
/// # Errors
/// When the API server cannot be used.
pub async fn tell<K: Recording>(
    context: &Context,
    namespace: &str,
    name: &str,
    why: &str,
) -> Result<(), Error> {
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    let Some(object) = within(KUBE_TIMEOUT, api.get_opt(name)).await?? else { return Ok(()) };
    let old: Vec<Condition> = object
        .data
        .pointer("/status/conditions")
        .and_then(|list| serde_json::from_value(list.clone()).ok())
        .unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let verdict = Verdict::new(
        Standing::Stalled,
        Reason::InvalidSpec,
        format!(
            "the stored object cannot be read ({why}); correct it, or apply the current custom resource definitions"
        ),
    );
    let new = condition::conditions(&old, &verdict, generation, clock::now());
    if new == old {
        return Ok(());
    }
    let patch = serde_json::json!({
        "metadata": {"resourceVersion": object.metadata.resource_version},
        "status": {"observedGeneration": generation, "conditions": new},
    });
    within(KUBE_TIMEOUT, api.patch_status(name, &written_by_us(), &Patch::Merge(&patch))).await??;
    let reference = object.object_ref(&resource);
    events::transition_of(&context.recorder, &reference, &old, &verdict).await;
    Ok(())
}
