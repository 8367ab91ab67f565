use super::*;
use crate::api::submission::{Operation, Phase, Recorded, Submission};
use crate::api::user_status::{Failure, reason, result};
use crate::plan::draft::Draft;
use crate::plan::facts::ConnectionFact;
use crate::plan::facts::{Row, Word};
use crate::plan::fixtures::{accepted, at, batch, committed, declared, intended, look, ready, row};

fn decide(desired: &Desired, status: &JumpCloudUserBatchStatus, facts: &Facts, now: Timestamp) -> Step {
    let batch = Batch { requested_at: Some("now".to_owned()), ..batch(desired, status) };
    plan(&batch, facts, &Policy::default(), now)
}

fn rows(of: &[Row]) -> Option<Vec<Row>> {
    Some(of.to_vec())
}

#[test]
fn a_user_is_sent_again_only_after_a_look_that_is_newer_than_its_result() {
    let mut desired = declared(&["ada"]);
    // Changed since it was sent: no pause holds it back.
    "changed".clone_into(&mut desired.rows[0].hash);
    let status = JumpCloudUserBatchStatus {
        submissions: vec![Recorded::Known(Box::new(accepted(&["ada"])))],
        ..JumpCloudUserBatchStatus::default()
    };
    let mut facts = ready();
    facts.polled("j", rows(&[row("ada", Word::Pending, "")]), 1, at(4000));
    look(&mut facts, &["ada"], &[], at(4000));
    let settled = committed(decide(&desired, &status, &facts, at(4001)));
    assert!(settled.intent.is_none() && settled.status.submissions.is_empty());
    facts.committed(None, Vec::new(), "m".to_owned());
    let next = decide(&desired, &settled.status, &facts, at(4001));
    assert!(matches!(next, Step::Read(Read::Users(_))), "{next:?}");
}

#[test]
fn a_request_to_look_now_is_noted_when_everybody_was_looked_at() {
    let desired = declared(&["ada"]);
    let mut draft = Draft::of(&JumpCloudUserBatchStatus::default());
    draft.conflict("ada", &desired.rows[0].hash, None);
    let handled = |step| committed(step).status.last_handled;
    let mut held = ready();
    held.notes.hold_until = Some(at(100));
    assert_eq!(handled(decide(&desired, &draft.status, &held, at(50))), None);
    let mut facts = ready();
    let first = decide(&desired, &draft.status, &facts, at(50));
    assert!(matches!(first, Step::Read(Read::Users(_))), "{first:?}");
    look(&mut facts, &["ada"], &[crate::plan::fixtures::live("ada")], at(50));
    let noted = handled(decide(&desired, &draft.status, &facts, at(51))).unwrap();
    assert_eq!(noted.requested_at.as_deref(), Some("now"));
}

#[test]
fn a_request_to_look_now_outlasts_what_forbids_to_look() {
    let mut desired = declared(&["ada"]);
    let mut draft = Draft::of(&JumpCloudUserBatchStatus::default());
    draft.conflict("ada", &desired.rows[0].hash, None);
    let handled = |desired: &Desired, facts: &Facts| {
        committed(decide(desired, &draft.status, facts, at(50))).status.last_handled
    };
    let mut facts = ready();
    facts.connection = Some(ConnectionFact::NotReady("no key".to_owned()));
    assert_eq!(handled(&desired, &facts), None);
    desired.paused = true;
    assert_eq!(handled(&desired, &ready()), None);
    desired.paused = false;
    assert!(matches!(decide(&desired, &draft.status, &ready(), at(50)), Step::Read(Read::Users(_))));
}

#[test]
fn sending_a_user_again_takes_one_write() {
    let desired = declared(&["ada"]);
    let mut draft = Draft::of(&JumpCloudUserBatchStatus::default());
    let hash = desired.rows[0].hash.clone();
    draft.status.failures.push(Failure {
        username: "ada".to_owned(),
        hash,
        reason: reason::NOT_CREATED.to_owned(),
        attempts: 1,
        retry_time: Some(at(10).to_string()),
        ..Failure::default()
    });
    draft.requested("now");
    let mut facts = ready();
    look(&mut facts, &["ada"], &[], at(50));
    let intent = committed(decide(&desired, &draft.status, &facts, at(50)));
    let line = &intent.status.users[0];
    assert_eq!((line.result.as_str(), line.reason.as_deref()), (result::PENDING, None));
    let idle = decide(&desired, &intent.status, &ready(), at(51));
    assert!(matches!(idle, Step::Idle { .. }), "{idle:?}");
}

/// A status with these records, which this process has seen for a day.
fn recorded(records: Vec<Submission>, facts: &mut Facts) -> JumpCloudUserBatchStatus {
    let submissions: Vec<_> = records.into_iter().map(|record| Recorded::Known(Box::new(record))).collect();
    for sight in submissions.iter().flat_map(Recorded::sights) {
        facts.notes.first_seen.insert(sight, std::time::Duration::from_secs(86_400));
    }
    JumpCloudUserBatchStatus { submissions, ..JumpCloudUserBatchStatus::default() }
}

#[test]
fn records_that_have_a_user_in_common_are_followed_one_after_the_other() {
    let desired = declared(&["ada"]);
    let create = intended(&["ada"]);
    let update = Submission {
        nonce: "u".to_owned(),
        operation: Operation::Update,
        members: vec!["id-ada".to_owned()],
        usernames: vec!["ada".to_owned()],
        ..intended(&["ada"])
    };
    for records in [vec![create.clone(), update.clone()], vec![update, create]] {
        let mut facts = ready();
        let status = recorded(records, &mut facts);
        let ends = (0..3).any(|_| match decide(&desired, &status, &facts, at(4000)) {
            Step::Read(Read::Users(keys)) => {
                facts.looked_up(&keys, &[], at(4000));
                false
            }
            other => matches!(other, Step::Commit(_)),
        });
        assert!(ends, "looks its user up again and again");
    }
}

#[test]
fn part_of_a_refused_request_is_not_sent_when_another_record_has_its_user() {
    let desired = declared(&["ada"]);
    let part =
        |nonce: &str| Submission { nonce: nonce.to_owned(), phase: Phase::Rejected, ..intended(&["ada"]) };
    let mut facts = ready();
    let status = recorded(vec![accepted(&["ada"]), part("na")], &mut facts);
    facts.polled("j", rows(&[row("ada", Word::Pending, "")]), 1, at(2));
    look(&mut facts, &["ada"], &[], at(2));
    assert!(committed(decide(&desired, &status, &facts, at(2))).intent.is_none());
    // Of two parts one is sent.
    let mut facts = ready();
    let status = recorded(vec![part("na"), part("nb")], &mut facts);
    look(&mut facts, &["ada"], &[], at(2));
    let first = committed(decide(&desired, &status, &facts, at(2)));
    let left: Vec<_> = first.status.submissions.iter().filter_map(Recorded::nonce).collect();
    assert!(first.intent.is_none() || left == ["m"], "{left:?}");
}

/// A record of a newer operator: conditions and their generation alone are written beside it.
#[test]
fn what_a_newer_operator_recorded_stays_to_the_letter() {
    let record = serde_json::json!({"nonce": "n9", "recordVersion": 2, "members": ["eve"]});
    let status = JumpCloudUserBatchStatus {
        submissions: vec![serde_json::from_value(record).unwrap()],
        observed_generation: Some(0),
        progress: Some("0/1".to_owned()),
        ..JumpCloudUserBatchStatus::default()
    };
    let desired = declared(&["ada", "bob"]);
    let told = committed(decide(&desired, &status, &ready(), at(50)));
    assert!(told.intent.is_none());
    let generation = batch(&desired, &status).generation;
    let conditions = told.status.conditions.clone();
    assert!(
        conditions.iter().all(|c| c.reason == "NewerVersion" && c.observed_generation == Some(generation))
    );
    let expected = JumpCloudUserBatchStatus { conditions, observed_generation: Some(generation), ..status };
    assert_eq!(told.status, expected);
    let next = decide(&desired, &told.status, &ready(), at(51));
    assert!(matches!(next, Step::Idle { wake_at: None }), "{next:?}");
}
