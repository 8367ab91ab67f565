use std::time::Duration;

use super::*;
use crate::plan::fixtures::{at, intended, live, look, next};

fn seen(sights: &[(&str, u64)]) -> Facts {
    let mut facts = Facts::default();
    facts.notes.first_seen =
        sights.iter().map(|(sight, age)| ((*sight).to_owned(), Duration::from_secs(*age))).collect();
    facts
}

#[test]
fn a_look_counts_although_time_has_gone_on_since() {
    let mut facts = seen(&[("n", 3600)]);
    look(&mut facts, &["ada"], &[], at(1000));
    let Next::Replace(changed) = next(&intended(&["ada"]), &facts, at(1001)) else {
        panic!("the look does not count")
    };
    assert_eq!(changed.missing, ["ada"]);
}

#[test]
fn a_clock_that_is_ahead_shortens_neither_quarantine() {
    let first = next(&intended(&["ada"]), &seen(&[("n", 1)]), at(9000));
    assert_eq!(first, Next::Wait(at(9000 + 319)));
    let looked = Submission {
        phase: Phase::Unknown,
        look_time: Some(at(400)),
        missing: vec!["ada".to_owned()],
        ..intended(&["ada"])
    };
    let sight = looked.look_sight().unwrap();
    let second = next(&looked, &seen(&[("n", 3600), (&sight, 1)]), at(9000));
    assert_eq!(second, Next::Wait(at(9000 + 299)));
}

#[test]
fn an_address_tells_its_member_by_the_fingerprint() {
    let request = intended(&["ada", "bob"]);
    assert_eq!(request.member_with("BOB@example.com").as_deref(), Some("bob"));
    assert_eq!(request.member_with("eve@example.com"), None);
}

/// A request that this process has known for an hour.
fn known_for_long() -> Facts {
    seen(&[("n", 3600)])
}

fn settled(next: Next) -> Vec<Fate> {
    let Next::Settle(results) = next else { panic!("not settled: {next:?}") };
    results.into_iter().map(|settled| settled.fate).collect()
}

/// The request after a look at 400 that missed these.
fn missed(names: &[&str], missing: &[&str]) -> Submission {
    Submission {
        phase: Phase::Unknown,
        look_time: Some(at(400)),
        missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        ..intended(names)
    }
}

#[test]
fn nobody_is_looked_for_before_the_last_byte_is_a_quarantine_old() {
    assert_eq!(next(&intended(&["ada"]), &known_for_long(), at(319)), Next::Wait(at(320)));
    assert!(matches!(next(&intended(&["ada"]), &known_for_long(), at(320)), Next::Read(_)));
}

#[test]
fn one_look_that_finds_everybody_settles() {
    let mut facts = known_for_long();
    look(&mut facts, &["ada", "bob"], &[live("ada"), live("bob")], at(400));
    let fates = settled(next(&intended(&["ada", "bob"]), &facts, at(400)));
    assert!(fates.iter().all(|fate| matches!(fate, Fate::Created { after_unknown: true, .. })), "{fates:?}");
}

#[test]
fn who_is_missing_is_given_up_only_when_two_looks_a_quarantine_apart_agree() {
    let request = missed(&["ada", "bob"], &["bob"]);
    let mut facts = known_for_long();
    facts.notes.first_seen.insert(request.look_sight().unwrap(), Duration::from_secs(3600));
    assert_eq!(next(&request, &facts, at(699)), Next::Wait(at(700)));
    let mut agrees = facts.clone();
    look(&mut agrees, &["ada", "bob"], &[live("ada")], at(700));
    let fates = settled(next(&request, &agrees, at(700)));
    assert!(matches!(&fates[..], [Fate::Created { .. }, Fate::Lost]), "{fates:?}");
    // Another one is missing now: they have not agreed yet.
    look(&mut facts, &["ada", "bob"], &[live("bob")], at(700));
    let Next::Replace(again) = next(&request, &facts, at(700)) else {
        panic!("two looks that differ settle")
    };
    assert_eq!((again.missing, again.look_time), (vec!["ada".to_owned()], Some(at(700))));
}

#[test]
fn a_user_from_before_the_intent_or_with_another_address_is_not_ours() {
    let old = Live { created: Some(before(at(0), CLOCK_SKEW + Duration::from_secs(1))), ..live("ada") };
    let other = Live { email: "eve@example.com".to_owned(), ..live("ada") };
    let undated = Live { created: None, ..live("ada") };
    let skewed = Live { created: Some(before(at(0), CLOCK_SKEW)), ..live("ada") };
    let fate_of = |user: Live| {
        let mut facts = known_for_long();
        look(&mut facts, &["ada"], &[user], at(400));
        settled(next(&intended(&["ada"]), &facts, at(400))).remove(0)
    };
    for user in [old, other, undated] {
        assert_eq!(fate_of(user.clone()), Fate::Conflict, "{user:?}");
    }
    assert!(matches!(fate_of(skewed), Fate::Created { .. }));
}

#[test]
fn what_an_answer_says_decides_without_a_look() {
    let told = |outcome: Outcome, names: &[&str]| {
        let mut facts = Facts::default();
        facts.deliveries.insert("n".to_owned(), outcome);
        next(&intended(names), &facts, at(2))
    };
    let refused = Outcome::Refused { message: "too many requests".to_owned() };
    assert_eq!(settled(told(refused, &["ada", "bob"])), [Fate::Released, Fate::Released]);
    let rejected = || Outcome::Rejected { status: 400, message: "no".to_owned() };
    let Next::Split(halves) = told(rejected(), &["ada", "bob", "eve"]) else { panic!("not halved") };
    let members: Vec<_> = halves.iter().map(|half| (half.members.len(), half.phase)).collect();
    assert_eq!(members, [(2, Phase::Rejected), (1, Phase::Rejected)]);
    let fates = settled(told(rejected(), &["ada"]));
    assert!(
        matches!(fates[..], [Fate::Failed { reason: reason::REJECTED, may_pass: false, .. }]),
        "{fates:?}"
    );
    let Next::Replace(unknown) = told(Outcome::Unknown, &["ada"]) else { panic!("not kept") };
    assert_eq!(unknown.phase, Phase::Unknown);
}
