//! The body of `POST /bulk/userstates`.

use jiff::civil::DateTime;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::Value;

use super::MailWish;
use crate::facts;
use crate::settings::{Granularity, ScheduleSettings};
use crate::users::Fields;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct NewSchedule {
    pub(crate) users: Vec<String>,
    pub(crate) state: String,
    pub(crate) date: Timestamp,
    pub(crate) mail: MailWish,
}

impl NewSchedule {
    /// Reads a request, or says why it is refused.
    pub(crate) fn read(body: &Value, settings: &ScheduleSettings) -> Result<Self, String> {
        let body = body.as_object().ok_or("the body must be an object")?;
        let facts = facts::of("schedule_request");
        for fact in facts.iter().filter(|fact| fact.has("required")) {
            if body.get(fact.field).is_none_or(Value::is_null) {
                return Err(format!("{} is required", fact.field));
            }
        }
        let users: Option<Vec<_>> = body
            .get("user_ids")
            .and_then(Value::as_array)
            .and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
        let users = users.filter(|ids| !ids.is_empty() && ids.iter().all(|id| !id.is_empty()));
        let users = users.ok_or("user_ids must be a list of ids")?;
        if let Some(most) = settings.max_user_ids.filter(|most| users.len() > *most) {
            return Err(format!("too many user_ids: at most {most} in one request"));
        }
        let state = body.get("state").and_then(Value::as_str).unwrap_or_default();
        let is_state = |fact: &&&facts::Fact| fact.field == "state" && fact.values().any(|one| one == state);
        facts.iter().find(is_state).ok_or("state must be ACTIVATED or SUSPENDED")?;
        let date = body.get("start_date").and_then(Value::as_str);
        let date = date.and_then(|text| instant(text, settings.zoneless_offset_minutes));
        let date = date.ok_or("start_date must be a date-time")?;
        let mail = mail(body, users.len(), state)?;
        Ok(Self { users, state: state.to_owned(), date, mail })
    }
}

/// The mail that a request asks for: both fields are for activations, the override for one user.
fn mail(body: &Fields, users: usize, state: &str) -> Result<MailWish, String> {
    let is_activation = state == "ACTIVATED";
    let send = match body.get("send_activation_emails") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(_)) if !is_activation => {
            return Err("send_activation_emails can only be used with ACTIVATED".to_owned());
        }
        Some(Value::Bool(send)) => Some(*send),
        Some(_) => return Err("send_activation_emails must be a boolean".to_owned()),
    };
    let address = match body.get("activation_email_override") {
        None | Some(Value::Null) => None,
        Some(Value::String(address)) => Some(address),
        Some(_) => return Err("activation_email_override must be a string".to_owned()),
    };
    match (send, address) {
        (Some(false), _) => Ok(MailWish::None),
        (_, Some(_)) if users != 1 || !is_activation => {
            Err("activation_email_override can only be used with one user and ACTIVATED".to_owned())
        }
        (_, Some(address)) if !address.contains('@') => {
            Err("activation_email_override must be an e-mail address".to_owned())
        }
        (_, Some(_)) => Ok(MailWish::Override),
        (Some(true), None) => Ok(MailWish::Usual),
        (None, None) => Ok(MailWish::Unsaid),
    }
}

/// The instant that a text means. Without a zone it is so many minutes ahead of UTC.
pub(crate) fn instant(text: &str, offset_minutes: i32) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local: DateTime = text.parse().ok()?;
    let offset = jiff::tz::Offset::from_seconds(offset_minutes.checked_mul(60)?).ok()?;
    offset.to_timestamp(local).ok()
}

/// What is kept of a date.
pub(crate) fn kept(date: Timestamp, granularity: Granularity) -> Timestamp {
    let unit = match granularity {
        Granularity::Millisecond => Unit::Millisecond,
        Granularity::Second => Unit::Second,
        Granularity::Minute => Unit::Minute,
    };
    date.round(TimestampRound::new().smallest(unit).mode(RoundMode::Floor)).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoneless_dates_follow_the_offset() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(instant("2020-01-01T02:00:00", 0), Some(at("2020-01-01T02:00:00Z")));
        assert_eq!(instant("2020-01-01T02:00:00", 60), Some(at("2020-01-01T01:00:00Z")));
        assert_eq!(instant("2020-01-01T02:00:00.5+05:30", 60), Some(at("2019-12-31T20:30:00.5Z")));
        assert_eq!(instant("tomorrow", 0), None);
    }

    #[test]
    fn the_rest_of_a_date_is_cut_off() {
        let date: Timestamp = "2027-01-04T08:00:59.987654321Z".parse().unwrap();
        for (granularity, want) in [
            (Granularity::Millisecond, "2027-01-04T08:00:59.987Z"),
            (Granularity::Second, "2027-01-04T08:00:59Z"),
            (Granularity::Minute, "2027-01-04T08:00:00Z"),
        ] {
            assert_eq!(kept(date, granularity).to_string(), want);
        }
    }
}
