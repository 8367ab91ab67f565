//! `values.schema.json`, which Helm checks values against before it renders.
//!
//! A map whose keys are documented takes no others, so that a misspelt value is refused and not ignored. A map whose
//! content is somebody else's (a Pod's affinity) takes any key.

use serde_json::{Map, Value, json};

use super::values::Key;

/// The schema of a chart's values.
pub(super) fn of(chart: &str, keys: &[Key]) -> anyhow::Result<String> {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": format!("Values of the chart {chart}"),
        "type": "object",
        "properties": properties(keys),
        "additionalProperties": false,
    });
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

fn properties(keys: &[Key]) -> Value {
    keys.iter()
        .filter_map(|key| Some((key.path.last()?.clone(), Value::Object(property(key)))))
        .collect::<Map<_, _>>()
        .into()
}

fn property(key: &Key) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), key.meaning.clone().into());
    schema.insert("type".to_owned(), kind(&key.default).into());
    if key.keys.is_empty() {
        schema.insert("default".to_owned(), key.default.clone());
    } else {
        schema.insert("properties".to_owned(), properties(&key.keys));
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    schema.extend(key.schema.clone());
    schema
}

fn kind(default: &Value) -> &'static str {
    match default {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::parse;
    use super::*;

    #[test]
    fn a_documented_map_is_closed_and_another_is_open() {
        let text = "# A.\na:\n  # B.\n  # @schema {\"enum\": [\"x\"]}\n  b: x\n\n# C.\nc: {}\n";
        let schema: Value = serde_json::from_str(&of("x", &parse(text).unwrap()).unwrap()).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["a"]["additionalProperties"], false);
        assert_eq!(
            schema["properties"]["a"]["properties"]["b"],
            json!({"description": "B.", "type": "string", "default": "x", "enum": ["x"]})
        );
        assert_eq!(schema["properties"]["c"].get("additionalProperties"), None);
    }
}
