//! The rules of `ScheduledUserState`.

use jumpcloud_operator::api::scheduled_user_state::{NO_ACTIVATION, NOBODY, NOT_SENT, ONE_USER};
use jumpcloud_operator::plan::start_time::StartTimeError;
use serde_json::{Value, json};

use super::case::{Case, Kind};
use super::{MAX_USERS, REFERENCE, ruled, with};

const DEADLINE: &str = "startingDeadline is between 1s and 8760h";
const GRACE: &str = "gracePeriod is between 1s and 8760h";

/// Whether the operator refuses an object that the API server takes: it has an instant before 1970, which no
/// rule sees.
pub fn is_beyond_the_schema(what: &str) -> bool {
    what.contains(BEFORE_1970)
}

const BEFORE_1970: &str = "1970-01-01T00:30:00+01:00";

/// Objects that break a rule, and neighbours that do not.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    times(&mut cases);
    zones(&mut cases);
    people(&mut cases);
    mail(&mut cases);
    for (extra, message) in [
        (json!({"startingDeadline": "1s", "verification": {"gracePeriod": "8760h"}}), None),
        (json!({"startingDeadline": "0s"}), Some(DEADLINE)),
        (json!({"startingDeadline": "8760h1s"}), Some(DEADLINE)),
        (json!({"startingDeadline": "99999999999999999999s"}), Some(DEADLINE)),
        (json!({"verification": {"gracePeriod": "0s"}}), Some(GRACE)),
        (json!({"verification": {"gracePeriod": "8761h"}}), Some(GRACE)),
        // The contract's words and numbers, whatever the schema says.
        (json!({"state": "Suspended"}), None),
        (json!({"state": "Staged"}), Some("Unsupported value")),
        (json!({"missedPolicy": "ApplyNow", "deletionPolicy": "CancelAll"}), None),
        (json!({"missedPolicy": "Later"}), Some("Unsupported value")),
        (json!({"guards": {"maxUsers": 0}}), None),
        (json!({"guards": {"maxUsers": -1}}), Some("greater than or equal to 0")),
        (json!({"guards": {"maxUsers": "10%"}}), Some("must be of type integer")),
        (json!({"userz": []}), Some("unknown field \"spec.userz\"")),
    ] {
        cases.push(ruled(Kind::Schedule, with(Kind::Schedule, extra), message));
    }
    cases
}

fn times(cases: &mut Vec<Case>) {
    use StartTimeError::{Fraction, Impossible, Malformed, NoZone, OffsetAndZone, OutOfRange};
    for (time, wrong) in [
        ("2027-01-04T09:00:00Z", None),
        ("2027-01-04T09:00:00+01:00", None),
        ("2027-01-04T09:00:00-23:59", None),
        ("2027-01-04T09:00:00.000Z", None),
        ("2028-02-29T23:59:59Z", None),
        ("2000-02-29T00:00:00Z", None),
        ("2027-04-30T00:00:00Z", None),
        ("2027-12-31T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-30T00:00:00Z", None),
        (BEFORE_1970, None),
        ("next monday morning at nine", Some(Malformed)),
        ("2027-01-04 09:00:00Z", Some(Malformed)),
        ("2027-01-04t09:00:00z", Some(Malformed)),
        ("2027-01-04T09:00:00+0100", Some(Malformed)),
        ("2027-01-04T09:00:00+01", Some(Malformed)),
        ("2027-01-04T09:00:00 Z", Some(Malformed)),
        ("2027-01-04T09:00:00.Z", Some(Malformed)),
        ("+2027-01-04T09:00:00Z", Some(Malformed)),
        ("2027-01-04T09:00:00Z\n", Some(Malformed)),
        ("2027-02-29T09:00:00Z", Some(Impossible)),
        ("2100-02-29T09:00:00Z", Some(Impossible)),
        ("2027-02-30T09:00:00Z", Some(Impossible)),
        ("2027-04-31T09:00:00Z", Some(Impossible)),
        ("2027-01-32T09:00:00Z", Some(Impossible)),
        ("2027-01-00T09:00:00Z", Some(Impossible)),
        ("2027-13-01T09:00:00Z", Some(Impossible)),
        ("2027-00-01T09:00:00Z", Some(Impossible)),
        ("2027-01-04T24:00:00Z", Some(Impossible)),
        ("2027-01-04T09:60:00Z", Some(Impossible)),
        ("2027-01-04T09:00:60Z", Some(Impossible)),
        ("2027-01-04T09:00:00+24:00", Some(Impossible)),
        ("2027-01-04T09:00:00+01:60", Some(Impossible)),
        ("2027-01-04T09:00:00.5Z", Some(Fraction)),
        ("2027-01-04T09:00:00.0001Z", Some(Fraction)),
        ("1969-12-31T23:59:59Z", Some(OutOfRange)),
        ("9999-12-31T00:00:00Z", Some(OutOfRange)),
        ("2027-01-04T09:00:00", Some(NoZone)),
    ] {
        let wrong = wrong.map(|wrong| wrong.to_string());
        cases.push(time_case(json!({"startTime": time}), wrong.as_deref()));
        // A local time with a zone is under the same rules; in 1970 the zone may decide.
        let local = time.strip_suffix('Z').filter(|local| wrong.is_none() && !local.starts_with("1970"));
        let Some(local) = local else { continue };
        cases.push(time_case(json!({"startTime": local, "timeZone": "Europe/Berlin"}), None));
    }
    for (time, wrong) in [
        ("2027-01-04T09:00:00Z", OffsetAndZone),
        ("2027-01-04T09:00:00-05:00", OffsetAndZone),
        ("2027-02-30T09:00:00", Impossible),
        ("2027-01-04T09:00:00.1", Fraction),
    ] {
        let extra = json!({"startTime": time, "timeZone": "Europe/Berlin"});
        cases.push(time_case(extra, Some(&wrong.to_string())));
    }
}

fn time_case(extra: Value, message: Option<&str>) -> Case {
    let mut case = ruled(Kind::Schedule, with(Kind::Schedule, extra), message);
    if message.is_some() {
        case.refusal.push("spec.startTime".to_owned());
    }
    case
}

fn zones(cases: &mut Vec<Case>) {
    let unknown = StartTimeError::UnknownZone.to_string();
    let form = "should match";
    for (zone, refusal) in [
        ("Europe/Berlin", None),
        ("America/Argentina/Buenos_Aires", None),
        ("America/Port-au-Prince", None),
        ("Etc/GMT+12", None),
        ("Etc/GMT-14", None),
        ("Pacific/Kiritimati", None),
        ("UTC", None),
        ("EST5EDT", None),
        ("Europe/Atlantis", Some(unknown.as_str())),
        ("Mars", Some(&unknown)),
        ("Local", Some(&unknown)),
        ("Etc/Unknown", Some(&unknown)),
        ("+01:00", Some(form)),
        ("../Europe/Berlin", Some(form)),
        ("/etc/localtime", Some(form)),
        ("Europe/", Some(form)),
        ("Europe Berlin", Some(form)),
    ] {
        let extra = json!({"startTime": "2027-01-04T09:00:00", "timeZone": zone});
        let mut case = ruled(Kind::Schedule, with(Kind::Schedule, extra), refusal);
        if refusal.is_some() {
            case.refusal.push("spec.timeZone".to_owned());
        }
        cases.push(case);
    }
}

fn people(cases: &mut Vec<Case>) {
    let many =
        |count: usize| -> Vec<Value> { (0..count).map(|i| json!({"username": format!("u{i}")})).collect() };
    for (users, message) in [
        (json!(many(500)), None),
        (json!(many(501)), Some(MAX_USERS)),
        (json!([]), Some(NOBODY)),
        (json!([{"username": "ada"}, {"email": "bob@example.com"}, {"id": "5f1b0c2d"}]), None),
        (json!([{}]), Some(REFERENCE)),
        (json!([{"username": "ada", "email": "ada@example.com"}]), Some(REFERENCE)),
        (json!([{"username": "ada", "id": "5f1b"}]), Some(REFERENCE)),
        (json!([{"email": "ada@example.com", "id": "5f1b"}]), Some(REFERENCE)),
        (json!([{"username": "ada", "email": "ada@example.com", "id": "5f1b"}]), Some(REFERENCE)),
        (json!([{"user": "ada"}]), Some("unknown field \"spec.users[0].user\"")),
    ] {
        cases.push(ruled(Kind::Schedule, with(Kind::Schedule, json!({"users": users})), message));
    }
    let mut batch = with(Kind::Schedule, json!({"usersFromBatch": {"name": "sales"}}));
    cases.push(ruled(Kind::Schedule, batch.clone(), None));
    batch.as_object_mut().expect("an object").remove("users");
    cases.push(ruled(Kind::Schedule, batch, None));
    let mut nobody = Kind::Schedule.base();
    nobody.as_object_mut().expect("an object").remove("users");
    let mut case = ruled(Kind::Schedule, nobody, Some(NOBODY));
    case.refusal.push("spec.users".to_owned());
    cases.push(case);
}

fn mail(cases: &mut Vec<Case>) {
    const PLACE: &str = "spec.activationEmails.overrideAddress";
    let to = |send: bool| json!({"send": send, "overrideAddress": "hr@example.com"});
    let two = json!([{"username": "ada"}, {"username": "bob"}]);
    let batch = json!({"name": "sales"});
    for (extra, refusal) in [
        (json!({"activationEmails": {"send": true}}), &[][..]),
        (json!({"activationEmails": {"send": false}, "users": two}), &[]),
        (json!({"activationEmails": to(true)}), &[]),
        (
            json!({"activationEmails": {"send": false}, "state": "Suspended"}),
            &[NO_ACTIVATION, "spec.activationEmails"],
        ),
        (json!({"activationEmails": to(false)}), &[NOT_SENT, PLACE]),
        (json!({"activationEmails": to(true), "users": two}), &[ONE_USER, PLACE]),
        (json!({"activationEmails": to(true), "usersFromBatch": batch}), &[ONE_USER, PLACE]),
        (json!({"activationEmails": to(true), "users": [], "usersFromBatch": batch}), &[ONE_USER, PLACE]),
        (json!({"activationEmails": to(false), "users": two}), &[NOT_SENT, ONE_USER, PLACE]),
        (json!({"activationEmails": {}}), &["spec.activationEmails.send", "Required value"]),
    ] {
        let spec = with(Kind::Schedule, extra);
        let shown = spec.to_string();
        cases.push(if refusal.is_empty() {
            Case::accepted(shown, Kind::Schedule, spec)
        } else {
            Case::refused(shown, Kind::Schedule, spec, refusal)
        });
    }
}
