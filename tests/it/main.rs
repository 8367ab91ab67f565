//! The operator as its own process, under its own ServiceAccount, against a real API server and the
//! simulator: everything that people do with kubectl.
//!
//! One control plane serves all tests of this binary; every test has a namespace, a simulator and an
//! operator of its own. They begin in the order of their names: those that mostly wait, as `at_rest`, begin early, or all would
//! wait for them in the end.
#![expect(clippy::disallowed_methods, reason = "a real cluster keeps real time")]

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod api;
#[cfg(test)]
mod at_rest;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod cel;
#[cfg(test)]
mod checked;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod create;
#[cfg(test)]
mod events;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod fair;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod gitops;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod kustomize;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod newcomer;
#[cfg(test)]
mod outdated;
#[cfg(test)]
mod packaging;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod restraint;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod series;
#[cfg(test)]
mod update;
#[cfg(test)]
mod validate;
