//! The ports of one start, and another start with others when they were taken in between.

use crate::error::Result;
use crate::port::free_ports;

/// Starts tried before a collision is reported.
const STARTS: u32 = 5;

/// The ports of one start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) etcd: u16,
    pub(super) etcd_peer: u16,
    pub(super) api_server: u16,
}

/// Starts with ports that were free a moment ago, again with others while another process takes them in between.
pub(super) fn with_new_ports<T>(start: impl Fn(Ports, u32) -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        let [etcd, etcd_peer, api_server] = free_ports()?;
        match start(Ports { etcd, etcd_peer, api_server }, attempt) {
            Err(error) if error.is_port_taken() && attempt < STARTS => attempt += 1,
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;

    fn ended(tail: &str) -> Error {
        Error::Ended { name: "etcd".to_owned(), exit: "code 1".to_owned(), tail: tail.to_owned() }
    }

    #[test]
    fn a_taken_port_is_given_up_and_another_tried() {
        let first = Cell::new(None);
        let second = with_new_ports(|ports, attempt| match attempt {
            1 => {
                first.set(Some(ports.etcd));
                Err(ended("listen tcp 127.0.0.1:1: bind: address already in use"))
            }
            _ => Ok(ports),
        });
        let second = second.unwrap();
        assert_ne!(second.etcd, second.etcd_peer);
        assert!(first.get().is_some());
    }

    #[test]
    fn other_failures_and_endless_collisions_are_reported() {
        let starts = Cell::new(0);
        let fail = |tail: &'static str| {
            starts.set(0);
            with_new_ports::<()>(|_, attempt| {
                starts.set(attempt);
                Err(ended(tail))
            })
            .unwrap_err()
        };
        assert!(fail("out of memory").to_string().contains("out of memory"));
        assert_eq!(starts.get(), 1);
        assert!(fail("address already in use").is_port_taken());
        assert_eq!(starts.get(), STARTS);
    }
}
