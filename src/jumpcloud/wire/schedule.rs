//! A scheduled state change.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value;

use crate::jumpcloud::wire::{presence, text};

/// The state change of one user that JumpCloud will make at a certain time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ScheduledEvent {
    /// `scheduledJobId`: what it is deleted with. The users of one request may share it.
    pub job_id: String,
    /// The user; empty when the answer does not say.
    pub user_id: String,
    /// The state that the user will have.
    pub state: EventState,
    /// When, as JumpCloud keeps it; `None` when the answer does not say or cannot be read.
    pub date: Option<Timestamp>,
}

/// The state that an event leads to: a text, of which two words are documented.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum EventState {
    /// `ACTIVATED`
    Activated,
    /// `SUSPENDED`
    Suspended,
    /// Another word, as it came; empty when there is none.
    Other(String),
}

impl ScheduledEvent {
    /// Reads one event; `None` when it is no object or has no id.
    pub(crate) fn read(event: &Value) -> Option<Self> {
        let event = event.as_object()?;
        Some(Self {
            job_id: text(event, &["scheduledJobId"])?,
            user_id: text(event, &["systemUserId"]).unwrap_or_default(),
            state: EventState::read(text(event, &["state"]).unwrap_or_default()),
            date: text(event, &["scheduledDate"]).and_then(|date| instant(&date)),
        })
    }
}

impl EventState {
    fn read(word: String) -> Self {
        match word.as_str() {
            "ACTIVATED" => Self::Activated,
            "SUSPENDED" => Self::Suspended,
            _ => Self::Other(word),
        }
    }
}

/// The spelling of dates in requests: that of the vendor's sample, in UTC.
pub(crate) fn date(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A date of an answer. Dates are documented as UTC, so one without a zone is.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

impl fmt::Debug for ScheduledEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduledEvent")
            .field("job_id", &self.job_id)
            .field("user_id", &self.user_id)
            .field("state", &self.state)
            .field("date", &self.date)
            .finish()
    }
}

impl fmt::Debug for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activated => f.write_str("Activated"),
            Self::Suspended => f.write_str("Suspended"),
            // A word that nobody expects may be anything.
            Self::Other(word) => {
                let word = Some(word).filter(|word| !word.is_empty());
                f.debug_tuple("Other").field(&format_args!("{}", presence(word))).finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_are_read_in_every_form_and_sent_in_one() {
        for (text, want) in [
            ("2027-01-04T08:00:00.000Z", Some("2027-01-04T08:00:00.000Z")),
            ("2027-01-04T08:00:00Z", Some("2027-01-04T08:00:00.000Z")),
            ("2027-01-04T09:00:00.250+01:00", Some("2027-01-04T08:00:00.250Z")),
            (" 2027-01-04T08:00:00 ", Some("2027-01-04T08:00:00.000Z")),
            ("2027-01-04 08:00:00.5", Some("2027-01-04T08:00:00.500Z")),
            ("9999-01-01T00:00:00Z", Some("9999-01-01T00:00:00.000Z")),
            ("monday", None),
            ("", None),
        ] {
            assert_eq!(instant(text).map(date).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn an_event_needs_its_id_alone() {
        let full = ScheduledEvent::read(&json!({
            "scheduledJobId": "j1", "systemUserId": "u1", "state": "SUSPENDED",
            "scheduledDate": "2027-01-04T08:00:00Z", "unheardOf": 1,
        }))
        .unwrap();
        assert_eq!((full.job_id.as_str(), full.user_id.as_str()), ("j1", "u1"));
        assert!(full.state == EventState::Suspended && full.date.is_some());
        let bare = ScheduledEvent::read(&json!({"scheduledJobId": 7, "scheduledDate": 12})).unwrap();
        assert_eq!((bare.job_id.as_str(), bare.user_id.as_str(), bare.date), ("7", "", None));
        assert_eq!(bare.state, EventState::Other(String::new()));
        for other in [json!({"systemUserId": "u1"}), json!({"scheduledJobId": ""}), json!("j1"), json!(null)]
        {
            assert!(ScheduledEvent::read(&other).is_none());
        }
    }

    #[test]
    fn unknown_words_are_kept_and_not_shown() {
        let event = ScheduledEvent::read(&json!({"scheduledJobId": "j1", "state": "canary"})).unwrap();
        assert_eq!(event.state, EventState::Other("canary".to_owned()));
        assert!(!format!("{event:?}").contains("canary"), "{event:?}");
    }
}
