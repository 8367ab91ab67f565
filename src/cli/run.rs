//! `jumpcloud-operator run`: the operator itself.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use kube::api::Api;
use kube::runtime::controller::Controller;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::watcher;
use prometheus_client::registry::Registry;
use tokio::sync::{OnceCell, broadcast, mpsc};

use super::flags::RunArgs;
use crate::api::head::BatchHead;
use crate::api::recording::Kind;
use crate::api::schedule_head::ScheduleHead;
use crate::api::scheduled_user_state::ScheduledUserState;
use crate::api::user_batch::JumpCloudUserBatch;
use crate::controller::attend::Watch;
use crate::controller::claims::Claims;
use crate::controller::connection::{self, Watched};
use crate::controller::connections::Connections;
use crate::controller::context::Context;
use crate::controller::error::{KUBE_TIMEOUT, within};
use crate::controller::schedule_claims::ScheduleClaims;
use crate::controller::scheduled_events;
use crate::controller::turns::Turns;
use crate::controller::user_batch::Listeners;
use crate::controller::wakes::Wakes;
use crate::controller::watching::{bounded, watched};
use crate::controller::{attend, gauges, memory, running, schedule, secret_watch, sweep};
use crate::jumpcloud::observe::Observer;
use crate::runtime::admin::{Admin, Readiness};
use crate::runtime::lease::Leadership;
use crate::runtime::metrics::Metrics;
use crate::runtime::shutdown::{Drained, GRACE, Shutdown};
use crate::runtime::{clock, guard, lease, telemetry};

/// What a standby still waits for.
const CACHES: &str = "the API server to answer";

/// How long passes may go on after the lease is lost: longer than one call of the API server may take. A pass that is
/// given up before it has written that nothing was sent leaves a request of unknown outcome behind.
const PASSES: Duration = KUBE_TIMEOUT.saturating_mul(2);

/// Counts requests to JumpCloud.
struct Counted(Metrics);

impl Observer for Counted {
    fn request(&self, route: &'static str, outcome: &'static str, seconds: f64) {
        self.0.requested(route, outcome, Duration::from_secs_f64(seconds.max(0.0)));
    }
}

/// Runs until a signal, or until the lease is lost.
///
/// # Errors
/// When settings contradict each other or the API server cannot be reached at the start.
pub async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    args.check()?;
    telemetry::init(&args.log_level, args.log_format)?;
    guard::install_panic_hook();
    let shutdown = Shutdown::on_signals().context("signal handlers cannot be installed")?;
    let config = direct(
        kube::Config::infer().await.context("no cluster: neither KUBECONFIG nor a service account")?,
        |name| std::env::var(name).ok(),
    );
    let config = bounded(config);
    let namespace = args.lease_namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = kube::Client::try_from(config).context("the API server's client cannot be built")?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "jumpcloud-operator starts");

    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let readiness = Readiness::waiting_for([CACHES]);
    let admin = Admin::bind(args.admin_address).await?;
    let serving = tokio::spawn(admin.serve(readiness.clone(), Arc::new(registry), shutdown.token()));
    within(KUBE_TIMEOUT, client.apiserver_version()).await?.context("the API server does not answer")?;
    readiness.reached(CACHES);

    let (leadership, campaign) = compete(&args, &client, namespace, &shutdown);
    let lost = lead(&args, client, leadership, metrics, &shutdown).await?;
    shutdown.begin();
    // The lease goes at once, so that another replica can begin; what was sent is still recorded here.
    let (drained, released) = tokio::join!(shutdown.drain(GRACE), campaign);
    released.context("the lease task ended")?;
    serving.await.context("the admin server's task ended")?.context("the admin server")?;
    tracing::info!("jumpcloud-operator ends");
    Ok(if lost || matches!(drained, Drained::Abandoned(_)) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Takes out the proxy that the configuration has from the environment: a variable that somebody injects
/// into the Pod must not divert requests. A proxy that a kubeconfig itself names stays.
pub(super) fn direct(mut config: kube::Config, variable: impl Fn(&str) -> Option<String>) -> kube::Config {
    let from_environment = |proxy: &http::Uri| {
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .iter()
            .filter_map(|name| variable(name)?.parse::<http::Uri>().ok())
            .any(|uri| uri == *proxy)
    };
    config.proxy_url = config.proxy_url.filter(|proxy| !from_environment(proxy));
    config
}

/// Starts to compete for the lease, unless this is the only replica.
fn compete(
    args: &RunArgs,
    client: &kube::Client,
    namespace: String,
    shutdown: &Shutdown,
) -> (Leadership, tokio::task::JoinHandle<()>) {
    if !args.leader_elect {
        return (Leadership::always(), tokio::spawn(async {}));
    }
    let (leadership, work) = lease::run(client.clone(), args.lease(namespace), shutdown.token());
    let campaign = tokio::spawn(async move {
        if let Err(error) = work.await {
            tracing::error!(%error, "leader election ended");
        }
    });
    (leadership, campaign)
}

/// Waits for the lease, then runs the controllers. Returns whether the lease was lost.
async fn lead(
    args: &RunArgs,
    client: kube::Client,
    leadership: Leadership,
    metrics: Metrics,
    shutdown: &Shutdown,
) -> anyhow::Result<bool> {
    let token = shutdown.token();
    tokio::select! {
        () = token.cancelled() => return Ok(false),
        () = leadership.acquired() => {}
    }
    tracing::info!("leading");
    metrics.leader.set(1);
    let running = controllers(args, &client, leadership.clone(), metrics.clone(), shutdown)?;
    tokio::pin!(running);
    let lost = tokio::select! {
        () = &mut running => false,
        () = leadership.lost() => !token.is_cancelled(),
    };
    if lost {
        // Starting over with an empty memory is the best tested path.
        tracing::error!("lease lost; ending, to be started again");
        shutdown.begin();
        if tokio::time::timeout(PASSES, running).await.is_err() {
            tracing::warn!("passes that have not ended are given up; what they have sent is still recorded");
        }
    }
    metrics.leader.set(0);
    Ok(lost)
}

/// Objects that one answer to a list holds. A page is in memory as text before its objects are made light, and one
/// object may have nearly a mebibyte: the usual 500 of them would be half a gibibyte.
const PAGE: u32 = 50;

/// Sets the controllers of all kinds up, for every watched namespace.
fn controllers(
    args: &RunArgs,
    client: &kube::Client,
    leadership: Leadership,
    metrics: Metrics,
    shutdown: &Shutdown,
) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let scopes: Vec<Option<String>> = match args.watch_namespace.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    let selected =
        watcher::Config { label_selector: args.watch_selector.clone(), page_size: Some(PAGE), ..watched() };
    let all = watched();
    let connections: Vec<_> = scopes
        .iter()
        .map(|scope| Controller::new(api::<Watched>(client, scope.as_deref()), all.clone()))
        .collect();
    let mut wakes = Wakes::default();
    let batches: Vec<_> = scopes
        .iter()
        .map(|scope| {
            let way = wakes.way(Kind::UserBatch, scope.clone());
            Watch::new(api::<BatchHead>(client, scope.as_deref()), selected.clone(), way)
        })
        .collect();
    let schedules: Vec<_> = scopes
        .iter()
        .map(|scope| {
            let way = wakes.way(Kind::Schedule, scope.clone());
            Watch::new(api::<ScheduleHead>(client, scope.as_deref()), selected.clone(), way)
        })
        .collect();
    let wakes = Arc::new(wakes);
    let (wake, mut doubts) = mpsc::channel(1);
    let observer = Arc::new(Counted(metrics.clone()));
    let stores = connections.iter().map(Controller::store).collect();
    let known = Connections::new(client.clone(), args.outbound(observer)?, stores, wake);
    let woken = Arc::clone(&wakes);
    let schedule_claims = Arc::new(ScheduleClaims::new(
        move |namespace, name| woken.wake(Kind::Schedule, namespace, name),
        Arc::clone(known.changes()),
    ));
    let context = Arc::new(Context {
        policy: args.policy(),
        leadership,
        connections: known,
        memory: memory::Memory::default(),
        recorder: Recorder::new(
            client.clone(),
            Reporter { controller: "jumpcloud-operator".to_owned(), instance: None },
        ),
        metrics,
        gauges: gauges::Gauges::default(),
        running: running::Running::default(),
        shutdown: shutdown.clone(),
        secret_poll_interval: args.secret_poll_interval,
        claims: Arc::new(Claims::new(Arc::clone(&wakes))),
        schedule_claims,
        turns: Arc::new(Turns::new(wakes)),
        batches: batches.iter().map(Watch::store).collect(),
        schedules: schedules.iter().map(Watch::store).collect(),
        listed: OnceCell::new(),
        client: client.clone(),
    });
    measured_on_scrape(&context);
    // One doubt wakes the connection controllers of all namespaces.
    let (spread, _) = broadcast::channel::<()>(1);
    let mut running: Vec<futures::future::BoxFuture<'static, ()>> = Vec::new();
    for controller in connections {
        let doubts = futures::stream::unfold(spread.subscribe(), |mut doubts| async move {
            match doubts.recv().await {
                Ok(()) | Err(broadcast::error::RecvError::Lagged(_)) => Some(((), doubts)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        running.push(Box::pin(connection::run(controller, doubts, Arc::clone(&context))));
    }
    for (watch, scope) in batches.into_iter().zip(&scopes) {
        let watched = api::<Watched>(client, scope.as_deref());
        let listeners = Listeners {
            claims: Arc::clone(&context.claims),
            turns: Arc::clone(&context.turns),
            schedule_claims: Arc::clone(&context.schedule_claims),
        };
        let context = Arc::clone(&context);
        running.push(Box::pin(attend::run::<JumpCloudUserBatch>(
            watch,
            listeners,
            watched,
            args.concurrency,
            context,
        )));
    }
    for (watch, scope) in schedules.into_iter().zip(&scopes) {
        let watched = api::<Watched>(client, scope.as_deref());
        let listeners = schedule::Listeners {
            turns: Arc::clone(&context.turns),
            claims: Arc::clone(&context.schedule_claims),
        };
        let context = Arc::clone(&context);
        running.push(Box::pin(attend::run::<ScheduledUserState>(
            watch,
            listeners,
            watched,
            args.concurrency,
            context,
        )));
    }
    // One that is named twice is watched once.
    for secret in args.watch_secret.iter().collect::<BTreeSet<_>>() {
        running.push(Box::pin(secret_watch::run(secret.clone(), Arc::clone(&context))));
    }
    let (turns, token) = (Arc::clone(&context.turns), shutdown.token());
    running.push(Box::pin(async move { turns.run(token).await }));
    running.push(Box::pin(sweep::run(Arc::clone(&context))));
    running.push(Box::pin(scheduled_events::run(Arc::clone(&context))));
    let token = shutdown.token();
    running.push(Box::pin(async move {
        loop {
            tokio::select! {
                () = token.cancelled() => return,
                doubt = doubts.recv() => match doubt {
                    // Nobody listens while controllers start; the next pass asks again.
                    Some(()) => drop(spread.send(())),
                    None => return,
                },
            }
        }
    }));
    Ok(async move {
        join_all(running).await;
    })
}

/// Gauges that are asked when somebody scrapes. They do not keep the context alive.
fn measured_on_scrape(context: &Arc<Context>) {
    let weak = Arc::downgrade(context);
    let age = move || weak.upgrade().map(|context| context.gauges.oldest_job_age(clock::now()));
    context.metrics.oldest_job_age.ask(age);
    let weak = Arc::downgrade(context);
    context.metrics.rate_tokens.ask(move || weak.upgrade()?.connections.rate_tokens().map(f64::from));
}

fn api<K>(client: &kube::Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_of_the_environment_is_not_used() {
        let with = |proxy: &str| {
            let mut config = kube::Config::new("https://127.0.0.1:6443".parse().unwrap());
            config.proxy_url = Some(proxy.parse().unwrap());
            direct(config, |name| (name == "HTTPS_PROXY").then(|| "http://injected:3128".to_owned()))
                .proxy_url
        };
        assert_eq!(with("http://injected:3128"), None);
        assert!(with("http://of-the-kubeconfig:3128").is_some());
    }
}
