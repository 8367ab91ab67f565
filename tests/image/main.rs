//! The operator from the image's own root file system: what it needs there, and whether it is there.
//!
//! Ignored in a plain `cargo test`, because the image must have been built: `make test-image` builds it and runs these.
//!
//! The program is started below the unpacked image by chroot(8), as the image's user. Who is not root gets a user
//! namespace for that (`unshare --map-root-user`), and sees the program as root of it.

#[cfg(test)]
mod inside;
#[cfg(test)]
mod names;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod root;
#[cfg(test)]
mod server;
