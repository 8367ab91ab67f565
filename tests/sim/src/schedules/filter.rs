//! The `filter` of `GET /bulk/userstates`: `field:operator:value`, which may repeat; all must hold.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::{date, read};
use crate::ledger::ScheduledEvent;
use crate::settings::{DateForm, FilterEffect};

/// One condition.
#[derive(Debug)]
pub(crate) struct Filter {
    field: Field,
    test: Test,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Job,
    User,
    State,
    Date,
}

#[derive(Debug)]
enum Test {
    Compare(Key, fn(Ordering) -> bool),
    Between(Key, Key),
    In(Vec<Key>),
    Search(String),
}

/// What is compared: texts with their case, or instants.
#[derive(Debug, PartialEq, PartialOrd)]
enum Key {
    Text(String),
    Instant(Timestamp),
}

/// How dates are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    pub(crate) effect: FilterEffect,
    pub(crate) form: DateForm,
    /// What a date without zone means.
    pub(crate) offset_minutes: i32,
}

impl Filter {
    /// Reads a condition, or says why it is refused.
    pub(crate) fn read(text: &str, dates: Dates) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let (Some(field), Some(operator), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a filter must have the form field:operator:value".to_owned());
        };
        let field = match field {
            "scheduledJobId" => Field::Job,
            "systemUserId" => Field::User,
            "state" => Field::State,
            "scheduledDate" => Field::Date,
            _ => return Err(format!("the filter's field {field} is invalid")),
        };
        let key = |value: &str| match (field, dates.effect) {
            (Field::Date, FilterEffect::Honoured) => read::instant(value, dates.offset_minutes)
                .map(Key::Instant)
                .ok_or_else(|| "the filter's date is invalid".to_owned()),
            _ => Ok(Key::Text(value.to_owned())),
        };
        let compare = |accepts| key(value).map(|key| Test::Compare(key, accepts));
        let test = match operator {
            "eq" => compare(Ordering::is_eq)?,
            "ne" => compare(Ordering::is_ne)?,
            "gt" => compare(Ordering::is_gt)?,
            "ge" => compare(Ordering::is_ge)?,
            "lt" => compare(Ordering::is_lt)?,
            "le" => compare(Ordering::is_le)?,
            "between" => {
                let (from, to) = value.split_once(',').ok_or("between needs two values")?;
                Test::Between(key(from)?, key(to)?)
            }
            "in" => Test::In(value.split(',').map(key).collect::<Result<_, _>>()?),
            "search" => Test::Search(value.to_owned()),
            _ => return Err(format!("the filter's operator {operator} is invalid")),
        };
        Ok(Self { field, test })
    }

    /// Whether the event meets the condition.
    pub(crate) fn matches(&self, event: &ScheduledEvent, dates: Dates) -> bool {
        let text = match self.field {
            Field::Job => event.job_id.clone(),
            Field::User => event.user_id.clone(),
            Field::State => event.state.clone(),
            Field::Date => date(event.date, dates.form),
        };
        let key = match (self.field, dates.effect) {
            (Field::Date, FilterEffect::Honoured) => Key::Instant(event.date),
            _ => Key::Text(text.clone()),
        };
        match &self.test {
            Test::Compare(other, accepts) => key.partial_cmp(other).is_some_and(accepts),
            Test::Between(from, to) => *from <= key && key <= *to,
            Test::In(keys) => keys.contains(&key),
            Test::Search(part) => text.contains(part.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(filter: &str, effect: FilterEffect) -> bool {
        let event = ScheduledEvent {
            organisation: "o".to_owned(),
            job_id: "j1".to_owned(),
            user_id: "u1".to_owned(),
            state: "SUSPENDED".to_owned(),
            date: "2027-01-04T08:00:00Z".parse().unwrap(),
        };
        let dates = Dates { effect, form: DateForm::Milliseconds, offset_minutes: 0 };
        Filter::read(filter, dates).unwrap().matches(&event, dates)
    }

    #[test]
    fn every_documented_operator() {
        for filter in [
            "scheduledDate:eq:2027-01-04T09:00:00+01:00",
            "scheduledDate:ne:2027-01-04T08:00:01Z",
            "scheduledDate:gt:2027-01-04T07:59:59Z",
            "scheduledDate:ge:2027-01-04T08:00:00.000Z",
            "scheduledDate:lt:2027-01-04T08:00:00.001Z",
            "scheduledDate:le:2027-01-04T08:00:00",
            "scheduledDate:between:2027-01-01T00:00:00Z,2027-02-01T00:00:00Z",
            "scheduledDate:in:2026-01-04T08:00:00Z,2027-01-04T08:00:00Z",
            "scheduledDate:search:01-04T08",
            "state:eq:SUSPENDED",
            "state:in:ACTIVATED,SUSPENDED",
            "systemUserId:ne:u2",
            "scheduledJobId:between:j0,j2",
        ] {
            assert!(holds(filter, FilterEffect::Honoured), "{filter}");
        }
        for filter in ["state:eq:suspended", "scheduledDate:gt:2027-01-04T08:00:00Z", "systemUserId:in:u2"] {
            assert!(!holds(filter, FilterEffect::Honoured), "{filter}");
        }
    }

    #[test]
    fn as_texts_equal_instants_differ() {
        assert!(holds("scheduledDate:eq:2027-01-04T08:00:00.000Z", FilterEffect::AsText));
        assert!(!holds("scheduledDate:eq:2027-01-04T08:00:00Z", FilterEffect::AsText));
    }

    #[test]
    fn nonsense_is_refused() {
        let dates = Dates { effect: FilterEffect::Honoured, form: DateForm::Seconds, offset_minutes: 0 };
        for filter in
            ["state", "state:eq", "no:eq:x", "state:like:x", "scheduledDate:eq:soon", "state:between:a"]
        {
            assert!(Filter::read(filter, dates).is_err(), "{filter}");
        }
    }
}
