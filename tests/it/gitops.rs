//! What Argo CD finds different between the samples in Git and the objects that become of them: nothing, also when the
//! API server has defaulted them and the operator has written what it writes. By Argo CD's own library.
//!
//! The samples are applied as Argo CD applies them, with its annotation and its field manager, and compared in each of
//! its ways. What comes of a `ValidatingAdmissionPolicy` is taken from a dry run: in force it would forbid what other
//! tests do.

mod application;
mod samples;

use jumpcloud_sim::settings::{Key, OrganisationSettings};
use jumpcloud_sim::{DEFAULT_ORGANISATION, Settings};
use serde_json::{Value, json};

use self::application::{Application, Way};
use crate::harness::operator::QUICK;
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

/// The key of `deploy/samples/secret.yaml` and `deploy/samples/kustomize/api-key.txt`.
const KEY: &str = "put-your-api-key-here";

fn settings() -> Settings {
    let organisation = OrganisationSettings { keys: vec![Key::new(KEY)], ..OrganisationSettings::default() };
    Settings { organisations: vec![organisation], ..Settings::default() }
}

/// Has the connections lead to the simulator, all to the one organisation that it has, and at a test's pace.
fn lead_to(url: &str, objects: &mut [Value]) {
    for object in objects.iter_mut().filter(|object| object["kind"] == "JumpCloudConnection") {
        object["spec"]["limits"]["requestsPerSecond"] = json!(100);
        object["spec"]["limits"]["burst"] = json!(1000);
        let spec = object["spec"].as_object_mut().expect("a spec");
        spec.remove("region");
        spec.insert("apiURL".to_owned(), json!(url));
        if let Some(organisation) = spec.get_mut("organizationID") {
            *organisation = json!(DEFAULT_ORGANISATION);
        }
    }
}

/// Whether nothing moves by itself any more, but for what waits for a Secret that no sample has.
fn is_settled(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let of = |kind: &str| conditions.and_then(|list| list.iter().find(|one| one["type"] == kind));
    let Some(ready) = of("Ready") else { return false };
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
        && (ready["status"] == "True"
            || of("Stalled").is_some()
            || ready["reason"] == "Paused"
            || ready["reason"] == "SourceNotFound")
}

fn found<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let object = objects.iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    object.unwrap_or_else(|| panic!("{kind} {name} is not there"))
}

async fn nothing_differs(namespace: &str, way: Way) {
    let world = World::bare(namespace, settings()).await;
    let mut application = Application::of(&world, way).await;
    for policy in samples::admission() {
        application.would_not_differ(&policy);
    }
    let mut git = samples::of_a_namespace();
    application.sync(&git);
    application.assert_equal(&git);

    lead_to(world.sim.url(), &mut git);
    application.sync(&git);
    // The one that a connection in the samples has instead.
    world.kubectl(&[
        "create",
        "secret",
        "generic",
        "jumpcloud-europe",
        &format!("--from-literal=api-key={KEY}"),
    ]);
    let operator = world.operator(QUICK);
    let live = eventually("samples that have settled", PATIENCE, async || {
        let live = application.live(&git);
        let ours = live.iter().filter(|object| object["kind"] != "Secret");
        let unsettled: Vec<_> = ours.filter(|object| !is_settled(object)).cloned().collect();
        if unsettled.is_empty() { Ok(live) } else { Err(unsettled) }
    })
    .await;
    drop(operator);
    // What the operator writes is there.
    assert_eq!(found(&live, "JumpCloudUserBatch", "new-hires")["status"]["counts"]["created"], 250);
    for name in ["monday-joiners", "sales-joiners"] {
        assert_eq!(
            found(&live, "ScheduledUserState", name)["metadata"]["finalizers"][0],
            "jumpcloud-operator.dev/cleanup"
        );
    }
    application.assert_equal(&git);
    what_differs_is_found(&world, &mut application, &git);
}

/// A change by hand, a change in Git, and what neither of both declares.
fn what_differs_is_found(world: &World, application: &mut Application<'_>, git: &[Value]) {
    let schedule = found(git, "ScheduledUserState", "sales-joiners").clone();
    let name = schedule["metadata"]["name"].as_str().expect("a name");
    let patch = |patch: Value| {
        world.kubectl(&["patch", "jcsus", name, "--type=merge", "-p", &patch.to_string()]);
    };
    // Pausing by hand is no drift, so that no tool undoes it.
    patch(json!({
        "metadata": {"annotations": {"jumpcloud-operator.dev/requested-at": "1"}},
        "spec": {"paused": true, "deletionPolicy": "Retain"},
    }));
    for mode in application.modes() {
        assert_eq!(application.differences(mode, &schedule), Vec::<String>::new(), "{mode:?}");
    }
    let mut edited = schedule.clone();
    edited["spec"]["startTime"] = json!("2027-01-04T10:00:00");
    for mode in application.modes() {
        assert_eq!(application.differences(mode, &edited), ["/spec/startTime"], "{mode:?}");
    }
    edited["spec"]["startTime"] = json!("2027-01-04T10:00:00+01:00");
    edited["spec"].as_object_mut().expect("a spec").remove("timeZone");
    for mode in application.mindful_modes() {
        let paths = application.differences(mode, &edited);
        assert_eq!(paths, ["/spec/startTime", "/spec/timeZone"], "{mode:?}");
    }
    patch(json!({"spec": {"state": "Suspended"}}));
    for mode in application.modes() {
        assert_eq!(application.differences(mode, &schedule), ["/spec/state"], "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_differs_after_client_side_apply() {
    nothing_differs("gitops-client", Way::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_differs_after_server_side_apply() {
    nothing_differs("gitops-server", Way::Server).await;
}
