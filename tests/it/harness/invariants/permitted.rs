//! The operator is never refused what it asks of the API server: it needs no permission that the chart does not grant.
//!
//! Of a refusal by the authorizer the audit log says "forbid"; what an admission plug-in refuses, such as an event in a
//! namespace that ends, is another matter. Each line of the log is read once, whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::super::grants::ACCOUNT;

/// What an account asked for: `verb group/resource/subresource`.
type Asked = String;

/// What the log tells of the accounts of operators, as far as it was read.
#[derive(Default)]
struct Log {
    read: u64,
    /// The beginning of a line that was being written.
    rest: Vec<u8>,
    accounts: BTreeMap<String, Account>,
}

#[derive(Default)]
struct Account {
    refused: BTreeSet<String>,
    used: BTreeSet<Asked>,
}

impl Log {
    /// Reads what was written since.
    fn catch_up(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = std::mem::take(&mut self.rest);
        self.read += file.read_to_end(&mut bytes)? as u64;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.rest = bytes.split_off(whole);
        for line in String::from_utf8_lossy(&bytes).lines() {
            self.take(line);
        }
        Ok(())
    }

    fn take(&mut self, line: &str) {
        // Most lines are of others, and parsing is dear.
        if !line.contains(":jumpcloud-operator\"") {
            return;
        }
        let Ok(entry) = serde_json::from_str::<Value>(line) else { return };
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if !text("/user/username").ends_with(&format!(":{ACCOUNT}")) {
            return;
        }
        let (group, resource) = (text("/objectRef/apiGroup"), text("/objectRef/resource"));
        let mut asked = format!("{} {group}/{resource}", text("/verb"));
        if !text("/objectRef/subresource").is_empty() {
            asked = format!("{asked}/{}", text("/objectRef/subresource"));
        }
        let account = self.accounts.entry(text("/user/username").to_owned()).or_default();
        if text("/annotations/authorization.k8s.io~1decision") == "forbid" {
            account.refused.insert(format!("{asked} at {}", text("/requestURI")));
        } else {
            account.used.insert(asked);
        }
    }
}

/// What the operators of these namespaces were refused so far, by the log of their API server.
pub fn refused(audit: &Path, namespaces: &[String]) -> Vec<String> {
    of(audit, namespaces, |account| &account.refused)
        .into_iter()
        .map(|what| format!("was refused to {what}"))
        .collect()
}

/// What the operators of these namespaces asked for and were allowed so far, as `verb group/resource`.
pub fn used(audit: &Path, namespaces: &[String]) -> BTreeSet<Asked> {
    of(audit, namespaces, |account| &account.used)
}

fn of(audit: &Path, namespaces: &[String], part: impl Fn(&Account) -> &BTreeSet<String>) -> BTreeSet<String> {
    static LOGS: OnceLock<Mutex<BTreeMap<PathBuf, Log>>> = OnceLock::new();
    let mut logs = LOGS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let log = logs.entry(audit.to_owned()).or_default();
    log.catch_up(audit).expect("the audit log");
    let accounts = namespaces
        .iter()
        .filter_map(|namespace| log.accounts.get(&format!("system:serviceaccount:{namespace}:{ACCOUNT}")));
    accounts.flat_map(|account| part(account).iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(user: &str, verb: &str, decision: &str) -> String {
        json!({
            "verb": verb, "user": {"username": user}, "requestURI": "/there",
            "objectRef": {"apiGroup": "g", "resource": "things", "subresource": "status"},
            "annotations": {"authorization.k8s.io/decision": decision},
        })
        .to_string()
    }

    #[test]
    fn a_refusal_is_told_from_use_and_lines_are_read_once_they_are_whole() {
        let user = "system:serviceaccount:a:jumpcloud-operator";
        let folder = devenv::scratch::ScratchDir::new().unwrap();
        let path = folder.path().join("audit.log");
        let first = format!("{}\n{}\n", line(user, "patch", "allow"), line("ada", "get", "forbid"));
        let second = line(user, "get", "forbid");
        let (half, other) = second.split_at(40);
        std::fs::write(&path, first.clone() + half).unwrap();
        let mut log = Log::default();
        log.catch_up(&path).unwrap();
        assert_eq!(log.accounts[user].used, BTreeSet::from(["patch g/things/status".to_owned()]));
        assert!(log.accounts[user].refused.is_empty());
        assert_eq!(log.accounts.len(), 1);
        std::fs::write(&path, first + half + other + "\n").unwrap();
        log.catch_up(&path).unwrap();
        assert_eq!(log.accounts[user].refused, BTreeSet::from(["get g/things/status at /there".to_owned()]));
    }
}
