//! The spec of a schedule, checked: what is wanted, or everything that is wrong with it.

use std::time::Duration;

use jiff::Timestamp;

use super::check;
use super::facts::Key;
use crate::api::scheduled_user_state::{
    DeletionPolicy, MissedPolicy, ScheduledState, ScheduledUserStateSpec, UserReference,
};
use crate::plan::start_time::{self, StartTimeError};
use crate::users::check::Problem;

/// Mail about an activation.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Mail {
    /// Nothing is said about it.
    #[default]
    Unsaid,
    /// None.
    None,
    /// To the user.
    User,
    /// To this address.
    Address(String),
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "Unsaid",
            Self::None => "None",
            Self::User => "User",
            Self::Address(_) => "Address(..)",
        })
    }
}

/// A schedule's spec, ready to be planned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The users of `spec.users`, in their order; `None` for one that is named in no way or in several.
    pub rows: Vec<Option<Key>>,
    /// The batch whose users are scheduled as well.
    pub batch: Option<String>,
    /// The state.
    pub state: ScheduledState,
    /// The instant; `None` when it could not be told, which is among the problems.
    pub start: Option<Timestamp>,
    /// What JumpCloud is told about mail.
    pub mail: Mail,
    /// What happens to users that were missed.
    pub missed: MissedPolicy,
    /// How long after the instant ApplyNow still acts.
    pub deadline: Duration,
    /// What is undone when the object goes.
    pub deletion: DeletionPolicy,
    /// The most users that may be suspended; `None` without a limit.
    pub max_users: Option<usize>,
    /// How long after the instant a user may take to reach the state.
    pub grace: Duration,
    /// Events are cancelled while true.
    pub paused: bool,
    /// Name of the connection.
    pub connection: String,
    /// Everything wrong with the spec. Nothing is done while there is any, but for a deletion.
    pub problems: Vec<Problem>,
}

/// Checks a spec. `object_bytes` is the size of spec and metadata as JSON, managedFields left out.
#[must_use]
pub fn desired(spec: &ScheduledUserStateSpec, object_bytes: usize) -> Desired {
    let mut problems = Vec::new();
    let start = match start_time::resolve(&spec.start_time, spec.time_zone.as_deref()) {
        Ok(start) => Some(start.instant),
        Err(error) => {
            problems.push(Problem::of(place(&error), error.to_string()));
            // A wrong time does not hide a wrong zone.
            let zone = spec.time_zone.as_deref().filter(|_| place(&error) != ZONE);
            let error = zone.and_then(|zone| start_time::resolve(SOUND_TIME, Some(zone)).err());
            problems.extend(error.map(|error| Problem::of(place(&error), error.to_string())));
            None
        }
    };
    let mut period = |place: &str, period: &crate::api::common::Period, instead: u64| {
        period.get().unwrap_or_else(|error| {
            problems.push(Problem::of(place, error.to_string()));
            Duration::from_secs(instead)
        })
    };
    let deadline = period("startingDeadline", &spec.starting_deadline, 3600);
    let grace = period("verification.gracePeriod", &spec.verification.grace_period, 1800);
    problems.extend(check::problems(spec, object_bytes));
    let mail = match &spec.activation_emails {
        None => Mail::Unsaid,
        Some(mail) if !mail.send => Mail::None,
        Some(mail) => mail.override_address.clone().map_or(Mail::User, Mail::Address),
    };
    Desired {
        rows: spec.users.iter().map(key).collect(),
        batch: spec.users_from_batch.as_ref().map(|batch| batch.name.clone()),
        state: spec.state,
        start,
        mail,
        missed: spec.missed_policy,
        deadline,
        deletion: spec.deletion_policy,
        max_users: (spec.state == ScheduledState::Suspended)
            .then(|| usize::try_from(spec.guards.max_users).unwrap_or(usize::MAX)),
        grace,
        paused: spec.paused,
        connection: spec.connection_ref.name.clone(),
        problems,
    }
}

/// The field of the zone.
const ZONE: &str = "timeZone";

/// A local time that every zone has.
const SOUND_TIME: &str = "2027-01-04T09:00:00";

/// The field that has the mistake.
fn place(error: &StartTimeError) -> &'static str {
    match error {
        StartTimeError::UnknownZone | StartTimeError::ZoneSpelling(_) => ZONE,
        StartTimeError::Malformed
        | StartTimeError::Impossible
        | StartTimeError::LeapSecond
        | StartTimeError::Fraction
        | StartTimeError::OffsetAndZone
        | StartTimeError::NoZone
        | StartTimeError::OutOfRange => "startTime",
    }
}

fn key(reference: &UserReference) -> Option<Key> {
    match (&reference.id, &reference.username, &reference.email) {
        (Some(id), None, None) => Some(Key::Id(id.clone())),
        (None, Some(username), None) => Some(Key::Username(username.clone())),
        (None, None, Some(email)) => Some(Key::Email(email.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(fields: &Value) -> Desired {
        let mut spec = json!({"users": [{"username": "ada"}], "state": "Suspended", "startTime": "2027-01-04T09:00:00Z"});
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        desired(&serde_json::from_value(spec).unwrap(), 1000)
    }

    fn told(fields: &Value) -> Vec<String> {
        of(fields).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_sound_spec_is_what_it_says() {
        let found = of(&json!({
            "users": [{"username": "ada"}, {"email": "bob@example.com"}, {"id": "5f1b"}],
            "startTime": "2027-01-04T09:00:00", "timeZone": "Europe/Berlin",
        }));
        assert_eq!(found.problems, []);
        assert_eq!(found.start.unwrap().to_string(), "2027-01-04T08:00:00Z");
        let keys: Vec<Key> = found.rows.into_iter().flatten().collect();
        assert_eq!(
            keys,
            [Key::Username("ada".into()), Key::Email("bob@example.com".into()), Key::Id("5f1b".into())]
        );
        assert_eq!((found.deadline.as_secs(), found.grace.as_secs()), (3600, 1800));
        assert_eq!((found.max_users, found.mail), (Some(50), Mail::Unsaid));
        // The guard is for suspensions alone.
        assert_eq!(of(&json!({"state": "Activated"})).max_users, None);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        assert_eq!(
            told(&json!({
                "users": [{"username": "ada"}, {}],
                "startTime": "2027-02-30T09:00:00Z",
                "startingDeadline": "soon",
                "verification": {"gracePeriod": "9000h"},
                "activationEmails": {"send": true},
            })),
            [
                "startTime: startTime names a day or a time of day that does not exist; correct it",
                "startingDeadline: is not a duration such as 90s or 1h30m",
                "verification.gracePeriod: is not between 1s and 8760h",
                "activationEmails: activationEmails goes with state Activated alone; take it off",
                "users[1]: takes exactly one of id, username and email",
            ]
        );
    }

    #[test]
    fn a_wrong_zone_is_told_at_the_zone() {
        let local = "2027-01-04T09:00:00";
        let found = told(&json!({"startTime": local, "timeZone": "europe/berlin"}));
        assert!(found[0].starts_with("timeZone: timeZone is spelled Europe/Berlin"), "{found:?}");
        let found = told(&json!({"startTime": local, "timeZone": "Mars"}));
        assert!(found[0].starts_with("timeZone: timeZone is not in the IANA"), "{found:?}");
        let found = told(&json!({"startTime": "2027-02-30T09:00:00", "timeZone": "Mars"}));
        assert!(found[0].starts_with("startTime: ") && found[1].starts_with("timeZone: "), "{found:?}");
        let found = told(&json!({"startTime": local}));
        assert!(found[0].starts_with("startTime: startTime has no offset"), "{found:?}");
    }

    /// An address appears nowhere in what is printed for people who look for mistakes in the program.
    #[test]
    fn addresses_are_not_printed() {
        let found = of(&json!({
            "users": [{"email": "ada@example.com"}], "state": "Activated",
            "activationEmails": {"send": true, "overrideAddress": "hr@example.com"},
        }));
        assert_eq!(found.mail, Mail::Address("hr@example.com".to_owned()));
        assert!(!format!("{found:?}").contains("example.com"), "{found:?}");
    }
}
