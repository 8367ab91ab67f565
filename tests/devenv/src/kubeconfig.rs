//! kubeconfig files, as JSON (which is YAML), for kubectl and kube-rs.

use std::path::Path;

use serde_json::json;

use crate::certificates::write_private;
use crate::error::Result;

/// Writes a kubeconfig with one context that is the current one, readable by its owner only. Its namespace is `namespace`.
pub(crate) fn write(path: &Path, server_url: &str, ca: &Path, token: &str, namespace: &str) -> Result<()> {
    let name = "devenv";
    let content = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server_url, "certificate-authority": ca}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    });
    write_private(path, &format!("{content:#}\n"))
}
