//! What is handed to Argo CD and Flux, and the documents: scripts run as Argo CD runs them, statuses as kstatus reads
//! them, differences as Argo CD finds them, samples that fit together, links that lead somewhere.
//!
//! No control plane; the statuses of the integration tests are shown to the same programs by
//! `tests/it/harness/invariants/readers.rs`.
#![cfg(test)]

mod actions;
mod customization;
mod diff;
mod fixtures;
mod health;
mod interpreter;
mod links;
mod permissions;
mod rig;
mod samples;
mod table;
