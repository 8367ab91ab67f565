//! The `filter` of searches and lists.
//!
//! A filter is `{"and": [..]}`, `{"or": [..]}` or a bare list, which must match as a whole. A
//! condition is an object (`{"department": "IT"}`, `{"username": {"$regex": ".."}}`) or a text
//! (`_id:$eq:..`).

use std::cmp::Ordering;

use regex::RegexBuilder;
use serde_json::Value;

use super::Fields;
use super::store::User;
use crate::settings::Letters;

/// A filter that was understood.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Test { field: String, test: Test },
}

/// One comparison.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Equal(Value, Letters),
    NotEqual(Value),
    Compare(Value, fn(Ordering) -> bool),
    In(Vec<Value>),
    Matches(regex::Regex),
    Exists(bool),
}

impl Filter {
    /// Reads the `filter` of a search body.
    pub(crate) fn read(filter: &Value, letters: Letters) -> Result<Self, String> {
        match filter {
            Value::Null => Ok(Self::All(Vec::new())),
            Value::Array(conditions) => Ok(Self::All(read_all(conditions, letters)?)),
            Value::Object(fields) => match (fields.get("and"), fields.get("or"), fields.len()) {
                (Some(Value::Array(conditions)), None, 1) => Ok(Self::All(read_all(conditions, letters)?)),
                (None, Some(Value::Array(conditions)), 1) => Ok(Self::Any(read_all(conditions, letters)?)),
                (None, None, 0) => Ok(Self::All(Vec::new())),
                _ => Err("filter must have one key, and or or, with a list".to_owned()),
            },
            _ => Err("filter must be an object or a list".to_owned()),
        }
    }

    /// Reads a condition in text form, `field:$operator:value`.
    pub(crate) fn read_text(condition: &str) -> Result<Self, String> {
        let mut parts = condition.splitn(3, ':');
        let (Some(field), Some(operator), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a filter must have the form field:$operator:value".to_owned());
        };
        let value = Value::from(value);
        let test = read_operator(operator, &value, "")?;
        Ok(Self::Test { field: field.to_owned(), test })
    }

    /// How many conditions there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::len).sum(),
            Self::Test { .. } => 1,
        }
    }

    pub(crate) fn matches(&self, user: &User) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(user)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(user)),
            Self::Test { field, test } => match field.as_str() {
                "_id" | "id" => test.holds(Some(&Value::from(user.id.as_str()))),
                _ => test.holds(at(&user.fields, field)),
            },
        }
    }

    /// The exact texts that are asked for, with their fields.
    pub(crate) fn exact(&self) -> Vec<(&str, &str)> {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().flat_map(Self::exact).collect(),
            Self::Test { field, test: Test::Equal(Value::String(text), _) } => vec![(field, text)],
            Self::Test { field, test: Test::In(values) } => {
                values.iter().filter_map(Value::as_str).map(|text| (field.as_str(), text)).collect()
            }
            Self::Test { .. } => Vec::new(),
        }
    }

    /// Whether only users with one of the values of [`Filter::exact`] in an indexed field can match.
    pub(crate) fn is_indexed(&self) -> bool {
        match self {
            Self::Any(filters) => !filters.is_empty() && filters.iter().all(Self::is_indexed),
            Self::All(filters) => filters.len() == 1 && filters.iter().all(Self::is_indexed),
            Self::Test { field, test } => {
                matches!(field.as_str(), "_id" | "id" | "username" | "email" | "employeeIdentifier")
                    && matches!(test, Test::Equal(Value::String(_), _))
            }
        }
    }
}

fn read_all(conditions: &[Value], letters: Letters) -> Result<Vec<Filter>, String> {
    conditions.iter().map(|condition| read_condition(condition, letters)).collect()
}

fn read_condition(condition: &Value, letters: Letters) -> Result<Filter, String> {
    match condition {
        Value::String(text) => Filter::read_text(text),
        Value::Object(fields) if fields.contains_key("and") || fields.contains_key("or") => {
            Filter::read(condition, letters)
        }
        Value::Object(fields) => {
            let tests: Result<Vec<_>, _> =
                fields.iter().map(|(field, expected)| read_test(field, expected, letters)).collect();
            let mut tests: Vec<_> = tests?.into_iter().flatten().collect();
            match (tests.len(), tests.pop()) {
                (1, Some(only)) => Ok(only),
                (_, last) => Ok(Filter::All(tests.into_iter().chain(last).collect())),
            }
        }
        _ => Err("a condition must be an object or a text".to_owned()),
    }
}

fn read_test(field: &str, expected: &Value, letters: Letters) -> Result<Vec<Filter>, String> {
    let made = |test| Filter::Test { field: field.to_owned(), test };
    match expected {
        Value::Object(operators) if operators.keys().any(|key| key.starts_with('$')) => {
            let options = operators.get("$options").and_then(Value::as_str).unwrap_or_default();
            operators
                .iter()
                .filter(|(operator, _)| *operator != "$options")
                .map(|(operator, value)| read_operator(operator, value, options).map(made))
                .collect()
        }
        _ => Ok(vec![made(Test::Equal(expected.clone(), letters))]),
    }
}

fn read_operator(operator: &str, value: &Value, options: &str) -> Result<Test, String> {
    Ok(match operator {
        "$eq" => Test::Equal(value.clone(), Letters::Sensitive),
        "$ne" => Test::NotEqual(value.clone()),
        "$gt" => Test::Compare(value.clone(), Ordering::is_gt),
        "$gte" => Test::Compare(value.clone(), Ordering::is_ge),
        "$lt" => Test::Compare(value.clone(), Ordering::is_lt),
        "$lte" => Test::Compare(value.clone(), Ordering::is_le),
        "$in" => Test::In(match value {
            Value::Array(values) => values.clone(),
            Value::String(text) => text.split(',').map(Value::from).collect(),
            _ => return Err("$in needs a list".to_owned()),
        }),
        "$exists" => Test::Exists(!matches!(value, Value::Bool(false)) && value.as_str() != Some("false")),
        "$regex" => {
            let text = value.as_str().ok_or("$regex needs a text")?;
            let expression = RegexBuilder::new(text).case_insensitive(options.contains('i')).build();
            Test::Matches(expression.map_err(|_| "$regex is invalid".to_owned())?)
        }
        _ => return Err(format!("the operator {operator} is invalid")),
    })
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Equal(expected, letters) => equal(value, expected, *letters),
            Self::NotEqual(expected) => !equal(value, expected, Letters::Sensitive),
            Self::Compare(expected, accepts) => {
                value.and_then(|value| compared(value, expected)).is_some_and(accepts)
            }
            Self::In(expected) => expected.iter().any(|expected| equal(value, expected, Letters::Sensitive)),
            Self::Matches(expression) => {
                value.and_then(Value::as_str).is_some_and(|text| expression.is_match(text))
            }
            Self::Exists(expected) => value.is_some_and(|value| !value.is_null()) == *expected,
        }
    }
}

/// The value at a dotted path.
pub(crate) fn at<'a>(fields: &'a Fields, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = fields.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

fn equal(value: Option<&Value>, expected: &Value, letters: Letters) -> bool {
    match (value, expected) {
        (None | Some(Value::Null), Value::Null) => true,
        (None | Some(Value::Null), Value::String(text)) => text.is_empty(),
        (Some(Value::String(value)), Value::String(expected)) => match letters {
            Letters::Sensitive => value == expected,
            Letters::Insensitive => value.to_lowercase() == expected.to_lowercase(),
        },
        // The text form has no types.
        (Some(Value::Bool(value)), Value::String(expected)) => expected.parse() == Ok(*value),
        (Some(Value::Number(value)), Value::String(expected)) => {
            expected.parse::<serde_json::Number>().is_ok_and(|expected| expected == *value)
        }
        (Some(value), expected) => value == expected,
        (None, _) => false,
    }
}

/// The order of two values of the same type; a number is also compared with a text that is one.
pub(crate) fn compared(value: &Value, expected: &Value) -> Option<Ordering> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    match (value, expected) {
        (Value::String(value), Value::String(expected)) => Some(value.cmp(expected)),
        (Value::Bool(value), Value::Bool(expected)) => Some(value.cmp(expected)),
        (Value::Number(_), _) => number(value)?.partial_cmp(&number(expected)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn finds(filter: &Value) -> bool {
        let fields = json!({
            "username": "Ada", "department": "IT", "sudo": true, "unix_uid": 42,
            "created": "2026-01-02T00:00:00.000Z", "mfa": {"configured": false}
        });
        let user = User {
            id: "5f".to_owned(),
            fields: fields.as_object().unwrap().clone(),
            created: Timestamp::UNIX_EPOCH,
            password_sha256: None,
        };
        Filter::read(filter, Letters::Sensitive).unwrap().matches(&user)
    }

    #[test]
    fn every_form_of_condition() {
        assert!(finds(&json!({"or": [{"username": "x"}, {"department": "IT"}]})));
        assert!(!finds(&json!({"and": [{"username": "x"}, {"department": "IT"}]})));
        assert!(finds(&json!([{"username": "Ada", "department": "IT"}])));
        assert!(!finds(&json!([{"username": "ada"}])));
        assert!(finds(&json!([{"username": {"$regex": "(?i)(^ada$)"}}])));
        assert!(finds(&json!([{"username": {"$regex": "^ada$", "$options": "i"}}])));
        assert!(finds(&json!([{"created": {"$gt": "2026-01-01T00:00:00.000Z", "$lt": "2026-02-01"}}])));
        assert!(finds(&json!({"or": ["_id:$eq:5f"]})));
        assert!(finds(&json!(["sudo:$eq:true", "unix_uid:$gte:42", "username:$in:Bob,Ada"])));
        assert!(finds(&json!([{"mfa.configured": false}, {"lastname": ""}, {"username": {"$ne": "x"}}])));
        assert!(finds(&json!([{"lastname": {"$exists": false}}])));
        assert!(finds(&json!({})));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            json!("x"),
            json!({"or": 1}),
            json!({"or": [], "and": []}),
            json!(["a:b"]),
            json!([{"a": {"$no": 1}}]),
        ] {
            assert!(Filter::read(&bad, Letters::Sensitive).is_err(), "{bad}");
        }
        assert!(Filter::read(&json!([{"a": {"$regex": "("}}]), Letters::Sensitive).is_err());
    }

    #[test]
    fn exact_values_are_known() {
        let filter =
            Filter::read(&json!({"or": [{"username": "a"}, {"email": "b"}]}), Letters::Sensitive).unwrap();
        assert!(filter.is_indexed());
        assert_eq!(filter.exact(), [("username", "a"), ("email", "b")]);
        let filter =
            Filter::read(&json!({"or": [{"username": "a"}, {"department": "b"}]}), Letters::Sensitive)
                .unwrap();
        assert!(!filter.is_indexed());
    }
}
