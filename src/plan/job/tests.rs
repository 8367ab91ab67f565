use super::*;
use crate::plan::applied::{Applied, How};
use crate::plan::facts::{Facts, Live};
use crate::plan::fixtures::{accepted, at, email, live, look, next, row};
use crate::plan::submission::Settled;

const WHOLE: Applied = Applied { how: How::Whole, state: None };

/// What a pass decides that has read these rows and then found these users.
fn after(names: &[&str], rows: Vec<Row>, found: &[Live], now: Timestamp) -> Next {
    let mut facts = Facts::default();
    facts.polled("j", Some(rows), names.len(), now);
    look(&mut facts, names, found, now);
    next(&accepted(names), &facts, now)
}

fn fates(next: Next) -> Vec<Fate> {
    let Next::Settle(results) = next else { panic!("not settled: {next:?}") };
    results.into_iter().map(|Settled { fate, .. }| fate).collect()
}

fn created(name: &str, after_unknown: bool) -> Fate {
    Fate::Created { id: live(name).id, live_state: None, after_unknown, applied: WHOLE }
}

#[test]
fn a_failure_that_may_pass_may_have_created_the_user() {
    let rows = vec![row("ada", Word::Other, "internal error")];
    let fates = fates(after(&["ada"], rows, &[], at(60)));
    assert!(matches!(fates[..], [Fate::Failed { may_pass: true, may_appear: true, .. }]), "{fates:?}");
}

#[test]
fn being_there_is_no_proof_of_having_been_made_by_the_job() {
    let finished = vec![row("ada", Word::Finished, "")];
    assert_eq!(fates(after(&["ada"], finished, &[live("ada")], at(60))), [created("ada", false)]);
    let open = vec![row("ada", Word::Pending, "")];
    assert_eq!(fates(after(&["ada"], open, &[live("ada")], at(4000))), [created("ada", true)]);
    let hiccup = vec![row("ada", Word::Other, "internal error")];
    assert_eq!(fates(after(&["ada"], hiccup, &[live("ada")], at(60))), [created("ada", true)]);
}

#[test]
fn nameless_rows_that_agree_speak_for_each_user() {
    let failed = || vec![row("", Word::Other, "email is invalid")];
    let [Fate::Failed { reason, message, .. }] = &fates(after(&["ada"], failed(), &[], at(60)))[..] else {
        panic!("not failed")
    };
    assert_eq!((*reason, message.as_str()), (reason::REJECTED, "email is invalid"));
    let refused = vec![row("", Word::Other, "username already exists")];
    assert_eq!(fates(after(&["ada"], refused, &[live("ada")], at(60))), [Fate::Conflict]);
    let finished = vec![row("", Word::Finished, ""), row("", Word::Finished, "")];
    let found = [live("ada"), live("bob")];
    assert_eq!(
        fates(after(&["ada", "bob"], finished, &found, at(60))),
        [created("ada", false), created("bob", false)]
    );
}

#[test]
fn a_nameless_success_is_waited_for_until_its_user_shows() {
    let rows = || vec![row("", Word::Finished, ""), row("", Word::Other, "username already exists")];
    let somebody = Live { email: email("other"), ..live("bob") };
    let waits = after(&["ada", "bob"], rows(), &[somebody], at(60));
    assert!(matches!(waits, Next::Wait(_)), "{waits:?}");
    // The same with a user id that no look has found yet.
    let mut rows = rows();
    rows[0].ids = BTreeSet::from(["id-ada".to_owned()]);
    let waits = after(&["ada", "bob"], rows, &[live("bob")], at(60));
    assert!(matches!(waits, Next::Wait(_)), "{waits:?}");
}

#[test]
fn a_nameless_failure_explains_nobody_while_another_row_is_open() {
    let rows = vec![row("", Word::Other, "timed out internally"), row("", Word::Pending, "")];
    let fates = fates(after(&["ada", "bob"], rows, &[live("ada")], at(4000)));
    assert!(matches!(fates[1], Fate::Failed { reason: reason::JOB_TIMED_OUT, .. }), "{fates:?}");
}

#[test]
fn rows_that_name_addresses_count_although_the_spec_has_others_by_now() {
    let named = Row { emails: BTreeSet::from([email("ada")]), ..row("", Word::Finished, "") };
    let mut facts = Facts::default();
    facts.polled("j", Some(vec![named]), 1, at(60));
    look(&mut facts, &["ada"], &[live("ada")], at(60));
    let context = Context {
        facts: &facts,
        policy: &Policy::default(),
        job_timeout: Duration::from_secs(3600),
        declared: &BTreeMap::new(),
        evidence: &BTreeMap::new(),
        urgent: false,
        now: at(60),
    };
    let [Fate::Created { after_unknown: false, applied, .. }] = &fates(accepted(&["ada"]).next(&context))[..]
    else {
        panic!("not created")
    };
    assert_eq!(applied.how, How::Part, "the row is not declared as it was sent");
}

#[test]
fn a_pass_that_was_stopped_looks_again_before_it_gives_a_job_up() {
    let mut facts = Facts::default();
    facts.polled("j", Some(vec![row("ada", Word::Finished, "")]), 1, at(60));
    look(&mut facts, &["ada"], &[], at(60));
    let job = accepted(&["ada"]);
    assert!(matches!(next(&job, &facts, at(61)), Next::Wait(_)), "no search shows the user yet");
    let stopped = next(&job, &facts, at(4000));
    assert!(matches!(stopped, Next::Read(Read::Job { .. })), "{stopped:?}");
    facts.polled("j", Some(vec![row("ada", Word::Finished, "")]), 1, at(4000));
    let stopped = next(&job, &facts, at(4000));
    assert!(matches!(stopped, Next::Read(Read::Users(_))), "{stopped:?}");
    look(&mut facts, &["ada"], &[live("ada")], at(4000));
    assert_eq!(fates(next(&job, &facts, at(4000))), [created("ada", false)]);
}

#[test]
fn rows_that_are_missing_are_missed_by_an_answer_that_is_late_enough() {
    let mut facts = Facts::default();
    facts.polled("j", Some(vec![row("ada", Word::Finished, "")]), 2, at(60));
    look(&mut facts, &["ada", "bob"], &[live("ada")], at(60));
    let job = accepted(&["ada", "bob"]);
    assert!(matches!(next(&job, &facts, at(200)), Next::Wait(_)), "nobody has asked since");
    facts.polled("j", Some(vec![row("ada", Word::Finished, "")]), 2, at(200));
    look(&mut facts, &["ada", "bob"], &[live("ada")], at(200));
    assert!(matches!(next(&job, &facts, at(200)), Next::Settle(_)));
}
