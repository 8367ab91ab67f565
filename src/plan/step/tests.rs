use super::*;
use crate::api::submission::Recorded;
use crate::api::user_status::{Failure, reason, result};
use crate::plan::draft::Draft;
use crate::plan::facts::ConnectionFact;
use crate::plan::facts::{Row, Word};
use crate::plan::fixtures::{accepted, at, batch, committed, declared, look, ready, row};

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
