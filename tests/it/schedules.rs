//! `ScheduledUserState`: what becomes of it in JumpCloud, and what people are told.

mod batches;
mod by_hand;
mod clocks;
mod console;
mod finalizers;
mod forged;
mod leaver;
mod missed;
mod named;
mod neighbours;
mod restore;
mod standing;
mod teardown;
