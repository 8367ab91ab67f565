//! Random faults over everything; what they promise is said in [`faults::Dice`]. A kind is a route.
//!
//! Fault rules come first: who is struck by one of them is not asked here, and [`crate::Sim::set_faults`] does not end it.

use faults::Dice;

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

/// The weather in force.
#[derive(Debug)]
pub(crate) struct Falling {
    weather: Weather,
    dice: Dice,
}

impl Falling {
    pub(crate) fn new(weather: Weather) -> Self {
        Self { dice: Dice::new(weather.seed, weather.max_in_a_row), weather }
    }

    pub(crate) fn choose(&mut self, route: Route, path: &str, body: &str) -> Option<FaultRule> {
        let Self { weather, dice } = self;
        let kinds = weather.kinds.iter().filter(|(_, rule)| rule.is_about(route, path, body));
        let fitting: Vec<_> = kinds.map(|(weight, rule)| (*weight, rule)).collect();
        dice.cast(route as u64, weather.probability, &fitting).cloned()
    }
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
