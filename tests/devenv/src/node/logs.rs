//! Logs of containers over the network, as kube-apiserver asks a kubelet for them: `kubectl logs` and `helm test --logs` work.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::error::{Error, Result};

use super::container::log;

/// How often a log that is followed is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// More than a request of kube-apiserver has.
const HEAD: usize = 16 * 1024;

/// Logs that still grow.
pub(super) type Growing = Arc<Mutex<BTreeSet<PathBuf>>>;

/// A server that ends when it is dropped.
#[derive(Debug)]
pub(super) struct LogServer {
    pub(super) port: u16,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LogServer {
    /// Serves the logs that are in `folder`.
    pub(super) fn start(folder: &Path, growing: Growing) -> Result<Self> {
        let failed = |source| Error::Io { action: "serve logs on 127.0.0.1".to_owned(), source };
        let acceptor = acceptor()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let (end, ended) = oneshot::channel();
        let folder: Arc<Path> = folder.into();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = accept(&listener, &acceptor, &folder, &growing) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { port, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for LogServer {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// kube-apiserver asks for no particular authority, unless it is told one.
fn acceptor() -> Result<TlsAcceptor> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let other = |error| Error::Io { action: "serve TLS".to_owned(), source: std::io::Error::other(error) };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .map_err(other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor, folder: &Arc<Path>, growing: &Growing) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, say: wait for connections to end.
            tokio::time::sleep(EVERY).await;
            continue;
        };
        let (acceptor, folder, growing) = (acceptor.clone(), Arc::clone(folder), Arc::clone(growing));
        tokio::spawn(async move {
            let mut stream = BufReader::new(acceptor.accept(stream).await?);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
                head.push(stream.read_u8().await?);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let target = head.split_whitespace().nth(1).unwrap_or_default();
            let Some(wanted) = Wanted::of(target, &folder) else {
                let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).await?;
                return stream.shutdown().await;
            };
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")
                .await?;
            send(&mut stream, &wanted, &growing).await?;
            stream.shutdown().await
        });
    }
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    wanted: &Wanted,
    growing: &Growing,
) -> std::io::Result<()> {
    let mut sent = 0;
    loop {
        // Asked before the file is read: what comes in between is sent in the last round.
        let grows = growing.lock().unwrap_or_else(PoisonError::into_inner).contains(&wanted.log);
        let text = std::fs::read(&wanted.log)?;
        let start = if sent == 0 { tail(&text, wanted.tail) } else { sent };
        stream.write_all(text.get(start..).unwrap_or_default()).await?;
        stream.flush().await?;
        sent = text.len();
        if !wanted.follow || !grows {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Where the last so many lines begin.
fn tail(text: &[u8], lines: Option<usize>) -> usize {
    let Some(lines) = lines else { return 0 };
    let ends: Vec<usize> =
        text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    // The end of the line before them.
    ends.len().checked_sub(lines + 1).and_then(|at| ends.get(at)).copied().unwrap_or_default()
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    log: PathBuf,
    follow: bool,
    tail: Option<usize>,
}

impl Wanted {
    fn of(target: &str, folder: &Path) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut parts = path.strip_prefix("/containerLogs/")?.split('/');
        let (namespace, pod, container) = (parts.next()?, parts.next()?, parts.next()?);
        let log = log(folder, namespace, pod, container);
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let tail = value("tailLines").and_then(|lines| lines.parse().ok());
        log.is_file().then_some(Self { log, follow: value("follow") == Some("true"), tail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::ScratchDir;

    #[test]
    fn a_request_names_a_log_that_is_there() {
        let scratch = ScratchDir::new().unwrap();
        let folder = scratch.path();
        let path = log(folder, "people", "operator-1", "operator");
        std::fs::write(&path, "a\n").unwrap();
        let of = |target: &str| Wanted::of(target, folder);
        let whole = Wanted { log: path.clone(), follow: false, tail: None };
        assert_eq!(of("/containerLogs/people/operator-1/operator"), Some(whole));
        let some = Wanted { log: path, follow: true, tail: Some(3) };
        assert_eq!(of("/containerLogs/people/operator-1/operator?follow=true&tailLines=3"), Some(some));
        assert_eq!(of("/containerLogs/people/operator-2/operator"), None);
        assert_eq!(of("/containerLogs/people"), None);
        assert_eq!(of("/pods"), None);
    }

    #[test]
    fn the_last_lines_are_the_last() {
        let text = b"one\ntwo\nthree\n";
        for (lines, wanted) in [(None, "one\ntwo\nthree\n"), (Some(1), "three\n"), (Some(2), "two\nthree\n")]
        {
            assert_eq!(&text[tail(text, lines)..], wanted.as_bytes(), "{lines:?}");
        }
        assert_eq!(tail(text, Some(9)), 0);
        assert_eq!(tail(text, Some(0)), text.len());
    }
}
