//! Every rendered object against what the oldest and the newest supported Kubernetes say of its kind.

use serde_json::{Value, json};

use crate::helm::render;
use crate::whole::everything;

/// The description of one version of Kubernetes.
struct Description {
    version: String,
    definitions: Value,
}

impl Description {
    fn read(minor: &str) -> Self {
        let path = format!("{}/tests/packaging/openapi/kubernetes-{minor}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{path}: {error}; see tests/packaging/README.md"));
        let mut whole: Value = serde_json::from_str(&text).unwrap();
        Self {
            version: whole["version"].as_str().unwrap().to_owned(),
            definitions: whole["definitions"].take(),
        }
    }

    /// What is wrong with an object; nothing of a kind that is not Kubernetes' own.
    fn problems(&self, object: &Value) -> Vec<String> {
        let api = object["apiVersion"].as_str().unwrap();
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        let wanted = json!({"group": group, "version": version, "kind": object["kind"]});
        let found = self.definitions.as_object().unwrap().values().find(|definition| {
            let kinds = definition["x-kubernetes-group-version-kind"].as_array();
            kinds.is_some_and(|kinds| kinds.contains(&wanted))
        });
        let mut problems = Vec::new();
        match found {
            Some(definition) => self.check(object, definition, &object["kind"].to_string(), &mut problems),
            None if group == "monitoring.coreos.com" || group == "jumpcloud-operator.dev" => {}
            None => problems.push(format!("Kubernetes {} has no {wanted}", self.version)),
        }
        problems
    }

    fn check(&self, value: &Value, schema: &Value, place: &str, problems: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/definitions/")) {
            return self.check(value, &self.definitions[name], place, problems);
        }
        let fits = match (schema["type"].as_str(), schema["format"].as_str()) {
            // Anything: parts of a custom resource definition.
            (None, _) => true,
            (Some("string"), Some("int-or-string")) => value.is_string() || value.is_i64(),
            (Some("string"), _) => value.is_string(),
            (Some("integer"), _) => value.is_i64() || value.is_u64(),
            (Some("number"), _) => value.is_number(),
            (Some("boolean"), _) => value.is_boolean(),
            (Some("array"), _) => value.is_array(),
            (Some("object"), _) => value.is_object(),
            (Some(other), _) => panic!("{place}: unknown type {other}"),
        };
        if !fits {
            problems.push(format!("{place} is {value}, not of type {}", schema["type"]));
            return;
        }
        if let (Some(items), Some(_)) = (value.as_array(), schema.get("items")) {
            for (index, item) in items.iter().enumerate() {
                self.check(item, &schema["items"], &format!("{place}[{index}]"), problems);
            }
        }
        let (Some(fields), "object") = (value.as_object(), schema["type"].as_str().unwrap_or_default())
        else {
            return;
        };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                problems.push(format!("{place} lacks {name}"));
            }
        }
        for (name, field) in fields {
            let inner = match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(inner), _) | (None, Some(inner)) => inner,
                // A map of anything.
                (None, None) if schema.get("properties").is_none() => continue,
                (None, None) => {
                    problems.push(format!("{place} has the unknown field {name}"));
                    continue;
                }
            };
            self.check(field, inner, &format!("{place}.{name}"), problems);
        }
    }
}

#[test]
fn every_object_fits_the_oldest_and_the_newest_kubernetes() {
    let mut wide = everything();
    wide["watchNamespaces"] = json!([]);
    wide["podDisruptionBudget"] = json!({"enabled": true, "minAvailable": "50%"});
    for minor in ["1.33", "1.37"] {
        let description = Description::read(minor);
        for values in [json!({}), everything(), wide.clone()] {
            for object in render(&values).0 {
                let problems = description.problems(&object);
                assert!(problems.is_empty(), "Kubernetes {}: {problems:#?}\n{object}", description.version);
            }
        }
    }
}

/// The check itself finds what it is for.
#[test]
fn wrong_objects_are_found() {
    let description = Description::read("1.37");
    let pod = |spec: Value| {
        description
            .problems(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}))
    };
    assert_eq!(pod(json!({"containers": [{"name": "a"}]})), [] as [String; 0]);
    for (spec, told) in [
        (json!({"containers": []  , "hostnetwork": true}), "unknown field hostnetwork"),
        (json!({"containers": [{"image": "x"}]}), "lacks name"),
        (json!({"containers": [{"name": "a", "ports": [{"containerPort": "80"}]}]}), "not of type"),
        (json!({"containers": "a"}), "not of type"),
    ] {
        let problems = pod(spec);
        assert!(problems.len() == 1 && problems[0].contains(told), "{problems:?}");
    }
    assert_eq!(description.problems(&json!({"apiVersion": "apps/v9", "kind": "Deployment"})).len(), 1);
}
