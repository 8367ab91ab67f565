//! What every test needs: a place, an operator, something to apply, a way to wait.

pub mod declare;
pub mod extent;
pub mod grants;
pub mod invariants;
pub mod manifests;
pub mod operator;
pub mod plane;
pub mod schedules;
pub mod truth;
pub mod wait;
pub mod weather;
pub mod world;
