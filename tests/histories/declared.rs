//! What a row asks for, in JumpCloud's words: worked out here, not by the operator's own comparison.

use jumpcloud_operator::users::row::DesiredRow;
use serde_json::{Map, Value, json};

use crate::jumpcloud::{User, kept, spelling};
use crate::world::World;

/// Declared or cleared fields of a row, in JumpCloud's spelling; attributes are one field.
pub fn fields(row: &DesiredRow) -> Vec<&'static str> {
    let cleared = row.clear.iter().map(|name| name.split('.').next().unwrap());
    row.fields
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "username")
        .chain(cleared)
        .map(spelling)
        .collect()
}

/// The declared value of a field as it is to be sent; not for attributes and the manager.
pub fn value(row: &DesiredRow, field: &str) -> Value {
    let declared = row.fields.iter().find(|(name, _)| *name != "username" && spelling(name) == field);
    match (field, declared.map(|(_, value)| value)) {
        (_, None) => Value::Null,
        ("state", Some(word)) => json!(word.as_str().unwrap().to_uppercase()),
        ("ssh_keys", Some(keys)) => keys
            .as_array()
            .unwrap()
            .iter()
            .map(|key| json!({"name": key["name"], "public_key": key["publicKey"]}))
            .collect(),
        (_, Some(value)) => value.clone(),
    }
}

/// Declared attributes.
pub fn attributes(row: &DesiredRow) -> Map<String, Value> {
    row.fields.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Attributes that a row empties.
pub fn clears(row: &DesiredRow, attribute: &str) -> bool {
    row.clear.iter().any(|name| name == "attributes" || name.strip_prefix("attributes.") == Some(attribute))
        && !attributes(row).contains_key(attribute)
}

/// Attributes of a list of names and values.
pub fn listed(value: Option<&Value>) -> Map<String, Value> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.map(|item| (item["name"].as_str().unwrap().to_owned(), item["value"].clone())).collect()
}

/// Whether that user is, or was, whom a row means by its manager.
pub fn is_manager(row: &DesiredRow, user: &User, world: &World) -> bool {
    let declared = &row.fields["manager"];
    let name = |name: &str| declared[name].as_str().unwrap_or_default().to_lowercase();
    let addresses = user.changes_of("email").filter_map(|change| change.before["email"].as_str());
    user.username == name("username")
        || user.email == name("email")
        || addresses.into_iter().any(|address| address == name("email"))
        // Of the list it is by the address that is declared, which may still be on its way.
        || world
            .environment
            .rows
            .iter()
            .any(|row| row.username == user.username && row.email.to_lowercase() == name("email"))
}

/// Fields of a row, in JumpCloud's spelling, that a user does not have as declared; attributes one by
/// one.
pub fn missing(row: &DesiredRow, user: &Map<String, Value>, world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let has = listed(user.get("attributes"));
    let wanted = attributes(row);
    let gone = has.keys().filter(|name| clears(row, name));
    let other = wanted.iter().filter(|(name, value)| has.get(*name) != Some(value)).map(|(name, _)| name);
    found.extend(gone.chain(other).map(|name| format!("attributes.{name}")));
    for field in fields(row) {
        let now = user.get(field);
        let fits = match field {
            "attributes" => true,
            "manager" if row.fields.contains_key("manager") => world
                .jumpcloud
                .users
                .iter()
                .any(|user| now == Some(&json!(user.id)) && is_manager(row, user, world)),
            "state" => value(row, field) == "STAGED" || now == Some(&value(row, field)),
            _ => now == kept(field, &value(row, field)).as_ref(),
        };
        if !fits {
            found.push(field.to_owned());
        }
    }
    found
}
