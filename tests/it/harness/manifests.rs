//! Objects to apply.

use serde_json::{Value, json};

/// `count` users named `{prefix}0000` and so on, each with the fields that `extra` gives for its number.
pub fn users(prefix: &str, count: usize, extra: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..count)
        .map(|i| {
            let mut user = json!({
                "username": format!("{prefix}{i:04}"),
                "email": format!("{prefix}{i:04}@canary.example.com"),
            });
            if let (Value::Object(user), Value::Object(extra)) = (&mut user, extra(i)) {
                user.extend(extra);
            }
            user
        })
        .collect()
}

/// Users with nothing but a username and an e-mail address.
pub fn plain_users(prefix: &str, count: usize) -> Vec<Value> {
    users(prefix, count, |_| Value::Null)
}

/// A batch.
pub fn batch(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1",
        "kind": "JumpCloudUserBatch",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    })
}

/// A connection to the simulator.
pub fn connection(namespace: &str, name: &str, url: &str) -> Value {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1",
        "kind": "JumpCloudConnection",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "apiURL": url,
            "auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}},
            // Tests measure calls, not patience.
            "limits": {"requestsPerSecond": 100, "burst": 1000},
        },
    })
}

/// The Secret that the connection names.
pub fn secret(namespace: &str, key: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": "jumpcloud"},
        "stringData": {"api-key": key},
    })
}
