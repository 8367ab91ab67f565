//! Random faults over everything; what they promise is said in [`faults::Dice`]. A kind is a verb of a resource, requests and
//! events of watches apart.
//!
//! Rules come first: what one of them strikes is not asked here, and [`crate::Proxy::set_rules`] does not end it.

use std::hash::{DefaultHasher, Hash, Hasher};

use faults::Dice;

use crate::book::About;
use crate::fault::Fault;
use crate::rule::FaultRule;
use crate::target::{Target, Which};

/// Makes requests, and events of watches, go wrong by chance.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Where the dice come from.
    pub seed: u64,
    /// Which part goes wrong, 0 to 1: the first that is about a request, or about an event's object, counts; what
    /// none is about stays as it is.
    pub probabilities: Vec<(Which, f64)>,
    /// After so many of a verb and resource in a row that went wrong the next one does not.
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

    pub(crate) fn choose(&mut self, about: About, target: &Target, body: &[u8]) -> Option<FaultRule> {
        let Self { weather, dice } = self;
        let fits = |rule: &FaultRule| about_of(&rule.fault) == about && rule.which.is_about(target, body);
        let fitting =
            weather.kinds.iter().filter(|(_, rule)| fits(rule)).map(|(weight, rule)| (*weight, rule));
        let fitting: Vec<_> = fitting.collect();
        dice.cast(kind(about, target), weather.probability(target, body), &fitting).cloned()
    }
}

impl Weather {
    fn probability(&self, target: &Target, body: &[u8]) -> f64 {
        let first = self.probabilities.iter().find(|(which, _)| which.is_about(target, body));
        first.map_or(0.0, |(_, probability)| *probability)
    }
}

fn about_of(fault: &Fault) -> About {
    if matches!(fault, Fault::Event(_)) { About::Event } else { About::Request }
}

/// What is counted together.
fn kind(about: About, target: &Target) -> u64 {
    // Without keys: the same in every run.
    let mut hasher = DefaultHasher::new();
    (about == About::Event, target.verb, &target.resource, &target.subresource).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::fault::EventFault;
    use crate::target::Verb;

    fn weather(probability: f64) -> Falling {
        let probabilities = vec![(Which::all().on("leases"), 0.0), (Which::all(), probability)];
        let kinds = vec![
            (1, FaultRule::refuse()),
            (3, FaultRule::status(503).of(Which::writes())),
            (1, FaultRule::event(EventFault::Cut)),
        ];
        Falling::new(Weather { seed: 3, probabilities, max_in_a_row: 10, kinds })
    }

    fn target(method: &Method, resource: &str) -> Target {
        Target::of(method, &format!("/api/v1/namespaces/a/{resource}/b").parse().unwrap())
    }

    fn fallen(falling: &mut Falling, target: &Target, requests: usize) -> Vec<Option<String>> {
        let mut label = || falling.choose(About::Request, target, b"").map(|rule| rule.label());
        (0..requests).map(|_| label()).collect()
    }

    #[test]
    fn a_part_goes_wrong_by_weight() {
        let fallen_on = |method, resource| fallen(&mut weather(0.25), &target(method, resource), 4000);
        let count = |fallen: &[Option<String>], label: &str| {
            fallen.iter().flatten().filter(|fault| *fault == label).count()
        };
        let writes = fallen_on(&Method::PUT, "pods");
        let (closed, told) = (count(&writes, "closed"), count(&writes, "status 503"));
        assert!((900..1100).contains(&(closed + told)), "{closed} {told}");
        assert!((2 * closed..4 * closed).contains(&told), "{closed} {told}");
        assert_eq!(count(&fallen_on(&Method::GET, "pods"), "status 503"), 0);
        assert!(fallen_on(&Method::PUT, "leases").iter().all(Option::is_none));
    }

    #[test]
    fn what_happens_elsewhere_changes_nothing() {
        let (pods, nodes) = (target(&Method::GET, "pods"), target(&Method::GET, "nodes"));
        let alone = fallen(&mut weather(0.5), &pods, 50);
        let mut falling = weather(0.5);
        let among: Vec<_> = (0..50)
            .flat_map(|i| {
                fallen(&mut falling, &nodes, i % 3);
                fallen(&mut falling, &pods, 1)
            })
            .collect();
        assert_eq!(alone, among);
    }

    #[test]
    fn a_row_has_an_end() {
        let fallen = fallen(&mut weather(1.0), &target(&Method::GET, "pods"), 33);
        let spared: Vec<_> = (0..33).filter(|i| fallen[*i].is_none()).collect();
        assert_eq!(spared, [10, 21, 32]);
    }

    #[test]
    fn events_have_faults_of_their_own() {
        let target = Target { verb: Verb::Watch, ..target(&Method::GET, "pods") };
        let mut falling = weather(1.0);
        let fault = falling.choose(About::Event, &target, b"").unwrap();
        assert_eq!(fault.label(), "watch cut");
    }
}
