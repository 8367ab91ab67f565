//! Requests that stop until they are released.

use std::sync::Arc;

use jumpcloud_sim::{Held, Hold, Route, What};
use reqwest::Method;

use super::support::{Api, BULK, rows, until};

/// Sends a row, and waits until it is held; gives the hold and what becomes of the request.
async fn held(api: &Arc<Api>, hold: Hold) -> (Held, tokio::task::JoinHandle<Option<u16>>) {
    let held = api.sim.hold(hold);
    let client = Arc::clone(api);
    let reply = tokio::spawn(async move {
        let reply = client.request(Method::POST, BULK).json(&rows(1)).send().await;
        reply.ok().map(|reply| reply.status().as_u16())
    });
    until(|| held.is_reached()).await;
    (held, reply)
}

#[tokio::test]
async fn a_request_stops_before_or_after_it_is_carried_out() {
    for (hold, before, after, status) in [
        (Hold::before(Route::BulkCreate), 0, 1, Some(200)),
        (Hold::after(Route::BulkCreate), 1, 1, Some(200)),
        (Hold::lost(Route::BulkCreate), 0, 0, None),
    ] {
        let api = Arc::new(Api::default().await);
        let (held, reply) = self::held(&api, hold).await;
        assert_eq!(api.sim.jobs().len(), before, "{hold:?}");
        held.release();
        assert_eq!(reply.await.unwrap(), status, "{hold:?}");
        assert_eq!(api.sim.jobs().len(), after, "{hold:?}");
        assert_eq!(api.post(BULK, &rows(1)).await.status, 200, "a hold stops one request");
    }
}

#[tokio::test]
async fn what_is_held_goes_on_without_its_client_and_without_its_hold() {
    let api = Arc::new(Api::default().await);
    let (held, reply) = self::held(&api, Hold::before(Route::BulkCreate)).await;
    reply.abort();
    held.release();
    until(|| api.sim.jobs().len() == 1).await;

    let (_held, reply) = self::held(&api, Hold::after(Route::BulkCreate)).await;
    reply.abort();
    let left = || api.sim.ledger().iter().any(|entry| matches!(entry.what, What::ClientLeft { .. }));
    until(left).await;

    let (held, reply) = self::held(&api, Hold::lost(Route::BulkCreate)).await;
    drop(held);
    assert_eq!(reply.await.unwrap(), Some(200), "nobody wants it held any more");
}
