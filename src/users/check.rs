//! Everything that is wrong with declared users, all at once, by row and field.
//!
//! The API server refuses most of it before; but a manifest can be checked without one (`validate`),
//! and uniqueness over a list is beyond CEL. No message holds a value other than a username.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::field::{CLEAR, FIELDS, Field, MAX_ATTRIBUTES, MAX_CLEAR, Shape};
use super::row::{DesiredRow, Fields, ManagerRef, UserRow, UserTemplate, fold};
use super::schema::EXACTLY_ONE;

/// Most users in one list.
pub const MAX_USERS: usize = 500;

/// One mistake and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `users[17] 'ada'`, `template`, or a field of the spec.
    pub place: String,
    /// What is wrong and what to do, a lower-case fragment.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Problem {
    /// A problem of that row.
    #[must_use]
    pub fn of_row(index: usize, username: &str, message: impl Into<String>) -> Self {
        let place = if username.is_empty() {
            format!("users[{index}]")
        } else {
            let shown: String = username.chars().filter(|c| !c.is_control()).take(64).collect();
            format!("users[{index}] '{}'", super::clean::without_addresses(&shown))
        };
        Self { place, message: message.into() }
    }

    /// A problem of the spec, outside rows.
    #[must_use]
    pub fn of(place: &str, message: impl Into<String>) -> Self {
        Self { place: place.to_owned(), message: message.into() }
    }
}

/// All problems of template and rows as written, and of the merged rows together.
#[must_use]
pub fn problems(template: &UserTemplate, users: &[UserRow], merged: &[DesiredRow]) -> Vec<Problem> {
    let mut found = Vec::new();
    if users.len() > MAX_USERS {
        found.push(Problem::of("users", too_many(users.len())));
    }
    for message in field_problems(&template.0, Field::in_template, "the template") {
        found.push(Problem::of("template", message));
    }
    for (index, (row, merged)) in users.iter().zip(merged).enumerate() {
        let mut messages = field_problems(&row.0, Field::in_row, ROW);
        for name in ["username", "email"] {
            if !row.0.contains_key(name) {
                messages.push(format!("{name} is missing; every user needs one"));
            }
        }
        messages.extend(clear_problems(&row.0));
        messages.extend(contradictions(&merged.fields));
        messages.extend(manager_problem(merged));
        found.extend(messages.into_iter().map(|m| Problem::of_row(index, &merged.username, m)));
    }
    found.extend(doubles(merged));
    found
}

/// Where a field is declared that belongs to one user.
const ROW: &str = "a row";

/// The message for a list that is too long.
#[must_use]
pub fn too_many(count: usize) -> String {
    format!(
        "{count} users are too many for one object, at most {MAX_USERS}; split the list over several objects"
    )
}

fn field_problems(fields: &Fields, may: fn(&Field) -> bool, place: &str) -> Vec<String> {
    let mut messages = Vec::new();
    for (name, value) in fields {
        match FIELDS.iter().find(|f| f.name == name) {
            None if name == CLEAR && place == ROW => {}
            Some(field) if may(field) => value_problems(name, field, value, &mut messages),
            Some(_) => messages.push(format!("{name} cannot be declared in {place}")),
            None => messages.push(unknown(name)),
        }
    }
    messages
}

/// A name that a person wrote, fit for a message.
fn shown(name: &str) -> String {
    super::clean::without_addresses(&name.chars().filter(|c| !c.is_control()).take(64).collect::<String>())
}

fn unknown(name: &str) -> String {
    let shown = shown(name);
    FIELDS.iter().find(|f| f.in_row() && (f.api == name || f.name.eq_ignore_ascii_case(name))).map_or_else(
        || format!("{shown} is not a field of a user"),
        |field| format!("{shown} is not a field of a user; did you mean {}", field.name),
    )
}

fn value_problems(path: &str, field: &Field, value: &Value, out: &mut Vec<String>) {
    match (field.shape, value) {
        (Shape::Text { max, form }, Value::String(text)) => {
            if text.is_empty() {
                out.push(format!("{path} is empty; leave it out"));
            } else if text.chars().count() > max as usize {
                out.push(format!("{path} is longer than {max} characters"));
            } else if !form.accepts(text) {
                out.push(format!("{path} is not {}", form.meaning()));
            }
        }
        (Shape::Flag, Value::Bool(_)) => {}
        (Shape::Number, Value::Number(number)) => {
            if !number.as_i64().is_some_and(|n| (1..=i64::from(i32::MAX)).contains(&n)) {
                out.push(format!("{path} is not a whole number from 1 to {}", i32::MAX));
            }
        }
        (Shape::Moment, Value::String(text)) => {
            if text.parse::<jiff::Timestamp>().is_err() {
                out.push(format!("{path} is not a date and time such as 2027-01-04T09:00:00Z"));
            }
        }
        (Shape::Choice(words), Value::String(text)) => {
            if !words.iter().any(|(name, _)| name == text) {
                let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
                out.push(format!("{path} is not one of {}", names.join(", ")));
            }
        }
        (Shape::Attributes, Value::Object(map)) => attribute_problems(path, map, out),
        (Shape::List { max, item }, Value::Array(items)) => {
            list_problems(path, max as usize, item, items, out);
        }
        (Shape::OneObject(item), Value::Array(items)) => list_problems(path, 1, item, items, out),
        (Shape::Object(fields), Value::Object(map)) => nested_problems(path, fields, map, out),
        (Shape::Reference(fields), Value::Object(map)) => {
            if fields.iter().filter(|field| map.contains_key(field.name)).count() != 1 {
                out.push(format!("{path} {EXACTLY_ONE}"));
            }
            nested_problems(path, fields, map, out);
        }
        (shape, _) => out.push(format!("{path} is not {}", shape.meaning())),
    }
}

fn list_problems(path: &str, max: usize, item: &[Field], items: &[Value], out: &mut Vec<String>) {
    if items.len() > max {
        out.push(format!("{path} has {} items, at most {max}", items.len()));
    }
    for (i, value) in items.iter().enumerate() {
        let path = format!("{path}[{i}]");
        match value {
            Value::Object(map) => nested_problems(&path, item, map, out),
            _ => out.push(format!("{path} is not an object")),
        }
    }
}

fn nested_problems(path: &str, fields: &[Field], map: &Fields, out: &mut Vec<String>) {
    for (name, value) in map {
        match fields.iter().find(|f| f.name == name) {
            Some(field) => value_problems(&format!("{path}.{name}"), field, value, out),
            None => {
                let takes = names(fields);
                out.push(format!("{path}.{} is not a field; it takes {takes}", shown(name)));
            }
        }
    }
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")
}

fn attribute_problems(path: &str, map: &Fields, out: &mut Vec<String>) {
    if map.len() > MAX_ATTRIBUTES as usize {
        out.push(format!("{path} has {} names, at most {MAX_ATTRIBUTES}", map.len()));
    }
    for (name, value) in map {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            out.push(format!("{path} has a name that is not of letters and digits alone"));
            continue;
        }
        match value.as_str() {
            None => out.push(format!("{path}.{name} is not a text")),
            Some("") => out.push(format!("{path}.{name} is empty, which JumpCloud refuses; leave it out")),
            Some(text) if text.chars().count() > 1024 => {
                out.push(format!("{path}.{name} is longer than 1024 characters"));
            }
            Some(_) => {}
        }
    }
}

/// What is wrong with the list of fields that a row empties. The template may declare what a row clears;
/// the row itself may not.
fn clear_problems(own: &Fields) -> Vec<String> {
    let names = match own.get(CLEAR) {
        None => return Vec::new(),
        Some(Value::Array(names)) => names,
        Some(_) => return vec![format!("{CLEAR} is not a list of field names")],
    };
    let mut messages = Vec::new();
    if names.len() > MAX_CLEAR as usize {
        messages.push(format!("{CLEAR} has {} names, at most {MAX_CLEAR}", names.len()));
    }
    for (index, name) in names.iter().enumerate() {
        match name.as_str() {
            None => messages.push(format!("{CLEAR}[{index}] is not a text")),
            Some("") => messages.push(format!("{CLEAR}[{index}] is empty")),
            Some(name) => messages.extend(clear_problem(own, name)),
        }
    }
    messages
}

fn clear_problem(own: &Fields, name: &str) -> Option<String> {
    let declared = |name: &str| format!("{name} is declared and cleared; do one of the two");
    if let Some(attribute) = name.strip_prefix("attributes.") {
        let fits = !attribute.is_empty() && attribute.chars().all(|c| c.is_ascii_alphanumeric());
        let own = own.get("attributes").and_then(|map| map.get(attribute));
        return match (fits, own) {
            (false, _) => Some(format!("{CLEAR} names an attribute that is not of letters and digits alone")),
            (true, Some(_)) => Some(declared(name)),
            (true, None) => None,
        };
    }
    match FIELDS.iter().find(|field| field.name == name) {
        Some(field) if !field.is_clearable() => Some(format!("{name} cannot be cleared")),
        Some(field) => own.contains_key(field.name).then(|| declared(name)),
        None => Some(format!("{CLEAR}: {}", unknown(name))),
    }
}

/// Whether a user is its own manager.
fn manager_problem(row: &DesiredRow) -> Option<String> {
    let is_self = match row.manager()? {
        ManagerRef::Username(username) => fold(&username) == row.key(),
        ManagerRef::Email(email) => email.to_lowercase() == row.email,
        ManagerRef::Id(_) => false,
    };
    is_self.then(|| "manager is the user itself; name another one, or clear it in this row".to_owned())
}

fn contradictions(fields: &Fields) -> Vec<String> {
    let mut messages = Vec::new();
    if let (Some(Value::String(state)), Some(Value::Bool(suspended))) =
        (fields.get("state"), fields.get("suspended"))
        && (state == "Suspended") != *suspended
    {
        messages.push("state and suspended contradict each other; leave suspended out".to_owned());
    }
    if let Some(mfa) = fields.get("mfa").and_then(Value::as_object)
        && mfa.contains_key("exclusionDays")
        && mfa.contains_key("exclusionUntil")
    {
        messages.push(
            "mfa takes exclusionDays (staged users) or exclusionUntil (activated users), not both".to_owned(),
        );
    }
    messages
}

/// A value of a row that must not be there twice.
type Unique = fn(&DesiredRow) -> Option<String>;

/// Values that JumpCloud keeps unique: a double fails one of two rows, whichever runs later.
fn doubles(rows: &[DesiredRow]) -> Vec<Problem> {
    let unique: [(&str, Unique); 4] = [
        ("username", |row| Some(row.key())),
        ("email", |row| Some(row.email.clone())),
        ("employeeIdentifier", |row| text(row, "employeeIdentifier")),
        ("unixUID", |row| row.fields.get("unixUID").map(Value::to_string)),
    ];
    let mut found = Vec::new();
    for (name, value_of) in unique {
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            let Some(value) = value_of(row).filter(|v| !v.is_empty()) else { continue };
            if let Some(earlier) = first.get(&value) {
                let message = format!("{name} is used twice (also users[{earlier}])");
                found.push(Problem::of_row(row.index, &row.username, message));
            } else {
                first.insert(value, row.index);
            }
        }
    }
    found
}

fn text(row: &DesiredRow, name: &str) -> Option<String> {
    row.fields.get(name).and_then(Value::as_str).map(fold)
}

impl super::field::Form {
    /// What a text of this form is, for messages.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Any => "a text",
            Self::Username => "a username: printable ASCII without blanks",
            Self::Email => "an e-mail address",
        }
    }
}

impl Shape {
    fn meaning(&self) -> &'static str {
        match self {
            Self::Text { .. } | Self::Choice(_) => "a text",
            Self::Flag => "true or false",
            Self::Number => "a whole number",
            Self::Moment => "a date and time such as 2027-01-04T09:00:00Z",
            Self::Attributes => "a map of names and texts",
            Self::List { .. } | Self::OneObject(_) => "a list",
            Self::Object(_) | Self::Reference(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::merge;

    fn check(template: &str, users: &str) -> Vec<String> {
        let template: UserTemplate = serde_json::from_str(template).unwrap();
        let users: Vec<UserRow> = serde_json::from_str(users).unwrap();
        let merged = merge::rows(&template, &users);
        problems(&template, &users, &merged).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_named_with_row_and_field() {
        let found = check(
            r#"{"username":"x","compny":"Y","department":7}"#,
            r#"[{"username":"ada","email":"nonsense","firstname":"Ada","unixUID":0,"attributes":{"a b":"1","c":""}},
                {"email":"b@example.com","sudo":"yes","state":"Gone","addresses":[{"town":"x"},3]},
                {"username":"b b","email":"c@example.com","manager":"m","externalPasswordExpirationDate":"soon",
                 "state":"Staged","suspended":true,"mfa":{"exclusionDays":1,"exclusionUntil":"2027-01-01T00:00:00Z"}}]"#,
        );
        assert_eq!(
            found,
            [
                "template: compny is not a field of a user",
                "template: department is not a text",
                "template: username cannot be declared in the template",
                "users[0] 'ada': attributes has a name that is not of letters and digits alone",
                "users[0] 'ada': attributes.c is empty, which JumpCloud refuses; leave it out",
                "users[0] 'ada': email is not an e-mail address",
                "users[0] 'ada': firstname is not a field of a user; did you mean firstName",
                "users[0] 'ada': unixUID is not a whole number from 1 to 2147483647",
                "users[1] 'x': addresses[0].town is not a field; it takes type, poBox, extendedAddress, \
                 streetAddress, locality, region, postalCode, country",
                "users[1] 'x': addresses[1] is not an object",
                "users[1] 'x': state is not one of Staged, Activated, Suspended",
                "users[1] 'x': sudo is not true or false",
                "users[1] 'x': username is missing; every user needs one",
                "users[2] 'b b': externalPasswordExpirationDate is not a date and time such as 2027-01-04T09:00:00Z",
                "users[2] 'b b': manager is not an object",
                "users[2] 'b b': username is not a username: printable ASCII without blanks",
                "users[2] 'b b': state and suspended contradict each other; leave suspended out",
                "users[2] 'b b': mfa takes exclusionDays (staged users) or exclusionUntil (activated users), not both",
            ]
        );
    }

    #[test]
    fn doubles_are_found_without_regard_to_case() {
        let found = check(
            "{}",
            r#"[{"username":"ada","email":"a@example.com","employeeIdentifier":"E1"},
                {"username":"Ada","email":"A@example.com","employeeIdentifier":"e1"}]"#,
        );
        assert_eq!(
            found,
            [
                "users[1] 'Ada': username is used twice (also users[0])",
                "users[1] 'Ada': email is used twice (also users[0])",
                "users[1] 'Ada': employeeIdentifier is used twice (also users[0])",
            ]
        );
    }

    #[test]
    fn a_username_that_is_an_address_is_not_repeated() {
        let found = check("{}", r#"[{"username":"ada@example.com","email":"x"}]"#);
        assert_eq!(found, ["users[0] '[address]': email is not an e-mail address"]);
    }

    #[test]
    fn a_sound_list_has_no_problem() {
        assert!(
            check(r#"{"state":"Staged"}"#, r#"[{"username":"ada","email":"ada@example.com"}]"#).is_empty()
        );
    }
}
