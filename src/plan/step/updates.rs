//! Users that are ours, and rows that are edited: what histories have found.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::api::submission::{Operation, Phase, Recorded, Submission};
use crate::api::user_status::{Failure, InventoryEntry, reason};
use crate::plan::desired::desired;
use crate::plan::draft::Draft;
use crate::plan::facts::{By, Live, Outcome, Repaired, Row, UserKey, Word};
use crate::plan::fixtures::{accepted, at, committed, decide, intended, live, ready, row};

/// A list of ada alone, with these fields.
fn list(fields: &Value) -> Desired {
    let mut ada = json!({"username": "ada", "email": "ada@example.com"});
    ada.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    desired(&serde_json::from_value(json!({"users": [ada], "retry": {"limit": 0}})).unwrap(), 1000)
}

/// A status in which ada is ours, as this list declares it.
fn ours(desired: &Desired) -> JumpCloudUserBatchStatus {
    let state = desired.rows[0].fields.get("state").map(|state| state.as_str().unwrap().to_owned());
    let entry = InventoryEntry {
        username: "ada".to_owned(),
        id: "id-ada".to_owned(),
        hash: desired.rows[0].hash.clone(),
        state,
        ..InventoryEntry::default()
    };
    JumpCloudUserBatchStatus { inventory: vec![entry], ..JumpCloudUserBatchStatus::default() }
}

/// Ada with these fields besides name and address.
fn ada(fields: &Value) -> Live {
    let mut user = live("ada");
    user.fields.extend(fields.as_object().unwrap().clone());
    user.state = user.fields.get("state").and_then(Value::as_str).map(str::to_owned);
    user
}

fn look(facts: &mut Facts, user: &Live, now: Timestamp) {
    let key = UserKey { username: "ada".to_owned(), by: By::Id("id-ada".to_owned()) };
    facts.looked_up(&[key], std::slice::from_ref(user), now);
}

/// An update of ada with the row of this list, intended at 0.
fn update(desired: &Desired) -> Submission {
    Submission {
        operation: Operation::Update,
        members: vec!["id-ada".to_owned()],
        usernames: vec!["ada".to_owned()],
        row_hashes: vec![desired.rows[0].hash.clone()],
        ..intended(&["ada"])
    }
}

fn with(mut status: JumpCloudUserBatchStatus, records: Vec<Submission>) -> JumpCloudUserBatchStatus {
    status.submissions = records.into_iter().map(|record| Recorded::Known(Box::new(record))).collect();
    status
}

fn finished() -> Option<Vec<Row>> {
    Some(vec![row("ada", Word::Finished, "")])
}

#[test]
fn an_edit_that_is_taken_back_while_its_update_is_under_way_is_looked_at() {
    let before = list(&json!({"department": "A", "state": "Activated"}));
    let edited = list(&json!({"department": "B", "state": "Suspended"}));
    let mut facts = ready();
    look(&mut facts, &ada(&json!({"department": "A", "state": "ACTIVATED"})), at(0));
    let intent = committed(decide(&edited, &ours(&before), &facts, at(0)));
    let nonce = intent.intent.unwrap().submission.nonce;
    let mut facts = ready();
    facts.deliveries.insert(nonce, Outcome::Refused { message: "no".to_owned() });
    let settled = committed(decide(&before, &intent.status, &facts, at(1))).status;
    let mut facts = ready();
    assert!(matches!(decide(&before, &settled, &facts, at(2)), Step::Read(Read::Users(_))));
    look(&mut facts, &ada(&json!({"department": "B", "state": "SUSPENDED"})), at(2));
    let back = committed(decide(&before, &settled, &facts, at(2))).intent.unwrap();
    let body: Value = serde_json::from_slice(back.payload.rows()).unwrap();
    assert_eq!(body, json!([{"id": "id-ada", "department": "A", "state": "ACTIVATED"}]));
}

#[test]
fn a_manager_of_no_list_is_read_before_its_update_settles() {
    let desired = list(&json!({"manager": {"username": "grace"}}));
    let running = Submission {
        phase: Phase::Accepted,
        job_id: Some("j".to_owned()),
        accept_time: Some(at(1)),
        ..update(&desired)
    };
    let mut facts = ready();
    facts.polled("j", finished(), 1, at(60));
    look(&mut facts, &ada(&json!({})), at(60));
    let mut status = with(ours(&desired), vec![running]);
    status.inventory[0].hash = String::new();
    let Step::Read(Read::Managers(wanted)) = decide(&desired, &status, &facts, at(60)) else {
        panic!("the manager is not read")
    };
    facts.managers.insert(wanted[0].clone(), Some("m1".to_owned()));
    let settled = committed(decide(&desired, &status, &facts, at(60))).status;
    assert_eq!(settled.failures[0].reason, reason::FIELD_NOT_TAKEN);
}

#[test]
fn a_user_that_is_created_again_has_no_state_from_before() {
    let desired = list(&json!({"state": "Suspended"}));
    let mut status = ours(&desired);
    "id-of-the-deleted".clone_into(&mut status.inventory[0].id);
    let mut job = accepted(&["ada"]);
    job.row_hashes = vec![desired.rows[0].hash.clone()];
    let mut facts = ready();
    facts.polled("j", finished(), 1, at(60));
    crate::plan::fixtures::look(&mut facts, &["ada"], &[ada(&json!({"state": "STAGED"}))], at(60));
    let settled = committed(decide(&desired, &with(status, vec![job]), &facts, at(60))).status;
    assert_eq!(settled.inventory[0].id, "id-ada");
    assert_eq!(settled.failures[0].reason, reason::FIELD_NOT_TAKEN);
}

#[test]
fn an_update_without_an_answer_may_come_late_and_keeps_its_record_for_a_quarantine() {
    let desired = list(&json!({"department": "B"}));
    let facts = |department: &str, second: i64| {
        let mut facts = ready();
        facts.notes.first_seen.insert("n".to_owned(), Duration::from_secs(3600));
        let sight = Submission { look_time: Some(at(30)), ..update(&desired) }.look_sight().unwrap();
        facts.notes.first_seen.insert(sight, Duration::from_secs(3600));
        look(&mut facts, &ada(&json!({"department": department})), at(second));
        facts
    };
    let mut status = with(ours(&desired), vec![update(&desired)]);
    status.inventory[0].hash = String::new();
    let done = committed(decide(&desired, &status, &facts("B", 30), at(30))).status;
    assert!(done.submissions.is_empty() && done.failures.is_empty(), "the values are there: {done:?}");
    let looked = committed(decide(&desired, &status, &facts("A", 30), at(30))).status;
    assert_eq!(looked.submissions[0].known().unwrap().look_time, Some(at(30)));
    let waits = decide(&desired, &looked, &facts("A", 31), at(31));
    assert!(matches!(waits, Step::Idle { wake_at: Some(time) } if time == at(330)), "{waits:?}");
}

#[test]
fn updates_without_an_answer_are_not_failed_attempts() {
    let desired = list(&json!({"department": "B"}));
    let mut status = ours(&desired);
    status.inventory[0].hash = String::new();
    for (sends, again) in [(1, true), (2, false)] {
        let asked = Submission { look_time: Some(at(30)), phase: Phase::Unknown, ..update(&desired) };
        let mut facts = ready();
        for sight in Recorded::Known(Box::new(asked.clone())).sights() {
            facts.notes.first_seen.insert(sight, Duration::from_secs(3600));
        }
        look(&mut facts, &ada(&json!({"department": "A"})), at(400));
        status = committed(decide(&desired, &with(status, vec![asked]), &facts, at(400))).status;
        let failure = &status.failures[0];
        assert_eq!((failure.unknown_sends, failure.attempts), (Some(sends), 0));
        assert_eq!(failure.retry_time.is_some(), again, "retry.limit is 0 and does not count here");
    }
}

#[test]
fn halves_of_rows_that_were_edited_do_not_hide_what_is_left_to_do() {
    let (old, new) = (list(&json!({"department": "A"})), list(&json!({"department": "B"})));
    let half = update(&old).part(0, 1, 'a');
    let mut status = with(ours(&old), vec![half]);
    status.inventory[0].hash = String::new();
    let next = decide(&new, &status, &ready(), at(60));
    assert!(matches!(next, Step::Read(Read::Users(_))), "{next:?}");
}

#[test]
fn a_repair_without_an_answer_may_come_late_and_holds_later_edits_back() {
    let of = |address: &str| list(&json!({"recoveryEmail": {"address": address}}));
    let (first, edited) = (of("a@example.com"), of("b@example.com"));
    let mut status = ours(&of("c@example.com"));
    let mut facts = ready();
    look(&mut facts, &ada(&json!({"recoveryEmail": {"address": "c@example.com"}})), at(0));
    let announced = committed(decide(&first, &status, &facts, at(0)));
    assert_eq!(announced.repairs.len(), 1);
    // Nobody comes back from sending it.
    status = announced.status;
    let waits =
        decide(&edited, &committed(decide(&edited, &status, &ready(), at(1))).status, &ready(), at(1));
    assert!(matches!(waits, Step::Idle { wake_at: Some(time) } if time == at(320)), "{waits:?}");
    // Or nobody answers.
    let mut facts = ready();
    facts.repaired.insert("ada".to_owned(), Repaired::Unknown);
    look(&mut facts, &ada(&json!({"recoveryEmail": {"address": "c@example.com"}})), at(20));
    let unknown = committed(decide(&first, &status, &facts, at(20))).status;
    assert_eq!(unknown.failures[0].retry_at(), Some(at(320)));
    let later = decide(&edited, &unknown, &ready(), at(321));
    assert!(matches!(later, Step::Read(Read::Users(_))), "{later:?}");
}

#[test]
fn a_user_that_was_deleted_and_created_again_by_a_failing_row_is_ours() {
    let desired = list(&json!({}));
    let mut status = ours(&desired);
    "id-of-the-deleted".clone_into(&mut status.inventory[0].id);
    status.failures.push(Failure {
        username: "ada".to_owned(),
        hash: desired.rows[0].hash.clone(),
        reason: reason::REJECTED.to_owned(),
        attempts: 1,
        retry_time: Some(at(10).to_string()),
        unknown_time: Some(at(0).to_string()),
        ..Failure::default()
    });
    let mut facts = ready();
    crate::plan::fixtures::look(&mut facts, &["ada"], &[ada(&json!({}))], at(60));
    let taken = committed(decide(&desired, &status, &facts, at(60))).status;
    assert_eq!(taken.inventory[0].id, "id-ada");
    status.failures[0].unknown_time = None;
    let refused = committed(decide(&desired, &status, &facts, at(60))).status;
    assert_eq!(refused.failures[0].reason, reason::ALREADY_EXISTS);
}

#[test]
fn an_update_whose_results_are_gone_may_still_run() {
    let desired = list(&json!({"department": "B"}));
    let running = Submission {
        phase: Phase::Accepted,
        job_id: Some("j".to_owned()),
        accept_time: Some(at(1)),
        ..update(&desired)
    };
    let mut status = with(ours(&desired), vec![running]);
    status.inventory[0].hash = String::new();
    let facts = |department: &str, second: i64| {
        let mut facts = ready();
        facts.polled("j", None, 1, at(second));
        look(&mut facts, &ada(&json!({"department": department})), at(second));
        facts
    };
    let waits = committed(decide(&desired, &status, &facts("A", 60), at(60))).status;
    assert_eq!(waits.submissions, status.submissions);
    let given_up = committed(decide(&desired, &status, &facts("A", 302), at(302))).status;
    assert_eq!(given_up.failures[0].reason, reason::SUBMISSION_UNKNOWN, "nobody said that it was refused");
    let done = committed(decide(&desired, &status, &facts("B", 60), at(60))).status;
    assert!(done.submissions.is_empty() && done.failures.is_empty());
}

#[test]
fn a_repair_is_not_made_when_its_time_is_over() {
    let desired = list(&json!({"state": "Suspended"}));
    let mut status = ours(&desired);
    status.inventory[0].hash = String::new();
    status.inventory[0].state = None;
    let mut draft = Draft::of(&status);
    draft.not_taken("ada", &desired.rows[0].hash, &["state".to_owned()], at(-60));
    let mut facts = ready();
    look(&mut facts, &ada(&json!({"state": "ACTIVATED"})), at(0));
    let announced = committed(decide(&desired, &draft.status, &facts, at(0)));
    let [repair] = announced.repairs.as_slice() else { panic!("no repair") };
    let policy = Policy::default();
    let last = i64::try_from(policy.submit_timeout.as_secs()).unwrap();
    for (second, in_time) in [(0, true), (last - 1, true), (last, false), (1_000_000, false)] {
        assert_eq!(is_in_time(repair, &announced.status, &policy, at(second)), in_time, "{second}");
    }
    // Whoever reads another status knows nothing of it.
    assert!(!is_in_time(repair, &status, &policy, at(0)));
}
