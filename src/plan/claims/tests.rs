use super::*;
use crate::api::submission::Phase;
use crate::api::submission::Submission;
use crate::api::user_status::{InventoryEntry, JumpCloudUserBatchStatus, reason};
use crate::plan::desired::Desired;
use crate::plan::draft::Draft;
use crate::plan::facts::{By, Facts, Read};
use crate::plan::fixtures::{self, at, committed, declared, intended, live, look, next, ready};
use crate::plan::step::Step;
use crate::plan::submission::{Fate, Next};

fn neighbour(hold: Hold) -> Claim {
    Claim {
        holder: Holder::Neighbour("people/old".to_owned()),
        hold,
        hands_over: true,
        state: Some("Suspended".to_owned()),
        older: true,
        under_way: false,
    }
}

fn stranger() -> Claim {
    Claim { holder: Holder::Stranger, hands_over: false, ..neighbour(Hold::Wanted) }
}

fn facts(claims: Claims) -> Facts {
    let mut facts = ready();
    facts.claims = claims;
    facts
}

fn owned_by(claim: Claim) -> Claims {
    Claims { owners: [("id-ada".to_owned(), claim)].into(), ..Claims::default() }
}

fn rival(claim: Claim) -> Claims {
    Claims { rivals: [("ada".to_owned(), claim)].into(), ..Claims::default() }
}

fn decide(desired: &Desired, status: &JumpCloudUserBatchStatus, facts: &Facts) -> Step {
    fixtures::decide(desired, status, facts, at(60))
}

fn ours(removed: bool) -> JumpCloudUserBatchStatus {
    JumpCloudUserBatchStatus {
        organization_id: Some("o".to_owned()),
        inventory: vec![InventoryEntry {
            username: "ada".to_owned(),
            id: "id-ada".to_owned(),
            hash: declared(&["ada"]).rows[0].hash.clone(),
            removal_time: removed.then(|| at(0).to_string()),
            ..InventoryEntry::default()
        }],
        ..JumpCloudUserBatchStatus::default()
    }
}

#[test]
fn a_moved_row_takes_its_user_along_before_it_is_compared() {
    let desired = declared(&["ada"]);
    let mut facts = facts(owned_by(neighbour(Hold::LetGo)));
    look(&mut facts, &["ada"], &[live("ada")], at(60));
    let taken = committed(decide(&desired, &JumpCloudUserBatchStatus::default(), &facts));
    assert!(taken.intent.is_none() && taken.status.failures.is_empty());
    let [entry] = taken.status.inventory.as_slice() else { panic!("{:?}", taken.status) };
    assert_eq!((entry.id.as_str(), entry.state.as_deref()), ("id-ada", Some("Suspended")));

    facts.committed(None, Vec::new(), "m".to_owned());
    let Step::Read(Read::Users(keys)) = decide(&desired, &taken.status, &facts) else {
        panic!("not compared")
    };
    assert_eq!(keys[0].by, By::Id("id-ada".to_owned()));
}

#[test]
fn who_comes_first_is_waited_for_without_a_call() {
    let desired = declared(&["ada"]);
    for (claim, message) in [
        (neighbour(Hold::Wanted), "user ada is managed by people/old; take the row off one of the two"),
        (
            stranger(),
            "user ada is managed by an object in another namespace; take the row off one of the two",
        ),
    ] {
        let lost = facts(rival(claim));
        let told = committed(decide(&desired, &JumpCloudUserBatchStatus::default(), &lost)).status;
        assert_eq!(told.failures[0].reason, reason::MANAGED_ELSEWHERE);
        assert_eq!(told.users[0].message.as_deref(), Some(message));
        assert_eq!(told.conditions[0].reason, "UserConflict");
        assert!(matches!(decide(&desired, &told, &lost), Step::Idle { wake_at: None }));
        // The other lets go.
        let woken = decide(&desired, &told, &facts(Claims::default()));
        assert!(matches!(woken, Step::Read(Read::Users(_))), "{woken:?}");
    }
}

#[test]
fn a_conflict_becomes_a_lost_claim_once_somebody_has_the_user() {
    let desired = declared(&["ada"]);
    let mut draft = Draft::of(&JumpCloudUserBatchStatus::default());
    draft.conflict("ada", &desired.rows[0].hash, None);
    let told = committed(decide(&desired, &draft.status, &facts(rival(neighbour(Hold::Wanted))))).status;
    assert_eq!(told.failures[0].reason, reason::MANAGED_ELSEWHERE);
}

#[test]
fn a_user_that_another_object_has_and_wants_is_not_taken() {
    let desired = declared(&["ada"]);
    for claim in [neighbour(Hold::Wanted), stranger()] {
        let mut facts = facts(owned_by(claim));
        look(&mut facts, &["ada"], &[live("ada")], at(60));
        let told = committed(decide(&desired, &JumpCloudUserBatchStatus::default(), &facts)).status;
        assert!(told.inventory.is_empty());
        assert_eq!(told.failures[0].reason, reason::MANAGED_ELSEWHERE);
    }
}

#[test]
fn the_old_entry_goes_after_the_new_one_is_written() {
    let nobody = declared(&[]);
    let inventory = |status: &JumpCloudUserBatchStatus, desired: &Desired, claims: Claims| {
        committed(decide(desired, status, &facts(claims))).status.inventory
    };
    // The row has left, the other has not taken it yet: retained.
    for claims in [Claims::default(), owned_by(neighbour(Hold::LetGo))] {
        let kept = inventory(&ours(false), &nobody, claims);
        assert!(kept[0].removal_time.is_some());
    }
    assert!(inventory(&ours(false), &nobody, owned_by(neighbour(Hold::Wanted))).is_empty());
    // Across namespaces nothing is handed over; but what was let go belongs to whoever has it.
    assert!(inventory(&ours(false), &nobody, owned_by(stranger()))[0].removal_time.is_some());
    assert!(inventory(&ours(true), &nobody, owned_by(stranger())).is_empty());

    // A row that is back takes its user back, unless another has it by now.
    let back = declared(&["ada"]);
    assert_eq!(inventory(&ours(true), &back, Claims::default())[0].removal_time, None);
    let claims =
        Claims { rivals: rival(neighbour(Hold::Wanted)).rivals, ..owned_by(neighbour(Hold::Wanted)) };
    let late = committed(decide(&back, &ours(true), &facts(claims))).status;
    assert!(late.inventory.is_empty());
    assert_eq!(late.failures[0].reason, reason::MANAGED_ELSEWHERE);
}

#[test]
fn what_is_declared_and_ours_stays_ours() {
    let mut settled = committed(decide(&declared(&["ada"]), &ours(false), &facts(Claims::default()))).status;
    settled.last_handled = None;
    let claimed = facts(owned_by(neighbour(Hold::Wanted)));
    let step = decide(&declared(&["ada"]), &settled, &claimed);
    assert!(matches!(step, Step::Idle { wake_at: None }), "{step:?}");
}

#[test]
fn a_request_without_an_answer_does_not_claim_what_another_object_has_made() {
    let request = Submission { phase: Phase::Unknown, ..intended(&["ada"]) };
    let fate = |claims: Claims| {
        let mut facts = facts(claims);
        facts.notes.first_seen.insert("n".to_owned(), std::time::Duration::from_secs(3600));
        look(&mut facts, &["ada"], &[live("ada")], at(1000));
        let Next::Settle(results) = next(&request, &facts, at(1001)) else { panic!("not settled") };
        results[0].fate.clone()
    };
    assert!(matches!(fate(Claims::default()), Fate::Created { after_unknown: true, .. }));
    for claims in [
        owned_by(stranger()),
        owned_by(neighbour(Hold::Wanted)),
        rival(Claim { under_way: true, ..stranger() }),
    ] {
        let fate = fate(claims);
        assert!(matches!(fate, Fate::Elsewhere { may_be_ours: true, .. }), "{fate:?}");
    }
    // Who is younger gives way, and who has not sent it cannot have made it.
    for claim in [Claim { under_way: true, older: false, ..stranger() }, stranger()] {
        assert!(matches!(fate(rival(claim)), Fate::Created { .. }));
    }
}
