//! The JumpCloud operator as a library: everything but `main`, so that tests can reach the parts.

pub mod jumpcloud;
pub mod runtime;
