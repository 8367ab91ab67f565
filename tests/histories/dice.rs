//! Randomness from one seed.
//!
//! A generator of its own (SplitMix64), so that a seed means the same history whatever versions the
//! dependencies have.

use crate::manifest::{ATTRIBUTES, FIELDS, Flaw};

/// A seeded source of choices.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall alike for the same seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed);
        dice.number();
        dice
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.number() % (high - low + 1).unsigned_abs()).cast_signed()
    }

    /// An index below `length`, which is not 0.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.number() % length as u64).unwrap()
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.number() % 1000 < per_mille
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// What JumpCloud has against a new row.
    pub fn flaw(&mut self) -> Flaw {
        match self.between(0, 19) {
            0 | 1 => Flaw::Invalid,
            2 => Flaw::Poison,
            _ => Flaw::None,
        }
    }

    /// A field, or an attribute, that rows declare.
    pub fn field(&mut self) -> String {
        if self.chance(300) {
            format!("attributes.{}", self.pick(&ATTRIBUTES))
        } else {
            // What takes a request of its own deserves more than its share.
            if self.chance(300) { "recoveryEmail".to_owned() } else { self.pick(&FIELDS).to_owned() }
        }
    }
}
