//! In tokio's paused time: it goes on only when nobody has anything to do.

use std::cell::RefCell;

use super::*;
use crate::plan::connection::Finding;

/// Looks at connections, as seconds since the start.
type Looks = RefCell<Vec<(u64, String)>>;

async fn looks(plan: &[(u64, &str)], until: u64, answer: impl Fn(usize) -> Written) -> Vec<(u64, String)> {
    let (changes, looks, token) = (Changes::default(), Looks::default(), CancellationToken::new());
    let start = clock::monotonic();
    let at = |second| start + Duration::from_secs(second);
    let write = |connection: String| {
        let mut looks = looks.borrow_mut();
        looks.push((start.elapsed().as_secs(), connection));
        std::future::ready(answer(looks.len()))
    };
    let script = async {
        for (second, connection) in plan {
            tokio::time::sleep_until(at(*second)).await;
            changes.note((*connection).to_owned());
        }
        tokio::time::sleep_until(at(until)).await;
        token.cancel();
    };
    tokio::join!(keep(&changes, write, token.clone()), script);
    looks.into_inner()
}

fn seen(looks: &[(u64, &str)]) -> Vec<(u64, String)> {
    looks.iter().map(|(second, connection)| (*second, (*connection).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_is_written_at_once_and_later_ones_once_at_the_end_of_the_period() {
    let plan = [(1, "p/a"), (2, "p/a"), (3, "p/b"), (5, "p/a"), (40, "p/a"), (100, "p/a")];
    let looks = looks(&plan, 1000, |_| Written::Now).await;
    assert_eq!(looks, seen(&[(1, "p/a"), (3, "p/b"), (31, "p/a"), (61, "p/a"), (100, "p/a")]));
}

#[tokio::test(start_paused = true)]
async fn what_was_no_write_delays_none_and_rest_costs_nothing() {
    let looks = looks(&[(1, "p/a"), (2, "p/a")], 100_000, |_| Written::Same).await;
    assert_eq!(looks, seen(&[(1, "p/a"), (2, "p/a")]));
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_by_itself() {
    let answer = |look| if look < 3 { Written::Failed } else { Written::Now };
    assert_eq!(looks(&[(1, "p/a")], 1000, answer).await, seen(&[(1, "p/a"), (31, "p/a"), (61, "p/a")]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_shutdown() {
    assert_eq!(looks(&[(1, "p/a"), (2, "p/a")], 20, |_| Written::Now).await, seen(&[(1, "p/a")]));
}

#[test]
fn only_the_key_that_differs_is_written_to_that_very_object() {
    let metadata = ObjectMeta {
        uid: Some("u".to_owned()),
        resource_version: Some("7".to_owned()),
        ..ObjectMeta::default()
    };
    let events = |count| ScheduledEvents { count, next_time: Some("2027-01-04T08:00:00Z".to_owned()) };
    let (old, new) = (events(1), events(2));
    assert_eq!(
        patch(&metadata, Some(&old), Some(&new)),
        Some(json!({"metadata": {"uid": "u"},
            "status": {"scheduledEvents": {"count": 2, "nextTime": "2027-01-04T08:00:00Z"}}}))
    );
    assert_eq!(
        patch(&metadata, Some(&old), None),
        Some(json!({"metadata": {"uid": "u"}, "status": {"scheduledEvents": null}}))
    );
    assert_eq!(patch(&metadata, Some(&old), Some(&old)), None);
    assert_eq!(patch(&metadata, None, None), None);
}

mod rest {
    use kube::core::DeserializeGuard;
    use kube::runtime::reflector;
    use secrecy::SecretString;

    use super::*;
    use crate::controller::credentials::{Outbound, Versions};
    use crate::jumpcloud::auth::Credential;
    use crate::jumpcloud::observe::NoObserver;

    fn connection(generation: i64, observed: i64, ready: &str) -> JumpCloudConnection {
        serde_json::from_value(json!({
            "metadata": {"namespace": "people", "name": "default", "uid": "u", "generation": generation},
            "spec": {"auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}}},
            "status": {"observedGeneration": observed, "conditions": [
                {"type": "Ready", "status": ready, "reason": "Succeeded", "message": "",
                 "lastTransitionTime": "2027-01-04T08:00:00Z"}]},
        }))
        .unwrap()
    }

    /// Every event of a connection that is not good makes its controller ask JumpCloud.
    #[tokio::test]
    async fn a_connection_that_would_be_checked_is_left_alone() {
        let config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        let outbound = Outbound {
            allowed_origins: Vec::new(),
            extra_roots: Vec::new(),
            proxy: None,
            observer: Arc::new(NoObserver),
        };
        let (store, _writer) = reflector::store::<DeserializeGuard<JumpCloudConnection>>();
        let client = kube::Client::try_from(config).unwrap();
        let connections = Connections::new(client, outbound, vec![store], tokio::sync::mpsc::channel(1).0);
        let good = connection(1, 1, "True");
        assert!(!is_at_rest(&good, &connections), "this process has not checked it");
        let endpoint = connections.outbound().endpoint(&good.spec).unwrap();
        let credential = Credential::ApiKey(SecretString::from("jca_0123456789"));
        let usable = connections.client(&good, endpoint, credential).unwrap();
        let versions = Versions::default().with("jumpcloud", Some("s/1".to_owned()));
        connections.usable(&good, usable, "o".to_owned(), versions.clone());
        assert!(is_at_rest(&good, &connections));
        assert!(!is_at_rest(&connection(1, 1, "False"), &connections), "its status is about to be written");
        assert!(!is_at_rest(&connection(2, 1, "True"), &connections));
        assert!(!is_at_rest(&connection(2, 2, "True"), &connections), "another spec is to be checked");
        connections.doubt("people", "default");
        assert!(!is_at_rest(&good, &connections));
        let finding = Finding::CredentialRefused("refused".to_owned());
        connections.unusable(&good, &finding, "refused".to_owned(), versions);
        assert!(!is_at_rest(&good, &connections));
    }
}

mod news {
    use kube::core::DeserializeGuard;
    use kube::runtime::watcher::Event;

    use super::*;

    fn connection(changes: &Value) -> DeserializeGuard<JumpCloudConnection> {
        let mut object = json!({
            "metadata": {"namespace": "people", "name": "default", "uid": "u", "generation": 1},
            "spec": {"auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}}},
            "status": {"observedGeneration": 1, "credentialVersion": "s/1"},
        });
        for (path, value) in changes.as_object().unwrap() {
            let (part, field) = path.split_once('.').unwrap();
            object[part][field] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn events_to_come_are_no_news_and_everything_else_is() {
        let mut news = News::default();
        let plain = || connection(&json!({}));
        assert!(news.is_news(&Event::Init) && news.is_news(&Event::InitApply(plain())));
        assert!(news.is_news(&Event::InitDone));
        let counted = json!({"status.scheduledEvents": {"count": 2}, "metadata.resourceVersion": "8",
            "metadata.managedFields": [{"manager": "jumpcloud-operator"}]});
        assert!(!news.is_news(&Event::Apply(connection(&counted))));
        assert!(!news.is_news(&Event::InitApply(connection(&counted))), "a relist is none, either");
        for change in [
            json!({"metadata.generation": 2}),
            json!({"metadata.uid": "v"}),
            json!({"metadata.annotations": {"a": "b"}}),
            json!({"metadata.deletionTimestamp": "2027-01-04T08:00:00Z"}),
            json!({"status.credentialVersion": "s/2"}),
            json!({"status.conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "",
                "lastTransitionTime": "2027-01-04T08:00:00Z"}]}),
        ] {
            assert!(news.is_news(&Event::Apply(connection(&change))), "{change}");
            assert!(news.is_news(&Event::Apply(plain())), "back from {change}");
        }
        let other = connection(&json!({"metadata.namespace": "guests"}));
        assert!(news.is_news(&Event::Apply(other)));
        assert!(!news.is_news(&Event::Apply(plain())));
        assert!(news.is_news(&Event::Delete(plain())) && news.is_news(&Event::Apply(plain())));
        for _ in 0..2 {
            let odd = connection(&json!({"spec.auth": 7}));
            assert!(odd.0.is_err() && news.is_news(&Event::Apply(odd)), "nobody knows what is in it");
        }
        assert!(news.is_news(&Event::Apply(plain())), "it can be read again");
    }
}
