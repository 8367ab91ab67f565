//! Random faults over everything.
//!
//! Rules that fire by chance each by themselves add up to nothing that can be said in one sentence. Here one die
//! is cast for a request, and a second one chooses among the kinds, so that "a quarter goes wrong, at most ten in a
//! row" is what it says.
//!
//! # Guarantees
//! - The n-th request of a route has the same dice in every run with the same seed, whatever is asked of
//!   other routes meanwhile.
//! - No route has more faults in a row than `max_in_a_row`.
//! - Fault rules come first: who is struck by one of them is not asked here, and [`crate::Sim::set_faults`] does not end it.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::FaultRule;
use crate::route::Route;

/// Makes requests go wrong by chance.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Where the dice come from.
    pub seed: u64,
    /// The part of the requests that goes wrong, 0 to 1.
    pub probability: f64,
    /// After so many requests of a route in a row that went wrong the next one does not.
    pub max_in_a_row: u32,
    /// What may happen, each as often as its weight says. Of a rule only what it is about and what it does count.
    pub kinds: Vec<(u32, FaultRule)>,
}

/// The weather in force, with its counts.
#[derive(Debug)]
pub(crate) struct Falling {
    weather: Weather,
    routes: BTreeMap<Route, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    seen: u64,
    in_a_row: u32,
}

impl Falling {
    pub(crate) fn new(weather: Weather) -> Self {
        Self { weather, routes: BTreeMap::new() }
    }

    pub(crate) fn choose(&mut self, route: Route, path: &str, body: &str) -> Option<FaultRule> {
        let Self { weather, routes } = self;
        let counts = routes.entry(route).or_default();
        counts.seen += 1;
        let mut dice = dice(weather.seed, route, counts.seen);
        let strikes = dice.random::<f64>() < weather.probability && counts.in_a_row < weather.max_in_a_row;
        let fault = if strikes { weather.draw(&mut dice, route, path, body) } else { None };
        counts.in_a_row = if fault.is_some() { counts.in_a_row + 1 } else { 0 };
        fault
    }
}

impl Weather {
    fn draw(&self, dice: &mut StdRng, route: Route, path: &str, body: &str) -> Option<FaultRule> {
        let fitting = || self.kinds.iter().filter(|(_, rule)| rule.is_about(route, path, body));
        let total: u32 = fitting().map(|(weight, _)| weight).sum();
        if total == 0 {
            return None;
        }
        let mut left = dice.random_range(0..total);
        let drawn = fitting().find(|(weight, _)| match left.checked_sub(*weight) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        drawn.map(|(_, rule)| rule.clone())
    }
}

/// The dice of the n-th request of a route.
fn dice(seed: u64, route: Route, n: u64) -> StdRng {
    let mut key = [0; 32];
    let words = [seed, route as u64, n, 0];
    for (part, word) in key.chunks_exact_mut(8).zip(words) {
        part.copy_from_slice(&word.to_le_bytes());
    }
    StdRng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Act, Reply};

    fn weather(probability: f64) -> Weather {
        let kinds = vec![
            (1, FaultRule::refuse()),
            (3, FaultRule::drop_reply()),
            (1, FaultRule::new(Act::Acts, Reply::Html).on(Route::UserGet)),
        ];
        Weather { seed: 5, probability, max_in_a_row: 10, kinds }
    }

    fn fallen(falling: &mut Falling, route: Route, requests: usize) -> Vec<Option<String>> {
        (0..requests).map(|_| falling.choose(route, "/", "").map(|rule| rule.label())).collect()
    }

    #[test]
    fn a_part_goes_wrong_by_weight() {
        let fallen = fallen(&mut Falling::new(weather(0.25)), Route::BulkCreate, 4000);
        let of = |label: &str| fallen.iter().flatten().filter(|fault| *fault == label).count();
        let (refused, dropped) = (of("refuses, reset"), of("acts, dropped"));
        assert!((900..1100).contains(&(refused + dropped)), "{refused} {dropped}");
        assert!((2 * refused..4 * refused).contains(&dropped), "{refused} {dropped}");
        assert_eq!(of("acts, html"), 0);
    }

    #[test]
    fn what_happens_elsewhere_changes_nothing() {
        let alone = fallen(&mut Falling::new(weather(0.5)), Route::BulkCreate, 50);
        let mut falling = Falling::new(weather(0.5));
        let among: Vec<_> = (0..50)
            .flat_map(|i| {
                fallen(&mut falling, Route::UserGet, i % 3);
                fallen(&mut falling, Route::BulkCreate, 1)
            })
            .collect();
        assert_eq!(alone, among);
    }

    #[test]
    fn a_row_has_an_end() {
        let fallen = fallen(&mut Falling::new(weather(1.0)), Route::UserGet, 33);
        let spared: Vec<_> = (0..33).filter(|i| fallen[*i].is_none()).collect();
        assert_eq!(spared, [10, 21, 32]);
    }
}
