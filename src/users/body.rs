//! Rows as JumpCloud spells them.

use serde_json::{Map, Value};

use super::field::{FIELDS, Field, Shape};
use super::row::DesiredRow;

/// The body of `POST /bulk/users`: a bare JSON array, a row per user.
#[must_use]
pub fn create(rows: &[CreateRow<'_>]) -> Vec<u8> {
    let rows: Vec<Value> = rows.iter().map(|row| Value::Object(create_row(row))).collect();
    Value::Array(rows).to_string().into_bytes()
}

/// The body of `PATCH /bulk/users`: a bare JSON array, an item per user with its id. What becomes of two
/// items of one id is not known: they are made one, the later value wins.
#[must_use]
pub fn update(rows: &[UpdateRow<'_>]) -> Vec<u8> {
    let mut items: Vec<(&str, Map<String, Value>)> = Vec::with_capacity(rows.len());
    for row in rows {
        match items.iter_mut().find(|(id, _)| *id == row.id) {
            Some((_, set)) => set.extend(row.set.clone()),
            None => items.push((row.id, row.set.clone())),
        }
    }
    let items = items.into_iter().map(|(id, mut set)| {
        set.insert("id".to_owned(), Value::from(id));
        Value::Object(set)
    });
    Value::Array(items.collect()).to_string().into_bytes()
}

/// A user to be created.
#[derive(Debug, Clone, Copy)]
pub struct CreateRow<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// The manager's id: JumpCloud takes nothing else.
    pub manager: Option<&'a str>,
}

/// A user to be updated.
#[derive(Clone, Copy)]
pub struct UpdateRow<'a> {
    /// JumpCloud's id.
    pub id: &'a str,
    /// Fields and values in JumpCloud's spelling.
    pub set: &'a Map<String, Value>,
}

fn create_row(user: &CreateRow<'_>) -> Map<String, Value> {
    FIELDS
        .iter()
        .filter(|f| f.created())
        .filter_map(|f| {
            let declared = user.row.fields.get(f.name)?;
            let value = if f.is_reference() { Value::from(user.manager?) } else { spelled(f, declared) };
            Some((f.api.to_owned(), value))
        })
        .collect()
}

/// The value in JumpCloud's spelling. The row was checked before, so a value of another type than the
/// table says does not come here; it would pass through as it is.
pub(super) fn spelled(field: &Field, value: &Value) -> Value {
    match (field.shape, value) {
        (Shape::Choice(words), Value::String(ours)) => words
            .iter()
            .find(|(name, _)| name == ours)
            .map_or_else(|| value.clone(), |(_, theirs)| Value::from(*theirs)),
        (Shape::Attributes, Value::Object(map)) => map
            .iter()
            .map(|(name, value)| {
                Value::from(Map::from_iter([
                    ("name".to_owned(), Value::from(name.as_str())),
                    ("value".to_owned(), value.clone()),
                ]))
            })
            .collect(),
        (Shape::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| nested(item, value)).collect()
        }
        (Shape::Object(fields), value) => nested(fields, value),
        (Shape::OneObject(item), Value::Array(items)) => {
            items.first().map_or(Value::Null, |value| nested(item, value))
        }
        _ => value.clone(),
    }
}

fn nested(fields: &[Field], value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    fields
        .iter()
        .filter_map(|f| Some((f.api.to_owned(), spelled(f, map.get(f.name)?))))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_items_of_one_id_are_made_one() {
        let set = |value: serde_json::Value| value.as_object().cloned().unwrap();
        let (first, other) = (
            set(serde_json::json!({"company": "A", "department": "B"})),
            set(serde_json::json!({"company": "C"})),
        );
        let rows = [
            UpdateRow { id: "1", set: &first },
            UpdateRow { id: "2", set: &other },
            UpdateRow { id: "1", set: &other },
        ];
        let body: Value = serde_json::from_slice(&update(&rows)).unwrap();
        assert_eq!(
            body,
            serde_json::json!([{"id": "1", "company": "C", "department": "B"}, {"id": "2", "company": "C"}])
        );
    }

    #[test]
    fn rows_are_spelled_as_jumpcloud_does() {
        let fields = serde_json::json!({
            "username": "ada", "email": "Ada@example.com", "firstName": "Ada", "unixGID": 7, "state": "Staged",
            "attributes": {"team": "engines"}, "managedAppleID": "x", "recoveryEmail": {"address": "r@example.com"},
            "phoneNumbers": [{"type": "work", "number": "1"}],
            "restrictedFields": [{"field": "displayName", "id": "1", "type": "SCIM"}],
        });
        let row = DesiredRow::new(0, fields.as_object().cloned().unwrap());
        let body: Value = serde_json::from_slice(&create(&[CreateRow { row: &row, manager: None }])).unwrap();
        assert_eq!(
            body,
            serde_json::json!([{
                "username": "ada", "email": "Ada@example.com", "firstname": "Ada", "unix_guid": 7, "state": "STAGED",
                "attributes": [{"name": "team", "value": "engines"}], "managedAppleId": "x",
                "recoveryEmail": {"address": "r@example.com"},
                "phoneNumbers": [{"type": "work", "number": "1"}],
                "restrictedFields": {"field": "displayname", "id": "1", "type": "scim"},
            }])
        );
    }
}
