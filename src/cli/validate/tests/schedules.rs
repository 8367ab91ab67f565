//! Schedules, alone and beside each other.

use super::{check_all, check_files};
use crate::api::scheduled_user_state::{NO_ACTIVATION, NOBODY, ONE_USER};
use crate::plan::start_time::StartTimeError;

fn schedule(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: jumpcloud-operator.dev/v1alpha1\nkind: ScheduledUserState\n\
         metadata: {{name: {name}, namespace: people}}\nspec: {{{spec}}}\n---\n"
    )
}

/// What is said about one schedule, without file and object.
fn told(spec: &str) -> Vec<String> {
    let of = |line: &str| line.strip_prefix("f.yaml: ScheduledUserState people/leavers: ").map(str::to_owned);
    check_all(&schedule("leavers", spec)).iter().map(|line| of(line).expect(line)).collect()
}

const AT_NINE: &str = "state: Suspended, startTime: \"2027-01-04T09:00:00Z\"";

#[test]
fn a_sound_schedule_has_no_problem() {
    for spec in [
        format!("users: [{{username: ada}}, {{email: bob@example.com}}, {{id: 5f1b}}], {AT_NINE}"),
        format!("usersFromBatch: {{name: sales}}, {AT_NINE}, guards: {{maxUsers: 0}}"),
        "users: [{username: ada}], state: Activated, startTime: \"2027-01-04T09:00:00\", timeZone: Europe/Berlin, \
         activationEmails: {send: true, overrideAddress: hr@example.com}, startingDeadline: 24h"
            .to_owned(),
    ] {
        assert_eq!(told(&spec), Vec::<String>::new(), "{spec}");
    }
}

/// The schema, the operator's checks and the rules see most of these; each is told once.
#[test]
fn every_mistake_is_told_once() {
    assert_eq!(
        told(
            "users: [{username: ada, email: nonsense}, {}, {username: ADA}, {user: bob}, carol, {id: 7}, {email: x@y.example}, \
             {email: X@Y.example}], state: Suspended, startTime: soon, timeZone: \"+01:00\", startingDeadline: soon, \
             verification: {gracePeriod: 9000h}, activationEmails: {send: true, overrideAddress: hr@example.com}, pause: true"
        ),
        [
            "spec.pause is not a field; did you mean paused".to_owned(),
            "spec.users[3].user is not a field".to_owned(),
            "spec.users[4] is not an object".to_owned(),
            "spec.users[5].id is not a text".to_owned(),
            format!("startTime: {}", StartTimeError::Malformed),
            format!("timeZone: {}", StartTimeError::UnknownZone),
            "startingDeadline: is not a duration such as 90s or 1h30m".to_owned(),
            "verification.gracePeriod: is not between 1s and 8760h".to_owned(),
            format!("activationEmails: {NO_ACTIVATION}"),
            format!("activationEmails.overrideAddress: {ONE_USER}"),
            "users[0] 'ada': takes exactly one of id, username and email".to_owned(),
            "users[0] 'ada': email is not an e-mail address".to_owned(),
            "users[1]: takes exactly one of id, username and email".to_owned(),
            "users[2] 'ADA': username is used twice (also users[0])".to_owned(),
            "users[7]: email is used twice (also users[6])".to_owned(),
        ]
    );
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let nobody = format!("users: {NOBODY}");
    for (spec, expected) in [
        ("", vec!["spec.startTime is missing", "spec.state is missing", &nobody]),
        // Nothing follows from what was not understood.
        (
            "users: {}, state: Gone, startTime: 7, paused: 3, activationEmails: {send: true, overrideAddress: hr@example.com}",
            vec![
                "spec.paused is not true or false",
                "spec.startTime is not a text",
                "spec.state is not one of Activated, Suspended",
                "spec.users is not a list",
            ],
        ),
        (
            "usersFromBatch: {nam: sales}, state: Suspended, startTime: \"2027-02-30T09:00:00\", timeZone: 1",
            vec![
                "spec.timeZone is not a text",
                "spec.usersFromBatch.name is missing",
                "spec.usersFromBatch.nam is not a field; did you mean name",
                "startTime: startTime names a day or a time of day that does not exist; correct it",
            ],
        ),
        (
            "users: [{username: ada}], state: Suspended, startTime: \"2027-01-04T09:00:00\", timeZone: 1",
            vec!["spec.timeZone is not a text"],
        ),
        (
            "users: [{username: ada}], state: Gone, startTime: \"2027-01-04T09:00:00\", timeZone: Europe/Atlantis",
            vec![
                "spec.state is not one of Activated, Suspended",
                "timeZone: timeZone is not in the IANA time zone database; write a name like Europe/Berlin",
            ],
        ),
    ] {
        assert_eq!(told(spec), expected, "{spec}");
    }
}

fn at(time: &str, state: &str, users: &str) -> String {
    format!("{users}, state: {state}, startTime: \"{time}\"")
}

#[test]
fn one_change_in_two_schedules_and_a_contradiction_are_told() {
    let nine = "2027-01-04T09:00:00Z";
    let first = schedule(
        "first",
        &at(nine, "Suspended", "users: [{username: ada}, {email: bob@example.com}, {id: 5f1b}]"),
    );
    // The same instant in other words.
    let same = at(
        "2027-01-04T10:00:00+01:00",
        "Suspended",
        "users: [{username: x}, {username: Ada}, {email: BOB@example.com}]",
    );
    let other = at(nine, "Activated", "users: [{id: 5f1b}]");
    let later = at("2027-01-04T09:00:01Z", "Activated", "users: [{id: 5f1b}]");
    let found = check_files(&[
        ("a.yaml", &first),
        ("b.yaml", &(schedule("same", &same) + &schedule("other", &other) + &schedule("later", &later))),
        (
            "c.yaml",
            &(schedule("paused", &format!("{other}, paused: true"))
                + &schedule("eu", &format!("{other}, connectionRef: {{name: eu}}"))),
        ),
        ("d.yaml", &first),
    ]);
    let by = |row: usize| format!("by ScheduledUserState people/first as well (users[{row}] in a.yaml)");
    let off = "take the user off one of the two";
    assert_eq!(
        found,
        [
            format!(
                "b.yaml: ScheduledUserState people/same: users[1] 'Ada': username is scheduled for the same change {}; {off}",
                by(0)
            ),
            format!(
                "b.yaml: ScheduledUserState people/same: users[2]: email is scheduled for the same change {}; {off}",
                by(1)
            ),
            format!(
                "b.yaml: ScheduledUserState people/other: users[0]: id is scheduled {} for the same instant, to be Suspended; {off}, or \
                 give one another startTime",
                by(2)
            ),
        ]
    );
}

#[test]
fn users_of_a_batch_are_known_when_it_is_among_the_files() {
    let nine = "2027-01-04T09:00:00Z";
    let batch = "apiVersion: jumpcloud-operator.dev/v1alpha1\nkind: JumpCloudUserBatch\n\
                 metadata: {name: sales, namespace: people}\nspec: {users: [{username: ada, email: ada@example.com}, \
                 {username: bob, email: bob@example.com}]}\n---\n";
    let whole = schedule("whole", &at(nine, "Activated", "usersFromBatch: {name: sales}"));
    let again = schedule("again", &at(nine, "Suspended", "usersFromBatch: {name: sales}"));
    let one = schedule("one", &at(nine, "Activated", "users: [{email: Bob@example.com}]"));
    let of_batch = "by ScheduledUserState people/whole as well (usersFromBatch in f.yaml)";
    let of_row = "by ScheduledUserState people/one as well (users[0] in f.yaml)";
    let say = |name: &str, what: String| format!("f.yaml: ScheduledUserState people/{name}: {what}");
    assert_eq!(
        check_all(&(batch.to_owned() + &whole + &again + &one)),
        [
            say(
                "again",
                format!(
                    "usersFromBatch: usersFromBatch is scheduled {of_batch} for the same instant, to be Activated; take the batch off one of the two, or give one another startTime"
                )
            ),
            say(
                "one",
                format!(
                    "users[0]: email is scheduled for the same change {of_batch}; take the user off one of the two"
                )
            ),
        ]
    );
    assert_eq!(
        check_all(&(batch.to_owned() + &one + &whole)),
        [say(
            "whole",
            format!(
                "usersFromBatch: user 'bob': email is scheduled for the same change {of_row}; take the user off one of the two"
            )
        )]
    );
    // Without the batch nothing can be said about its users.
    assert_eq!(check_all(&(whole + &one)), Vec::<String>::new());
}
