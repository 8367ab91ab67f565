//! The JumpCloud operator as a library: everything but `main`, so that tests can reach the parts.

pub mod api;
pub mod cli;
pub mod controller;
pub mod jumpcloud;
pub mod plan;
pub mod runtime;
pub mod users;
