//! Every rule, against a real API server.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test, too")]

use std::net::TcpStream;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use devenv::control_plane::{ControlPlane, Controllers, Options};
use fault_proxy::{Entry, EventFault, FaultRule, Proxy, Verb, Which};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodTemplate};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::timeout;

/// The longest wait for what should take a moment.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long nothing must come until it is taken for silence.
const SILENCE: Duration = Duration::from_millis(500);

fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    let options = || Options { controllers: Controllers::LeaveOut, ..Options::default() };
    PLANE.get_or_init(|| ControlPlane::start(options()).unwrap())
}

/// A namespace of its own with a proxy in front, and clients on both sides.
struct Place {
    proxy: Proxy,
    behind: Client,
    maps: Api<ConfigMap>,
    /// The same without the proxy.
    direct: Api<ConfigMap>,
    namespace: &'static str,
}

async fn client(kubeconfig: &std::path::Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    // A repetition would hide what a rule did.
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

impl Place {
    async fn new(namespace: &'static str, rules: Vec<FaultRule>) -> Self {
        let made = plane().kubectl().args(["create", "namespace", namespace]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let proxy = Proxy::start(plane().admin_kubeconfig(), rules).unwrap();
        let behind = client(proxy.kubeconfig()).await;
        let direct = client(plane().admin_kubeconfig()).await;
        let maps = Api::namespaced(behind.clone(), namespace);
        Self { proxy, behind, maps, direct: Api::namespaced(direct, namespace), namespace }
    }

    /// Makes a ConfigMap, not through the proxy.
    async fn make(&self, name: &str) {
        let map = serde_json::from_value(json!({"metadata": {"name": name}, "data": {"n": "0"}})).unwrap();
        self.direct.create(&PostParams::default(), &map).await.unwrap();
    }

    /// Changes it, not through the proxy.
    async fn touch(&self, name: &str, to: &str) {
        self.direct.patch(name, &PatchParams::default(), &value(to)).await.unwrap();
    }

    /// Writes through the proxy; the code that an error carries, 0 where no reply came.
    async fn write(&self, name: &str, to: &str) -> Result<(), u16> {
        let written = self.maps.patch(name, &PatchParams::default(), &value(to)).await;
        written.map(drop).map_err(|error| code(&error))
    }

    /// What is in etcd.
    async fn value(&self, name: &str) -> String {
        self.direct.get(name).await.unwrap().data.unwrap().remove("n").unwrap()
    }

    async fn watch(&self) -> Events {
        let version = self.direct.list(&ListParams::default()).await.unwrap().metadata.resource_version;
        let watched = self.maps.watch(&WatchParams::default(), &version.unwrap()).await;
        Events(Box::pin(watched.unwrap()))
    }

    fn faults(&self) -> Vec<Entry> {
        self.proxy.log().into_iter().filter(|entry| entry.fault.is_some()).collect()
    }
}

fn value(to: &str) -> Patch<Value> {
    Patch::Merge(json!({"data": {"n": to}}))
}

fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    }
}

/// The events of a watch, in words.
struct Events(Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Send>>);

impl Events {
    async fn next(&mut self) -> String {
        timeout(PATIENCE, self.soon()).await.unwrap()
    }

    async fn soon(&mut self) -> String {
        let word = |kind: &str, map: ConfigMap| {
            let value = map.data.unwrap_or_default().remove("n").unwrap_or_default();
            format!("{kind} {} {value}", map.metadata.name.unwrap_or_default())
        };
        match self.0.next().await {
            None => "end".to_owned(),
            Some(Err(_)) => "broken".to_owned(),
            Some(Ok(WatchEvent::Added(map))) => word("added", map),
            Some(Ok(WatchEvent::Modified(map))) => word("modified", map),
            Some(Ok(WatchEvent::Deleted(map))) => word("deleted", map),
            Some(Ok(WatchEvent::Bookmark(_))) => "bookmark".to_owned(),
            Some(Ok(WatchEvent::Error(status))) => format!("error {}", status.code),
        }
    }

    async fn is_silent(&mut self) -> bool {
        timeout(SILENCE, self.soon()).await.is_err()
    }
}

/// Asks until it holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "gave up waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_no_rule_is_about_passes_with_the_clients_own_name() {
    let place = Place::new("plain", vec![]).await;
    let mark = plane().audit().mark().unwrap();
    let mut events = place.watch().await;
    place.make("m").await;
    assert_eq!(events.next().await, "added m 0");
    place.write("m", "1").await.unwrap();
    assert_eq!(events.next().await, "modified m 1");
    assert_eq!(place.maps.list(&ListParams::default()).await.unwrap().items.len(), 1);
    assert_eq!(place.write("nobody", "1").await, Err(404));

    let pods: Api<Pod> = Api::namespaced(place.behind.clone(), place.namespace);
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let status = Patch::Merge(json!({"status": {"message": "through"}}));
    let pod = pods.patch_status("p", &PatchParams::default(), &status).await.unwrap();
    assert_eq!(pod.status.unwrap().message.as_deref(), Some("through"));

    let kubeconfig = place.proxy.kubeconfig();
    let listed = plane()
        .kubectl_as(kubeconfig)
        .args(["get", "cm,pods", "-n", "plain", "-o", "name"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), "configmap/m\npod/p");

    assert!(place.faults().is_empty());
    let log = place.proxy.log();
    let entry = log.iter().find(|entry| entry.target.subresource == "status").unwrap();
    assert_eq!((entry.target.verb, entry.target.name.as_str()), (Verb::Patch, "p"));
    assert_eq!((entry.forwarded, entry.upstream, entry.sent), (true, Some(200), Some(200)));
    let audit = plane().audit().since(mark).unwrap();
    let seen =
        audit.iter().find(|entry| entry.subresource == "status" && entry.namespace == "plain").unwrap();
    assert_eq!(seen.user, "admin");
    drop(events);
}

#[tokio::test]
async fn what_is_refused_does_not_happen() {
    let place = Place::new("refused", vec![]).await;
    place.make("m").await;
    let rules = [
        (FaultRule::refuse(), 0),
        (FaultRule::status(409), 409),
        (FaultRule::status(429).retry_after(7), 429),
    ];
    let more = [500, 503, 504].map(|code| (FaultRule::status(code), code));
    for (rule, expected) in rules.into_iter().chain(more) {
        place.proxy.set_rules(vec![rule.of(Which::writes().on("configmaps").named("m")).times(1)]);
        assert_eq!(place.write("m", &expected.to_string()).await, Err(expected));
        assert_eq!(place.value("m").await, "0", "{expected}");
    }
    assert!(place.faults().iter().all(|entry| !entry.forwarded && entry.upstream.is_none()));
    assert_eq!(place.faults().len(), 6);
    place.write("m", "1").await.unwrap();

    place.proxy.set_rules(vec![FaultRule::status(429).retry_after(7).times(1)]);
    let error = place.maps.get("m").await.unwrap_err();
    let kube::Error::Api(status) = error else { unreachable!("{error}") };
    assert_eq!((status.reason.as_str(), status.details.unwrap().retry_after_seconds), ("TooManyRequests", 7));
}

#[tokio::test]
async fn what_is_carried_out_happens_whatever_is_answered() {
    let place = Place::new("acted", vec![]).await;
    place.make("m").await;
    let rules = [
        (FaultRule::drop_reply(), 0),
        (FaultRule::status(500).acting(), 500),
        (FaultRule::status(504).acting(), 504),
    ];
    for (index, (rule, expected)) in rules.into_iter().enumerate() {
        place.proxy.set_rules(vec![rule.of(Which::verb(Verb::Patch).containing("data")).times(1)]);
        assert_eq!(place.write("m", &format!("new {index}")).await, Err(expected));
        assert_eq!(place.value("m").await, format!("new {index}"));
        place.write("m", "and on").await.unwrap();
    }
    assert!(place.faults().iter().all(|entry| entry.upstream == Some(200)));
}

/// A reset is one on the wire, below TLS; the request is carried out or not, as is said.
#[tokio::test]
async fn a_single_request_is_reset() {
    let place = Place::new("reset", vec![]).await;
    place.make("m").await;
    for (rule, value) in [(FaultRule::reset(), "0"), (FaultRule::reset().acting(), "1")] {
        place.proxy.set_rules(vec![rule.of(Which::writes().named("m")).times(1)]);
        let written = place.maps.patch("m", &PatchParams::default(), &self::value("1")).await;
        let error = written.unwrap_err();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut is_reset = false;
        while let Some(one) = cause {
            let io = one.downcast_ref::<std::io::Error>();
            is_reset |= io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset);
            cause = one.source();
        }
        assert!(is_reset, "{error:?}");
        assert_eq!(place.value("m").await, value);
    }
    place.write("m", "2").await.unwrap();
    let done: Vec<_> = place.faults().into_iter().filter_map(|entry| entry.fault).collect();
    assert_eq!(done, ["reset", "acts, reset"]);
}

/// A list of long ago, whose version a watch can go on from.
#[tokio::test]
async fn a_list_is_stale() {
    let place = Place::new("stale", vec![]).await;
    let names = async || -> Vec<String> {
        let list = place.maps.list(&ListParams::default()).await.unwrap();
        list.items.into_iter().filter_map(|map| map.metadata.name).collect()
    };
    place.make("a").await;
    assert_eq!(names().await, ["a"]);
    place.make("b").await;
    place.proxy.set_rules(vec![FaultRule::stale().times(1)]);
    let old = place.maps.list(&ListParams::default()).await.unwrap();
    assert_eq!(old.items.len(), 1);
    assert_eq!(names().await, ["a", "b"]);
    let version = old.metadata.resource_version.unwrap();
    let watched = place.maps.watch(&WatchParams::default(), &version).await.unwrap();
    assert_eq!(Events(Box::pin(watched)).next().await, "added b 0");
}

#[tokio::test]
async fn silence_and_slowness() {
    let place = Place::new("slow", vec![]).await;
    place.make("m").await;
    for (rule, value) in [(FaultRule::silence(), "0"), (FaultRule::silence().acting(), "1")] {
        place.proxy.set_rules(vec![rule.of(Which::writes()).times(1)]);
        timeout(SILENCE, place.write("m", "1")).await.unwrap_err();
        assert_eq!(place.value("m").await, value);
    }
    // It is carried out although its client has left.
    let wait = Duration::from_millis(400);
    place.proxy.set_rules(vec![FaultRule::slow().before(wait).of(Which::writes()).times(1)]);
    timeout(wait / 4, place.write("m", "late")).await.unwrap_err();
    assert_eq!(place.value("m").await, "1");
    until("it is written", async || place.value("m").await == "late").await;
    // It is carried out long before it is answered.
    place.proxy.set_rules(vec![FaultRule::slow().after(wait).of(Which::writes()).times(1)]);
    let begun = Instant::now();
    place.write("m", "slowly").await.unwrap();
    assert!(begun.elapsed() >= wait);
}

#[tokio::test]
async fn what_is_held_goes_on_when_it_is_released() {
    let place = Place::new("held", vec![]).await;
    place.make("m").await;
    for (rule, upstream, meanwhile) in
        [(FaultRule::slow().held_before(), None, "0"), (FaultRule::slow().held_after(), Some(200), "1")]
    {
        place.touch("m", "0").await;
        place.proxy.set_rules(vec![rule.of(Which::writes()).times(1)]);
        let seen = place.proxy.log().len() as u64;
        let write = place.write("m", "1");
        let test = async {
            until("it is held", async || {
                let log = place.proxy.log_since(seen);
                log.first().is_some_and(|entry| entry.fault.is_some() && entry.upstream == upstream)
            })
            .await;
            assert_eq!(place.value("m").await, meanwhile);
            assert_eq!(place.proxy.log_since(seen)[0].sent, None);
            place.proxy.release();
        };
        let (written, ()) = timeout(PATIENCE, async { tokio::join!(write, test) }).await.unwrap();
        written.unwrap();
        assert_eq!(place.value("m").await, "1");
    }
}

#[tokio::test]
async fn a_watch_ends_upstream_when_its_client_leaves() {
    let place = Place::new("leaves", vec![]).await;
    let templates: Api<PodTemplate> = Api::namespaced(place.behind.clone(), "leaves");
    // Nobody else watches these.
    let watched = || {
        let asked = plane().kubectl().args(["get", "--raw", "/metrics"]).output().unwrap();
        let text = String::from_utf8(asked.stdout).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("apiserver_longrunning_requests{"));
        lines
            .filter(|line| line.contains("\"podtemplates\"") && line.contains("\"WATCH\""))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>()
    };
    let events = templates.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    until("it is watched", async || watched() == 1.0).await;
    drop(events);
    until("nobody watches", async || watched() == 0.0).await;
}

#[tokio::test]
async fn writes_are_refused_for_a_time() {
    let time = Duration::from_millis(600);
    let rule = FaultRule::status(500).of(Which::writes()).lasting(time);
    let place = Place::new("for-a-time", vec![rule]).await;
    place.make("m").await;
    assert_eq!(place.write("m", "1").await, Err(500));
    let begun = Instant::now();
    assert_eq!(place.write("m", "1").await, Err(500));
    place.maps.get("m").await.unwrap();
    until("it is written", async || place.write("m", "1").await.is_ok()).await;
    assert!(begun.elapsed() + SILENCE >= time, "it was refused for {:?}", begun.elapsed());

    // Each object's first write, and no other.
    place.make("n").await;
    place.proxy.set_rules(vec![FaultRule::status(409).of(Which::writes()).each().in_a_row(1)]);
    for (name, expected) in [("m", Err(409)), ("n", Err(409)), ("m", Ok(())), ("n", Ok(())), ("m", Err(409))]
    {
        assert_eq!(place.write(name, "2").await, expected, "{name}");
    }
}

#[tokio::test]
async fn events_are_repeated_dropped_and_delayed() {
    let place = Place::new("events", vec![]).await;
    let m = || Which::verb(Verb::Watch).on("configmaps").named("m");
    place.make("m").await;
    let mut events = place.watch().await;
    place.proxy.set_rules(vec![
        FaultRule::event(EventFault::Repeat).of(m()).times(1),
        FaultRule::event(EventFault::Drop).of(m()).times(1),
        FaultRule::event(EventFault::Delay(SILENCE)).of(m()).times(1),
    ]);
    place.touch("m", "repeated").await;
    assert_eq!([events.next().await, events.next().await], ["modified m repeated"; 2]);
    place.touch("m", "dropped").await;
    place.make("other").await;
    assert_eq!(events.next().await, "added other 0");
    let begun = Instant::now();
    place.touch("m", "late").await;
    assert_eq!(events.next().await, "modified m late");
    assert!(begun.elapsed() >= SILENCE);
    place.touch("m", "on time").await;
    assert_eq!(events.next().await, "modified m on time");
    let done: Vec<_> = place.faults().into_iter().filter_map(|entry| entry.fault).collect();
    assert_eq!(done, ["event repeated", "event dropped", "event delayed"]);
    assert!(place.faults().iter().all(|e| e.target.name == "m" && e.event.as_deref() == Some("MODIFIED")));
}

#[tokio::test]
async fn events_are_merged() {
    let place = Place::new("merged", vec![]).await;
    place.make("m").await;
    let mut events = place.watch().await;
    let m = Which::verb(Verb::Watch).on("configmaps").named("m");
    place.proxy.set_rules(vec![FaultRule::event(EventFault::Merge(SILENCE * 4)).of(m).times(1)]);
    for to in ["1", "2", "3"] {
        place.touch("m", to).await;
        place.make(&format!("other{to}")).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(events.next().await);
    }
    assert_eq!(seen, ["added other1 0", "added other2 0", "modified m 3", "added other3 0"]);
    place.touch("m", "4").await;
    assert_eq!(events.next().await, "modified m 4");
}

#[tokio::test]
async fn watches_end_fall_silent_and_expire() {
    let place = Place::new("watches", vec![]).await;
    place.make("m").await;
    let rule = |fault| vec![FaultRule::event(fault).of(Which::all().within("watches")).skip(1).times(1)];
    // kube takes a connection that is closed within a body for the end of the watch.
    for (fault, expected) in [(EventFault::Cut, "end"), (EventFault::Gone, "error 410")] {
        let mut events = place.watch().await;
        place.proxy.set_rules(rule(fault));
        place.touch("m", &format!("before {fault:?}")).await;
        place.touch("m", &format!("after {fault:?}")).await;
        assert_eq!(events.next().await, format!("modified m before {fault:?}"));
        assert_eq!(events.next().await, expected);
        assert_eq!(events.next().await, "end");
    }
    let mut events = place.watch().await;
    place.proxy.set_rules(rule(EventFault::Freeze));
    place.touch("m", "seen").await;
    place.touch("m", "not seen").await;
    assert_eq!(events.next().await, "modified m seen");
    assert!(events.is_silent().await);
    // A frozen one can still be cut.
    place.proxy.cut_watches(&Which::all());
    assert_eq!(events.next().await, "end");

    // By order, without an event.
    place.proxy.set_rules(vec![]);
    let (mut first, mut second) = (place.watch().await, place.watch().await);
    place.proxy.cut_watches(&Which::all().on("secrets"));
    place.touch("m", "all see it").await;
    assert_eq!([first.next().await, second.next().await], ["modified m all see it"; 2]);
    place.proxy.freeze_watches(&Which::all().on("configmaps"));
    place.touch("m", "nobody sees it").await;
    assert!(first.is_silent().await && second.is_silent().await);

    // From its beginning: by silence, and by 410 in place of a reply to a watch or a list.
    place.proxy.set_rules(vec![FaultRule::silence().acting().of(Which::verb(Verb::Watch)).times(1)]);
    let mut silent = place.watch().await;
    place.touch("m", "no events").await;
    assert!(silent.is_silent().await);
    place.proxy.set_rules(vec![FaultRule::status(410).times(2)]);
    assert_eq!(code(&place.maps.list(&ListParams::default()).await.unwrap_err()), 410);
    let watched = place.maps.watch(&WatchParams::default(), "1").await;
    assert_eq!(watched.err().map(|error| code(&error)), Some(410));
}

#[tokio::test]
async fn it_can_be_gone_and_come_back() {
    let place = Place::new("gone", vec![]).await;
    place.make("m").await;
    let mut events = place.watch().await;
    place.proxy.set_down(true);
    assert_eq!(events.next().await, "end");
    assert_eq!(place.write("m", "1").await, Err(0));
    place.proxy.set_down(false);
    until("it answers", async || place.write("m", "1").await.is_ok()).await;
    assert_eq!(place.value("m").await, "1");
}

#[tokio::test]
async fn it_ends_with_its_owner_also_in_a_panic() {
    let address = |proxy: &Proxy| {
        let text = std::fs::read(proxy.kubeconfig()).unwrap();
        let kubeconfig: Value = serde_json::from_slice(&text).unwrap();
        let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str().unwrap();
        server.strip_prefix("https://").unwrap().to_owned()
    };
    let place = Place::new("ends", vec![]).await;
    let (file, at) = (place.proxy.kubeconfig().to_owned(), address(&place.proxy));
    drop(place);
    assert!(!file.exists());
    until("nobody listens", async || TcpStream::connect(&at).is_err()).await;

    let proxy = Proxy::start(plane().admin_kubeconfig(), vec![]).unwrap();
    let at = address(&proxy);
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _kept = proxy;
        panic!("as a test does");
    }));
    assert!(panicked.is_err());
    until("nobody listens", async || TcpStream::connect(&at).is_err()).await;
}
