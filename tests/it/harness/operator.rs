//! The operator as a process, with the permissions that the chart grants.

use std::path::{Path, PathBuf};
use std::time::Duration;

use devenv::port::free_port;
use devenv::supervised::{Exit, Program, Signal, Supervised};

use super::grants::ACCOUNT;
use super::invariants::site;
use super::plane::plane;
use super::weather;

/// A running operator.
pub struct Operator {
    process: Supervised,
    admin: u16,
    command: Command,
}

/// How it was started.
#[derive(Clone)]
struct Command {
    arguments: Vec<String>,
    kubeconfig: PathBuf,
    log: PathBuf,
    replica: String,
    namespace: String,
}

/// Flags that make tests quick; a test may replace them.
pub const QUICK: &[(&str, &str)] = &[
    ("--poll-min", "1s"),
    ("--poll-max", "2s"),
    ("--secret-poll-interval", "1s"),
    ("--lease-duration", "15s"),
    ("--lease-renew-deadline", "12s"),
    ("--lease-retry-period", "1s"),
    ("--submit-timeout", "1s"),
    ("--unknown-quarantine", "2s"),
];

/// The flags of the crash bars: a lease so short that a busy machine may lose it by itself, so whoever
/// uses them lets [`Operator::keep`] start the operator again, as a kubelet would.
pub const FRAGILE: &[(&str, &str)] = &[
    ("--poll-min", "1s"),
    ("--poll-max", "2s"),
    ("--secret-poll-interval", "1s"),
    ("--lease-duration", "3s"),
    ("--lease-renew-deadline", "2s"),
    ("--lease-retry-period", "1s"),
    ("--submit-timeout", "1s"),
    ("--unknown-quarantine", "2s"),
];

/// The flags of the command line where a test says nothing.
pub const DEFAULTS: &[(&str, &str)] = &[("--secret-poll-interval", "1s")];

/// Flags with one of them set to another value.
pub fn but<'a>(flags: &[(&'a str, &'a str)], flag: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    flags.iter().copied().filter(|(name, _)| *name != flag).chain([(flag, value)]).collect()
}

impl Operator {
    /// Starts one for `namespace`. `replica` tells logs apart.
    pub fn start(namespace: &str, replica: &str, api_url: &str, flags: &[(&str, &str)]) -> Self {
        let kubeconfig = plane().service_account_kubeconfig(namespace, ACCOUNT).expect("a token");
        Self::start_as(weather::before(kubeconfig, namespace), namespace, replica, api_url, flags)
    }

    /// Starts one for `namespace` of whatever cluster that kubeconfig leads to.
    pub fn start_as(
        kubeconfig: PathBuf,
        namespace: &str,
        replica: &str,
        api_url: &str,
        flags: &[(&str, &str)],
    ) -> Self {
        let log = plane().scratch().path().join(format!("operator-{namespace}-{replica}.log"));
        let mut arguments: Vec<String> =
            ["run", "--watch-namespace", namespace, "--lease-namespace", namespace].map(str::to_owned).into();
        arguments.extend(["--allowed-api-url".to_owned(), api_url.to_owned()]);
        for (flag, value) in flags {
            arguments.extend([(*flag).to_owned(), (*value).to_owned()]);
        }
        let (replica, namespace) = (replica.to_owned(), namespace.to_owned());
        Self::of(Command { arguments, kubeconfig, log, replica, namespace })
    }

    /// Starts one with these arguments, but for its address, of whatever cluster that kubeconfig leads to. `namespace` is
    /// that of the test's site.
    pub fn told(
        arguments: Vec<String>,
        kubeconfig: PathBuf,
        namespace: &str,
        replica: &str,
        log: PathBuf,
    ) -> Self {
        let (replica, namespace) = (replica.to_owned(), namespace.to_owned());
        Self::of(Command { arguments, kubeconfig, log, replica, namespace })
    }

    fn of(command: Command) -> Self {
        let admin = free_port().expect("a free port");
        let program = Program::new("operator", env!("CARGO_BIN_EXE_jumpcloud-operator"), &command.log)
            .args(command.arguments.clone())
            .args(["--admin-address".to_owned(), format!("127.0.0.1:{admin}")])
            .env("KUBECONFIG", &command.kubeconfig)
            .env("HOSTNAME", &command.replica)
            // Nobody listens there: whoever heeded it would reach nothing.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .grace(Duration::from_secs(10));
        if let Some(site) = site::of(&command.namespace) {
            site.started(&command.arguments, command.log.clone());
        }
        Self { process: Supervised::spawn(program).expect("the operator starts"), admin, command }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        self.signal(Signal::Kill);
        let gone = self.process.wait_exit(Duration::from_secs(10)).expect("the supervisor answers");
        assert!(gone.is_some(), "the operator survived SIGKILL");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.process.wait_exit(Duration::ZERO).expect("the supervisor answers").is_some()
    }

    /// Starts it again with the same flags when it has ended by itself.
    pub fn keep(self) -> Self {
        match self.process.wait_exit(Duration::ZERO).expect("the supervisor answers") {
            None => self,
            Some(_) => Self::of(self.command.clone()),
        }
    }

    /// How it has ended by itself, or nothing when it still runs after `limit`.
    pub fn ended(&self, limit: Duration) -> Option<Exit> {
        self.process.wait_exit(limit).expect("the supervisor answers")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal).expect("the signal is sent");
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Where it logs.
    pub fn log_path(&self) -> &Path {
        self.process.log_path()
    }

    /// Its metrics as text.
    pub async fn metrics(&self) -> String {
        self.try_metrics().await.expect("the admin server answers")
    }

    /// The same; nothing while the admin server does not listen yet.
    pub async fn try_metrics(&self) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin);
        reqwest::get(url).await.ok()?.text().await.ok()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.lines().count().saturating_sub(60);
            let tail: Vec<&str> = log.lines().skip(from).collect();
            eprintln!("--- the operator's log ends so ---\n{}", tail.join("\n"));
        } else if let Some(site) = site::of(&self.command.namespace) {
            site.ending(self.admin);
        }
    }
}
