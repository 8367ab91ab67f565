//! What an update must set so that a user has its declared values.
//!
//! Guarantees: a field that is neither declared nor cleared is never touched, and a value that JumpCloud
//! keeps in a form of its own (lower-cased addresses, cleaned phone numbers, absent instead of empty) is
//! no difference. Names are given, values are not: the result may be shown.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::body::spelled;
use super::field::{FIELDS, Field, Form, Sent, Shape};
use super::row::DesiredRow;

/// A row, with what comparing it needs to know besides.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// The manager's id; without one the manager is not compared.
    pub manager: Option<&'a str>,
    /// The declared state that was applied last: the state is compared only when another one is declared.
    pub applied_state: Option<&'a str>,
    /// Why it is compared.
    pub purpose: Purpose,
}

impl Wanted<'_> {
    /// Whether the older flags have nothing to say: a state is declared, or they say what was applied
    /// before. Who was suspended or activated by others since stays so.
    fn is_state_settled(&self) -> bool {
        self.row.fields.contains_key("state") || self.row.declared_state().as_deref() == self.applied_state
    }
}

/// Why a row is compared. It matters for values that answers do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To find out what to send: what cannot be seen is sent.
    Send,
    /// To find out what was taken: what cannot be seen was.
    Verify,
}

/// What is to be set, in JumpCloud's spelling.
#[derive(Clone, Default, PartialEq)]
pub struct Difference {
    /// By bulk update.
    pub bulk: Map<String, Value>,
    /// By a V1 request, because bulk update does not take it.
    pub single: Map<String, Value>,
    /// Names in manifests, in order.
    pub fields: Vec<String>,
}

impl Difference {
    /// Whether the user is as declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bulk.is_empty() && self.single.is_empty()
    }

    /// Whether the user's state is to be set, which bulk jobs are known to ignore.
    #[must_use]
    pub fn has_state(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.as_str(), "state" | "suspended" | "activated"))
    }

    fn set(&mut self, field: &Field, value: Value) {
        let to = if field.sent == Sent::Create { &mut self.single } else { &mut self.bulk };
        to.insert(field.api.to_owned(), value);
        self.fields.push(field.name.to_owned());
    }
}

/// Compares a row with a user as a V1 answer has it.
#[must_use]
pub fn difference(wanted: &Wanted<'_>, live: &Map<String, Value>) -> Difference {
    let mut found = Difference::default();
    for field in FIELDS.iter().filter(|field| field.in_row() && field.name != "username") {
        let now = live.get(field.api);
        match (field.name, wanted.row.fields.get(field.name)) {
            ("attributes", declared) => attributes(wanted.row, declared, now, &mut found),
            (_, Some(_)) if field.is_reference() => {
                if let Some(id) = wanted.manager.filter(|id| reference(now) != Some(*id)) {
                    found.set(field, Value::from(id));
                }
            }
            ("state", Some(declared)) => {
                let word = declared.as_str();
                // A user never goes back to Staged: every later state satisfies it.
                let due = word != Some("Staged") && word != wanted.applied_state;
                let value = spelled(field, declared);
                if due && now != Some(&value) {
                    found.set(field, value);
                }
            }
            // The state rules over the older flags; they are a declaration of the state, too.
            ("suspended" | "activated", Some(_)) if wanted.is_state_settled() => {}
            (_, Some(declared)) => {
                let value = spelled(field, declared);
                let unseen = field.is_unseen() && now.is_none();
                let equal = if unseen { wanted.purpose == Purpose::Verify } else { same(field, &value, now) };
                if !equal {
                    found.set(field, value);
                }
            }
            (_, None) => {}
        }
        if field.name != "attributes" && wanted.row.clear.iter().any(|name| name == field.name) {
            let unseen = field.is_unseen() && now.is_none();
            let empty = if unseen { wanted.purpose == Purpose::Verify } else { is_empty(now) };
            if !empty {
                found.set(field, cleared(field));
            }
        }
    }
    found.fields.sort();
    found
}

/// The value that empties a field.
fn cleared(field: &Field) -> Value {
    match field.shape {
        Shape::Text { .. } | Shape::Choice(_) => Value::from(""),
        Shape::List { .. } | Shape::Attributes => Value::Array(Vec::new()),
        Shape::Flag
        | Shape::Number
        | Shape::Moment
        | Shape::Object(_)
        | Shape::OneObject(_)
        | Shape::Reference(_) => Value::Null,
    }
}

/// Whether JumpCloud's value is the declared one, both in its spelling.
fn same(field: &Field, declared: &Value, now: Option<&Value>) -> bool {
    let Some(now) = now.filter(|now| !is_empty(Some(now))) else {
        return is_empty(Some(declared)) || *declared == Value::Bool(false);
    };
    match field.shape {
        Shape::Text { form: Form::Email, .. } => text(declared).to_lowercase() == text(now).to_lowercase(),
        Shape::Moment => match (text(declared).parse::<jiff::Timestamp>(), text(now).parse()) {
            (Ok(declared), Ok(now)) => declared == now,
            _ => declared == now,
        },
        Shape::List { item, .. } => items(item, declared) == items(item, now),
        Shape::Object(fields) => members(fields, declared, now),
        Shape::OneObject(fields) => match now {
            Value::Array(list) => list.len() == 1 && list.iter().all(|one| members(fields, declared, one)),
            one => members(fields, declared, one),
        },
        Shape::Text { .. }
        | Shape::Flag
        | Shape::Number
        | Shape::Choice(_)
        | Shape::Attributes
        | Shape::Reference(_) => declared == now,
    }
}

/// Every declared member of an object.
fn members(fields: &[Field], declared: &Value, now: &Value) -> bool {
    fields
        .iter()
        .all(|field| declared.get(field.api).is_none_or(|value| same(field, value, now.get(field.api))))
}

/// Items of a list in a form that can be compared: the fields of the table alone, without empty ones,
/// and in an order of their own, since the server may have another one.
fn items(fields: &[Field], list: &Value) -> Vec<String> {
    let mut items: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let kept: BTreeMap<&str, String> = fields
                .iter()
                .filter_map(|field| Some((field.api, item.get(field.api).filter(|v| !is_empty(Some(v)))?)))
                .map(|(name, value)| {
                    (name, if name == "number" { dialled(text(value)) } else { value.to_string() })
                })
                .collect();
            format!("{kept:?}")
        })
        .collect();
    items.sort();
    items
}

/// A phone number as JumpCloud keeps it: digits and a leading plus.
fn dialled(number: &str) -> String {
    let number = number.trim();
    number
        .char_indices()
        .filter(|(at, c)| c.is_ascii_digit() || (*at == 0 && *c == '+'))
        .map(|(_, c)| c)
        .collect()
}

/// Custom attributes are replaced as a whole: those that live and are not declared are sent along.
fn attributes(row: &DesiredRow, declared: Option<&Value>, now: Option<&Value>, found: &mut Difference) {
    let live: BTreeMap<&str, &Value> = now
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| Some((item.get("name")?.as_str()?, item.get("value")?)))
        .collect();
    let declared: BTreeMap<&str, &Value> = declared
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let all = row.clear.iter().any(|name| name == "attributes");
    let gone = |name: &str| {
        let named = row.clear.iter().filter_map(|cleared| cleared.strip_prefix("attributes."));
        !declared.contains_key(name) && (all || named.into_iter().any(|cleared| cleared == name))
    };
    let changed =
        declared.iter().filter(|(name, value)| live.get(*name) != Some(*value)).map(|(name, _)| *name);
    let names: Vec<&str> = changed.chain(live.keys().copied().filter(|name| gone(name))).collect();
    if names.is_empty() {
        return;
    }
    let mut merged: BTreeMap<&str, &Value> = live.iter().map(|(name, value)| (*name, *value)).collect();
    merged.retain(|name, _| !gone(name));
    merged.extend(declared.iter().map(|(name, value)| (*name, *value)));
    let list = merged.into_iter().map(|(name, value)| serde_json::json!({"name": name, "value": value}));
    found.bulk.insert("attributes".to_owned(), list.collect());
    found.fields.extend(names.into_iter().map(|name| format!("attributes.{name}")));
}

/// The id behind a reference to a user: plain, or in an object.
fn reference(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    value.as_str().or_else(|| ["_id", "id"].iter().find_map(|name| value.get(name)?.as_str()))
}

/// Whether JumpCloud has no value. Empty text, null and absent are the same to it.
fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Difference").field(&self.fields).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(fields: Value) -> DesiredRow {
        let Value::Object(fields) = fields else { panic!("an object") };
        DesiredRow::new(0, fields)
    }

    fn compare(declared: Value, applied_state: Option<&str>, live: &Value) -> Difference {
        let row = row(declared);
        let wanted = Wanted { row: &row, manager: Some("m1"), applied_state, purpose: Purpose::Verify };
        difference(&wanted, live.as_object().unwrap())
    }

    fn fields(declared: Value, live: &Value) -> Vec<String> {
        compare(declared, None, live).fields
    }

    #[test]
    fn what_the_server_normalises_is_no_difference() {
        let live = json!({
            "email": "ada@x.test", "phoneNumbers": [{"type": "work", "number": "+4420", "id": "i"}],
            "addresses": [{"locality": "London", "region": "", "id": "i"}], "ssh_keys": [],
            "external_password_expiration_date": "2027-01-04T09:00:00.000Z", "sudo": false,
            "restrictedFields": [{"field": "email"}], "mfa": {"configured": false, "exclusion": true},
            "recoveryEmail": {"address": "r@x.test", "verified": false}, "manager": "m1",
        });
        let declared = json!({
            "username": "ada", "email": "Ada@X.test", "phoneNumbers": [{"type": "work", "number": "+44 (20)"}],
            "addresses": [{"locality": "London"}], "sudo": false, "samba": null,
            "externalPasswordExpirationDate": "2027-01-04T10:00:00+01:00", "passwordlessSudo": false,
            "restrictedFields": [{"field": "email"}], "mfa": {"exclusion": true},
            "recoveryEmail": {"address": "R@x.test"}, "manager": {"username": "grace"},
        });
        assert_eq!(fields(declared, &live), Vec::<String>::new());
    }

    #[test]
    fn only_what_differs_is_set_in_the_request_that_takes_it() {
        let live = json!({"department": "A", "company": "C", "recoveryEmail": {"address": "r@x.test"}, "manager": "m0"});
        let found = compare(
            json!({"department": "B", "company": "C", "recoveryEmail": {"address": "s@x.test"}, "manager": {"id": "m1"}}),
            None,
            &live,
        );
        assert_eq!(Value::Object(found.bulk), json!({"department": "B", "manager": "m1"}));
        assert_eq!(Value::Object(found.single), json!({"recoveryEmail": {"address": "s@x.test"}}));
        assert_eq!(found.fields, ["department", "manager", "recoveryEmail"]);
    }

    #[test]
    fn attributes_are_merged_and_sent_complete() {
        let live = json!({"attributes": [{"name": "hand", "value": "1"}, {"name": "old", "value": "2"}, {"name": "a", "value": "x"}]});
        let found = compare(json!({"attributes": {"a": "y"}, "clear": ["attributes.old"]}), None, &live);
        assert_eq!(
            found.bulk["attributes"],
            json!([{"name": "a", "value": "y"}, {"name": "hand", "value": "1"}])
        );
        assert_eq!(found.fields, ["attributes.a", "attributes.old"]);
        assert!(fields(json!({"attributes": {"a": "x"}}), &live).is_empty());
    }

    #[test]
    fn a_state_is_set_when_another_one_is_declared_and_never_back_to_staged() {
        let live = json!({"state": "ACTIVATED"});
        let state = |declared: &str, applied| {
            compare(json!({"state": declared}), applied, &live).bulk.get("state").cloned()
        };
        assert_eq!(state("Suspended", Some("Activated")), Some(json!("SUSPENDED")));
        assert_eq!(state("Suspended", Some("Suspended")), None, "changed by hand since");
        assert_eq!(state("Activated", None), None, "has it");
        assert_eq!(state("Staged", None), None);
    }

    #[test]
    fn the_older_flags_declare_a_state_as_well() {
        let live = json!({"state": "SUSPENDED", "suspended": true, "activated": false});
        let lifts =
            |applied| compare(json!({"suspended": false}), applied, &live).bulk.get("suspended").cloned();
        assert_eq!(lifts(None), Some(json!(false)));
        assert_eq!(lifts(Some("suspended: false")), None, "suspended by somebody else since");
        assert!(compare(json!({"activated": true}), Some("activated: true"), &live).is_empty());
    }

    #[test]
    fn clearing_sends_what_empties_and_nothing_twice() {
        let live = json!({"location": "x", "manager": "m0", "addresses": [{"locality": "x"}], "company": ""});
        let found = compare(json!({"clear": ["location", "manager", "addresses", "company"]}), None, &live);
        assert_eq!(Value::Object(found.bulk), json!({"location": "", "manager": null, "addresses": []}));
    }

    #[test]
    fn what_answers_do_not_show_is_sent_and_believed() {
        let row = row(json!({"delegatedAuthority": {"id": "1", "name": "ActiveDirectory"}}));
        let found = |purpose| {
            difference(&Wanted { row: &row, manager: None, applied_state: None, purpose }, &Map::new())
        };
        assert_eq!(found(Purpose::Send).fields, ["delegatedAuthority"]);
        assert!(found(Purpose::Verify).is_empty());
    }
}
