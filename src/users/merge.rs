//! Template and row into one row: the row's own field wins; attributes are merged name by name.

use serde_json::Value;

use super::field::CLEAR;
use super::row::{DesiredRow, Fields, UserRow, UserTemplate};

/// The rows as they are to be sent, in the order of the list.
#[must_use]
pub fn rows(template: &UserTemplate, users: &[UserRow]) -> Vec<DesiredRow> {
    users.iter().enumerate().map(|(index, row)| DesiredRow::new(index, merged(&template.0, &row.0))).collect()
}

fn merged(template: &Fields, own: &Fields) -> Fields {
    let mut fields = template.clone();
    for name in own.get(CLEAR).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        match name.strip_prefix("attributes.") {
            Some(attribute) => {
                if let Some(Value::Object(shared)) = fields.get_mut("attributes") {
                    shared.remove(attribute);
                }
            }
            None => drop(fields.remove(name)),
        }
    }
    for (name, value) in own {
        match (fields.get_mut(name), value) {
            (Some(Value::Object(shared)), Value::Object(own)) if name == "attributes" => {
                shared.extend(own.clone());
            }
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_fields_win_and_attributes_are_merged() {
        let template: UserTemplate = serde_json::from_str(
            r#"{"company":"Example","department":"Sales","attributes":{"a":"1","b":"2"},"mfa":{"exclusion":true}}"#,
        )
        .unwrap();
        let row: UserRow = serde_json::from_str(
            r#"{"username":"Ada","email":"Ada@Example.com","department":"IT","attributes":{"b":"3"},"mfa":{"configured":false}}"#,
        )
        .unwrap();
        let rows = rows(&template, &[row]);
        let ada = &rows[0];
        assert_eq!(ada.fields["department"], "IT");
        assert_eq!(ada.fields["company"], "Example");
        assert_eq!(ada.fields["attributes"], serde_json::json!({"a": "1", "b": "3"}));
        assert_eq!(ada.fields["mfa"], serde_json::json!({"configured": false}), "objects are whole");
        assert_eq!((ada.key().as_str(), ada.email.as_str()), ("ada", "ada@example.com"));
    }
}
