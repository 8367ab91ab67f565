//! Where JumpCloud is asked, and with which credential: through a connection of the cluster, or without one.
//!
//! Guarantees: exactly one of the two ways is taken, never a mixture. A key is no argument, so that no list of
//! processes shows it. A connection's credential goes only where the operator would send it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use kube::api::Api;
use reqwest::Url;
use secrecy::SecretString;

use super::Failure;
use crate::api::connection::JumpCloudConnection;
use crate::cli::flags;
use crate::cli::run::direct;
use crate::controller::credentials::{self, Outbound};
use crate::controller::error::{Error, KUBE_TIMEOUT, within};
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::bucket::Limits;
use crate::jumpcloud::client::{ClientConfig, JumpCloud};
use crate::jumpcloud::endpoint::{Endpoint, Region};
use crate::jumpcloud::observe::NoObserver;
use crate::jumpcloud::throttle::Throttle;
use crate::plan::connection::assess;
use crate::runtime::clock;

/// The variable that holds the key when no connection is named.
const KEY: &str = "JUMPCLOUD_API_KEY";

/// Flags that say where JumpCloud is asked.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// JumpCloudConnection of the current kubeconfig's cluster, with the credential in its Secret. Without it,
    /// give region or api-url, and an API key in the variable JUMPCLOUD_API_KEY.
    #[arg(long, global = true, value_name = "NAMESPACE/NAME", value_parser = named)]
    connection: Option<Named>,
    /// Region of the API, without a cluster.
    #[arg(long, global = true, value_enum, ignore_case = true)]
    region: Option<RegionName>,
    /// Origin of the API instead of a region, without a cluster.
    #[arg(long, global = true, value_name = "ORIGIN", value_parser = origin)]
    api_url: Option<Endpoint>,
    /// Organisation to look into, without a cluster; needed when the key reaches several.
    #[arg(long, global = true)]
    organization_id: Option<String>,
    /// Origin that the connection may name in apiURL; repeat for several.
    #[arg(long, global = true, env = "JUMPCLOUD_OPERATOR_ALLOWED_API_URL", value_delimiter = ',')]
    allowed_api_url: Vec<String>,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, global = true, env = "JUMPCLOUD_OPERATOR_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Proxy for requests to JumpCloud. HTTP_PROXY and HTTPS_PROXY are ignored.
    #[arg(long, global = true, env = "JUMPCLOUD_OPERATOR_HTTPS_PROXY")]
    https_proxy: Option<Url>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    namespace: String,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RegionName {
    #[value(name = "US")]
    Us,
    #[value(name = "EU")]
    Eu,
    #[value(name = "IN")]
    In,
}

/// One of the two ways.
#[derive(Debug, PartialEq, Eq)]
enum Way<'a> {
    Connection(&'a Named),
    Direct(Endpoint),
}

/// A client, and what is to be known about it.
pub(super) struct Place {
    pub(super) client: JumpCloud,
    /// Where the credential is from, in words.
    pub(super) credential: String,
    /// Why nothing may be written, if so.
    pub(super) read_only: Option<String>,
}

fn named(text: &str) -> Result<Named, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Named { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("write it as NAMESPACE/NAME".to_owned()),
    }
}

fn origin(text: &str) -> Result<Endpoint, String> {
    Endpoint::origin(text).map_err(|error| error.to_string())
}

impl PlaceArgs {
    /// The way that was asked for.
    fn way(&self) -> Result<Way<'_>, String> {
        match (&self.connection, self.region, &self.api_url) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err("--connection says where JumpCloud is: leave --region and --api-url out, or --connection"
                    .to_owned())
            }
            (Some(_), None, None) if self.organization_id.is_some() => {
                Err("--connection says which organisation it is: leave --organization-id out".to_owned())
            }
            (Some(named), None, None) => Ok(Way::Connection(named)),
            (None, Some(_), Some(_)) => {
                Err("--region and --api-url exclude each other; leave one out".to_owned())
            }
            (None, Some(region), None) => Ok(Way::Direct(Endpoint::region(match region {
                RegionName::Us => Region::Us,
                RegionName::Eu => Region::Eu,
                RegionName::In => Region::In,
            }))),
            (None, None, Some(endpoint)) => Ok(Way::Direct(endpoint.clone())),
            (None, None, None) => Err(format!(
                "say where to look: --connection NAMESPACE/NAME for a connection of the cluster, or --region (or \
                 --api-url) with an API key in the variable {KEY}"
            )),
        }
    }

    /// A client for it. Makes no request to JumpCloud.
    pub(super) async fn open(&self) -> Result<Place, Failure> {
        let way = self.way().map_err(Failure::Usage)?;
        let outbound = flags::outbound(
            &self.allowed_api_url,
            self.ca_file.as_deref(),
            self.https_proxy.as_ref(),
            Arc::new(NoObserver),
        )?;
        match way {
            Way::Connection(named) => connection(named, &outbound).await.map_err(Failure::Failed),
            Way::Direct(endpoint) => {
                let credential =
                    Credential::ApiKey(key(std::env::var(KEY).ok().as_deref()).map_err(Failure::Usage)?);
                let mut config = ClientConfig::new(endpoint, credential, Throttle::new(Limits::default()));
                config.organization.clone_from(&self.organization_id);
                let client = client(config, &outbound)?;
                Ok(Place { client, credential: format!("the key in {KEY}"), read_only: None })
            }
        }
    }
}

/// Blanks and line breaks around a key do no harm, as in a Secret.
fn key(variable: Option<&str>) -> Result<SecretString, String> {
    let key = variable.map(str::trim).filter(|key| !key.is_empty());
    key.map(SecretString::from).ok_or_else(|| {
        format!(
            "{KEY} is not set: put an API key of a JumpCloud administrator into it, or name a --connection"
        )
    })
}

/// Reads connection and Secret as the operator does.
async fn connection(named: &Named, outbound: &Outbound) -> anyhow::Result<Place> {
    let Named { namespace, name } = named;
    let label = format!("JumpCloudConnection {namespace}/{name}");
    let config =
        kube::Config::infer().await.context("no cluster: neither KUBECONFIG nor a service account")?;
    let config = direct(config, |name| std::env::var(name).ok());
    let kube = kube::Client::try_from(config).context("the API server's client cannot be built")?;
    let api: Api<JumpCloudConnection> = Api::namespaced(kube.clone(), namespace);
    let found = within(KUBE_TIMEOUT, api.get_opt(name)).await.and_then(|found| found.map_err(Error::from));
    let found = found.with_context(|| format!("{label} cannot be read"))?;
    let spec = found.ok_or_else(|| anyhow!("{label} does not exist; look at kubectl get jcconn -A"))?.spec;
    let endpoint = outbound.endpoint(&spec).map_err(|why| anyhow!("{label}: {why}"))?;
    let reading = credentials::read(&kube, namespace, &spec).await;
    let reading = reading.with_context(|| format!("the Secret of {label} cannot be read"))?;
    let credential = match reading.credential {
        Ok(credential) => credential,
        Err(finding) => {
            let verdict = assess(&spec, &finding, &[], clock::now()).verdict;
            return Err(anyhow!("{label}: {}", verdict.message));
        }
    };
    let limits = Limits::new(spec.limits.requests_per_second, spec.limits.burst);
    let mut config = ClientConfig::new(endpoint, credential, Throttle::new(limits));
    config.organization.clone_from(&spec.organization_id);
    let client = client(config, outbound).with_context(|| label.clone())?;
    let read_only = spec.paused.then(|| {
        format!("{label} is paused, so nothing is written through it; set spec.paused to false first")
    });
    Ok(Place { client, credential: format!("the credential of {label}"), read_only })
}

fn client(mut config: ClientConfig, outbound: &Outbound) -> anyhow::Result<JumpCloud> {
    config.extra_roots.clone_from(&outbound.extra_roots);
    config.proxy.clone_from(&outbound.proxy);
    JumpCloud::new(config).context("no client can be made")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        place: PlaceArgs,
    }

    fn flags(arguments: &[&str]) -> PlaceArgs {
        Flags::parse_from([&["api"], arguments].concat()).place
    }

    #[test]
    fn one_way_is_taken() {
        let connection = flags(&["--connection", "people/default"]);
        let named = Named { namespace: "people".to_owned(), name: "default".to_owned() };
        assert_eq!(connection.way(), Ok(Way::Connection(&named)));
        assert_eq!(flags(&["--region", "eu"]).way(), Ok(Way::Direct(Endpoint::region(Region::Eu))));
        let direct = flags(&["--api-url", "http://127.0.0.1:1/", "--organization-id", "o1"]);
        assert_eq!(direct.way(), Ok(Way::Direct(Endpoint::origin("http://127.0.0.1:1").unwrap())));
        for (arguments, said) in [
            (&[][..], "say where to look"),
            (&["--organization-id", "o1"], "say where to look"),
            (&["--connection", "a/b", "--region", "US"], "leave --region and --api-url out"),
            (&["--connection", "a/b", "--api-url", "http://127.0.0.1:1"], "leave --region and --api-url out"),
            (&["--connection", "a/b", "--organization-id", "o1"], "leave --organization-id out"),
            (&["--region", "US", "--api-url", "http://127.0.0.1:1"], "exclude each other"),
        ] {
            let why = flags(arguments).way().unwrap_err();
            assert!(why.contains(said), "{arguments:?}: {why}");
        }
    }

    #[test]
    fn what_is_no_name_or_no_origin_is_refused() {
        for text in ["default", "/default", "people/", "a/b/c"] {
            assert!(named(text).is_err(), "{text}");
        }
        for text in ["example.com", "http://example.com", "https://example.com/api"] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn blanks_around_a_key_go_and_a_missing_key_is_told() {
        assert_eq!(key(Some(" canary\n")).unwrap().expose_secret(), "canary");
        for variable in [None, Some(""), Some(" \n")] {
            assert!(key(variable).unwrap_err().starts_with("JUMPCLOUD_API_KEY is not set"));
        }
    }
}
