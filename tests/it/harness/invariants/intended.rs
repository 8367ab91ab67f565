//! I2: no POST without a committed intent of the same nonce and hash, and none twice.

use super::evidence::Evidence;
use super::sent::posts;

/// All requests that nobody had intended, and all pairs whose hashes contradict each other.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let posts = posts(evidence);
    let mut found = Vec::new();
    for (index, post) in posts.iter().enumerate() {
        let Some(intent) = post.intent else {
            found.push(format!(
                "entry {}: a {:?} of {} at {} has no intent of its own that was committed before",
                post.entry.seq,
                post.operation,
                shown(post.members),
                post.request.arrived,
            ));
            continue;
        };
        let other = posts[..index].iter().find(|other| {
            other.uid() == post.uid()
                && other.intent.is_some_and(|o| o.record.payload_hash == intent.record.payload_hash)
                && other.request.body_hash != post.request.body_hash
        });
        if let Some(other) = other {
            found.push(format!(
                "entries {} and {} have the same payloadHash in {} and different bodies",
                other.entry.seq,
                post.entry.seq,
                intent.version.title(),
            ));
        }
    }
    found
}

fn shown(members: &[String]) -> String {
    match members {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [first, .., last] => format!("{} users, {first} to {last}", members.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Run, record};
    use super::*;

    #[test]
    fn a_request_with_an_intent_of_its_own_is_right() {
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada", "bob"], 1)]);
        run.create(2, &["ada", "bob"], Some("j1"));
        assert_eq!(check(&run.evidence()), Vec::<String>::new());
    }

    #[test]
    fn what_is_sent_twice_or_without_an_intent_is_found() {
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada", "bob"], 1)]);
        run.create(2, &["ada", "bob"], Some("j1"));
        run.create(3, &["ada", "bob"], Some("j2"));
        run.create(4, &["eve"], None);
        let found = check(&run.evidence());
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn an_intent_that_comes_after_its_request_or_is_another_ones_does_not_count() {
        let mut run = Run::default();
        run.create(2, &["ada"], Some("j1"));
        run.batch("b", 10, vec![record("n1", &["ada"], 5)]);
        assert_eq!(check(&run.evidence()).len(), 1);
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada"], 1)]).meddled = true;
        run.create(2, &["ada"], Some("j1"));
        assert_eq!(check(&run.evidence()).len(), 1);
    }

    #[test]
    fn what_is_sent_long_after_its_time_is_found() {
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada"], 1)]);
        run.create(60, &["ada"], Some("j1"));
        assert_eq!(check(&run.evidence()).len(), 1);
    }

    #[test]
    fn one_hash_for_two_bodies_is_found() {
        let mut run = Run::default();
        let (one, mut two) = (record("n1", &["ada"], 1), record("n2", &["ada"], 3));
        two["payloadHash"] = one["payloadHash"].clone();
        run.batch("b", 10, vec![one]);
        run.create(2, &["ada"], None);
        run.batch("b", 11, vec![two]);
        run.create(4, &["ada"], None);
        assert_eq!(check(&run.evidence()).len(), 1);
    }
}
