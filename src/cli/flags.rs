//! The flags of `run`, and what they come to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Certificate, Url};

use crate::controller::credentials::Outbound;
use crate::controller::secret_watch::WatchedSecret;
use crate::jumpcloud::endpoint::Endpoint;
use crate::jumpcloud::observe::Observer;
use crate::plan::policy::{Policy, Writes};
use crate::runtime::clock;
use crate::runtime::lease::LeaseConfig;
use crate::runtime::telemetry::LogFormat;

/// Flags of `run`. Each is an environment variable as well.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Namespace to watch; repeat for several. All namespaces when absent.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_WATCH_NAMESPACE", value_delimiter = ',')]
    pub(super) watch_namespace: Vec<String>,
    /// Only objects whose labels match this selector are watched; connections always are.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_WATCH_SELECTOR")]
    pub(super) watch_selector: Option<String>,
    /// Origin that connections may name in apiURL; repeat for several.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_ALLOWED_API_URL", value_delimiter = ',')]
    pub(super) allowed_api_url: Vec<String>,
    /// Nothing is written to JumpCloud: running jobs are followed, everything else waits.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_READ_ONLY", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub(super) read_only: bool,
    /// Whether replicas agree on one that acts; false when there is never more than one.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set)]
    pub(super) leader_elect: bool,
    /// Namespace of the Lease; the Pod's own, or the kubeconfig's, when absent.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_NAMESPACE")]
    pub(super) lease_namespace: Option<String>,
    /// Name of the Lease; the Role in deploy/rbac names it, too.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_NAME", default_value = "jumpcloud-operator")]
    pub(super) lease_name: String,
    /// Passes that may run at the same time.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_CONCURRENCY", default_value_t = 16)]
    pub(super) concurrency: u16,
    /// Address of /livez, /readyz and /metrics, which ask for no authentication.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_ADMIN_ADDRESS", default_value = "[::]:8080")]
    pub(super) admin_address: SocketAddr,
    /// How long after its intent a request may be sent. Must be below the renew deadline.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_SUBMIT_TIMEOUT", default_value = "20s", value_parser = duration)]
    pub(super) submit_timeout: Duration,
    /// How long a request of unknown outcome is left alone before its users are looked up. Not below the
    /// submit timeout.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_UNKNOWN_QUARANTINE", default_value = "5m", value_parser = duration)]
    pub(super) unknown_quarantine: Duration,
    /// First poll of a job after it was accepted.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_POLL_MIN", default_value = "5s", value_parser = duration)]
    pub(super) poll_min: Duration,
    /// Longest time between two polls of a job.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_POLL_MAX", default_value = "60s", value_parser = duration)]
    pub(super) poll_max: Duration,
    /// How long a silent leader is waited for. Longer than the renew deadline.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_DURATION", default_value = "30s", value_parser = duration)]
    pub(super) lease_duration: Duration,
    /// How long a leader goes on without renewing the lease. Longer than the retry period.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_RENEW_DEADLINE", default_value = "25s", value_parser = duration)]
    pub(super) lease_renew_deadline: Duration,
    /// Time between two renewals.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_RETRY_PERIOD", default_value = "4s", value_parser = duration)]
    pub(super) lease_retry_period: Duration,
    /// How often a Secret is read while its connection is not Ready.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_SECRET_POLL_INTERVAL", default_value = "60s", value_parser = duration)]
    pub(super) secret_poll_interval: Duration,
    /// Secret to list and watch by its name, so that a changed key is used at once; repeat for several. The others are
    /// read one by one, when a connection needs them.
    #[arg(
        long,
        env = "JUMPCLOUD_OPERATOR_WATCH_SECRET",
        value_delimiter = ',',
        value_name = "NAMESPACE/NAME"
    )]
    pub(super) watch_secret: Vec<WatchedSecret>,
    /// How long cleaning up may take: after this time a deleted object's finalizer goes although scheduled
    /// state changes may be left in JumpCloud.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_CLEANUP_TIMEOUT", default_value = "10m", value_parser = duration)]
    pub(super) cleanup_timeout: Duration,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_CA_FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Proxy for requests to JumpCloud. HTTP_PROXY and HTTPS_PROXY are ignored.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_HTTPS_PROXY")]
    pub(super) https_proxy: Option<Url>,
    /// How log lines look.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LOG_FORMAT", value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Which log lines are written: a level for the operator's own code, or target=level pairs.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LOG_LEVEL", default_value = "info")]
    pub(super) log_level: String,
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::api::common::Period(text.to_owned()).get().map_err(|error| error.to_string())
}

impl RunArgs {
    /// Refuses settings that contradict each other.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.submit_timeout >= self.lease_renew_deadline {
            bail!(
                "--submit-timeout must be below --lease-renew-deadline, so that no request outlives the lease it was begun under"
            );
        }
        if self.leader_elect {
            self.lease(String::from("default"))
                .validate()
                .context("--lease-duration, --lease-renew-deadline and --lease-retry-period")?;
        }
        if self.unknown_quarantine < self.submit_timeout {
            bail!("--unknown-quarantine must not be below --submit-timeout");
        }
        if self.poll_max < self.poll_min {
            bail!("--poll-max must not be below --poll-min");
        }
        attended(&self.watch_secret, &self.watch_namespace)
    }

    pub(super) fn lease(&self, namespace: String) -> LeaseConfig {
        let replica = std::env::var("HOSTNAME").unwrap_or_else(|_| "operator".to_owned());
        LeaseConfig {
            namespace,
            name: self.lease_name.clone(),
            // Unique also for a container that is started again in the same Pod.
            identity: format!("{replica}_{}", clock::nonce()),
            duration: self.lease_duration,
            renew_deadline: self.lease_renew_deadline,
            retry_period: self.lease_retry_period,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            submit_timeout: self.submit_timeout,
            quarantine: self.unknown_quarantine,
            poll_min: self.poll_min,
            poll_max: self.poll_max,
            cleanup_timeout: self.cleanup_timeout,
            writes: if self.read_only { Writes::Forbidden } else { Writes::Allowed },
        }
    }

    pub(super) fn outbound(&self, observer: Arc<dyn Observer>) -> anyhow::Result<Outbound> {
        outbound(&self.allowed_api_url, self.ca_file.as_deref(), self.https_proxy.as_ref(), observer)
    }
}

/// Refuses Secrets whose connections nobody looks at.
pub(super) fn attended(secrets: &[WatchedSecret], namespaces: &[String]) -> anyhow::Result<()> {
    let elsewhere =
        |secret: &&WatchedSecret| !namespaces.is_empty() && !namespaces.contains(&secret.namespace);
    if let Some(secret) = secrets.iter().find(elsewhere) {
        let namespace = &secret.namespace;
        bail!(
            "--watch-secret {secret}: namespace {namespace} is not watched; add --watch-namespace {namespace}, or take the Secret off"
        );
    }
    Ok(())
}

/// What these flags come to, for every command that has them.
pub(super) fn outbound(
    allowed_api_url: &[String],
    ca_file: Option<&Path>,
    https_proxy: Option<&Url>,
    observer: Arc<dyn Observer>,
) -> anyhow::Result<Outbound> {
    let allowed_origins = allowed_api_url
        .iter()
        .map(|url| Endpoint::origin(url).with_context(|| format!("--allowed-api-url {url}")))
        .collect::<anyhow::Result<_>>()?;
    let extra_roots = match ca_file {
        None => Vec::new(),
        Some(path) => {
            let pem = std::fs::read(path)
                .with_context(|| format!("--ca-file {} cannot be read", path.display()))?;
            let roots = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("--ca-file {} holds no certificates", path.display()))?;
            if roots.is_empty() {
                bail!("--ca-file {} holds no certificates", path.display());
            }
            roots
        }
    };
    Ok(Outbound { allowed_origins, extra_roots, proxy: https_proxy.cloned(), observer })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        run: RunArgs,
    }

    fn flags(arguments: &[&str]) -> RunArgs {
        Flags::parse_from([&["run"], arguments].concat()).run
    }

    #[test]
    fn the_defaults_do_not_contradict_each_other() {
        flags(&[]).check().unwrap();
    }

    #[test]
    fn the_defaults_are_those_that_decisions_are_tested_with() {
        assert_eq!(flags(&[]).policy(), Policy::default());
        assert_eq!(flags(&["--cleanup-timeout", "90s"]).policy().cleanup_timeout, Duration::from_secs(90));
    }

    #[test]
    fn settings_that_would_break_the_protocol_are_refused() {
        for (arguments, message) in [
            (["--submit-timeout", "25s"], "--lease-renew-deadline"),
            (["--unknown-quarantine", "19s"], "--unknown-quarantine"),
            (["--poll-max", "4s"], "--poll-max"),
            (["--lease-duration", "25s"], "--lease-duration"),
        ] {
            let error = flags(&arguments).check().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn secrets_are_watched_where_connections_are() {
        let secrets = "--watch-secret=people/jumpcloud,people/oauth";
        let all = flags(&[secrets, "--watch-secret", "guests/jumpcloud"]);
        let names: Vec<_> = all.watch_secret.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["people/jumpcloud", "people/oauth", "guests/jumpcloud"]);
        all.check().unwrap();
        flags(&[secrets, "--watch-namespace=guests,people"]).check().unwrap();
        let error = flags(&[secrets, "--watch-namespace=guests"]).check().unwrap_err().to_string();
        assert!(
            error.contains("people/jumpcloud") && error.contains("add --watch-namespace people"),
            "{error}"
        );
        let error = Flags::try_parse_from(["run", "--watch-secret=jumpcloud"]).err().unwrap().to_string();
        assert!(error.contains("write NAMESPACE/NAME, such as people/jumpcloud"), "{error}");
    }
}
