use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::plan::claims::Holder;
use crate::plan::facts::Facts;
use crate::plan::fixtures::{at, live};
use crate::users::merge;
use crate::users::row::{UserRow, UserTemplate};

/// Everything that a case may vary.
#[derive(Default)]
struct Case {
    owned: Option<InventoryEntry>,
    failure: Option<Failure>,
    look: Option<Look>,
    repaired: Option<Repaired>,
    names: BTreeMap<&'static str, &'static str>,
    in_flight: BTreeSet<String>,
    claims: Claims,
    protected: Vec<String>,
    adopt: bool,
}

fn row(fields: &serde_json::Value) -> DesiredRow {
    let mut row = json!({"username": "ada", "email": "ada@example.com"});
    row.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    let rows: Vec<UserRow> = serde_json::from_value(json!([row])).unwrap();
    merge::rows(&UserTemplate::default(), &rows).remove(0)
}

impl Case {
    fn need(&self, row: &DesiredRow) -> Need {
        let (facts, inventory, rows) = (Facts::default(), BTreeMap::new(), [row.clone()]);
        let managers = Managers::of_list(&rows, &facts, &inventory, |_| false);
        let user = User {
            row,
            owned: self.owned.as_ref(),
            in_flight: false,
            failure: self.failure.as_ref(),
            look: self.look.as_ref(),
            repaired: self.repaired.as_ref(),
        };
        user.need(&Around {
            names: &self.names,
            some_left: !self.names.is_empty(),
            in_flight: &self.in_flight,
            claims: &self.claims,
            protected: &self.protected,
            managers: &managers,
            urgent: false,
            adopt: self.adopt,
            now: at(100),
        })
    }
}

fn looked(found: &[Live], by_id: bool) -> Option<Look> {
    Some(Look { at: at(90), order: 1, by_id, found: found.to_vec() })
}

fn with(user: Live, fields: &serde_json::Value) -> Live {
    let mut user = user;
    user.fields.extend(fields.as_object().cloned().unwrap());
    user
}

/// Ours, with another row applied.
fn ours(state: Option<&str>) -> Option<InventoryEntry> {
    Some(InventoryEntry {
        username: "ada".to_owned(),
        id: "id-ada".to_owned(),
        hash: "another".to_owned(),
        state: state.map(str::to_owned),
        ..InventoryEntry::default()
    })
}

fn refused(need: &Need) -> (&'static str, &str) {
    match need {
        Need::Refuse { why, message } => (why, message),
        _ => panic!("not refused"),
    }
}

#[test]
fn a_changed_row_is_looked_up_by_id_and_sends_what_differs() {
    let row = row(&json!({"company": "Example", "department": "Sales"}));
    let case = Case { owned: ours(None), ..Case::default() };
    assert!(matches!(case.need(&row), Need::Look(UserKey { by: By::Id(id), .. }) if id == "id-ada"));
    let user = with(live("ada"), &json!({"company": "Example", "department": "Old", "jobTitle": "by hand"}));
    let case = Case { look: looked(&[user], true), ..case };
    let Need::Update { set, .. } = case.need(&row) else { panic!("no update") };
    assert_eq!(serde_json::Value::Object(set), json!({"department": "Sales"}));
    let user = with(live("ada"), &json!({"company": "Example", "department": "Sales"}));
    let case = Case { look: looked(&[user], true), ..case };
    assert!(matches!(case.need(&row), Need::Same { sent: false, .. }));
}

#[test]
fn an_unchanged_row_needs_nothing_and_nothing_is_read() {
    let row = row(&json!({}));
    let entry = InventoryEntry { hash: row.hash.clone(), ..ours(None).unwrap() };
    assert!(matches!(Case { owned: Some(entry), ..Case::default() }.need(&row), Need::Owned));
}

#[test]
fn a_user_that_is_gone_is_looked_for_by_name_before_it_is_made_again() {
    let row = row(&json!({"company": "Example"}));
    let gone = Case { owned: ours(None), look: looked(&[], true), ..Case::default() };
    assert!(matches!(gone.need(&row), Need::Look(UserKey { by: By::Names { .. }, .. })));
    let gone = Case { look: looked(&[], false), ..gone };
    assert!(matches!(gone.need(&row), Need::Create { .. }));
    let other = Live { id: "other".to_owned(), ..live("ada") };
    let replaced = Case { look: looked(&[other], false), ..gone };
    assert_eq!(refused(&replaced.need(&row)).0, reason::ALREADY_EXISTS);
}

#[test]
fn a_renamed_user_is_a_conflict_that_says_so_once_the_request_of_the_old_name_has_ended() {
    let row = row(&json!({}));
    let before = Live { id: "id-eva".to_owned(), username: "eva".to_owned(), ..live("ada") };
    let open = Case {
        look: looked(std::slice::from_ref(&before), false),
        in_flight: BTreeSet::from(["eva".to_owned()]),
        ..Case::default()
    };
    assert!(matches!(open.need(&row), Need::AwaitOther));
    let ended = Case { names: BTreeMap::from([("id-eva", "eva")]), in_flight: BTreeSet::new(), ..open };
    let need = ended.need(&row);
    let (why, message) = refused(&need);
    assert_eq!(why, reason::ALREADY_EXISTS);
    assert!(message.contains("usernames cannot change") && message.contains("eva"), "{message}");
}

#[test]
fn a_user_of_another_object_is_taken_only_when_that_one_has_let_it_go_here() {
    let row = row(&json!({}));
    let claim = |hold, hands_over| Claim {
        holder: Holder::Stranger,
        hold,
        hands_over,
        state: Some("Staged".to_owned()),
        older: true,
        under_way: false,
    };
    let case = |claim| Case {
        look: looked(&[live("ada")], false),
        claims: Claims { owners: BTreeMap::from([("id-ada".to_owned(), claim)]), ..Claims::default() },
        ..Case::default()
    };
    let need = case(claim(Hold::Wanted, true)).need(&row);
    assert_eq!(refused(&need).0, reason::MANAGED_ELSEWHERE);
    assert!(!refused(&need).1.contains('/'), "a neighbour of another namespace is not named");
    let taken = case(claim(Hold::LetGo, true)).need(&row);
    assert!(matches!(taken, Need::Take { why: Taken::HandedOver(Some(state)), .. } if state == "Staged"));
    let stranger = case(claim(Hold::LetGo, false)).need(&row);
    assert_eq!(refused(&stranger).0, reason::ALREADY_EXISTS);
}

#[test]
fn evidence_makes_a_found_user_ours_but_not_another_objects() {
    let row = row(&json!({}));
    let failure = |unknown: i64| Failure {
        username: "ada".to_owned(),
        hash: row.hash.clone(),
        reason: reason::SUBMISSION_UNKNOWN.to_owned(),
        retry_time: Some(at(50).to_string()),
        unknown_time: Some(at(unknown).to_string()),
        ..Failure::default()
    };
    let case = Case { look: looked(&[live("ada")], false), failure: Some(failure(0)), ..Case::default() };
    assert!(matches!(case.need(&row), Need::Take { why: Taken::AfterUnknown, .. }));
    let claim = Claim {
        holder: Holder::Stranger,
        hold: Hold::LetGo,
        hands_over: false,
        state: None,
        older: true,
        under_way: false,
    };
    let claims = Claims { owners: BTreeMap::from([("id-ada".to_owned(), claim)]), ..Claims::default() };
    assert_eq!(refused(&Case { claims, ..case }.need(&row)).0, reason::ALREADY_EXISTS);
    // Older than the request: a person may say that it is ours all the same.
    let old = Case { look: looked(&[live("ada")], false), failure: Some(failure(3600)), ..Case::default() };
    assert_eq!(refused(&old.need(&row)).0, reason::ALREADY_EXISTS);
    let adopted = Case { adopt: true, ..old };
    assert!(matches!(adopted.need(&row), Need::Take { why: Taken::Resolved, .. }));
}

#[test]
fn who_is_to_be_adopted_and_is_not_there_is_not_sent_a_third_time() {
    let row = row(&json!({}));
    let given_up = Failure {
        username: "ada".to_owned(),
        hash: row.hash.clone(),
        reason: reason::SUBMISSION_UNKNOWN.to_owned(),
        unknown_sends: Some(2),
        unknown_time: Some(at(0).to_string()),
        ..Failure::default()
    };
    let case =
        Case { look: looked(&[], false), failure: Some(given_up.clone()), adopt: true, ..Case::default() };
    assert_eq!(refused(&case.need(&row)).0, reason::SUBMISSION_UNKNOWN);
    assert!(matches!(Case { adopt: false, ..case }.need(&row), Need::Held));
    // After the first one it is, by itself; and so is a row that was changed since.
    let once = Failure { retry_time: Some(at(50).to_string()), ..given_up.clone() };
    let other = Failure { hash: "another".to_owned(), ..given_up };
    for failure in [once, other] {
        let case = Case { look: looked(&[], false), failure: Some(failure), ..Case::default() };
        assert!(matches!(case.need(&row), Need::Create { .. }));
    }
}

#[test]
fn protected_users_are_not_updated_and_need_no_protection_when_nothing_differs() {
    let row = row(&json!({"company": "Example"}));
    let case = Case {
        owned: ours(None),
        look: looked(&[live("ada")], true),
        protected: vec!["A*".to_owned()],
        ..Case::default()
    };
    assert_eq!(refused(&case.need(&row)).0, reason::USER_PROTECTED);
    let same = Case { look: looked(&[with(live("ada"), &json!({"company": "Example"}))], true), ..case };
    assert!(matches!(same.need(&row), Need::Same { .. }));
}

#[test]
fn a_user_that_has_a_protected_name_by_now_is_not_updated() {
    let row = row(&json!({"company": "Example"}));
    let renamed = Live { username: "root.admin".to_owned(), ..live("ada") };
    let case = Case {
        owned: ours(None),
        look: looked(&[renamed], true),
        protected: vec!["root.*".to_owned()],
        ..Case::default()
    };
    assert_eq!(refused(&case.need(&row)).0, reason::USER_PROTECTED);
    assert!(matches!(Case { protected: Vec::new(), ..case }.need(&row), Need::Update { .. }));
}

#[test]
fn the_recorded_id_of_somebody_else_is_left_alone() {
    let row = row(&json!({"company": "Example"}));
    let stranger = Live { username: "eva".to_owned(), email: "eva@example.com".to_owned(), ..live("ada") };
    let case = |user: &Live| Case {
        owned: ours(None),
        look: looked(std::slice::from_ref(user), true),
        ..Case::default()
    };
    assert_eq!(refused(&case(&stranger).need(&row)).0, reason::IDENTITY_CHANGED);
    // A username changed by hand, or an address by hand or by an edit, leaves the other one.
    let readdressed = Live { username: "ADA".to_owned(), ..stranger.clone() };
    let renamed = Live { email: row.email.to_uppercase(), ..stranger };
    for user in [readdressed, renamed] {
        assert!(matches!(case(&user).need(&row), Need::Update { .. }));
    }
}

#[test]
fn what_jobs_do_not_take_is_set_by_a_request_of_its_own() {
    let row = row(&json!({"recoveryEmail": {"address": "r@example.com"}}));
    let case = Case { owned: ours(None), look: looked(&[live("ada")], true), ..Case::default() };
    let Need::Repair { set, .. } = case.need(&row) else { panic!("no repair") };
    assert_eq!(serde_json::Value::Object(set), json!({"recoveryEmail": {"address": "r@example.com"}}));
}

#[test]
fn a_state_that_a_job_ignored_is_repaired_and_reported_when_that_fails_too() {
    let row = row(&json!({"state": "Suspended"}));
    let failure = |attempts| Failure {
        username: "ada".to_owned(),
        hash: row.hash.clone(),
        reason: reason::FIELD_NOT_TAKEN.to_owned(),
        attempts,
        retry_time: Some(at(50).to_string()),
        ..Failure::default()
    };
    let user = with(live("ada"), &json!({"state": "STAGED"}));
    let first = Case { owned: ours(Some("Staged")), look: looked(&[user], true), ..Case::default() };
    assert!(matches!(first.need(&row), Need::Update { .. }));
    let ignored = Case { failure: Some(failure(1)), ..first };
    assert!(matches!(ignored.need(&row), Need::Repair { .. }));
    let again = Case { failure: Some(failure(2)), repaired: Some(Repaired::Done), ..ignored };
    assert!(matches!(again.need(&row), Need::NotTaken(fields) if fields == ["state"]));
    let lost = Case { repaired: Some(Repaired::NotNow), ..again };
    assert!(matches!(lost.need(&row), Need::RepairAgain { may_come: false }));
}
