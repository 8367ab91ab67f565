//! The operator from the image's own root file system: what it needs there, and whether it is there.
//!
//! Ignored in a plain `cargo test`, because the image must have been built: `make test-image` builds it and runs these.
//!
//! The program is started below the unpacked image by chroot(8), as the image's user, in a mount namespace where the root file
//! system cannot be written to. That takes root, and so does the name server of one test; `make test-image` sees to it.
#![expect(clippy::disallowed_methods, reason = "a real cluster keeps real time")]

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod inside;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod names;
#[cfg(test)]
mod pod;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod root;
#[cfg(test)]
mod served;
#[cfg(test)]
mod server;
