//! What goes wrong: the fault plan against the real process, with faults at its sockets on both sides.
//!
//! Every run here is bounded under `make test` and whole under `make test-faults`.

mod clocks;
mod crashes;
mod credentials;
mod edits;
mod effect;
mod frozen;
mod handover;
mod matrix;
mod newer;
mod pages;
mod pair;
mod server;
mod thousand;
mod unheard;
mod untold;
mod watches;
mod workload;
mod writes;
