//! Decisions about scheduled state changes: whom to schedule, what to cancel, when to look. All pure.
//!
//! The protocol is that of batches, and its record is the same ([`crate::api::submission`]); the rules differ,
//! because JumpCloud lists scheduled changes until they are made, deletes them by ids that users may share,
//! and keeps no history.

pub mod desired;
pub mod facts;
pub mod roster;
pub mod step;
