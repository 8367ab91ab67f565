//! What JumpCloud may answer, or fail to: refusals for one row, results of any shape, replies that get lost.

mod poison;
mod replies;
mod strange;
mod unknown;
