//! Starts a real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) for the tests and the demo.
//!
//! # Guarantees
//! - What was started ends when its guard is dropped, and also when this process panics, is interrupted, is killed by SIGKILL, or
//!   keeps the guard in a `static`: every child hangs on a pipe that the operating system closes with us ([`supervised`]).
//!   Folders go the same way ([`scratch`]).
//! - Every wait has a deadline, and a part that fails is reported with the end of its log.
//! - Nothing needs a tokio runtime: the library blocks on `std` only, so one control plane can be shared by tests that each have a
//!   runtime of their own.
//!
//! # Assumptions
//! A POSIX `sh` with `sleep` and `rm`, and, for the first build of the binaries, Go ([`binaries`]).

pub mod audit;
pub mod binaries;
mod certificates;
pub mod control_plane;
pub mod error;
pub mod go_answers;
mod go_build;
mod kubeconfig;
pub mod log_tail;
pub mod node;
pub mod packaging;
mod pinned;
pub mod port;
mod progress;
pub mod scratch;
pub mod supervised;
pub mod tools;
