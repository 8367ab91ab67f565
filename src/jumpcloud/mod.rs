//! The client of the JumpCloud API.
