//! Nothing secret and nobody's name in logs, errors and debug output.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use jumpcloud_operator::jumpcloud::auth::Credential;
use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::schedules::{ActivationMail, EventQuery, ScheduleRequest, StateChange};
use jumpcloud_operator::jumpcloud::users::{UserKey, UserSearch};
use jumpcloud_sim::settings::{Key, RowFailure};
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Pattern, Reply, Route, Settings};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::accounts;
use crate::rig::{LONG, Rig, after, config, job_id, request};

const KEY: &str = "canary-key-5e1f0a";
const TOKEN: &str = "canary-token-c0ffee";
/// Client id and secret as HTTP Basic has them.
const PAIR: &str = "Y2FuYXJ5LWNsaWVudC0wZDFmOmNhbmFyeS1zZWNyZXQtNzdhYg==";
const SECRETS: [&str; 8] =
    [KEY, accounts::ID, accounts::SECRET, TOKEN, PAIR, "canary-mail", "canary-user", "canary-pass"];

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn assert_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {what}: {text}");
    }
}

fn person() -> Value {
    json!({"username": "canary-user", "email": "canary-mail@x.example", "password": "canary-pass1!"})
}

#[tokio::test]
async fn no_secret_and_no_name_is_logged_or_shown() {
    let log = Log::default();
    // Global, so that what the HTTP library logs by the `log` crate is seen, too.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).init();

    let mut settings = Settings::default();
    settings.organisations[0].keys = vec![Key::new(KEY)];
    let everybody = Pattern::new(".").unwrap();
    settings.jobs.row_failures = vec![RowFailure::new(everybody, "canary-mail is taken").times(1)];
    let rig = Rig::with(settings).await;
    let mut config = config(rig.sim.url());
    config.credential = Credential::ApiKey(KEY.into());
    assert_clean("the configuration", &format!("{config:?}"));
    let client = JumpCloud::new(config).unwrap();
    assert_clean("the client", &format!("{client:?}"));

    let asked = request(&[person()]);
    let permit = client.reserve().await.unwrap();
    let delivery = client.bulk_create(permit, &asked, after(LONG)).await;
    assert_clean("a request and its delivery", &format!("{asked:?} {delivery:?}"));
    let job = job_id(delivery);
    rig.sim.advance(LONG);
    let rows = client.job_results(&job, 1).await.unwrap();
    assert!(rows[0].message.is_some());
    assert_clean("rows", &format!("{rows:?}"));

    rig.sim.add_user(DEFAULT_ORGANISATION, &person()).unwrap();
    let search = UserSearch::new(vec![UserKey::Email("canary-mail@x.example".to_owned())]);
    let users = client.search_users(&search).await.unwrap();
    assert_eq!(users.len(), 1);
    assert_clean("a search and its users", &format!("{search:?} {users:?}"));
    assert_eq!(client.list_users().try_collect::<Vec<_>>().await.unwrap().len(), 1);

    let users = vec![users[0].id.clone()];
    let change = StateChange::Activate(ActivationMail::To("canary-mail@x.example".to_owned()));
    let date = "2100-01-04T08:00:00Z".parse().unwrap();
    let schedule = ScheduleRequest { users: users.clone(), change, date };
    let permit = client.reserve().await.unwrap();
    let delivery = client.schedule_states(permit, &schedule, after(LONG)).await;
    assert_clean("a schedule and its delivery", &format!("{schedule:?} {delivery:?}"));
    let listing = client.list_schedules(&EventQuery::default(), 1).await.unwrap();
    assert_eq!(listing.events.len(), 1);
    assert_clean("events", &format!("{listing:?} {:?}", client.next_events(&users).await));

    // A server that repeats everything that it knows.
    let echo = json!({"message": format!("key {KEY} of canary-mail@x.example, canary-user, canary-pass1!")});
    // 429 is the last, because it stops everything after it.
    for status in [302, 400, 401, 404, 500, 429] {
        let rule = FaultRule::new(
            Act::Refuses,
            Reply::Status {
                status,
                headers: Default::default(),
                retry_after: None,
                body: Some(echo.clone()),
            },
        );
        rig.sim.set_faults(vec![rule]);
        let error = client.get_user("0123456789abcdef01234567").await;
        if let Err(error) = &error {
            assert_clean("an error", &format!("{error} {error:?}"));
            let message = error.message().unwrap_or_default();
            assert!(!message.contains(KEY) && message.contains("[redacted]"), "{status}: {message}");
        }
        if status != 429 {
            let permit = client.reserve().await.unwrap();
            let delivery = client.bulk_create(permit, &asked, after(LONG)).await;
            assert_clean("a delivery", &format!("{delivery:?}"));
            let permit = client.reserve().await.unwrap();
            let delivery = client.schedule_states(permit, &schedule, after(LONG)).await;
            assert_clean("a delivery of a schedule", &format!("{delivery:?}"));
            let mail = ActivationMail::To("canary-mail@x.example".to_owned());
            let error = client.activate_user(&users[0], &mail).await.unwrap_err();
            assert_clean("an activation", &format!("{mail:?} {error} {error:?}"));
        }
    }

    no_token_is_shown().await;

    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("request to JumpCloud") && logged.contains("GET /systemusers"), "{logged}");
    assert!(logged.contains("POST /oauth2/token"), "{logged}");
    assert_clean("the log", &logged);
}

/// The same for a service account, whose servers repeat everything that they know, too.
async fn no_token_is_shown() {
    let (rig, _) = accounts::rig().await;
    let mut config = accounts::account(rig.sim.url());
    config.request_timeout = LONG / 30;
    assert_clean("an account's configuration", &format!("{config:?} {:?}", config.credential));
    let client = JumpCloud::new(config).unwrap();
    let answers = |status, body: Value| {
        let (headers, body) = (Default::default(), Some(body));
        FaultRule::new(Act::Refuses, Reply::Status { status, headers, retry_after: None, body })
    };
    let echo = json!({
        "error": "invalid_client",
        "message": format!("{} {} {TOKEN} {PAIR}", accounts::ID.len(), accounts::SECRET),
    });
    let known = |error: &jumpcloud_operator::jumpcloud::error::Error| {
        assert_clean("an account's error", &format!("{error} {error:?}"));
        let message = error.message().unwrap_or_default().to_owned();
        assert!(message.contains("[redacted]"), "{error}: {message}");
        message
    };
    for status in [400, 401, 403, 404, 500, 429] {
        rig.sim.set_faults(vec![answers(status, echo.clone()).on(Route::Token)]);
        let message = known(&client.get_user("0123456789abcdef01234567").await.unwrap_err());
        assert!(!message.contains(accounts::SECRET) && !message.contains(PAIR), "{message}");
        let permit = client.reserve().await.unwrap();
        let delivery = client.bulk_create(permit, &request(&[person()]), after(LONG / 10)).await;
        assert_clean("an account's delivery", &format!("{delivery:?}"));
    }
    // No word of an unreadable answer is quoted, and a token is taken out of what follows it.
    for given in [json!({"access": TOKEN}), json!({"access_token": format!("{TOKEN}\n")}), json!([TOKEN])] {
        rig.sim.set_faults(vec![answers(200, given).on(Route::Token)]);
        let error = client.get_user("0123456789abcdef01234567").await.unwrap_err();
        assert_clean("an unreadable token", &format!("{error} {error:?}"));
    }
    let given = json!({"access_token": TOKEN, "token_type": "bearer"});
    for status in [302, 400, 401, 404, 500] {
        rig.sim.set_faults(vec![answers(200, given.clone()).on(Route::Token), answers(status, echo.clone())]);
        let error = client.organizations().await.unwrap_err();
        let message = known(&error);
        assert!(SECRETS.iter().all(|secret| !message.contains(secret)), "{status}: {message}");
    }
}

/// Is run again by the test below, in a process with a hostile environment.
#[tokio::test]
async fn one_request_reaches_the_simulator() {
    let rig = Rig::new().await;
    assert!(rig.client.organizations().await.is_ok());
    assert_eq!(rig.count(Route::OrganizationList), 1);
}

#[test]
fn proxies_of_the_environment_are_ignored() {
    let dead = "http://127.0.0.1:1";
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "secrecy::one_request_reaches_the_simulator"]).env_remove("NO_PROXY");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, dead);
    }
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
