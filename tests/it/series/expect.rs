//! What must be true of a user after an edit, told from the manifest and the simulator alone.

use jumpcloud_operator::users::field::{Field, Form, Shape};
use jumpcloud_sim::Sim;
use serde_json::{Value, json};

use super::Fields;
use super::edit::{STATE, editable};

/// Everything that is not as it must be.
pub fn wrong(sim: &Sim, earlier: &Fields, row: &Fields, before: &Fields, now: &Fields) -> Vec<String> {
    let mut wrong = Vec::new();
    let clear: Vec<&str> =
        row.get("clear").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for field in editable().filter(|field| !STATE.contains(&field.name)) {
        let (was, is) = (before.get(field.api), now.get(field.api));
        if field.name == "attributes" {
            wrong.extend(attributes(row.get("attributes"), &clear, was, is));
            continue;
        }
        let right = match row.get(field.name) {
            Some(declared) => has(sim, field, declared, is),
            None if clear.contains(&field.name) => empty(is),
            None => was == is,
        };
        if !right {
            wrong.push(format!("{}: declared {:?}, was {was:?}, is {is:?}", field.name, row.get(field.name)));
        }
    }
    let declared = |row: &Fields| STATE.map(|name| row.get(name).cloned());
    let (was, is) = (&before["state"], &now["state"]);
    let right = match (declared(row) != declared(earlier), declared(row)) {
        (false, _) => was == is,
        (true, [Some(state), _, _]) if state != "Staged" => {
            is.as_str() == state.as_str().map(str::to_uppercase).as_deref()
        }
        (true, [_, Some(Value::Bool(true)), _]) => is == "SUSPENDED",
        (true, [_, Some(Value::Bool(false)), _]) => is != "SUSPENDED",
        (true, [_, _, Some(Value::Bool(true))]) => is == "ACTIVATED",
        (true, _) => was == is,
    };
    if !right {
        wrong.push(format!(
            "state: declared {:?} after {:?}, was {was}, is {is}",
            declared(row),
            declared(earlier)
        ));
    }
    wrong
}

fn has(sim: &Sim, field: &Field, declared: &Value, is: Option<&Value>) -> bool {
    let Some(is) = is else { return *declared == json!(false) };
    match field.shape {
        Shape::Text { form: Form::Email, .. } => {
            is.as_str().map(str::to_lowercase) == declared.as_str().map(str::to_lowercase)
        }
        Shape::Text { .. } if field.name == "number" => {
            is.as_str() == declared.as_str().map(dialled).as_deref()
        }
        Shape::Choice(words) => words.iter().any(|(ours, theirs)| declared == *ours && is == *theirs),
        Shape::List { item, .. } => {
            let (declared, is) = (declared.as_array().unwrap(), is.as_array().unwrap());
            declared.len() == is.len()
                && declared.iter().zip(is).all(|(declared, is)| parts(sim, item, declared, is))
        }
        Shape::Object(fields) => parts(sim, fields, declared, is),
        Shape::OneObject(fields) => parts(sim, fields, &declared[0], if is.is_array() { &is[0] } else { is }),
        Shape::Reference(_) => {
            let name = declared["username"].as_str().unwrap().to_lowercase();
            sim.user(&name).is_some_and(|user| user["_id"] == *is)
        }
        Shape::Text { .. } | Shape::Flag | Shape::Number | Shape::Moment | Shape::Attributes => {
            declared == is
        }
    }
}

fn parts(sim: &Sim, fields: &[Field], declared: &Value, is: &Value) -> bool {
    fields
        .iter()
        .all(|field| declared.get(field.name).is_none_or(|value| has(sim, field, value, is.get(field.api))))
}

fn dialled(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

fn empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| [json!(null), json!(""), json!([]), json!({})].contains(value))
}

/// Custom attributes: what is declared, without what is cleared, and all others as before.
fn attributes(
    declared: Option<&Value>,
    clear: &[&str],
    was: Option<&Value>,
    is: Option<&Value>,
) -> Option<String> {
    let mut expected = map(was);
    expected.retain(|(name, _)| {
        !clear.contains(&"attributes") && !clear.contains(&format!("attributes.{name}").as_str())
    });
    for (name, value) in declared.and_then(Value::as_object).into_iter().flatten() {
        expected.retain(|(known, _)| known != name);
        expected.push((name.clone(), value.clone()));
    }
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let is = map(is);
    (is != expected).then(|| format!("attributes: {is:?} instead of {expected:?}"))
}

fn map(list: Option<&Value>) -> Vec<(String, Value)> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    let mut pairs: Vec<(String, Value)> =
        items.map(|item| (item["name"].as_str().unwrap().to_owned(), item["value"].clone())).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}
