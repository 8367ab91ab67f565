//! Texts on their way into status: messages of JumpCloud, names of users, annotations.

use std::collections::BTreeSet;

use jumpcloud_operator::api::condition;
use jumpcloud_operator::plan::desired::desired;
use jumpcloud_operator::plan::listing::listed;
use jumpcloud_operator::plan::schedule::desired::desired as desired_schedule;
use jumpcloud_operator::users::clean;
use jumpcloud_operator::users::row::fold;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

use crate::documents::{mutated, mutations, text, value};
use crate::{check, unfit};

/// Whether a text shows an e-mail address.
fn address(text: &str) -> bool {
    let parts = |word: &str| word.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.'));
    text.split(|c: char| c.is_whitespace() || "\"'<>()[]{},;`".contains(c)).any(parts)
}

#[test]
fn no_message_shows_what_was_sent() {
    // Letters that no label of a field has, so that what is found was sent.
    let sent = "[WXYZ0-9]{4,12}( [WXYZ]{1,5})?";
    let row = (sent, sent)
        .prop_map(|(last, pin)| json!({"username": "ada", "lastName": last, "attributes": {"pin": pin}}));
    check(file!(), 300, &(row, vec(text(), 0..6), text()), |(row, words, between)| {
        let fields = row.as_object().unwrap().clone();
        let (last, pin) = (row["lastName"].as_str().unwrap(), row["attributes"]["pin"].as_str().unwrap());
        let mut said = String::new();
        for word in words {
            said.extend([last, &between, &word, " ", &pin.to_lowercase(), "\u{1b}[1m", "ada@example.com "]);
        }
        let shown = clean::message(&said, [&fields]);
        prop_assert_eq!(unfit(&shown, clean::MAX_MESSAGE), None);
        prop_assert!(!address(&shown), "{}", shown);
        for value in [last, pin] {
            prop_assert!(!shown.to_lowercase().contains(&value.to_lowercase()), "{:?} in {}", value, shown);
        }
        Ok(())
    });
}

#[test]
fn any_text_becomes_one_clean_line() {
    check(file!(), 400, &vec(text(), 0..5), |texts| {
        let shown = clean::message(&texts.join(" "), None);
        prop_assert_eq!(unfit(&shown, clean::MAX_MESSAGE), None);
        prop_assert!(!address(&shown), "{}", shown);
        Ok(())
    });
}

/// The message about a spec is fit, and a user that is not refused has a name that looks like what it is.
fn problems_are_fit(message: &str) -> TestCaseResult {
    prop_assert!(message.len() <= condition::MAX_MESSAGE, "{} bytes", message.len());
    prop_assert_eq!(unfit(message, condition::MAX_MESSAGE), None);
    prop_assert!(!address(message), "{}", message);
    Ok(())
}

#[test]
fn names_that_look_like_others_are_refused() {
    let name = prop_oneof![
        text(),
        select(vec![
            "ada",
            "ADA",
            " ada",
            "ada ",
            "ada\u{a0}",
            "\u{430}da",
            "a\u{200b}da",
            "=ada",
            "+ada",
            "ａｄａ",
            "K",
            "\u{212a}",
            "\u{130}"
        ])
        .prop_map(str::to_owned),
    ];
    check(file!(), 300, &vec((name, text()), 1..8), |names| {
        let users: Vec<Value> =
            names.iter().map(|(name, mail)| json!({"username": name, "email": mail})).collect();
        let batch = desired(&serde_json::from_value(json!({"users": users})).unwrap(), 1000);
        problems_are_fit(&listed(&batch.problems))?;
        if batch.problems.is_empty() {
            let folded: BTreeSet<String> = batch.rows.iter().map(|row| fold(&row.username)).collect();
            prop_assert_eq!(folded.len(), batch.rows.len());
            prop_assert!(batch.rows.iter().all(|row| row.username.chars().all(|c| c.is_ascii_graphic())));
        }
        let users: Vec<Value> = names.iter().map(|(name, _)| json!({"username": name})).collect();
        let spec = json!({"users": users, "state": "Suspended", "startTime": "2027-01-04T09:00:00Z"});
        let schedule = desired_schedule(&serde_json::from_value(spec).unwrap(), 1000);
        problems_are_fit(&listed(&schedule.problems))
    });
}

#[test]
fn every_spec_is_sound_or_has_its_problems() {
    let batch = json!({
        "connectionRef": {"name": "default"}, "template": {"state": "Staged", "attributes": {"a": "1"}},
        "users": [{"username": "ada", "email": "ada@example.com", "manager": {"username": "bob"}, "clear": ["location"],
            "attributes": {"b": "2"}, "sshKeys": [{"name": "k", "publicKey": "ssh"}], "unixUID": 5, "sudo": true,
            "phoneNumbers": [{"type": "work", "number": "1"}], "addresses": [{"type": "home", "locality": "x"}]},
            {"username": "bob", "email": "bob@example.com", "suspended": false}],
        "batchSize": 10, "retry": {"limit": 3}, "jobTimeout": "1h",
    });
    let schedule = json!({
        "users": [{"username": "ada"}, {"email": "bob@example.com"}, {"id": "5f1b"}], "usersFromBatch": {"name": "b"},
        "state": "Activated", "startTime": "2027-01-04T09:00:00", "timeZone": "Europe/Berlin",
        "activationEmails": {"send": true, "overrideAddress": "hr@example.com"}, "missedPolicy": "ApplyNow",
        "startingDeadline": "1h", "deletionPolicy": "CancelAll", "guards": {"maxUsers": 50},
        "verification": {"gracePeriod": "30m"},
    });
    let spec =
        (select(vec![batch, schedule]), mutations(6)).prop_map(|(sound, changes)| mutated(sound, &changes));
    check(file!(), 500, &prop_oneof![9 => spec, 1 => value()], |spec| {
        if let Ok(spec) = serde_json::from_value(spec.clone()) {
            let batch = desired(&spec, 1000);
            problems_are_fit(&listed(&batch.problems))?;
            prop_assert!((1..=800).contains(&batch.batch_size));
        }
        if let Ok(spec) = serde_json::from_value(spec) {
            let schedule = desired_schedule(&spec, 1000);
            problems_are_fit(&listed(&schedule.problems))?;
            prop_assert!(schedule.start.is_some() || !schedule.problems.is_empty());
        }
        Ok(())
    });
}
