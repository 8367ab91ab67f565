//! How a user is shown.

use serde_json::{Value, json};

use super::Fields;
use super::store::User;
use crate::settings::{EmptyForm, IdForm};

/// Text fields that answers show even when they are unset.
const TEXTS: [&str; 16] = [
    "alternateEmail",
    "company",
    "costCenter",
    "department",
    "description",
    "displayname",
    "employeeIdentifier",
    "employeeType",
    "external_dn",
    "external_source_type",
    "firstname",
    "jobTitle",
    "lastname",
    "location",
    "managedAppleId",
    "middlename",
];

/// Which answer a user is part of; they differ by two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Single users and lists.
    Plain,
    /// Searches.
    Search,
}

/// How answers spell things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    pub(crate) id: IdForm,
    pub(crate) empty: EmptyForm,
}

/// The user as an answer shows it, with only `fields` when these are named.
pub(crate) fn show(user: &User, shape: Shape, spelling: Spelling, fields: Option<&[String]>) -> Value {
    let mut shown = user.fields.clone();
    for name in TEXTS {
        let value = shown.entry(name).or_insert(Value::Null);
        if value.is_null() || value.as_str() == Some("") {
            match spelling.empty {
                EmptyForm::EmptyString => *value = json!(""),
                EmptyForm::Null => *value = Value::Null,
                EmptyForm::Absent => drop(shown.remove(name)),
            }
        }
    }
    shown.remove(match shape {
        Shape::Plain => "memberof",
        Shape::Search => "delegatedAuthority",
    });
    if let Some(fields) = fields {
        shown.retain(|name, _| fields.contains(name));
    }
    insert_id(&mut shown, &user.id, spelling.id);
    Value::Object(shown)
}

/// Everything that is kept about a user, for tests.
pub(crate) fn whole(user: &User) -> Value {
    let mut shown = user.fields.clone();
    insert_id(&mut shown, &user.id, IdForm::Both);
    if let Some(hash) = &user.password_sha256 {
        shown.insert("passwordSha256".to_owned(), json!(hash));
    }
    Value::Object(shown)
}

fn insert_id(shown: &mut Fields, id: &str, form: IdForm) {
    if matches!(form, IdForm::Both | IdForm::Underscore) {
        shown.insert("_id".to_owned(), json!(id));
    }
    if matches!(form, IdForm::Both | IdForm::Plain) {
        shown.insert("id".to_owned(), json!(id));
    }
}
