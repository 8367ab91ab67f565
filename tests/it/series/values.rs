//! A value for every field, from the field table's shapes.

use jumpcloud_operator::users::field::{Field, Form, Shape};
use serde_json::{Map, Value, json};

use super::dice::Dice;

/// A new value for a field of the user `name`; `others` are usernames that may be its manager.
pub fn value(field: &Field, dice: &mut Dice, name: &str, others: &[String]) -> Value {
    let number = dice.between(0, 999_999);
    match field.shape {
        Shape::Text { form: Form::Email, .. } => {
            json!(format!("{}-{name}-{number}@Canary.Example.com", field.name))
        }
        Shape::Text { .. } if field.name == "id" => json!(format!("{number:024x}")),
        Shape::Text { .. } if field.name == "number" => json!(format!("+1 (555) {number:06}")),
        // Unique in the organisation where it must be, and with characters of more than one byte.
        Shape::Text { .. } => json!(format!("{} é {name} {number}", field.name)),
        // A user that is active has no such flag to lose: JumpCloud has no way back.
        Shape::Flag if field.name == "activated" => json!(true),
        Shape::Flag => json!(dice.chance(500)),
        Shape::Number => json!(1 + number),
        Shape::Moment => json!(format!("2030-01-{:02}T0{}:00:00Z", 1 + number % 28, number % 10)),
        Shape::Choice(words) => json!(dice.pick(words).0),
        Shape::Attributes => {
            let names = ["team", "costCode", "site", "x9"].into_iter();
            let some: Map<String, Value> = names
                .filter(|_| dice.chance(500))
                .map(|name| (name.to_owned(), json!(format!("{number}"))))
                .collect();
            Value::Object(some)
        }
        Shape::List { item, .. } => {
            let items = 1 + dice.index(3);
            (0..items).map(|_| object(item, dice, name, others, field.name == "sshKeys")).collect()
        }
        Shape::OneObject(item) => json!([object(item, dice, name, others, true)]),
        Shape::Object(fields) if field.name == "mfa" => {
            let mut mfa = object(fields, dice, name, others, true);
            let map = mfa.as_object_mut().expect("an object");
            map.remove(dice.pick(&["exclusionDays", "exclusionUntil"]));
            mfa
        }
        Shape::Object(fields) => object(fields, dice, name, others, true),
        Shape::Reference(_) => {
            let other = &others[dice.index(others.len())];
            json!({"username": if dice.chance(500) { other.to_uppercase() } else { other.clone() }})
        }
    }
}

fn object(fields: &[Field], dice: &mut Dice, name: &str, others: &[String], all: bool) -> Value {
    let mut made = Map::new();
    for (index, field) in fields.iter().enumerate() {
        if all || index == 0 || dice.chance(500) {
            made.insert(field.name.to_owned(), value(field, dice, name, others));
        }
    }
    Value::Object(made)
}
