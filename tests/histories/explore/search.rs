//! Everything that may happen, breadth first: each state once, by its fingerprint.
//!
//! From each state, what happens when nothing goes wrong any more must lead to rest, and there status must be
//! true. That is one of the moves of each state, so that it is known once every state has been met.

use std::collections::{HashMap, VecDeque};

use super::budget::Budget;
use super::drive::Book;
use super::kind::Kind;
use super::moves::Move;
use super::setting::Setting;
use super::state::State;
use super::trace;
use crate::invariants::Violation;

/// What an exploration came to.
pub struct Report {
    /// States met.
    pub states: usize,
    /// Moves made.
    pub moves: usize,
    /// The most moves from the beginning to a state.
    pub depth: usize,
    /// States in which nothing moves any more.
    pub rests: usize,
    /// Whether some states were not met.
    pub cut: bool,
    /// Different questions that the planner was asked.
    pub asked: usize,
    /// The first broken rule that was found, with the moves that lead there.
    pub broken: Option<Broken>,
}

/// A broken rule.
pub struct Broken {
    /// Which, and how.
    pub violation: Violation,
    /// The moves that lead there, by their places.
    pub path: Vec<usize>,
}

struct Node {
    parent: u32,
    place: u16,
    depth: u16,
    /// The state that comes next when nothing goes wrong.
    calm: u32,
}

/// Nothing comes next.
const REST: u32 = u32::MAX;

/// What comes next is not known.
const UNKNOWN: u32 = u32::MAX - 1;

/// Explores all that may happen within the budget; `most` states at the most.
pub fn explore<K: Kind>(setting: &Setting<K>, budget: Budget, most: usize) -> Report {
    let mut report = Report { states: 0, moves: 0, depth: 0, rests: 0, cut: false, asked: 0, broken: None };
    let mut nodes: Vec<Node> = Vec::new();
    let mut known: HashMap<u64, u32, Same> = HashMap::default();
    let mut queue: VecDeque<(u32, State<K>)> = VecDeque::new();
    let mut book = Book::default();
    let first = State::begin(setting, budget);
    known.insert(first.fingerprint(), 0);
    nodes.push(Node { parent: REST, place: 0, depth: 0, calm: UNKNOWN });
    queue.push_back((0, first));
    while let Some((index, state)) = queue.pop_front() {
        let moves = state.moves(setting);
        let depth = nodes[index as usize].depth;
        report.depth = report.depth.max(depth.into());
        if moves.first().is_none_or(|next| !is_calm(next)) {
            nodes[index as usize].calm = REST;
            report.rests += 1;
            if let Some(violation) = worst(K::at_rest(setting, &state)) {
                report.broken = Some(Broken { violation, path: path(&nodes, index) });
                break;
            }
        }
        for (place, next) in moves.iter().enumerate() {
            report.moves += 1;
            let mut after = state.clone();
            after.happen(setting, *next, &mut book);
            let place = u16::try_from(place).unwrap();
            if let Some(violation) = book.broken.pop() {
                let mut path = path(&nodes, index);
                path.push(place.into());
                report.broken = Some(Broken { violation, path });
                break;
            }
            let fresh = u32::try_from(nodes.len()).unwrap();
            let at = *known.entry(after.fingerprint()).or_insert(fresh);
            if at == fresh {
                nodes.push(Node { parent: index, place, depth: depth + 1, calm: UNKNOWN });
                if nodes.len() < most {
                    queue.push_back((fresh, after));
                } else {
                    report.cut = true;
                }
            }
            if place == 0 && is_calm(next) {
                nodes[index as usize].calm = at;
            }
        }
        if report.broken.is_some() {
            break;
        }
    }
    report.states = nodes.len();
    report.asked = book.asked();
    if report.broken.is_none() && !report.cut {
        report.broken = restless(&nodes);
    }
    report
}

/// What is said of a state in which several rules are broken: what is not true rather than what is not done.
fn worst(found: Vec<Violation>) -> Option<Violation> {
    found.into_iter().min_by_key(|violation| violation.rule == "I4")
}

/// A state from which no rest is reached although nothing goes wrong.
fn restless(nodes: &[Node]) -> Option<Broken> {
    // 0: not looked at; 1: on the way; 2: comes to rest.
    let mut marks = vec![0_u8; nodes.len()];
    for start in 0..nodes.len() {
        let mut way = Vec::new();
        let mut at = start;
        while marks[at] == 0 {
            marks[at] = 1;
            way.push(at);
            if nodes[at].calm == REST {
                break;
            }
            at = nodes[at].calm as usize;
        }
        if marks[at] == 1 && nodes[at].calm != REST {
            let text = "never comes to rest, though nothing goes wrong any more".to_owned();
            let index = u32::try_from(at).unwrap();
            return Some(Broken { violation: Violation { rule: "I4", text }, path: path(nodes, index) });
        }
        for at in way {
            marks[at] = 2;
        }
    }
    None
}

fn path(nodes: &[Node], index: u32) -> Vec<usize> {
    let mut path = Vec::new();
    let mut at = index;
    while at != 0 {
        path.push(nodes[at as usize].place.into());
        at = nodes[at as usize].parent;
    }
    path.reverse();
    path
}

/// Whether a move is one that happens when nothing goes wrong.
pub fn is_calm<E>(next: &Move<E>) -> bool {
    use super::wire::Fault;
    match next {
        Move::Plan(_)
        | Move::Begin(_, 0)
        | Move::Send(_, Fault::None)
        | Move::Resume(_)
        | Move::Arrive(_)
        | Move::Happen(_)
        | Move::Tick(_) => true,
        Move::Begin(..) | Move::Send(..) | Move::Crash(_) | Move::Pause(_) | Move::Edit(_) => false,
    }
}

/// Walks a path and says what happens; then what is broken.
pub fn replay<K: Kind>(
    setting: &Setting<K>,
    budget: Budget,
    path: &[usize],
) -> (Vec<String>, Vec<Violation>) {
    let mut state = State::begin(setting, budget);
    let (mut lines, mut book) = (Vec::new(), Book::default());
    for place in path {
        let moves = state.moves(setting);
        let Some(next) = moves.get(*place) else {
            lines.push(format!("there is no move {place}"));
            break;
        };
        lines.push(trace::line(&state, next));
        state.happen(setting, *next, &mut book);
    }
    let mut found = book.broken;
    if found.is_empty() && state.moves(setting).first().is_none_or(|next| !is_calm(next)) {
        found = K::at_rest(setting, &state);
    }
    lines.push(trace::status(&state));
    (lines, found)
}

/// Fingerprints are as good as hashed.
#[derive(Default, Clone)]
pub struct Same(u64);

impl std::hash::BuildHasher for Same {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl std::hash::Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}
