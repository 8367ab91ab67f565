//! The fields of a user, from the field table and the schema that is made of it.

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::Page;
use super::kind::{description, limits, schema, type_of};
use super::table::{Table, code};
use crate::users::field::{FIELDS, Field, Form, Sent, Shape};

pub(super) fn page(crd: &CustomResourceDefinition) -> anyhow::Result<Page> {
    let schema = schema(crd)?;
    let row = schema.pointer("/properties/spec/properties/users/items").context("a batch without users")?;
    let properties = row.get("properties").and_then(Value::as_object).context("a row without fields")?;
    let needed = |name: &str| {
        row.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|n| n == name))
    };

    let mut declared = Table::new(&["field", "type", "needed", "limits", "meaning"]);
    let mut handled = Table::new(&["field", "JumpCloud's name", "sent", "compared", "template", "clear"]);
    let mut inside = String::new();
    for field in FIELDS.iter().filter(|field| field.in_row()) {
        let Some(part) = properties.get(field.name) else { continue };
        let must = if needed(field.name) { "yes" } else { "" };
        declared.row([code(field.name), type_of(part), must.to_owned(), limits(part), field.doc.to_owned()]);
        let yes = |yes: bool| if yes { "yes" } else { "" }.to_owned();
        handled.row([
            code(field.name),
            code(field.api),
            sent(field).to_owned(),
            compared(field).to_owned(),
            yes(field.in_template()),
            yes(field.is_clearable()),
        ]);
        if let Some(fields) = nested(field) {
            inside.push_str(&format!("\n## {}\n\n{}", field.name, members(part, fields)));
        }
    }
    // What a row can say that is no field of a user.
    for (name, part) in properties.iter().filter(|(name, _)| FIELDS.iter().all(|f| f.name != name.as_str())) {
        declared.row([code(name), type_of(part), String::new(), limits(part), description(part)]);
    }
    Ok(Page {
        file: "user-fields.md".to_owned(),
        title: "User fields".to_owned(),
        about: "What a row of `spec.users`, and `spec.template`, of a JumpCloudUserBatch can declare."
            .to_owned(),
        body: format!(
            "## Declaring\n\n{declared}\n## Sending\n\nWhat is not declared is neither sent nor compared. *Template*: may \
             stand in `spec.template` as well; *clear*: a row may empty it.\n\n{handled}{inside}"
        ),
    })
}

fn nested(field: &Field) -> Option<&'static [Field]> {
    match field.shape {
        Shape::List { item, .. } | Shape::OneObject(item) | Shape::Object(item) | Shape::Reference(item) => {
            Some(item)
        }
        Shape::Text { .. }
        | Shape::Flag
        | Shape::Number
        | Shape::Moment
        | Shape::Choice(_)
        | Shape::Attributes => None,
    }
}

fn members(schema: &Value, fields: &[Field]) -> Table {
    let inner = schema.get("items").unwrap_or(schema);
    let mut table = Table::new(&["field", "JumpCloud's name", "type", "limits", "meaning"]);
    for field in fields {
        if let Some(part) = inner.pointer(&format!("/properties/{}", field.name)) {
            let meaning = field.doc.to_owned();
            table.row([code(field.name), code(field.api), type_of(part), limits(part), meaning]);
        }
    }
    table
}

/// Which requests carry it.
fn sent(field: &Field) -> &'static str {
    match field.sent {
        _ if field.name == "username" => "bulk create; never changed",
        Sent::Both => "bulk create, bulk update",
        Sent::Create => "bulk create; later changes by a V1 request for this user alone",
        Sent::Update => "bulk update, also right after the creation",
    }
}

/// What counts as a difference after an edit: `users/compare.rs` in words.
fn compared(field: &Field) -> &'static str {
    match (field.name, field.shape) {
        ("username", _) => "without regard to case",
        ("state", _) => {
            "only when another state is declared than before; Staged is satisfied by every later state"
        }
        ("suspended" | "activated", _) => {
            "only when another value is declared than before; not where the row declares a state"
        }
        (_, Shape::Reference(_)) => "by id, once that user is found",
        (_, _) if field.is_unseen() => "answers do not show it: an edit of the row sends it",
        ("phoneNumbers", _) => "in any order; digits and a leading plus alone",
        (_, Shape::Text { form: Form::Email, .. }) => "without regard to case",
        (_, Shape::Moment) => "as a point in time",
        (_, Shape::List { .. }) => "in any order, without empty members",
        (_, Shape::Object(_) | Shape::OneObject(_)) => "declared members alone",
        (_, Shape::Attributes) => "name by name; sent complete, with those that are not declared",
        (_, Shape::Flag) => "to the letter; absent is false",
        (_, Shape::Text { .. } | Shape::Number | Shape::Choice(_)) => "to the letter",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::users::compare::{Purpose, Wanted, difference};
    use crate::users::row::DesiredRow;

    /// Whether a user who has `live` differs from a row that declares `value`.
    fn differs(field: &Field, value: &Value, live: Option<Value>) -> bool {
        let declared = json!({"username": "ada", field.name: value});
        let row = DesiredRow::new(0, declared.as_object().unwrap().clone());
        let live: Map<String, Value> = live.into_iter().map(|live| (field.api.to_owned(), live)).collect();
        let wanted = Wanted { row: &row, manager: Some("m1"), applied_state: None, purpose: Purpose::Send };
        !difference(&wanted, &live).is_empty()
    }

    /// What the page says is what comparing does.
    #[test]
    fn comparisons_are_told_as_they_are() {
        let mut tried = std::collections::BTreeSet::new();
        for field in FIELDS.iter().filter(|f| f.in_row() && f.name != "username") {
            let told = compared(field);
            let (value, equal, other) = match told {
                "without regard to case" => {
                    (json!("a@b.example"), Some(json!("A@B.example")), json!("c@b.example"))
                }
                "only when another state is declared than before; Staged is satisfied by every later state" => {
                    (json!("Activated"), Some(json!("ACTIVATED")), json!("STAGED"))
                }
                "to the letter; absent is false"
                | "only when another value is declared than before; not where the row declares a state" => {
                    (json!(false), None, json!(true))
                }
                "to the letter" => match field.shape {
                    Shape::Number => (json!(7), Some(json!(7)), json!(8)),
                    _ => (json!("Ada"), Some(json!("Ada")), json!("ADA")),
                },
                "by id, once that user is found" => (json!({"id": "m1"}), Some(json!("m1")), json!("m2")),
                "as a point in time" => (
                    json!("2027-01-04T09:00:00Z"),
                    Some(json!("2027-01-04T10:00:00+01:00")),
                    json!("2027-01-04T10:00:00Z"),
                ),
                "in any order; digits and a leading plus alone" => (
                    json!([{"number": "+1 (23)"}, {"number": "9"}]),
                    Some(json!([{"number": "9"}, {"number": "+123"}])),
                    json!([{"number": "9"}]),
                ),
                "in any order, without empty members" => {
                    let one = nested(field).unwrap()[0];
                    (
                        json!([{one.name: "a"}, {one.name: "b"}]),
                        Some(json!([{one.api: "b", "x": ""}, {one.api: "a"}])),
                        json!([{one.api: "a"}]),
                    )
                }
                "declared members alone" => {
                    let one = nested(field)
                        .unwrap()
                        .iter()
                        .find(|f| matches!(f.shape, Shape::Text { .. } | Shape::Flag));
                    let one = one.unwrap();
                    let value = if matches!(one.shape, Shape::Flag) { json!(true) } else { json!("a") };
                    let declared = json!({one.name: value});
                    let list = matches!(field.shape, Shape::OneObject(_));
                    let declared = if list { json!([declared]) } else { declared };
                    (declared, Some(json!({one.api: value, "more": 1})), json!({"more": 1}))
                }
                "name by name; sent complete, with those that are not declared" => (
                    json!({"team": "x"}),
                    Some(json!([{"name": "floor", "value": "3"}, {"name": "team", "value": "x"}])),
                    json!([{"name": "floor", "value": "3"}]),
                ),
                "answers do not show it: an edit of the row sends it" => {
                    assert!(differs(field, &json!({"id": "x"}), None), "{}", field.name);
                    continue;
                }
                untried => panic!("{}: {untried}", field.name),
            };
            tried.insert(told);
            assert!(!differs(field, &value, equal), "{}: {told}", field.name);
            assert!(differs(field, &value, Some(other)), "{}: {told}", field.name);
        }
        assert!(tried.len() >= 10, "{tried:?}");
    }
}
