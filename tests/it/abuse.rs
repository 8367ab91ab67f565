//! The abuse cases: what somebody does who may write objects, or status, or answers for JumpCloud, or means harm with
//! a name. `table.rs` says which test stands for which case.

mod admission;
mod answers;
mod dates;
mod forged;
mod listener;
mod load;
mod names;
mod organisation;
mod origins;
mod permission;
mod table;
mod tenants;
mod twice;
