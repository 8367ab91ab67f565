//! Ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Error, Result};

/// A TCP port of 127.0.0.1 that was free a moment ago.
///
/// Another process can take it before the caller does: whoever starts a server on it tries again when the server says so.
///
/// # Errors
/// When the system has no free port.
pub fn free_port() -> Result<u16> {
    let [port] = free_ports()?;
    Ok(port)
}

/// As [`free_port`], for several ports that differ from each other.
///
/// # Errors
/// When the system has not as many free ports.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let failed = |source| Error::Io { action: "find a free port on 127.0.0.1".to_owned(), source };
    let mut ports = [0; N];
    // All are held until the last is found, or the same one could be given twice.
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        *port = listener.local_addr().map_err(failed)?.port();
        held.push(listener);
    }
    Ok(ports)
}
