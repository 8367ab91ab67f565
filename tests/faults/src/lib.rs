//! What those who make requests go wrong have in common, on either side of the operator: the simulator of JumpCloud
//! (`tests/sim`) and the proxy in front of the API server (`tests/fault-proxy`).

mod dice;
mod wire;

pub use dice::Dice;
pub use wire::{ResetFlag, Wire};
