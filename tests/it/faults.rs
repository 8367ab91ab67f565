//! What goes wrong: the fault plan against the real process, with faults at its sockets on both sides.
//!
//! Every run here is bounded under `make test` and whole under `make test-faults`.

mod thousand;
mod untold;
