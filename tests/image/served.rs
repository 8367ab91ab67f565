//! A user and a date, by the operator in the image as the chart starts it: under the chart's ServiceAccount, with `caBundle`
//! and `proxy.url`, on a root file system that cannot be written to.

use std::time::Duration;

use devenv::port::free_port;
use devenv::supervised::Exit;
use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PEOPLE, RELEASE};
use crate::pod::Pod;
use crate::proxy::Proxy;
use crate::server::Tls;

/// The host of the simulator. Nobody but the proxy knows it.
pub(crate) const HOST: &str = "jumpcloud.test";

const LIMIT: Duration = Duration::from_secs(120);

/// The origin of the server under its name.
fn origin(tls: &Tls) -> String {
    format!("https://{HOST}:{}", tls.port)
}

/// The chart's values for an operator that reaches the simulator by the proxy alone.
pub(crate) fn values(tls: &Tls, proxy: &Proxy) -> Value {
    json!({
        "watchNamespaces": [PEOPLE],
        "allowedAPIURLs": [origin(tls)],
        "caBundle": {"inline": tls.authority},
        "proxy": {"url": proxy.url()},
        "adminPort": free_port().unwrap(),
        "timing": {"pollMin": "1s", "pollMax": "2s"},
    })
}

/// A Secret, and the connection `default` that leads to the simulator.
pub(crate) fn connect(cluster: &Cluster, tls: &Tls) {
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": PEOPLE, "name": "jumpcloud"},
        "stringData": {"api-key": DEFAULT_KEY},
    }));
    cluster.apply(&object(
        "JumpCloudConnection",
        "default",
        &json!({
            "apiURL": origin(tls),
            "auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}},
            "limits": {"requestsPerSecond": 100, "burst": 1000},
        }),
    ));
}

/// An object of the operator's.
pub(crate) fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": kind,
        "metadata": {"namespace": PEOPLE, "name": name}, "spec": spec,
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn the_pod_of_the_chart_makes_a_user_through_the_proxy_and_ends_in_order() {
    let sim = Sim::start(Settings::default()).await.unwrap();
    let tls = Tls::before(sim.address(), HOST).await;
    let proxy = Proxy::start(tls.port).await;
    let cluster = Cluster::with_chart(&values(&tls, &proxy));
    let pod = Pod::start(&cluster);
    pod.passes("/livez").await;
    pod.passes("/readyz").await;
    for ids in ["Uid", "Gid", "Groups"] {
        assert!(pod.kernel_says(ids).split_whitespace().all(|id| id == "65532"), "{}", pod.kernel_says(ids));
    }
    assert!(pod.root_options().split(',').any(|option| option == "ro"), "{}", pod.root_options());

    connect(&cluster, &tls);
    let user = json!({"username": "ada", "email": "ada@example.com"});
    cluster.apply(&object("JumpCloudUserBatch", "first", &json!({"users": [user]})));
    cluster.settled("jumpclouduserbatches", "Succeeded", LIMIT).await;
    assert_eq!(sim.user("ada").unwrap()["email"], "ada@example.com");

    // Nine o'clock in Berlin, whatever it is there in a month: never nine o'clock of UTC.
    let wall = (Timestamp::now() + SignedDuration::from_hours(30 * 24)).to_zoned(jiff::tz::TimeZone::UTC);
    let wall = wall.date().at(9, 0, 0, 0);
    let spec = json!({
        "users": [{"username": "ada"}], "state": "Suspended",
        "startTime": wall.to_string(), "timeZone": "Europe/Berlin",
    });
    cluster.apply(&object("ScheduledUserState", "later", &spec));
    let schedules = cluster.settled("scheduleduserstates", "Scheduled", LIMIT).await;
    let instant: Timestamp = schedules[0]["status"]["scheduledTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(instant, wall.in_tz("Europe/Berlin").unwrap().timestamp());

    let wanted = format!("{HOST}:{}", tls.port);
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|target| *target == wanted), "{asked:?}");

    let (exit, log) = pod.end();
    assert_eq!(exit, Some(Exit::Code(0)), "{log}");
    let lease = cluster.read(RELEASE, &["lease", RELEASE]);
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    assert_eq!(holder, "", "it ended without letting go of its Lease: {log}");
}
