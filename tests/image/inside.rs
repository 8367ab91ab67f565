//! What the operator finds in the image.

use std::fs;

use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};

use crate::names::Names;
use crate::proxy::Proxy;
use crate::root::{Ended, Root};
use crate::server::Tls;

/// The place of the roots in the image.
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";

/// A simulator behind TLS, and the image with the name of its server in /etc/hosts.
async fn stage(name: &str) -> (Sim, Tls, Root) {
    let sim = Sim::start(Settings::default()).await.unwrap();
    let tls = Tls::before(sim.address(), name).await;
    let root = Root::unpack();
    root.write("etc/hosts", &format!("127.0.0.1 {name}\n"));
    (sim, tls, root)
}

/// The origin of a server under a name.
fn origin(tls: &Tls, name: &str) -> String {
    format!("https://{name}:{}", tls.port)
}

/// A listing of schedules: one request, with the key, to the simulator.
fn listing(root: &Root, url: &str, flags: &[&str]) -> Ended {
    let mut arguments = vec!["api", "--api-url", url, "schedules"];
    arguments.extend(flags);
    root.run(&arguments, &[("JUMPCLOUD_API_KEY", DEFAULT_KEY)])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn the_program_starts_as_a_user_without_a_name() {
    let root = Root::unpack();
    let ended = root.run(&["crds"], &[]);
    assert!(ended.success, "{}", ended.text);
    assert_eq!(ended.text.matches("kind: CustomResourceDefinition").count(), 3);
    let ended = root.run(&["run", "--help"], &[]);
    assert!(ended.success && ended.text.contains("--watch-namespace"), "{}", ended.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn time_zones_are_known_without_a_database_in_the_image() {
    let root = Root::unpack();
    assert!(!root.path("usr/share/zoneinfo").exists());
    let schedule = |zone: &str| {
        format!(
            "apiVersion: jumpcloud-operator.dev/v1alpha1\nkind: ScheduledUserState\nmetadata: {{name: monday}}\n\
             spec: {{users: [{{username: ada}}], state: Activated, startTime: \"2027-01-04T09:00:00\", timeZone: {zone}}}\n"
        )
    };
    root.write("tmp/berlin.yaml", &schedule("Europe/Berlin"));
    root.write("tmp/nowhere.yaml", &schedule("Europe/Nowhere"));
    let ended = root.run(&["validate", "/tmp/berlin.yaml"], &[]);
    assert!(ended.success, "{}", ended.text);
    let ended = root.run(&["validate", "/tmp/nowhere.yaml"], &[]);
    assert!(!ended.success && ended.text.contains("IANA"), "{}", ended.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn tls_takes_the_roots_of_the_image_and_those_of_ca_file() {
    let (sim, tls, root) = stage("simulator.test").await;
    let url = origin(&tls, "simulator.test");
    // The authority of this test is none of Mozilla's.
    let ended = listing(&root, &url, &[]);
    assert!(!ended.success && ended.text.to_lowercase().contains("certificate"), "{}", ended.text);
    assert_eq!(sim.ledger().len(), 0, "the key went to a server that nobody vouches for");

    root.write("ca/ca.crt", &tls.authority);
    let ended = listing(&root, &url, &["--ca-file", "/ca/ca.crt"]);
    assert!(ended.success, "{}", ended.text);
    let asked = sim.ledger().len();
    assert!(asked > 0);

    // That file and no other is read: with this authority in its place no flag is needed.
    fs::remove_file(root.path(ROOTS)).unwrap();
    root.write(ROOTS, &tls.authority);
    let ended = listing(&root, &url, &[]);
    assert!(ended.success, "{}", ended.text);
    assert!(sim.ledger().len() > asked);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn a_proxy_is_given_the_name_and_sees_the_tunnel_alone() {
    let (sim, tls, root) = stage("known-to-the-proxy.test").await;
    // In the image nobody knows the name now.
    root.write("etc/hosts", "127.0.0.1 localhost\n");
    let proxy = Proxy::start(tls.port).await;
    root.write("ca/ca.crt", &tls.authority);
    let through = proxy.url();
    let flags = ["--ca-file", "/ca/ca.crt", "--https-proxy", &through];
    let ended = listing(&root, &origin(&tls, "known-to-the-proxy.test"), &flags);
    assert!(ended.success, "{}", ended.text);
    assert!(!sim.ledger().is_empty());
    let asked = proxy.asked();
    let wanted = format!("known-to-the-proxy.test:{}", tls.port);
    assert!(!asked.is_empty() && asked.iter().all(|target| *target == wanted), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make test-image"]
async fn names_are_looked_up_as_a_pod_does() {
    let (sim, tls, root) = stage("from-a-name-server.test").await;
    root.write("etc/hosts", "127.0.0.1 localhost\n");
    let names = Names::serve("from-a-name-server.test").await;
    // As a kubelet writes it.
    root.write(
        "etc/resolv.conf",
        &format!("search people.svc.cluster.local\nnameserver {}\noptions ndots:5\n", names.address),
    );
    root.write("ca/ca.crt", &tls.authority);
    let ended = listing(&root, &origin(&tls, "from-a-name-server.test"), &["--ca-file", "/ca/ca.crt"]);
    assert!(ended.success, "{}; asked for {:?}", ended.text, names.asked());
    assert!(!sim.ledger().is_empty());
    assert!(names.asked().contains(&"from-a-name-server.test".to_owned()), "{:?}", names.asked());
}
