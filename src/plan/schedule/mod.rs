//! Decisions about scheduled state changes: whom to schedule, what to cancel, when to look. All pure.
//!
//! The protocol is that of batches, and its record is the same ([`crate::api::submission`]); the rules differ,
//! because JumpCloud lists scheduled changes until they are made, deletes them by ids that users may share,
//! and keeps no history.

mod act;
mod asking;
pub mod cancel;
pub mod change;
pub mod check;
mod conclude;
pub mod desired;
pub mod draft;
pub mod facts;
mod follow;
pub mod intent;
mod leave;
pub mod lines;
pub mod looks;
pub mod messages;
pub mod need;
mod pass;
pub mod roster;
pub mod step;
mod verdict;
mod who;
