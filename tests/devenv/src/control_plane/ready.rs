//! Waiting until a part serves, while watching that none has ended.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::supervised::Supervised;

/// The longest start of one part. On two idle cores the whole control plane takes about 4 s.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until something listens on the port.
pub(super) fn listening(part: &Supervised, port: u16) -> Result<()> {
    until(&[part], Duration::from_millis(20), || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|error| error.to_string())
    })
}

/// Waits until kube-apiserver is ready and has made the namespace `default`, which it does a moment later.
///
/// `kubectl` gives a kubectl command with a kubeconfig for it.
pub(super) fn serving(parts: &[&Supervised], kubectl: impl Fn() -> Command) -> Result<()> {
    for path in ["/readyz", "/api/v1/namespaces/default"] {
        until(parts, Duration::from_millis(100), || {
            let asked = kubectl().args(["get", "--request-timeout=5s", "--raw", path]).output();
            match asked {
                Ok(output) if output.status.success() => Ok(()),
                Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
                Err(error) => Err(format!("kubectl cannot be run: {error}")),
            }
        })?;
    }
    Ok(())
}

/// Asks until `probe` succeeds; it says what it saw otherwise. The last of `parts` is the one that is waited for.
fn until(
    parts: &[&Supervised],
    every: Duration,
    probe: impl Fn() -> std::result::Result<(), String>,
) -> Result<()> {
    let started = Instant::now();
    loop {
        let seen = probe();
        // After the probe: another process's server on the same port must not pass for a part that failed to listen.
        for part in parts {
            part.check_running()?;
        }
        let Err(seen) = seen else { return Ok(()) };
        if started.elapsed() > LIMIT {
            let (name, tail) = parts.last().map(|part| (part.name(), part.log_tail())).unwrap_or_default();
            return Err(Error::Deadline {
                what: format!("the start of {name}"),
                waited: LIMIT,
                detail: format!("last seen: {seen}\nthe end of its log:\n{tail}"),
            });
        }
        std::thread::sleep(every);
    }
}
