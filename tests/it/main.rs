//! The operator as its own process, under its own ServiceAccount, against a real API server and the
//! simulator: everything that people do with kubectl.
//!
//! One control plane serves all tests of this binary; every test has a namespace, a simulator and an
//! operator of its own.

mod canary;
mod cel;
mod create;
mod failures;
mod harness;
mod limits;
