//! Service accounts: the token is got once, renewed early, dropped when it is refused.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use jumpcloud_operator::jumpcloud::auth::{Credential, ServiceAccount};
use jumpcloud_operator::jumpcloud::client::{ClientConfig, JumpCloud};
use jumpcloud_operator::jumpcloud::delivery::{Delivery, NotSent, Refusal};
use jumpcloud_operator::jumpcloud::error::Error;
use jumpcloud_operator::jumpcloud::token::Tokens;
use jumpcloud_operator::runtime::clock;
use jumpcloud_sim::settings::{ExpiresIn, RetryAfter};
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Reply, Route};
use serde_json::{Map, json};

use crate::rig::{LONG, Rig, after, config, job_id, people, request};

pub(crate) const ID: &str = "canary-client-0d1f";
pub(crate) const SECRET: &str = "canary-secret-77ab";

/// A configuration that speaks as the service account.
pub(crate) fn account(url: &str) -> ClientConfig {
    let account = ServiceAccount { client_id: ID.into(), client_secret: SECRET.into() };
    ClientConfig { credential: Credential::ServiceAccount(account), ..config(url) }
}

/// A rig whose simulator knows the account, and a client that speaks as it.
pub(crate) async fn rig() -> (Rig, JumpCloud) {
    let rig = Rig::new().await;
    rig.sim.add_client_secret(DEFAULT_ORGANISATION, ID, SECRET).unwrap();
    let client = JumpCloud::new(account(rig.sim.url())).unwrap();
    (rig, client)
}

async fn create(client: &JumpCloud) -> Delivery {
    let permit = client.reserve().await.unwrap();
    client.bulk_create(permit, &request(&people(1)), after(LONG)).await
}

/// Fingerprints of the tokens that were shown on a route.
fn tokens(rig: &Rig, route: Route) -> BTreeSet<String> {
    rig.sim.requests(route).into_iter().filter_map(|request| request.key).collect()
}

#[tokio::test]
async fn a_token_opens_every_route_and_the_organisation_is_still_named() {
    let (rig, _) = rig().await;
    let mut config = account(rig.sim.url());
    config.organization = Some(DEFAULT_ORGANISATION.to_owned());
    let client = JumpCloud::new(config).unwrap();
    assert_eq!(client.organizations().await.unwrap().len(), 1);
    let job = job_id(create(&client).await);
    assert!(client.job_results(&job, 1).await.is_ok());
    assert_eq!(rig.count(Route::Token), 1);
    let sent = rig.sim.requests(Route::BulkCreate).remove(0);
    assert_eq!(sent.org_id.as_deref(), Some(DEFAULT_ORGANISATION));
    assert_eq!(tokens(&rig, Route::BulkCreate), tokens(&rig, Route::OrganizationList));
}

#[tokio::test]
async fn many_at_once_get_one_token() {
    let (rig, client) = rig().await;
    rig.sim.set_faults(vec![
        FaultRule::new(Act::Acts, Reply::AsIs).on(Route::Token).after(Duration::from_millis(300)),
    ]);
    let answers = join_all((0..20).map(|_| client.organizations())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((rig.count(Route::Token), rig.count(Route::OrganizationList)), (1, 20));
}

#[tokio::test]
async fn clients_of_one_account_share_its_token() {
    let (rig, _) = rig().await;
    let tokens = Tokens::default();
    let client =
        || JumpCloud::new(ClientConfig { tokens: tokens.clone(), ..account(rig.sim.url()) }).unwrap();
    let (one, two) = (client(), client());
    assert!(one.organizations().await.is_ok() && two.organizations().await.is_ok());
    assert_eq!(rig.count(Route::Token), 1);
}

#[tokio::test]
async fn a_token_costs_nothing_of_the_rate() {
    let (rig, client) = rig().await;
    let before = client.throttle().available();
    client.authenticate(Duration::ZERO).await.unwrap();
    assert_eq!((client.throttle().available(), rig.count(Route::Token)), (before, 1));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let (rig, client) = rig().await;
    rig.sim.update_settings(|settings| settings.tokens.lifetime_s = 31);
    let begin = clock::monotonic();
    while rig.count(Route::Token) < 2 {
        assert!(client.organizations().await.is_ok());
        assert!(begin.elapsed() < Duration::from_secs(20), "the token was not renewed 30 s before its end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(rig.sim.requests(Route::OrganizationList).iter().all(|request| request.status == Some(200)));
}

#[tokio::test]
async fn a_submission_gets_a_token_that_outlasts_it() {
    let (rig, client) = rig().await;
    rig.sim.update_settings(|settings| settings.tokens.lifetime_s = 60);
    client.authenticate(Duration::from_secs(20)).await.unwrap();
    client.authenticate(Duration::from_secs(20)).await.unwrap();
    assert_eq!(rig.count(Route::Token), 1);
    client.authenticate(Duration::from_secs(31)).await.unwrap();
    assert_eq!(rig.count(Route::Token), 2);
    job_id(create(&client).await);
    assert_eq!(rig.count(Route::Token), 2, "what there is will do for the request itself");
}

#[tokio::test]
async fn an_answer_without_a_lifetime_is_good_for_an_hour() {
    for told in [ExpiresIn::Absent, ExpiresIn::Value(json!(-5)), ExpiresIn::Value(json!("never"))] {
        let (rig, client) = rig().await;
        rig.sim.update_settings(|settings| settings.tokens.expires_in = told);
        client.authenticate(Duration::from_secs(3500)).await.unwrap();
        client.authenticate(Duration::from_secs(3500)).await.unwrap();
        assert_eq!(rig.count(Route::Token), 1);
    }
}

#[tokio::test]
async fn a_refused_token_is_dropped_once_and_reads_are_made_again() {
    let (rig, client) = rig().await;
    client.organizations().await.unwrap();
    assert_eq!(rig.sim.revoke_tokens(), 1);
    let answers = join_all((0..20).map(|_| client.organizations())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(rig.count(Route::Token), 2);

    let id = rig.sim.add_user(DEFAULT_ORGANISATION, &people(1)[0]).unwrap();
    rig.sim.revoke_tokens();
    let fields: Map<_, _> = [("company".to_owned(), json!("Example"))].into_iter().collect();
    assert!(client.update_user(&id, &fields).await.is_ok(), "to set a value twice does no harm");
    rig.sim.revoke_tokens();
    let person = people(2).remove(1).as_object().unwrap().clone();
    assert!(client.create_user(&person).await.unwrap_err().is_credentials(), "to make a user twice does");
    assert!(client.create_user(&person).await.is_ok());
}

#[tokio::test]
async fn a_second_refusal_is_final() {
    let (rig, client) = rig().await;
    rig.sim.set_faults(vec![FaultRule::status(401).on(Route::OrganizationList)]);
    let error = client.organizations().await.unwrap_err();
    assert!(error.is_credentials(), "{error}");
    assert_eq!((rig.count(Route::OrganizationList), rig.count(Route::Token)), (2, 2));
    // It says nothing about later: the cause may be gone.
    rig.sim.set_faults(Vec::new());
    assert!(client.organizations().await.is_ok());
    let login = Reply::Redirect { status: 302, location: "/login".to_owned() };
    rig.sim.set_faults(vec![FaultRule::new(Act::Refuses, login).on(Route::OrganizationList).times(1)]);
    assert!(client.organizations().await.unwrap_err().is_redirect());
    assert!(client.organizations().await.is_ok());
    assert_eq!(rig.count(Route::Token), 4, "a token of which JumpCloud says nothing may have ended");
}

#[tokio::test]
async fn a_bulk_request_with_a_refused_token_is_not_made_again() {
    let (rig, client) = rig().await;
    client.authenticate(Duration::ZERO).await.unwrap();
    rig.sim.revoke_tokens();
    let delivery = create(&client).await;
    assert!(matches!(delivery, Delivery::Refused(Refusal::Credentials { status: 401, .. })), "{delivery:?}");
    assert_eq!((rig.count(Route::BulkCreate), rig.count(Route::Token)), (1, 1));
    job_id(create(&client).await);
    assert_eq!((rig.sim.jobs().len(), rig.count(Route::Token)), (1, 2));
}

#[tokio::test]
async fn bulk_routes_that_take_no_token_refuse() {
    let (rig, client) = rig().await;
    rig.sim.update_settings(|settings| settings.tokens.bulk_refuses = true);
    assert!(client.organizations().await.is_ok());
    assert!(matches!(create(&client).await, Delivery::Refused(Refusal::Credentials { status: 401, .. })));
    assert!(rig.sim.jobs().is_empty());
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for status in [400, 401, 403] {
        let (rig, client) = rig().await;
        rig.sim.set_faults(vec![FaultRule::status(status).on(Route::Token)]);
        let error = client.organizations().await.unwrap_err();
        assert!(error.is_credentials() && error.is_not_sent(), "{error}");
        assert_eq!(rig.count(Route::Token), 1, "a refusal does not pass");
        assert!(matches!(create(&client).await, Delivery::Refused(Refusal::Credentials { .. })));
        assert_eq!((rig.count(Route::OrganizationList), rig.count(Route::BulkCreate)), (0, 0));
    }
    for rule in [
        FaultRule::status(503),
        FaultRule::status(404),
        FaultRule::refuse(),
        FaultRule::new(Act::Acts, Reply::Html),
        FaultRule::new(Act::Acts, Reply::Large { bytes: 1 << 20 }),
        FaultRule::new(Act::Refuses, Reply::Redirect { status: 302, location: "/elsewhere".to_owned() }),
    ] {
        let (rig, _) = rig().await;
        let label = rule.label();
        rig.sim.set_faults(vec![rule.on(Route::Token)]);
        let mut config = account(rig.sim.url());
        config.request_timeout = Duration::from_secs(2);
        let client = JumpCloud::new(config).unwrap();
        let error = client.organizations().await.unwrap_err();
        assert!(!error.is_credentials() && error.is_not_sent(), "{label}: {error}");
        let permit = client.reserve().await.unwrap();
        let delivery = client.bulk_create(permit, &request(&people(1)), after(Duration::from_secs(7))).await;
        assert!(
            matches!(delivery, Delivery::Refused(Refusal::NotSent(NotSent::Connect { .. }))),
            "{label}: {delivery:?}"
        );
        assert_eq!((rig.count(Route::OrganizationList), rig.count(Route::BulkCreate)), (0, 0), "{label}");
        assert_eq!(rig.count(Route::Unknown), 0, "{label}: a redirect was followed");
    }
    let (rig, client) = rig().await;
    rig.sim.set_faults(vec![FaultRule::status(429).retry_after(RetryAfter::Seconds(60)).on(Route::Token)]);
    let error = client.organizations().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert!(matches!(create(&client).await, Delivery::Refused(Refusal::Throttled { .. })));
    assert!(client.throttle().blocked_for().is_zero(), "another host's limits are not the API's");
}

#[tokio::test]
async fn a_token_that_may_come_is_asked_for_again() {
    let (rig, client) = rig().await;
    rig.sim.set_faults(vec![FaultRule::status(503).on(Route::Token).times(2)]);
    assert!(client.organizations().await.is_ok());
    assert_eq!((rig.count(Route::Token), rig.count(Route::OrganizationList)), (3, 1));
}

#[tokio::test]
async fn a_token_that_does_not_come_ends_with_the_request() {
    let (rig, _) = rig().await;
    rig.sim.set_faults(vec![FaultRule::new(Act::Acts, Reply::AsIs).on(Route::Token).after(LONG)]);
    let mut config = account(rig.sim.url());
    config.request_timeout = Duration::from_secs(1);
    let client = JumpCloud::new(config).unwrap();
    let begin = clock::monotonic();
    let error = client.organizations().await.unwrap_err();
    assert!(matches!(error, Error::Token { .. } | Error::Expired), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}
