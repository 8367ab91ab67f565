//! How JumpCloud keeps values: addresses in lower case, phone numbers without blanks and signs, items of
//! lists with ids of their own, nothing instead of an empty value.

use serde_json::{Map, Value, json};

/// Fields that histories declare, with JumpCloud's names for them.
const SPELLINGS: [(&str, &str); 10] = [
    ("email", "email"),
    ("department", "department"),
    ("location", "location"),
    ("state", "state"),
    ("alternateEmail", "alternateEmail"),
    ("recoveryEmail", "recoveryEmail"),
    ("phoneNumbers", "phoneNumbers"),
    ("attributes", "attributes"),
    ("manager", "manager"),
    ("sshKeys", "ssh_keys"),
];

/// JumpCloud's name of a field that histories declare.
pub fn spelling(name: &str) -> &'static str {
    SPELLINGS.iter().find(|(ours, _)| *ours == name).unwrap().1
}

/// The value as JumpCloud keeps it; `None`: it keeps nothing.
pub fn kept(name: &str, value: &Value) -> Option<Value> {
    let kept = match (name, value) {
        ("email" | "alternateEmail", Value::String(text)) => json!(text.to_lowercase()),
        ("phoneNumbers", Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let number: String =
                    item["number"].as_str().unwrap().chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
                json!({"type": item["type"], "number": number, "id": format!("p{at}")})
            })
            .collect(),
        ("ssh_keys", Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                json!({"name": item["name"], "public_key": item["public_key"], "_id": format!("k{at}")})
            })
            .collect(),
        ("recoveryEmail", Value::Object(_)) => json!({"address": value["address"], "verified": false}),
        _ => value.clone(),
    };
    let empty = match &kept {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    (!empty).then_some(kept)
}

/// Sets fields of a user. What has changed is returned, with its value before.
pub fn set(fields: &mut Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut before = Map::new();
    for (name, value) in new.iter().filter(|(name, _)| *name != "id") {
        let old = fields.get(name).cloned();
        let now = kept(name, value);
        if old == now {
            continue;
        }
        match now {
            Some(now) => fields.insert(name.clone(), now),
            None => fields.remove(name),
        };
        before.insert(name.clone(), old.unwrap_or(Value::Null));
    }
    before
}
