//! The custom resource definitions, as they go into `crds/`.
//!
//! What the derives cannot say is added here: the default of `status`, list types, fields of newer
//! operators that must survive. No `nullable` is left: absent is the only way to say nothing.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::connection::JumpCloudConnection;
use super::scheduled_user_state::ScheduledUserState;
use super::user_batch::JumpCloudUserBatch;

/// Why the definitions could not be made: a defect of this program.
#[derive(Debug, thiserror::Error)]
#[error("the definition of {kind} cannot be made: {source}")]
pub struct CrdError {
    kind: String,
    source: serde_json::Error,
}

/// All definitions, in the order in which they are applied.
///
/// # Errors
/// Only when the derived definitions do not have the shape that this module expects.
pub fn crds() -> Result<Vec<CustomResourceDefinition>, CrdError> {
    let kinds = [JumpCloudConnection::crd(), JumpCloudUserBatch::crd(), ScheduledUserState::crd()];
    kinds.into_iter().map(finished).collect()
}

fn finished(crd: CustomResourceDefinition) -> Result<CustomResourceDefinition, CrdError> {
    let kind = crd.spec.names.kind.clone();
    let convert = || -> Result<CustomResourceDefinition, serde_json::Error> {
        let mut value = serde_json::to_value(crd)?;
        for version in value.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy(schema);
                finish_status(schema);
            }
        }
        serde_json::from_value(value)
    };
    convert().map_err(|source| CrdError { kind, source })
}

fn finish_status(schema: &mut Value) {
    let Some(status) = schema.pointer_mut("/properties/status") else { return };
    insert(status, "default", json!({"observedGeneration": -1}));
    if let Some(conditions) = status.pointer_mut("/properties/conditions") {
        insert(conditions, "x-kubernetes-list-type", json!("map"));
        insert(conditions, "x-kubernetes-list-map-keys", json!(["type"]));
        for (name, max) in
            [("type", 316), ("reason", 1024), ("message", 32768), ("status", 16), ("lastTransitionTime", 64)]
        {
            if let Some(property) = conditions.pointer_mut(&format!("/items/properties/{name}")) {
                insert(property, "maxLength", json!(max));
            }
        }
    }
    // An operator of an older release must not lose what a newer one wrote here.
    for list in ["submissions", "inventory", "events"] {
        if let Some(items) = status.pointer_mut(&format!("/properties/{list}/items")) {
            insert(items, "x-kubernetes-preserve-unknown-fields", json!(true));
        }
    }
    // Nor act again on an annotation when it is newer again.
    if let Some(handled) = status.pointer_mut("/properties/lastHandled") {
        insert(handled, "x-kubernetes-preserve-unknown-fields", json!(true));
    }
}

/// Formats that Kubernetes does not know: of each it warns whoever installs a definition. Limits are said in words of their own.
const UNKNOWN_FORMATS: [&str; 4] = ["uint", "uint16", "uint32", "uint64"];

/// Removes `nullable` and unknown formats everywhere, and marks lists atomic.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("nullable") == Some(&Value::Bool(true)) {
                map.remove("nullable");
            }
            if map
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| UNKNOWN_FORMATS.contains(&format))
            {
                map.remove("format");
            }
            if map.get("type").and_then(Value::as_str) == Some("array")
                && map.contains_key("items")
                && !map.contains_key("x-kubernetes-list-type")
            {
                map.insert("x-kubernetes-list-type".into(), json!("atomic"));
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn insert(schema: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = schema {
        map.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `check` for every schema below `schema`, with its path.
    fn each(path: &str, schema: &Value, in_item: bool, check: &mut impl FnMut(&str, &Value, bool)) {
        check(path, schema, in_item);
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            each(&format!("{path}.{name}"), property, in_item, check);
        }
        if let Some(items) = schema.get("items") {
            each(&format!("{path}[]"), items, true, check);
        }
        if let Some(values) = schema.get("additionalProperties") {
            each(&format!("{path}{{}}"), values, in_item, check);
        }
    }

    fn schemas(check: &mut impl FnMut(&str, &Value, bool)) {
        for crd in crds().unwrap() {
            let value = serde_json::to_value(&crd).unwrap();
            let schema = value.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
            for part in ["spec", "status"] {
                each(part, &schema["properties"][part], false, check);
            }
        }
    }

    #[test]
    fn everything_is_bounded_and_described() {
        schemas(&mut |path, schema, _| {
            let kind = schema["type"].as_str();
            let bounded = match kind {
                Some("string") => schema.get("maxLength").is_some() || schema.get("enum").is_some(),
                Some("array") => {
                    schema.get("maxItems").is_some() && schema.get("x-kubernetes-list-type").is_some()
                }
                Some("object") => schema.get("properties").is_some() || schema.get("maxProperties").is_some(),
                other => matches!(other, Some("boolean" | "integer")),
            };
            assert!(bounded, "{path}: {schema}");
            let item = path.ends_with("[]") || path.ends_with("{}");
            assert!(item || schema.get("description").is_some(), "{path} has no description");
        });
    }

    #[test]
    fn nothing_is_nullable_and_items_have_no_defaults() {
        schemas(&mut |path, schema, in_item| {
            assert!(schema.get("nullable").is_none(), "{path}");
            assert!(!in_item || schema.get("default").is_none(), "{path}");
            assert!(!schema.get("default").is_some_and(|d| d.to_string().contains("null")), "{path}");
        });
    }

    /// The API server warns of each other one, to whoever installs the definitions.
    #[test]
    fn formats_are_those_that_kubernetes_knows() {
        schemas(&mut |path, schema, _| {
            let format = schema.get("format").and_then(Value::as_str);
            assert!(
                format.is_none_or(|word| ["date-time", "int32", "int64"].contains(&word)),
                "{path}: {schema}"
            );
        });
    }

    /// A rollback brings older definitions: what they lack is dropped everywhere else.
    #[test]
    fn what_newer_operators_decide_by_is_kept() {
        let mut kept = Vec::new();
        schemas(&mut |path, schema, _| {
            if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
                kept.push(path.to_owned());
            }
        });
        kept.sort();
        let of_both = ["status.lastHandled", "status.submissions[]"];
        let mut wanted = [&["status.events[]", "status.inventory[]"][..], &of_both, &of_both].concat();
        wanted.sort_unstable();
        assert_eq!(kept, wanted);
    }

    #[test]
    fn a_new_object_is_not_current() {
        for crd in crds().unwrap() {
            let value = serde_json::to_value(&crd).unwrap();
            let status = value.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap();
            assert_eq!(status["default"], json!({"observedGeneration": -1}));
        }
    }

    #[test]
    fn the_files_in_crds_are_current() {
        let files = [
            include_str!("../../crds/jumpcloud-operator.dev_jumpcloudconnections.yaml"),
            include_str!("../../crds/jumpcloud-operator.dev_jumpclouduserbatches.yaml"),
            include_str!("../../crds/jumpcloud-operator.dev_scheduleduserstates.yaml"),
        ];
        assert_eq!(crds().unwrap().len(), files.len());
        for (crd, file) in crds().unwrap().iter().zip(files) {
            let stored: Value = serde_saphyr::from_str(file).unwrap();
            assert_eq!(serde_json::to_value(crd).unwrap(), stored, "run make generate");
        }
    }
}
