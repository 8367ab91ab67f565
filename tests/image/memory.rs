//! What the program of the image takes of memory when it has nothing to do. docs/image.md states the figures, and the chart
//! asks for memory by them.

use std::time::Duration;

use jumpcloud_sim::{Settings, Sim};
use serde_json::{Value, json};

use crate::cluster::{Cluster, RELEASE};
use crate::pod::Pod;
use crate::proxy::Proxy;
use crate::served::{HOST, connect, object, values};
use crate::server::Tls;

/// How many lists are there in the end, and users in each.
const LISTS: usize = 100;
const USERS: usize = 100;

/// How long they may take to be created.
const LIMIT: Duration = Duration::from_secs(600);

/// How long it is watched with nothing to do.
const IDLE: Duration = Duration::from_secs(10);

/// What a process had of memory.
struct Memory {
    /// While it was watched, at most, in bytes.
    resident: u64,
    /// Since it was started, at most, in bytes.
    peak: u64,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn the_chart_asks_for_the_memory_that_is_used() {
    let sim = Sim::start(Settings::default()).await.unwrap();
    let tls = Tls::before(sim.address(), HOST).await;
    let proxy = Proxy::start(tls.port).await;
    let cluster = Cluster::with_chart(&values(&tls, &proxy));
    let pod = Pod::start(&cluster);
    pod.passes("/readyz").await;
    let alone = idle(&pod).await;
    print("no object", &alone);

    connect(&cluster, &tls);
    let lists = (0..LISTS)
        .map(|list| object("JumpCloudUserBatch", &format!("list{list:03}"), &json!({"users": users(list)})));
    let lists: Vec<Value> = lists.collect();
    cluster.apply(&json!({"apiVersion": "v1", "kind": "List", "items": lists}));
    let settled = cluster.settled("jumpclouduserbatches", "Succeeded", LIMIT).await;
    assert_eq!(settled.len(), LISTS);
    assert_eq!(sim.users().len(), LISTS * USERS);
    let settled = idle(&pod).await;
    print(&format!("{LISTS} batches of {USERS} users, created and settled"), &settled);

    // What a Pod has after a restart, when nothing is to be done: the same objects, read anew.
    let (exit, log) = pod.end();
    assert_eq!(exit, Some(devenv::supervised::Exit::Code(0)), "{log}");
    let pod = Pod::start(&cluster);
    pod.passes("/readyz").await;
    let restarted = idle(&pod).await;
    print(&format!("the same {LISTS} batches, after a restart"), &restarted);

    let resources = &cluster.read(RELEASE, &["deployment", RELEASE])["spec"]["template"]["spec"]["containers"]
        [0]["resources"];
    let (request, limit) = (bytes(&resources["requests"]["memory"]), bytes(&resources["limits"]["memory"]));
    for memory in [&alone, &settled, &restarted] {
        assert!(memory.resident <= request, "{} bytes; the chart asks for {request}", memory.resident);
        assert!(memory.peak * 2 <= limit, "{} bytes at most; the chart's limit is {limit}", memory.peak);
    }
    // Nor is more asked for than is used: a scheduler would leave it unused.
    assert!(request <= 4 * settled.resident, "{request} asked for, {} used", settled.resident);
}

fn users(list: usize) -> Vec<Value> {
    (0..USERS)
        .map(|user| {
            let name = format!("u{list:03}x{user:03}");
            json!({"username": name, "email": format!("{name}@example.com")})
        })
        .collect()
}

/// Watches for a while, because memory is given back and taken again.
async fn idle(pod: &Pod) -> Memory {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut resident = 0;
    for _ in 0..IDLE.as_secs() {
        tick.tick().await;
        resident = resident.max(kibibytes(&pod.kernel_says("VmRSS")));
    }
    Memory { resident, peak: kibibytes(&pod.kernel_says("VmHWM")) }
}

fn print(when: &str, memory: &Memory) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "resident memory with {when}: {:.1} MiB; peak {:.1} MiB",
        mib(memory.resident),
        mib(memory.peak)
    );
}

/// Of a line such as `1234 kB`.
fn kibibytes(line: &str) -> u64 {
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// Of a quantity in Mi.
fn bytes(quantity: &Value) -> u64 {
    quantity.as_str().and_then(|text| text.strip_suffix("Mi")).unwrap().parse::<u64>().unwrap() << 20
}
