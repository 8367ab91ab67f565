//! What a bulk request becomes under each fault, how often it is sent, and whether the job exists.

use std::time::Duration;

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::delivery::{Delivery, NotSent, Refusal, UnknownOutcome};
use jumpcloud_operator::runtime::clock;
use jumpcloud_sim::settings::RetryAfter;
use jumpcloud_sim::{Act, FaultRule, Reply, Route, Settings, Sim};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::rig::{LONG, Rig, after, config, people, request};

/// Sends one create and one update under `rule`; gives the category of both after checking that each was
/// sent once and that the job exists exactly when the rule acts.
async fn both(rig: &Rig, rule: FaultRule) -> &'static str {
    let acts = rule.act == Act::Acts;
    let label = rule.label();
    rig.sim.set_faults(vec![rule]);
    let counts = || (rig.count(Route::BulkCreate), rig.count(Route::BulkUpdate), rig.sim.jobs().len());
    let before = counts();
    let name = format!("fault-{}", before.0);
    let create = rig.create(&[json!({"username": name, "email": format!("{name}@x.example")})]).await;
    let update = rig.update(&[json!({"id": "0123456789abcdef01234567", "lastname": "x"})]).await;
    assert_eq!(create.category(), update.category(), "{label}");
    let jobs = if acts { 2 } else { 0 };
    assert_eq!(counts(), (before.0 + 1, before.1 + 1, before.2 + jobs), "{label}");
    create.category()
}

#[tokio::test]
async fn a_status_decides_by_itself() {
    let rig = Rig::new().await;
    for (statuses, category) in [
        (vec![400, 409, 413, 422], "rejected"),
        (vec![401, 402, 403, 404, 405, 415], "refused"),
        (vec![408, 500, 502, 503, 504], "unknown"),
    ] {
        for status in statuses {
            assert_eq!(both(&rig, FaultRule::status(status)).await, category, "{status}");
        }
    }
    for status in [500, 502, 503, 504] {
        assert_eq!(both(&rig, FaultRule::status(status).acting()).await, "unknown", "{status}");
    }
}

#[tokio::test]
async fn a_lost_or_spoilt_reply_leaves_the_outcome_unknown() {
    let rig = Rig::new().await;
    for act in [Act::Acts, Act::Refuses] {
        for reply in [
            Reply::Dropped,
            Reply::Reset,
            Reply::Truncated { bytes: 5 },
            Reply::Truncated { bytes: 0 },
            Reply::Html,
            Reply::Large { bytes: 9 << 20 },
            Reply::Body { text: "{\"jobId\":".to_owned() },
            Reply::Body { text: "{\"jobId\":null}".to_owned() },
            Reply::Body { text: "[".repeat(100_000) },
            Reply::Body { text: String::new() },
        ] {
            assert_eq!(both(&rig, FaultRule::new(act, reply)).await, "unknown");
        }
    }
    let wrong_type = Reply::ContentType { value: "text/html".to_owned() };
    assert_eq!(both(&rig, FaultRule::new(Act::Acts, wrong_type)).await, "accepted");
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let rig = Rig::new().await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/api/organizations", rig.sim.url());
        let rule = FaultRule::new(Act::Refuses, Reply::Redirect { status, location });
        assert_eq!(both(&rig, rule).await, "refused", "{status}");
    }
    assert_eq!(rig.count(Route::OrganizationList), 0);
}

#[tokio::test]
async fn nobody_listening_means_not_sent() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let client = JumpCloud::new(config(&url)).unwrap();
    let permit = client.reserve().await.unwrap();
    match client.bulk_create(permit, &request(&people(1)), after(Duration::from_secs(2))).await {
        Delivery::Refused(Refusal::NotSent(NotSent::Connect { detail })) => {
            assert!(!detail.contains("/api/"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_not_sent_is_sent_when_the_host_comes_up() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let client = JumpCloud::new(config(&format!("http://{address}"))).unwrap();
    let permit = client.reserve().await.unwrap();
    let asked = request(&people(1));
    let coming_up = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Sim::listen(address, Settings::default()).await.unwrap()
    };
    let (delivery, sim) = tokio::join!(client.bulk_create(permit, &asked, after(LONG)), coming_up);
    assert_eq!(delivery.category(), "accepted", "{delivery:?}");
    assert_eq!(sim.requests(Route::BulkCreate).len(), 1);
}

/// A partition of the network must not make an unknown outcome of each submission.
#[tokio::test]
async fn a_host_that_swallows_packets_means_not_sent() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // A full queue of connections that nobody accepts: the kernel drops what comes after.
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
        queue.push(stream);
    }
    let client = JumpCloud::new(config(&format!("http://{address}"))).unwrap();
    let permit = client.reserve().await.unwrap();
    let delivery = client.bulk_create(permit, &request(&people(1)), after(Duration::from_secs(12))).await;
    assert!(
        matches!(&delivery, Delivery::Refused(Refusal::NotSent(NotSent::Connect { .. }))),
        "{delivery:?}"
    );
}

#[tokio::test]
async fn tls_that_fails_means_not_sent() {
    let rig = Rig::new().await;
    let url = rig.sim.url().replace("http:", "https:");
    let client = JumpCloud::new(config(&url)).unwrap();
    let permit = client.reserve().await.unwrap();
    let delivery = client.bulk_create(permit, &request(&people(1)), after(Duration::from_secs(2))).await;
    assert!(
        matches!(&delivery, Delivery::Refused(Refusal::NotSent(NotSent::Connect { .. }))),
        "{delivery:?}"
    );
    assert_eq!(rig.count(Route::BulkCreate), 0);
}

/// The reset may arrive while the connection is still being made (nothing was sent) or after the request
/// went into the socket (who knows): the class follows what the client saw, so both are right.
#[tokio::test]
async fn a_host_that_is_down_is_refused_or_unknown() {
    let rig = Rig::new().await;
    rig.sim.update_settings(|settings| settings.api.down = true);
    for _ in 0..20 {
        let permit = rig.client.reserve().await.unwrap();
        let soon = after(Duration::from_millis(500));
        match rig.client.bulk_create(permit, &request(&people(1)), soon).await {
            Delivery::Unknown(_) | Delivery::Refused(Refusal::NotSent(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.sim.ledger().len(), 0, "no request was read");
}

#[tokio::test]
async fn the_deadline_is_hard() {
    let rig = Rig::new().await;
    let permit = rig.client.reserve().await.unwrap();
    let delivery = rig.client.bulk_create(permit, &request(&people(1)), clock::monotonic()).await;
    assert!(matches!(delivery, Delivery::Refused(Refusal::NotSent(NotSent::Expired))), "{delivery:?}");
    assert_eq!(rig.count(Route::BulkCreate), 0);

    for rule in [
        FaultRule::new(Act::Acts, Reply::AsIs).before(LONG),
        FaultRule::new(Act::Acts, Reply::AsIs).after(LONG),
        FaultRule::new(Act::Acts, Reply::Drip { bytes: 1, every_ms: 1000 }),
    ] {
        rig.sim.set_faults(vec![rule]);
        let permit = rig.client.reserve().await.unwrap();
        let begin = clock::monotonic();
        let deadline = begin + Duration::from_secs(1);
        let delivery = rig.client.bulk_create(permit, &request(&people(1)), deadline).await;
        assert!(matches!(delivery, Delivery::Unknown(UnknownOutcome::Timeout)), "{delivery:?}");
        assert!(clock::monotonic() - begin < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_429_stops_everybody_who_shares_the_credential() {
    for (asked, least, most) in
        [(Some(RetryAfter::Seconds(40)), 39, 40), (Some(RetryAfter::DateIn(40)), 30, 40), (None, 4, 5)]
    {
        let rig = Rig::new().await;
        let early = rig.client.reserve().await.unwrap();
        let rule = FaultRule::status(429).times(1);
        rig.sim.set_faults(vec![match asked {
            Some(asked) => rule.retry_after(asked),
            None => rule,
        }]);
        let retry_in = match rig.create(&people(1)).await {
            Delivery::Refused(Refusal::Throttled { retry_in, message }) => {
                assert!(!message.is_empty());
                retry_in
            }
            other => panic!("{other:?}"),
        };
        assert!((least..=most).contains(&retry_in.as_secs()), "{retry_in:?} for {asked:?}");

        // The permit that was got before does not let another request through.
        let delivery = rig.client.bulk_create(early, &request(&people(1)), after(LONG)).await;
        assert!(matches!(delivery, Delivery::Refused(Refusal::Throttled { .. })), "{delivery:?}");
        if asked.is_some() {
            assert!(rig.client.reserve().await.is_err());
            assert_eq!(rig.client.organizations().await.unwrap_err().category(), "throttled");
        }
        assert_eq!(rig.sim.ledger().len(), 1, "only the request that was answered 429 was sent");
    }
}
