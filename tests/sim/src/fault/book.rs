//! The rules in force.

use rand::{Rng, RngExt};

use super::FaultRule;
use crate::route::Route;

/// The rules in force, with their counts.
#[derive(Debug, Default)]
pub(crate) struct FaultBook {
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: FaultRule,
    seen: u32,
    fired: u32,
    in_a_row: u32,
}

impl FaultBook {
    pub(crate) fn new(rules: Vec<FaultRule>) -> Self {
        let rules = rules.into_iter().map(|rule| Counted { rule, seen: 0, fired: 0, in_a_row: 0 }).collect();
        Self { rules }
    }

    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(Counted { rule, seen: 0, fired: 0, in_a_row: 0 });
    }

    pub(crate) fn choose(
        &mut self,
        route: Route,
        path: &str,
        body: &str,
        rng: &mut impl Rng,
    ) -> Option<FaultRule> {
        self.rules
            .iter_mut()
            .filter(|counted| counted.rule.is_about(route, path, body))
            .find_map(|counted| counted.fires(rng).then(|| counted.rule.clone()))
    }
}

impl Counted {
    fn fires(&mut self, rng: &mut impl Rng) -> bool {
        self.seen = self.seen.saturating_add(1);
        let due = self.seen > self.rule.skip
            && self.rule.times.is_none_or(|times| self.fired < times)
            && self.rule.max_in_a_row.is_none_or(|most| self.in_a_row < most)
            && (self.rule.probability >= 1.0 || rng.random::<f64>() < self.rule.probability);
        if due {
            self.fired = self.fired.saturating_add(1);
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.in_a_row = 0;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn fired(rule: FaultRule, requests: usize) -> Vec<bool> {
        let mut rng = StdRng::seed_from_u64(7);
        let mut book = FaultBook::new(vec![rule]);
        (0..requests).map(|_| book.choose(Route::BulkCreate, "/", "", &mut rng).is_some()).collect()
    }

    #[test]
    fn skip_and_times_count_matching_requests() {
        assert_eq!(fired(FaultRule::refuse().skip(1).times(2), 5), [false, true, true, false, false]);
        assert_eq!(fired(FaultRule::refuse().on(Route::UserGet), 2), [false, false]);
    }

    #[test]
    fn chance_is_bounded_in_a_row() {
        let fired = fired(FaultRule::refuse().by_chance(0.9, 3), 400);
        assert!(fired.windows(4).all(|four| !four.iter().all(|one| *one)));
        assert!(fired.iter().filter(|one| **one).count() > 200);
    }
}
