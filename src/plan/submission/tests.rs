use std::time::Duration;

use super::*;
use crate::plan::fixtures::{at, intended, look, next};

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
