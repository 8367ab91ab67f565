//! Decisions, all pure: no clock, no randomness, no I/O.
//!
//! A pass asks [`step::plan`] again and again what to do next, with everything it has learned so far in
//! [`facts::Facts`], until the answer is to wait. What must not be forgotten is in the object's status
//! before it happens.

pub mod amount;
pub mod applied;
pub mod claims;
pub mod conflict;
pub mod connection;
pub mod desired;
pub mod display;
pub mod draft;
pub mod facts;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod identity;
pub mod intent;
pub mod job;
pub mod listing;
pub mod managers;
pub mod messages;
pub mod need;
mod pass;
pub mod policy;
pub mod retry;
pub mod schedule;
pub mod share;
pub mod start_time;
pub mod step;
pub mod submission;
pub mod verdict;
mod waiting;
pub mod work;
