//! One watch per kind over the whole control plane, which keeps every committed version.
//!
//! # Guarantees
//! - A watch that begins at a resourceVersion misses nothing and merges nothing as long as the API server still has
//!   the versions since; when it has not (410), the history has a gap and says so.
//! - [`Recorder::catch_up`] returns when everything that was committed before its call is recorded.
//! - What is not asked for by [`Recorder::record`] is not kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jumpcloud_operator::api::connection::JumpCloudConnection;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserState;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatch;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::Value;

use super::version::{History, Kind, Version};
use crate::harness::plane::{client_of, plane};

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Watched {
    Ours(Kind),
    Events,
    Secrets,
}

const ALL: [Watched; 5] = [
    Watched::Ours(Kind::Connection),
    Watched::Ours(Kind::Batch),
    Watched::Ours(Kind::Schedule),
    Watched::Events,
    Watched::Secrets,
];

impl Watched {
    fn resource(self) -> ApiResource {
        match self {
            Self::Ours(Kind::Connection) => ApiResource::erase::<JumpCloudConnection>(&()),
            Self::Ours(Kind::Batch) => ApiResource::erase::<JumpCloudUserBatch>(&()),
            Self::Ours(Kind::Schedule) => ApiResource::erase::<ScheduledUserState>(&()),
            Self::Events => ApiResource::erase::<Event>(&()),
            Self::Secrets => ApiResource::erase::<Secret>(&()),
        }
    }
}

/// What happened in one namespace.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Objects of ours.
    pub history: History,
    /// Every version of every event.
    pub events: Vec<Arc<Value>>,
    /// Every value that a Secret ever had, as it is and encoded.
    pub secrets: BTreeSet<String>,
    /// What could not be kept.
    pub gaps: Vec<String>,
    /// The last revision of each object; of one that is gone, [`GONE`].
    newest: BTreeMap<(Watched, String), u64>,
}

/// How long the API server and the watches may take to catch up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The revision of what is gone: later than any.
const GONE: u64 = u64::MAX;

/// The revision of a watch that begins with what there is.
const FROM_THE_FIRST: &str = "0";

/// What was there when it was asked.
#[derive(Debug, Default)]
struct Listed {
    /// The revision of each object.
    objects: BTreeMap<(Watched, String), u64>,
    /// The revision of the list itself.
    at: BTreeMap<Watched, u64>,
}

/// What records one control plane.
pub struct Recorder {
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
    runtime: tokio::runtime::Handle,
    client: kube::Client,
    /// The watches end with it.
    _alive: oneshot::Sender<()>,
}

/// The recorder of the control plane that tests share. Starts it on first use.
pub fn recorder() -> &'static Recorder {
    static RECORDER: OnceLock<Recorder> = OnceLock::new();
    RECORDER.get_or_init(|| Recorder::start(plane().admin_kubeconfig().to_owned()))
}

impl Recorder {
    /// Begins to watch. Kinds that are defined later are watched from then on.
    pub fn start(kubeconfig: PathBuf) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (alive, ended) = oneshot::channel::<()>();
        let kept = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&kept);
        let body = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let client = client_of(&kubeconfig).await;
                let mut watches = Vec::new();
                for what in ALL {
                    let api: Api<DynamicObject> = Api::all_with(client.clone(), &what.resource());
                    // Namespaces are recorded before they are made: what is there by now is nobody's.
                    let since = match now(&api).await {
                        Err(error) if is_undefined(&error) => FROM_THE_FIRST.to_owned(),
                        newest => newest.expect("the API server answers"),
                    };
                    watches.push(watch(api, what, since, Arc::clone(&shared)));
                }
                sender.send((tokio::runtime::Handle::current(), client)).expect("it is waited for");
                futures::future::select(futures::future::join_all(watches), ended).await;
            });
        };
        std::thread::Builder::new().name("recorder".to_owned()).spawn(body).expect("a thread");
        let (runtime, client) = receiver.recv().expect("the recorder starts");
        Self { kept, runtime, client, _alive: alive }
    }

    /// From now on, what happens in that namespace is kept. It should not exist yet.
    pub fn record(&self, namespace: &str) {
        lock(&self.kept).entry(namespace.to_owned()).or_default();
    }

    /// Throws away what is kept of that namespace, and keeps nothing more.
    pub fn forget(&self, namespace: &str) {
        lock(&self.kept).remove(namespace);
    }

    /// Waits until everything that was committed before this call is recorded; gives what is kept of these
    /// namespaces. Blocks.
    pub fn catch_up(&self, namespaces: &[String]) -> Kept {
        let begun = Instant::now();
        let (sender, receiver) = std::sync::mpsc::channel();
        let (client, asked) = (self.client.clone(), namespaces.to_vec());
        self.runtime.spawn(async move {
            loop {
                match there(&client, &asked).await {
                    Ok(listed) => return sender.send(listed),
                    Err(error) => eprintln!("the recorder cannot list: {error}"),
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let listed = receiver.recv_timeout(PATIENCE).expect("the API server answers");
        loop {
            let missing = self.missing(namespaces, &listed);
            if missing.is_empty() {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "the watches fall behind: {missing:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kept(namespaces)
    }

    /// What is kept of these namespaces so far.
    pub fn kept(&self, namespaces: &[String]) -> Kept {
        let kept = lock(&self.kept);
        let mut all = Kept::default();
        for one in namespaces.iter().filter_map(|namespace| kept.get(namespace)) {
            all.history.versions.extend(one.history.versions.iter().cloned());
            all.events.extend(one.events.iter().cloned());
            all.secrets.extend(one.secrets.iter().cloned());
            all.gaps.extend(one.gaps.iter().cloned());
        }
        all.history.versions.sort_by_key(|version| version.revision);
        all
    }

    /// What is listed and not recorded, or recorded as being there and not listed.
    fn missing(&self, namespaces: &[String], listed: &Listed) -> Vec<String> {
        let kept = lock(&self.kept);
        let ours = namespaces.iter().filter_map(|namespace| kept.get(namespace));
        let newest: BTreeMap<_, _> = ours.flat_map(|one| one.newest.clone()).collect();
        let of_list = listed.objects.iter();
        let behind = of_list.filter(|(key, revision)| newest.get(*key).is_none_or(|seen| seen < *revision));
        let was_there = |(what, _): &(Watched, String), revision: u64| {
            listed.at.get(what).is_some_and(|at| revision <= *at)
        };
        let gone = newest
            .iter()
            .filter(|(key, revision)| was_there(key, **revision) && !listed.objects.contains_key(*key));
        let behind = behind.map(|(key, _)| format!("{key:?} is not recorded"));
        behind.chain(gone.map(|(key, _)| format!("the end of {key:?} is not recorded"))).collect()
    }
}

/// What there is in these namespaces now.
async fn there(client: &kube::Client, namespaces: &[String]) -> kube::Result<Listed> {
    let mut all = Listed::default();
    for what in ALL {
        for namespace in namespaces {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &what.resource());
            let list = match api.list_metadata(&ListParams::default()).await {
                Err(error) if is_undefined(&error) => continue,
                list => list?,
            };
            let at = number(list.metadata.resource_version);
            all.at.entry(what).and_modify(|first| *first = at.min(*first)).or_insert(at);
            for item in list.items {
                let key = (what, item.metadata.uid.unwrap_or_default());
                all.objects.insert(key, number(item.metadata.resource_version));
            }
        }
    }
    Ok(all)
}

/// The newest revision of that kind.
async fn now(api: &Api<DynamicObject>) -> kube::Result<String> {
    let list = api.list_metadata(&ListParams::default().limit(1)).await?;
    Ok(list.metadata.resource_version.unwrap_or_default())
}

fn number(revision: Option<String>) -> u64 {
    revision.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Watches for ever.
async fn watch(
    api: Api<DynamicObject>,
    what: Watched,
    mut since: String,
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
) {
    loop {
        while follow(&api, what, &kept, &mut since).await {}
        for one in lock(&kept).values_mut() {
            one.gaps.push(format!("the watch of {what:?} was told that {since} is too old"));
        }
        while let Err(error) = anew(&api, what, &kept, &mut since).await {
            eprintln!("the recorder cannot list {what:?}: {error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Takes what has changed since the last watch, as it is now.
async fn anew(
    api: &Api<DynamicObject>,
    what: Watched,
    kept: &Mutex<BTreeMap<String, Kept>>,
    since: &mut String,
) -> kube::Result<()> {
    let list = api.list(&ListParams::default()).await?;
    let mut kept = lock(kept);
    for object in list.items {
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let Some(one) = kept.get_mut(&namespace) else { continue };
        let key = (what, object.metadata.uid.clone().unwrap_or_default());
        let revision = number(object.metadata.resource_version.clone());
        if one.newest.get(&key).is_none_or(|seen| *seen < revision) {
            one.take(what, object, false);
        }
    }
    *since = list.metadata.resource_version.unwrap_or_default();
    Ok(())
}

/// Whether the API server does not know the kind.
fn is_undefined(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Follows one watch to its end; whether another may go on where it ended.
async fn follow(
    api: &Api<DynamicObject>,
    what: Watched,
    kept: &Mutex<BTreeMap<String, Kept>>,
    since: &mut String,
) -> bool {
    let Ok(events) = api.watch(&WatchParams::default(), since).await else {
        tokio::time::sleep(Duration::from_millis(200)).await;
        return true;
    };
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let (object, gone) = match event {
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => (object, false),
            Ok(WatchEvent::Deleted(object)) => (object, true),
            Ok(WatchEvent::Bookmark(bookmark)) => {
                since.clone_from(&bookmark.metadata.resource_version);
                continue;
            }
            Ok(WatchEvent::Error(status)) => return status.code != 410,
            Err(_) => return true,
        };
        if let Some(revision) = &object.metadata.resource_version {
            since.clone_from(revision);
        }
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        if let Some(one) = lock(kept).get_mut(&namespace) {
            one.take(what, object, gone);
        }
    }
    true
}

impl Kept {
    fn take(&mut self, what: Watched, object: DynamicObject, gone: bool) {
        let key = (what, object.metadata.uid.clone().unwrap_or_default());
        let revision = if gone { GONE } else { number(object.metadata.resource_version.clone()) };
        match what {
            Watched::Ours(kind) => {
                let mut versions = self.history.versions.iter().rev();
                let before = versions.find(|version| version.uid == key.1).map(|version| &**version);
                let version = Version::of(kind, object, gone, Timestamp::now(), before);
                self.history.versions.push(Arc::new(version));
            }
            Watched::Events => {
                self.events.push(Arc::new(serde_json::to_value(&object).expect("JSON")));
            }
            Watched::Secrets => self.secrets.extend(values(&object.data["data"])),
        }
        self.newest.insert(key, revision);
    }
}

/// The values of a Secret's data, as they are and encoded.
fn values(data: &Value) -> Vec<String> {
    let encoded = data.as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str());
    let decoded = data.as_object().into_iter().flatten().filter_map(|(_, text)| {
        let bytes: ByteString = serde_json::from_value(text.clone()).ok()?;
        String::from_utf8(bytes.0).ok()
    });
    encoded.map(str::to_owned).chain(decoded).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
