//! I1: no user is in two accepted create jobs, unless the earlier row had settled as failed, the user was deleted
//! since, the earlier job had ended as JobTimedOut or NotCreated and a later look-up had missed the user, or the
//! earlier outcome was unknown and quarantine plus both look-ups had passed.

use std::collections::BTreeMap;

use jumpcloud_sim::invariants::{Double, double_creates, users_made_twice};

use super::evidence::Evidence;
use super::excuses::{forgotten, given_up, raced, unknown};
use super::sent::{Intent, posts};

/// All pairs of jobs that should not be.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let posts = posts(evidence);
    let intents: BTreeMap<u64, Intent<'_>> =
        posts.iter().filter_map(|post| Some((post.entry.seq, post.intent?))).collect();
    let doubles = double_creates(&evidence.ledger);
    let wrong = doubles.iter().filter(|double| !is_excused(evidence, &intents, double));
    let wrong = wrong.map(|double| format!("{} is in two accepted jobs: {double:?}", double.username));
    let twice = users_made_twice(&evidence.ledger).into_iter();
    wrong.chain(twice.map(|name| format!("{name} was made twice"))).collect()
}

fn is_excused(evidence: &Evidence, intents: &BTreeMap<u64, Intent<'_>>, double: &Double) -> bool {
    if double.excuse().is_some() {
        return true;
    }
    let (Some(earlier), Some(later)) = (intents.get(&double.earlier.seq), intents.get(&double.later.seq))
    else {
        // I2 tells of a request without an intent.
        return false;
    };
    given_up(evidence, double, earlier, later)
        || unknown(evidence, double, earlier, later)
        || forgotten(evidence, double, earlier, later)
        || raced(evidence, double, earlier, later)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{Run, accepted, record};
    use super::*;

    /// Two jobs for the same user: the first at 2 s, the second at `second`, each with its intent.
    fn twice(between: impl FnOnce(&mut Run), second: i64) -> Vec<String> {
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada"], 1)]);
        run.create(2, &["ada"], Some("j1"));
        between(&mut run);
        run.batch("b", 20, vec![record("n2", &["ada"], second - 1)]);
        run.create(second, &["ada"], Some("j2"));
        check(&run.evidence())
    }

    #[test]
    fn two_jobs_for_one_user_are_found() {
        assert_eq!(twice(|_| (), 4).len(), 1);
    }

    #[test]
    fn a_row_that_failed_and_a_user_that_was_deleted_are_excused() {
        assert_eq!(twice(|run| run.row_failed(3, "j1", "ada"), 5), Vec::<String>::new());
        assert_eq!(twice(|run| run.deleted(3, "ada"), 5), Vec::<String>::new());
        assert_eq!(twice(|run| run.deleted(3, "bob"), 5).len(), 1);
    }

    #[test]
    fn two_objects_may_race_for_a_user_but_not_pass_each_other() {
        let race = |known: bool| {
            let mut run = Run::default();
            run.search(0, &["ada"], &[]);
            run.batch("b", 10, vec![record("n1", &["ada"], 1)]);
            run.create(2, &["ada"], Some("j1"));
            if known {
                run.batch("b", 11, vec![accepted("n1", &["ada"], 1, "j1")]);
            }
            run.batch("c", 12, vec![record("n2", &["ada"], 3)]);
            run.create(4, &["ada"], Some("j2"));
            check(&run.evidence()).len()
        };
        assert_eq!((race(false), race(true)), (0, 1));
    }

    #[test]
    fn an_unknown_outcome_needs_the_quarantine_and_two_looks() {
        // The quarantine of the fixtures is 10 s.
        let looks = |times: [i64; 2]| {
            move |run: &mut Run| times.into_iter().for_each(|at| run.search(at, &["ada"], &[]))
        };
        assert_eq!(twice(looks([12, 22]), 24), Vec::<String>::new());
        assert_eq!(twice(looks([4, 22]), 24).len(), 1, "the first look was too early");
        assert_eq!(twice(looks([12, 15]), 24).len(), 1, "the looks were too near");
        let known = |run: &mut Run| {
            run.batch("b", 11, vec![accepted("n1", &["ada"], 1, "j1")]);
            looks([12, 22])(run);
        };
        assert_eq!(twice(known, 24).len(), 1, "the outcome was known");
    }

    #[test]
    fn a_job_that_was_given_up_needs_a_look() {
        let ended = |reason: &'static str, look: bool| {
            move |run: &mut Run| {
                let failures = json!([{"username": "ada", "reason": reason, "hash": "h", "attempts": 1}]);
                run.batch("b", 11, Vec::new()).status["failures"] = failures;
                if look {
                    run.search(4, &["ada"], &[]);
                }
            }
        };
        assert_eq!(twice(ended("NotCreated", true), 6), Vec::<String>::new());
        assert_eq!(twice(ended("NotCreated", false), 6).len(), 1);
        assert_eq!(twice(ended("Rejected", true), 6).len(), 1);
    }
}
