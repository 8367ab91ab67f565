//! The course of whole passes against a small JumpCloud that does what it is asked.

mod course;
mod newer;
mod others;
mod world;
