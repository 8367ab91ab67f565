//! The rules in force, with their counts.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::fault::Fault;
use crate::rule::FaultRule;
use crate::target::Target;
use crate::weather::Falling;

/// The rules in force, with their counts.
#[derive(Debug)]
pub(crate) struct Book {
    rules: Vec<Counted>,
    /// What falls where no rule fires.
    pub(crate) weather: Option<Falling>,
    chance: StdRng,
}

#[derive(Debug)]
struct Counted {
    rule: FaultRule,
    /// By target when the rule counts each by itself, else under `None`.
    counts: HashMap<Option<Target>, Counts>,
    first: Option<Instant>,
}

#[derive(Debug, Default)]
struct Counts {
    seen: u32,
    fired: u32,
    in_a_row: u32,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Request,
    Event,
}

impl Book {
    pub(crate) fn new(rules: Vec<FaultRule>, seed: u64) -> Self {
        let mut book = Self { rules: Vec::new(), weather: None, chance: StdRng::seed_from_u64(seed) };
        book.replace(rules);
        book
    }

    pub(crate) fn replace(&mut self, rules: Vec<FaultRule>) {
        self.rules.clear();
        rules.into_iter().for_each(|rule| self.push(rule));
    }

    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(Counted { rule, counts: HashMap::new(), first: None });
    }

    pub(crate) fn choose(
        &mut self,
        about: About,
        target: &Target,
        body: &[u8],
        now: Instant,
    ) -> Option<FaultRule> {
        let Self { rules, weather, chance } = self;
        let by_rule = rules
            .iter_mut()
            .filter(|counted| counted.about() == about && counted.rule.which.is_about(target, body))
            .find_map(|counted| counted.fires(target, now, chance).then(|| counted.rule.clone()));
        by_rule.or_else(|| weather.as_mut()?.choose(about, target, body))
    }
}

impl Counted {
    fn about(&self) -> About {
        if matches!(self.rule.fault, Fault::Event(_)) { About::Event } else { About::Request }
    }

    fn fires(&mut self, target: &Target, now: Instant, chance: &mut StdRng) -> bool {
        let rule = &self.rule;
        let over = |first: Instant, time: Duration| now.saturating_duration_since(first) >= time;
        let counts = self.counts.entry(rule.each.then(|| target.clone())).or_default();
        counts.seen = counts.seen.saturating_add(1);
        let due = counts.seen > rule.skip
            && rule.times.is_none_or(|times| counts.fired < times)
            && rule.max_in_a_row.is_none_or(|most| counts.in_a_row < most)
            && !self.first.zip(rule.lasting).is_some_and(|(first, time)| over(first, time))
            && (rule.probability >= 1.0 || chance.random::<f64>() < rule.probability);
        if due {
            counts.fired = counts.fired.saturating_add(1);
            counts.in_a_row = counts.in_a_row.saturating_add(1);
            self.first.get_or_insert(now);
        } else {
            counts.in_a_row = 0;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::fault::EventFault;
    use crate::target::{Verb, Which};

    fn target(name: &str) -> Target {
        let uri = format!("/api/v1/namespaces/a/pods/{name}");
        Target::of(&Method::PUT, &uri.parse().unwrap())
    }

    fn fired(rule: FaultRule, requests: usize) -> Vec<bool> {
        let mut book = Book::new(vec![rule], 7);
        let now = Instant::now();
        (0..requests).map(|_| book.choose(About::Request, &target("x"), b"", now).is_some()).collect()
    }

    #[test]
    fn skip_times_and_rows_count_matching_requests() {
        assert_eq!(fired(FaultRule::refuse().skip(1).times(2), 5), [false, true, true, false, false]);
        assert_eq!(fired(FaultRule::refuse().in_a_row(1), 4), [true, false, true, false]);
        assert_eq!(fired(FaultRule::refuse().of(Which::verb(Verb::Get)), 1), [false]);
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let rule = || FaultRule::refuse().by_chance(0.5).in_a_row(3);
        let first = fired(rule(), 300);
        assert_eq!(first, fired(rule(), 300));
        assert!((90..180).contains(&first.iter().filter(|fired| **fired).count()));
        assert!(first.windows(4).all(|four| four.contains(&false)));
    }

    #[test]
    fn each_target_has_counts_of_its_own() {
        let mut book = Book::new(vec![FaultRule::refuse().each().times(1)], 7);
        let mut fires = |name| book.choose(About::Request, &target(name), b"", Instant::now()).is_some();
        assert_eq!([fires("a"), fires("b"), fires("a"), fires("b")], [true, true, false, false]);
    }

    #[test]
    fn a_rule_for_a_time_begins_when_it_first_fires() {
        let mut book = Book::new(vec![FaultRule::refuse().lasting(Duration::from_secs(10))], 7);
        let begun = Instant::now();
        let mut fires = |seconds| {
            let now = begun + Duration::from_secs(seconds);
            book.choose(About::Request, &target("x"), b"", now).is_some()
        };
        assert_eq!([fires(100), fires(109), fires(110), fires(200)], [true, true, false, false]);
    }

    #[test]
    fn rules_for_events_are_not_asked_about_requests() {
        let mut book = Book::new(vec![FaultRule::event(EventFault::Drop)], 7);
        assert!(book.choose(About::Request, &target("x"), b"", Instant::now()).is_none());
        assert!(book.choose(About::Event, &target("x"), b"", Instant::now()).is_some());
    }
}
