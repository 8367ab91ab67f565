//! Checks a row or a V1 body against the facts table.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;

use super::{Fields, text};
use crate::facts::{self, Fact};
use crate::settings::{BadInput, ValidationSettings};

/// What is written, and so which lines of the table hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    BulkCreate,
    BulkUpdate,
    V1Create,
    V1Update,
}

impl Form {
    fn creates(self) -> bool {
        matches!(self, Self::BulkCreate | Self::V1Create)
    }

    fn schema(self) -> &'static Schema {
        static CREATE: LazyLock<Schema> = LazyLock::new(|| schema(facts::bulk_create()));
        static UPDATE: LazyLock<Schema> = LazyLock::new(|| schema(facts::bulk_update()));
        static V1_CREATE: LazyLock<Schema> = LazyLock::new(|| schema(facts::v1_create()));
        static V1_UPDATE: LazyLock<Schema> = LazyLock::new(|| schema(facts::v1_update()));
        match self {
            Self::BulkCreate => &CREATE,
            Self::BulkUpdate => &UPDATE,
            Self::V1Create => &V1_CREATE,
            Self::V1Update => &V1_UPDATE,
        }
    }
}

type Schema = HashMap<&'static str, &'static Fact>;

fn schema(facts: Vec<&'static Fact>) -> Schema {
    facts.into_iter().map(|fact| (fact.field, fact)).collect()
}

/// Read-only fields that every write accepts and ignores.
const READ_ONLY: [&str; 5] = ["badLoginAttempts", "created", "_id", "id", "organization"];

/// What is wrong with the input, by its consequence. The first finding of each kind is kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// The whole request is refused.
    pub(crate) refuse: Option<String>,
    /// The row fails when it is executed.
    pub(crate) fail: Option<String>,
}

impl Findings {
    fn add(&mut self, consequence: BadInput, message: impl FnOnce() -> String) {
        match consequence {
            BadInput::RefuseRequest => drop(self.refuse.get_or_insert_with(message)),
            BadInput::FailRow => drop(self.fail.get_or_insert_with(message)),
            BadInput::Ignore => {}
        }
    }

    /// Any finding, for V1 writes, where both kinds are 400.
    pub(crate) fn any(self) -> Option<String> {
        self.refuse.or(self.fail)
    }
}

/// Checks `row`.
pub(crate) fn check(row: &Fields, form: Form, rules: &ValidationSettings) -> Findings {
    let mut check = Check { form, schema: form.schema(), rules, findings: Findings::default() };
    for field in ["username", "email"] {
        // An update may leave them out, but not empty them.
        if text(row, field).is_none() && (form.creates() || row.contains_key(field)) {
            check.findings.add(rules.missing_field, || format!("{field} is required"));
        }
    }
    if form.creates() && row.contains_key("relationships") {
        check.findings.add(rules.relationships, || "relationships is not allowed".to_owned());
    }
    if form == Form::BulkUpdate && text(row, "id").is_none() {
        check.findings.add(rules.missing_id, || "id is required".to_owned());
    }
    check.fields(row, "");
    check.findings
}

struct Check<'a> {
    form: Form,
    schema: &'static Schema,
    rules: &'a ValidationSettings,
    findings: Findings,
}

impl Check<'_> {
    fn fields(&mut self, fields: &Fields, prefix: &str) {
        for (name, value) in fields {
            let path = format!("{prefix}{name}");
            if let Some(fact) = self.schema.get(path.as_str()) {
                self.value(value, fact);
            } else if name == "mfaData" || (!prefix.is_empty() && name == "_id" && self.form.creates()) {
                self.findings.add(self.rules.malformed, || format!("{path} is not allowed"));
            } else if !READ_ONLY.contains(&name.as_str()) {
                self.findings.add(self.rules.unknown_field, || format!("{path} is not allowed"));
            }
        }
    }

    fn value(&mut self, value: &Value, fact: &'static Fact) {
        match (fact.kind, value) {
            (_, Value::Null) | ("boolean", Value::Bool(_)) => {}
            ("string", Value::String(text)) => self.text(text, fact),
            ("date-time", Value::String(text)) => {
                // A date without zone is among the vendor's own samples.
                let zoned = text.parse::<Timestamp>().is_ok();
                if !zoned && text.parse::<jiff::civil::DateTime>().is_err() {
                    self.findings.add(self.rules.malformed, || format!("{} is an invalid date", fact.field));
                }
            }
            ("integer", Value::Number(number)) if number.is_i64() || number.is_u64() => {
                let least = fact.number("min").unwrap_or(0);
                if number.as_u64().is_none_or(|number| number < least) {
                    self.findings
                        .add(self.rules.over_limit, || format!("{} must be at least {least}", fact.field));
                }
            }
            ("object", Value::Object(fields)) => self.fields(fields, &format!("{}.", fact.field)),
            ("array<object>", Value::Array(items)) => {
                let prefix = format!("{}[].", fact.field);
                for item in items {
                    match item {
                        Value::Object(fields) => {
                            self.required_within(fields, &prefix);
                            self.fields(fields, &prefix);
                        }
                        _ => self.wrong_type(fact),
                    }
                }
            }
            _ => self.wrong_type(fact),
        }
    }

    fn wrong_type(&mut self, fact: &Fact) {
        self.findings.add(self.rules.wrong_type, || {
            format!("{} is of an invalid type: {} expected", fact.field, fact.kind)
        });
    }

    fn required_within(&mut self, fields: &Fields, prefix: &str) {
        let required = self.schema.values().filter(|fact| fact.has("required"));
        for name in required.filter_map(|fact| fact.field.strip_prefix(prefix)) {
            if text(fields, name).is_none() {
                self.findings.add(self.rules.missing_field, || format!("{prefix}{name} is required"));
            }
        }
    }

    fn text(&mut self, text: &str, fact: &'static Fact) {
        let field = fact.field;
        if fact.values().next().is_some() && !fact.values().any(|value| value == text) {
            self.findings.add(self.rules.wrong_value, || format!("{field} must be one of {}", fact.allowed));
        }
        if let Some(most) = fact.number("max_length")
            && text.chars().count() as u64 > most
        {
            self.findings
                .add(self.rules.over_limit, || format!("{field} is too long: at most {most} characters"));
        }
        let malformed = (fact.has("email") && !text.is_empty() && !is_email(text))
            || (fact.has("alphanumeric") && !text.chars().all(char::is_alphanumeric))
            || (fact.has("non_empty") && text.is_empty());
        if malformed {
            self.findings.add(self.rules.malformed, || format!("{field} is invalid"));
        }
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(row: &Value, form: Form) -> Findings {
        check(row.as_object().unwrap(), form, &ValidationSettings::default())
    }

    fn user(with: &Value) -> Value {
        let mut user = json!({"username": "ada", "email": "ada@x.test"});
        crate::settings::merge(&mut user, with);
        user
    }

    #[test]
    fn a_full_row_passes() {
        let row = user(&json!({
            "state": "STAGED", "unix_uid": 1, "sudo": true, "manager": null, "delegatedAuthority": null,
            "addresses": [{"type": "home", "locality": "London"}], "attributes": [{"name": "team", "value": "x"}],
            "mfa": {"configured": true, "exclusionUntil": "2030-01-01T00:00:00Z"}, "created": "ignored",
            "restrictedFields": {"field": "email", "id": "1", "type": "scim"},
            "external_password_expiration_date": "2030-01-01T00:00:00"
        }));
        assert_eq!(findings(&row, Form::BulkCreate), Findings::default());
    }

    #[test]
    fn types_and_values_refuse_the_request() {
        for bad in [
            json!({"sudo": "yes"}),
            json!({"unix_uid": 1.5}),
            json!({"attributes": {"name": "x"}}),
            json!({"attributes": ["x"]}),
            json!({"state": "GONE"}),
            json!({"mfa": {"configured": 1}}),
        ] {
            let found = findings(&user(&bad), Form::BulkCreate);
            assert!(found.refuse.is_some(), "{bad}: {found:?}");
        }
        assert!(findings(&json!({"id": "1", "state": "STAGED"}), Form::BulkUpdate).refuse.is_some());
        assert!(findings(&json!({"_id": "1"}), Form::BulkUpdate).refuse.is_some());
    }

    #[test]
    fn limits_and_forms_fail_the_row() {
        for bad in [
            json!({"description": "x".repeat(1025)}),
            json!({"employeeIdentifier": "x".repeat(257)}),
            json!({"unix_uid": 0}),
            json!({"email": "not an address"}),
            json!({"email": ""}),
            json!({"attributes": [{"name": "two words", "value": "x"}]}),
            json!({"attributes": [{"name": "x", "value": ""}]}),
            json!({"addresses": [{"_id": "1"}]}),
            json!({"mfaData": {}}),
            json!({"external_password_expiration_date": "soon"}),
        ] {
            let found = findings(&user(&bad), Form::BulkCreate);
            assert!(found.fail.is_some() && found.refuse.is_none(), "{bad}: {found:?}");
        }
        assert!(findings(&json!({"id": "1", "email": null}), Form::BulkUpdate).fail.is_some());
        let keys = json!({"id": "1", "ssh_keys": [{"name": "laptop"}]});
        assert_eq!(findings(&keys, Form::BulkUpdate).fail.unwrap(), "ssh_keys[].public_key is required");
    }

    #[test]
    fn limits_differ_between_creation_and_update() {
        let long = "x".repeat(1025);
        assert_eq!(findings(&user(&json!({"company": long})), Form::BulkCreate), Findings::default());
        assert!(findings(&json!({"id": "1", "company": long}), Form::BulkUpdate).fail.is_some());
        let list = json!({"restrictedFields": [{"field": "email"}]});
        assert!(findings(&user(&list), Form::BulkCreate).refuse.is_some());
        assert_eq!(findings(&user(&list), Form::V1Create), Findings::default());
    }

    #[test]
    fn each_consequence_is_a_setting() {
        let row = user(&json!({"nickname": "x"}));
        let rules = |unknown_field| ValidationSettings { unknown_field, ..ValidationSettings::default() };
        let found = |rule| check(row.as_object().unwrap(), Form::BulkCreate, &rules(rule));
        assert_eq!(found(BadInput::Ignore), Findings::default());
        assert!(found(BadInput::FailRow).fail.is_some());
        assert!(found(BadInput::RefuseRequest).refuse.is_some());
    }
}
