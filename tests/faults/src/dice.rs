//! Random faults over everything.
//!
//! One die is cast for a request, and a second one chooses among the kinds of faults, so that "a quarter goes wrong, at most
//! ten in a row" is what it says; rules that fire by chance each by themselves add up to nothing so plain.
//!
//! # Guarantees
//! - The n-th request of a kind has the same dice in every run with the same seed, whatever else is asked meanwhile.
//! - No kind has more faults in a row than `max_in_a_row`.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Dice, and what they have shown in a row, by kind of request.
#[derive(Debug)]
pub struct Dice {
    seed: u64,
    max_in_a_row: u32,
    counts: HashMap<u64, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    seen: u64,
    in_a_row: u32,
}

impl Dice {
    /// Dice of a seed. After `max_in_a_row` faults of a kind the next one of it is spared.
    #[must_use]
    pub fn new(seed: u64, max_in_a_row: u32) -> Self {
        Self { seed, max_in_a_row, counts: HashMap::new() }
    }

    /// Casts them for the next request of a kind, which goes wrong with that probability (0 to 1): by one of those that
    /// fit, each as often as its weight says; by none when none fits.
    pub fn cast<T: Copy>(&mut self, kind: u64, probability: f64, fitting: &[(u32, T)]) -> Option<T> {
        let counts = self.counts.entry(kind).or_default();
        counts.seen += 1;
        let mut dice = of(self.seed, kind, counts.seen);
        let strikes = dice.random::<f64>() < probability && counts.in_a_row < self.max_in_a_row;
        let drawn = if strikes { draw(&mut dice, fitting) } else { None };
        counts.in_a_row = if drawn.is_some() { counts.in_a_row + 1 } else { 0 };
        drawn
    }
}

fn draw<T: Copy>(dice: &mut StdRng, fitting: &[(u32, T)]) -> Option<T> {
    let total: u32 = fitting.iter().map(|(weight, _)| weight).sum();
    if total == 0 {
        return None;
    }
    let mut left = dice.random_range(0..total);
    let drawn = fitting.iter().find(|(weight, _)| match left.checked_sub(*weight) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    drawn.map(|(_, fault)| *fault)
}

/// The dice of the n-th of a kind.
fn of(seed: u64, kind: u64, n: u64) -> StdRng {
    let mut key = [0; 32];
    for (part, word) in key.chunks_exact_mut(8).zip([seed, kind, n, 0]) {
        part.copy_from_slice(&word.to_le_bytes());
    }
    StdRng::from_seed(key)
}
