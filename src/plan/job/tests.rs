use super::*;
use crate::plan::applied::{Applied, How};
use crate::plan::facts::{Facts, Live, Polled};
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

/// The same, when polls have shown no row in progress since then.
fn after_quiet(names: &[&str], rows: Vec<Row>, found: &[Live], since: Timestamp, now: Timestamp) -> Next {
    let mut facts = Facts::default();
    facts.notes.polls.insert("j".to_owned(), Polled { at: since, quiet_since: Some(since) });
    facts.polled("j", Some(rows), names.len(), now);
    facts.notes.polls.insert("j".to_owned(), Polled { at: now, quiet_since: Some(since) });
    look(&mut facts, names, found, now);
    next(&accepted(names), &facts, now)
}

#[test]
fn a_word_without_a_message_waits_a_minute_and_then_the_user_is_looked_up() {
    let odd = || vec![row("ada", Word::Other, "")];
    assert!(matches!(after_quiet(&["ada"], odd(), &[], at(10), at(69)), Next::Wait(_)));
    assert_eq!(fates(after_quiet(&["ada"], odd(), &[live("ada")], at(10), at(70))), [created("ada", true)]);
    let absent = fates(after_quiet(&["ada"], odd(), &[], at(10), at(70)));
    assert!(
        matches!(absent[..], [Fate::Failed { reason: reason::NOT_CREATED, may_pass: true, .. }]),
        "{absent:?}"
    );
}

#[test]
fn rows_that_never_come_are_looked_up_instead_of_waited_for() {
    let some = || vec![row("ada", Word::Finished, "")];
    let names = ["ada", "bob"];
    assert!(matches!(after(&names, some(), &[live("ada"), live("bob")], at(60)), Next::Wait(_)));
    let settled = fates(after_quiet(&names, some(), &[live("ada"), live("bob")], at(10), at(70)));
    assert_eq!(settled, [created("ada", false), created("bob", true)]);
}

#[test]
fn a_job_that_is_not_known_any_more_leads_to_a_look_and_to_no_request() {
    let mut facts = Facts::default();
    facts.polled("j", None, 1, at(400));
    let Next::Read(Read::Users(_)) = next(&accepted(&["ada"]), &facts, at(400)) else { panic!("no look") };
    look(&mut facts, &["ada"], &[live("ada")], at(400));
    assert_eq!(fates(next(&accepted(&["ada"]), &facts, at(400))), [created("ada", true)]);
}

#[test]
fn a_finished_row_whose_user_does_not_show_waits_for_the_end_of_the_job() {
    let finished = || vec![row("ada", Word::Finished, "")];
    assert!(matches!(after(&["ada"], finished(), &[], at(3600)), Next::Wait(_)));
    let ended = fates(after(&["ada"], finished(), &[], at(3601)));
    assert!(matches!(ended[..], [Fate::Failed { reason: reason::NOT_CREATED, .. }]), "{ended:?}");
}

#[test]
fn a_job_ends_by_its_time_limit_with_a_look_that_says_who_exists() {
    let pending = || vec![row("ada", Word::Pending, ""), row("bob", Word::Pending, "")];
    let names = ["ada", "bob"];
    assert!(matches!(after(&names, pending(), &[live("ada")], at(3600)), Next::Wait(_)));
    let ended = fates(after(&names, pending(), &[live("ada")], at(3601)));
    assert_eq!(ended[0], created("ada", true));
    assert!(
        matches!(ended[1], Fate::Failed { reason: reason::JOB_TIMED_OUT, may_appear: true, .. }),
        "{ended:?}"
    );
}

#[test]
fn rows_of_strangers_and_rows_that_repeat_settle_nobody_else() {
    let rows = || {
        vec![
            row("eve", Word::Finished, ""),
            row("ada", Word::Other, "email is invalid"),
            row("ada", Word::Pending, ""),
        ]
    };
    let waits = after(&["ada", "bob"], rows(), &[], at(60));
    assert!(matches!(waits, Next::Wait(_)), "{waits:?}");
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
