//! `jumpcloud-operator check`: whether a cluster serves and allows what `run` needs.
//!
//! Guarantees: nothing is written, and the operator's own ServiceAccount may do all of it: kinds are listed, and every
//! cluster lets everybody ask what they may do themselves. It is what `helm test` runs.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use super::flags::attended;
use super::run::direct;
use crate::api::GROUP;
use crate::api::connection::JumpCloudConnection;
use crate::api::scheduled_user_state::ScheduledUserState;
use crate::api::user_batch::JumpCloudUserBatch;
use crate::controller::error::{Error, KUBE_TIMEOUT, within};
use crate::controller::secret_watch::WatchedSecret;

/// Flags of `check`: those of `run` that permissions depend on.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Namespace that is watched; repeat for several. All namespaces when absent.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_WATCH_NAMESPACE", value_delimiter = ',')]
    watch_namespace: Vec<String>,
    /// Whether replicas agree on one that acts.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set)]
    leader_elect: bool,
    /// Namespace of the Lease; the Pod's own, or the kubeconfig's, when absent.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,
    /// Name of the Lease.
    #[arg(long, env = "JUMPCLOUD_OPERATOR_LEASE_NAME", default_value = "jumpcloud-operator")]
    lease_name: String,
    /// Name of a Secret that connections refer to; repeat for several. Secrets of every name when absent.
    #[arg(long)]
    secret_name: Vec<String>,
    /// Secret that is listed and watched by its name; repeat for several.
    #[arg(
        long,
        env = "JUMPCLOUD_OPERATOR_WATCH_SECRET",
        value_delimiter = ',',
        value_name = "NAMESPACE/NAME"
    )]
    watch_secret: Vec<WatchedSecret>,
}

/// Group, resource and verbs in the namespaces of users, as in `deploy/rbac`; a test compares them.
const WATCHED: &[(&str, &str, &[&str])] = &[
    (GROUP, "jumpcloudconnections", &["get", "list", "watch"]),
    (GROUP, "jumpclouduserbatches", &["get", "list", "watch"]),
    (GROUP, "scheduleduserstates", &["get", "list", "watch", "patch"]),
    (GROUP, "jumpcloudconnections/status", &["patch"]),
    (GROUP, "jumpclouduserbatches/status", &["patch"]),
    (GROUP, "scheduleduserstates/status", &["patch"]),
    ("", SECRETS, &["get"]),
    ("events.k8s.io", "events", &["create", "patch"]),
];

const SECRETS: &str = "secrets";

/// Verbs for a Secret that is watched, by its name.
const WATCHED_SECRET: &[&str] = &["list", "watch"];

/// Verbs for the Lease, and whether its name goes with them: Kubernetes cannot restrict creation by name.
const LEASE: &[(&str, bool)] = &[("get", true), ("update", true), ("create", false)];

/// Asks the API server, and says what is missing.
///
/// # Errors
/// When it cannot be asked, or when flags contradict each other.
pub async fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    attended(&args.watch_secret, &args.watch_namespace)?;
    let config =
        kube::Config::infer().await.context("no cluster: neither KUBECONFIG nor a service account")?;
    let config = direct(config, |name| std::env::var(name).ok());
    let lease_namespace = args.lease_namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).context("the API server's client cannot be built")?;

    let mut problems = Vec::new();
    let permissions = needed(args, &lease_namespace);
    for permission in &permissions {
        if !allowed(&client, permission).await? {
            problems.push(format!("may not {}; bind the permissions of deploy/rbac", sentence(permission)));
        }
    }
    // Without permission to list, a missing definition could not be told.
    if problems.is_empty() {
        for namespace in scopes(args) {
            problems.extend(unserved::<JumpCloudConnection>(&client, namespace).await?);
            problems.extend(unserved::<JumpCloudUserBatch>(&client, namespace).await?);
            problems.extend(unserved::<ScheduledUserState>(&client, namespace).await?);
        }
    }
    problems.dedup();

    let mut out = std::io::stdout().lock();
    for problem in &problems {
        writeln!(out, "{problem}").context("a problem cannot be printed")?;
    }
    if !problems.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let scope = match args.watch_namespace.as_slice() {
        [] => "all namespaces".to_owned(),
        some => some.join(", "),
    };
    writeln!(
        out,
        "the definitions are served, and {} permissions are granted for {scope}",
        permissions.len()
    )
    .context("the result cannot be printed")?;
    Ok(ExitCode::SUCCESS)
}

fn scopes(args: &CheckArgs) -> Vec<Option<&str>> {
    match args.watch_namespace.as_slice() {
        [] => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    }
}

/// Every permission that `run` uses with these flags.
fn needed(args: &CheckArgs, lease_namespace: &str) -> Vec<ResourceAttributes> {
    let mut permissions = Vec::new();
    for namespace in scopes(args) {
        for (group, resource, verbs) in WATCHED {
            let names: Vec<Option<&str>> = match args.secret_name.as_slice() {
                [_, ..] if *resource == SECRETS => {
                    args.secret_name.iter().map(|name| Some(name.as_str())).collect()
                }
                _ => vec![None],
            };
            for name in names {
                permissions
                    .extend(verbs.iter().map(|verb| attributes(group, resource, verb, namespace, name)));
            }
        }
    }
    for WatchedSecret { namespace, name } in &args.watch_secret {
        permissions.extend(
            WATCHED_SECRET.iter().map(|verb| attributes("", SECRETS, verb, Some(namespace), Some(name))),
        );
    }
    if args.leader_elect {
        permissions.extend(LEASE.iter().map(|(verb, by_name)| {
            let name = by_name.then_some(args.lease_name.as_str());
            attributes("coordination.k8s.io", "leases", verb, Some(lease_namespace), name)
        }));
    }
    permissions
}

fn attributes(
    group: &str,
    resource: &str,
    verb: &str,
    namespace: Option<&str>,
    name: Option<&str>,
) -> ResourceAttributes {
    let (resource, subresource) = match resource.split_once('/') {
        None => (resource, None),
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
    };
    ResourceAttributes {
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(verb.to_owned()),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        ..ResourceAttributes::default()
    }
}

/// What the permission allows, as a person says it.
fn sentence(permission: &ResourceAttributes) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let mut sentence = format!("{} {}", text(&permission.verb), text(&permission.resource));
    if let Some(subresource) = &permission.subresource {
        sentence.push_str(&format!("/{subresource}"));
    }
    if let Some(name) = &permission.name {
        sentence.push_str(&format!(" named {name}"));
    }
    match &permission.namespace {
        None => sentence.push_str(" in all namespaces"),
        Some(namespace) => sentence.push_str(&format!(" in namespace {namespace}")),
    }
    sentence
}

async fn allowed(client: &Client, permission: &ResourceAttributes) -> anyhow::Result<bool> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(permission.clone()),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = within(KUBE_TIMEOUT, api.create(&PostParams::default(), &review))
        .await
        .and_then(|answer| answer.map_err(Error::from))
        .context("the API server does not say what is allowed")?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Why a kind is not served, if so.
async fn unserved<K>(client: &Client, namespace: Option<&str>) -> anyhow::Result<Option<String>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = match namespace {
        None => Api::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    };
    match within(KUBE_TIMEOUT, api.list_metadata(&ListParams::default().limit(1))).await? {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Some(format!(
            "{} is not served; apply the custom resource definitions: kubectl apply --server-side -k crds, or the chart \
             jumpcloud-operator-crds",
            K::plural(&())
        ))),
        Err(error) => Err(Error::from(error)).with_context(|| format!("{} cannot be listed", K::plural(&()))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;
    use serde_json::Value;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        check: CheckArgs,
    }

    fn sentences(arguments: &[&str]) -> Vec<String> {
        let args = Flags::parse_from([&["check"], arguments].concat()).check;
        needed(&args, "operators").iter().map(sentence).collect()
    }

    /// Group, resource and verb of every rule of the roles of that kind in `deploy/rbac`.
    fn granted(kind: &str) -> BTreeSet<(String, String, String)> {
        let file = include_str!("../../deploy/rbac/permissions.yaml");
        let mut documents: Vec<Value> = serde_saphyr::from_multiple(file).unwrap();
        documents.retain(|document| document["kind"] == kind);
        let words = |rule: &Value, field: &str| -> Vec<String> {
            rule[field].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let mut granted = BTreeSet::new();
        for rule in documents.iter().filter_map(|document| document["rules"].as_array()).flatten() {
            for group in words(rule, "apiGroups") {
                for resource in words(rule, "resources") {
                    for verb in words(rule, "verbs") {
                        granted.insert((group.clone(), resource.clone(), verb));
                    }
                }
            }
        }
        granted
    }

    #[test]
    fn what_is_checked_is_what_deploy_rbac_grants() {
        let watched: BTreeSet<_> = WATCHED
            .iter()
            .flat_map(|(group, resource, verbs)| {
                verbs.iter().map(|verb| ((*group).to_owned(), (*resource).to_owned(), (*verb).to_owned()))
            })
            .collect();
        assert_eq!(watched, granted("ClusterRole"));
        let lease: BTreeSet<_> = LEASE
            .iter()
            .map(|(verb, _)| ("coordination.k8s.io".to_owned(), "leases".to_owned(), (*verb).to_owned()))
            .collect();
        assert_eq!(lease, granted("Role"));
    }

    #[test]
    fn flags_say_where_and_under_which_names() {
        let everywhere = sentences(&[]);
        assert!(
            everywhere.contains(&"patch scheduleduserstates in all namespaces".to_owned()),
            "{everywhere:?}"
        );
        assert!(everywhere.contains(&"get secrets in all namespaces".to_owned()), "{everywhere:?}");
        assert!(
            everywhere.contains(&"update leases named jumpcloud-operator in namespace operators".to_owned()),
            "{everywhere:?}"
        );
        assert!(everywhere.contains(&"create leases in namespace operators".to_owned()), "{everywhere:?}");

        let some = sentences(&["--watch-namespace=a,b", "--secret-name=x", "--leader-elect=false"]);
        assert!(some.contains(&"get secrets named x in namespace b".to_owned()), "{some:?}");
        assert!(!some.iter().any(|sentence| sentence.contains("leases") || sentence.ends_with("namespaces")));
        assert_eq!(some.len(), 2 * (everywhere.len() - LEASE.len()));

        let watching = sentences(&["--watch-secret=people/jumpcloud"]);
        assert_eq!(watching.len(), everywhere.len() + 2);
        for verb in ["list", "watch"] {
            let sentence = format!("{verb} secrets named jumpcloud in namespace people");
            assert!(watching.contains(&sentence), "{watching:?}");
        }
    }

    #[tokio::test]
    async fn a_watched_secret_of_another_namespace_is_refused_before_anybody_is_asked() {
        let flags = ["check", "--watch-secret=people/jumpcloud", "--watch-namespace=guests"];
        let args = Flags::try_parse_from(flags).unwrap().check;
        let error = check(&args).await.unwrap_err().to_string();
        assert!(
            error.contains("--watch-secret people/jumpcloud: namespace people is not watched"),
            "{error}"
        );
    }
}
