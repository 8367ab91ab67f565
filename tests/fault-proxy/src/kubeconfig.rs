//! The upstream's kubeconfig, and the one that leads to the proxy.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// A kubeconfig in JSON with one cluster, as `devenv` writes it.
pub(crate) struct Upstream {
    path: PathBuf,
    content: Value,
    /// The API server's address.
    pub(crate) server: String,
    /// The certificate that its clients trust, as PEM.
    pub(crate) ca: Vec<u8>,
}

impl Upstream {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let missing = |missing| move || Error::Kubeconfig { path: path.to_owned(), missing };
        let text = std::fs::read(path).map_err(Error::io(format!("read {}", path.display())))?;
        let content: Value = serde_json::from_slice(&text).map_err(|_| missing("JSON")())?;
        let cluster = content.pointer(CLUSTER).ok_or_else(missing("cluster"))?;
        let word = |key: &str| cluster.get(key).and_then(Value::as_str);
        let server = word("server").ok_or_else(missing("server"))?.to_owned();
        let ca = match (word("certificate-authority"), word("certificate-authority-data")) {
            (Some(file), _) => std::fs::read(file).map_err(Error::io(format!("read {file}")))?,
            (None, Some(data)) => STANDARD.decode(data).map_err(|_| missing("certificate authority")())?,
            (None, None) => return Err(missing("certificate authority")()),
        };
        Ok(Self { path: path.to_owned(), content, server, ca })
    }

    /// Writes the same beside it with another server, readable by its owner only; gives the path.
    pub(crate) fn behind(mut self, port: u16, ca_pem: &str) -> Result<PathBuf> {
        if let Some(cluster) = self.content.pointer_mut(CLUSTER) {
            *cluster = json!({
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority-data": STANDARD.encode(ca_pem),
            });
        }
        let path = self.path.with_extension(format!("behind-{port}.kubeconfig"));
        let failed = Error::io(format!("write {}", path.display()));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(format!("{:#}\n", self.content).as_bytes()))
            .map_err(failed)?;
        Ok(path)
    }
}

const CLUSTER: &str = "/clusters/0/cluster";
