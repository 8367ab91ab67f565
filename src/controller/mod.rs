//! Effects: what a pass reads, writes and sends, and the controllers of the kinds.
//!
//! Nothing here decides: [`crate::plan`] says what to do next, and these modules do it.

pub mod attend;
pub mod claims;
pub mod connection;
pub mod connections;
pub mod context;
pub mod credentials;
pub mod drive;
pub mod error;
pub mod events;
pub mod gauges;
pub mod intake;
pub mod line;
pub mod memory;
pub mod object;
pub mod orphan;
pub mod read;
pub mod record;
pub mod running;
pub mod schedule;
pub mod schedule_claims;
pub mod scheduled_events;
pub mod secret_watch;
pub mod send;
pub mod sweep;
pub mod turns;
pub mod unreadable;
pub mod user_batch;
pub mod wakes;
pub mod watching;
