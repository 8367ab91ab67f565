//! The objects that these tests apply, and what must become of them.

use jumpcloud_sim::DEFAULT_ORGANISATION;
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::harness::manifests::plain_users;
use crate::harness::schedules::{ahead, by_username, schedule};

/// What must survive of an object whatever becomes of the definitions: who it is, what is under way, and what is its own.
pub fn kept(object: &Value) -> Value {
    let status = &object["status"];
    json!({
        "uid": object["metadata"]["uid"],
        "finalizers": object["metadata"]["finalizers"],
        "submissions": status["submissions"],
        "inventory": status["inventory"],
        "organizationID": status["organizationID"],
        "failures": status["failures"],
        "events": status["events"],
    })
}

/// What nobody's change of definitions changes in an object: it was not written.
pub fn unwritten(object: &Value) -> [Value; 3] {
    [kept(object), object["spec"].clone(), object["metadata"]["resourceVersion"].clone()]
}

/// Three users to be created.
pub fn joiners() -> Value {
    json!({"users": plain_users("j", 3)})
}

/// Two users, the second with a field that the older definitions do not have.
pub fn managed() -> Value {
    let mut users = plain_users("m", 2);
    users[1]["manager"] = json!({"username": "m0000"});
    json!({"users": users})
}

/// Adds a user to JumpCloud whose suspension is scheduled by an object `leavers`, which then has to undo something when it
/// goes; gives the object.
pub async fn leaver(cluster: &Cluster) -> Value {
    let user = json!({"username": "l0000", "email": "l0000@canary.example.com", "state": "ACTIVATED"});
    cluster.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user");
    let spec = json!({
        "users": by_username(["l0000"]), "state": "Suspended", "startTime": ahead(7200).to_string(),
    });
    cluster.apply(&schedule(&cluster.people, "leavers", &spec));
    let leavers = cluster.comes_to("jcsus", "leavers", "Scheduled").await;
    assert_eq!(leavers["metadata"]["finalizers"], json!(["jumpcloud-operator.dev/cleanup"]));
    leavers
}
