//! The OpenAPI schema of rows and templates, made from the field table.
//!
//! Structural, with a limit on every text, list and map, because the API server estimates the cost of
//! CEL rules from them.

use schemars::Schema;
use serde_json::{Value, json};

use super::field::{CLEAR, FIELDS, Field, Form, MAX_ATTRIBUTES, MAX_CLEAR, Sent, Shape};

/// How another user is named.
pub(crate) const EXACTLY_ONE: &str = "takes exactly one of id, username and email";

/// Schema of `spec.users[]`.
#[must_use]
pub fn row() -> Schema {
    let mut schema = object(FIELDS.iter().filter(|f| f.in_row()));
    schema.insert("required".into(), json!(["username", "email"]));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(CLEAR.into(), clear());
    }
    schema.insert(
        "x-kubernetes-validations".into(),
        json!([
            {
                "rule": "!(has(self.state) && has(self.suspended)) || (self.state == 'Suspended') == self.suspended",
                "message": "state and suspended contradict each other; leave suspended out",
            },
            {
                "rule": "!has(self.mfa) || !(has(self.mfa.exclusionDays) && has(self.mfa.exclusionUntil))",
                "message": "mfa takes exclusionDays (staged users) or exclusionUntil (activated users), not both",
            },
        ]),
    );
    schema.into()
}

/// Schema of `spec.users[].clear`.
fn clear() -> Value {
    let names: Vec<&str> =
        FIELDS.iter().filter(|field| field.is_clearable()).map(|field| field.name).collect();
    let pattern = format!(r"^({}|attributes\.[A-Za-z0-9]+)$", names.join("|"));
    json!({
        "type": "array",
        "description": "Fields to be emptied, by their names here; `attributes.NAME` empties one attribute, \
            `attributes` all that are not declared. What the template declares is taken back for this user. A field \
            that the row itself declares cannot be cleared; username, email, states and flags cannot at all.",
        "maxItems": MAX_CLEAR,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": pattern},
    })
}

/// Schema of `spec.template`.
#[must_use]
pub fn template() -> Schema {
    object(FIELDS.iter().filter(|f| f.in_template())).into()
}

fn object<'a>(fields: impl Iterator<Item = &'a Field>) -> serde_json::Map<String, Value> {
    let properties: serde_json::Map<String, Value> =
        fields.map(|f| (f.name.to_owned(), property(f))).collect();
    let mut schema = serde_json::Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = match field.shape {
        Shape::Text { max, form } => {
            let mut schema = json!({"type": "string", "minLength": 1, "maxLength": max});
            if let (Some(pattern), Some(object)) = (form.pattern(), schema.as_object_mut()) {
                object.insert("pattern".into(), json!(pattern));
            }
            schema
        }
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Number => json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": i32::MAX}),
        Shape::Moment => json!({"type": "string", "format": "date-time", "maxLength": 64}),
        Shape::Choice(words) => {
            json!({"type": "string", "maxLength": 64, "enum": words.iter().map(|w| w.0).collect::<Vec<_>>()})
        }
        Shape::Attributes => json!({
            "type": "object",
            "maxProperties": MAX_ATTRIBUTES,
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 1024},
        }),
        Shape::List { max, item } => json!({
            "type": "array",
            "maxItems": max,
            "x-kubernetes-list-type": "atomic",
            "items": object(item.iter()),
        }),
        Shape::Object(fields) => Value::Object(object(fields.iter())),
        Shape::Reference(fields) => {
            let mut schema = object(fields.iter());
            let rule = json!({
                "rule": "[has(self.id), has(self.username), has(self.email)].filter(x, x).size() == 1",
                "message": EXACTLY_ONE,
            });
            schema.insert("x-kubernetes-validations".into(), json!([rule]));
            Value::Object(schema)
        }
        Shape::OneObject(item) => json!({
            "type": "array",
            "maxItems": 1,
            "x-kubernetes-list-type": "atomic",
            "items": object(item.iter()),
        }),
    };
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), json!(field.explain()));
    }
    schema
}

impl Field {
    /// The description people read in `kubectl explain`: meaning, limit, JumpCloud's name, when sent.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = self.doc.to_owned();
        if let Shape::Text { max, .. } = self.shape {
            text.push_str(&format!(" At most {max} characters."));
        }
        if self.name != self.api {
            text.push_str(&format!(" JumpCloud's name: {}.", self.api));
        }
        text.push_str(match self.sent {
            Sent::Both => "",
            Sent::Create => " Sent on creation; an edit is one V1 request.",
            Sent::Update => " Sent by an update once the user exists.",
        });
        text
    }
}

impl Form {
    /// The regular expression that the API server applies.
    #[must_use]
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Username => Some("^[!-~]+$"),
            Self::Email => Some(r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"),
        }
    }

    /// The same rule for checks without an API server.
    #[must_use]
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Username => text.chars().all(|c| c.is_ascii_graphic()),
            Self::Email => text.split_once('@').is_some_and(|(local, domain)| {
                let plain = |s: &str| !s.is_empty() && !s.contains(|c: char| c == '@' || c.is_whitespace());
                plain(local)
                    && plain(domain)
                    && domain.contains('.')
                    && domain.split('.').all(|label| !label.is_empty())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_dot_or_with_blanks_are_refused() {
        for good in ["ada@example.com", "a.b+c@x.y.example", "ü@example.com"] {
            assert!(Form::Email.accepts(good), "{good}");
        }
        for bad in ["", "ada", "ada@", "@x.y", "ada@example", "a b@x.y", "a@b@x.y", "a@x..y", "a@.x"] {
            assert!(!Form::Email.accepts(bad), "{bad}");
        }
    }

    #[test]
    fn usernames_are_printable_ascii_without_blanks() {
        assert!(Form::Username.accepts("ada.l-1@x"));
        for bad in ["ada l", "ada\u{a0}", "аda", "ada\n"] {
            assert!(!Form::Username.accepts(bad), "{bad:?}");
        }
    }
}
