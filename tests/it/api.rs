//! `api`: what people see of schedules and jobs, and the one thing that it writes.

use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use jumpcloud_sim::settings::{JobIds, JobSettings, RowFailure, ScheduleSettings};
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, FaultRule, Pattern, Route, Settings, Sim};
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::manifests::{connection, plain_users, secret};
use crate::harness::plane::plane;
use crate::harness::weather::clean_only;
use crate::harness::world::World;

const MONDAY: &str = "2100-01-04T08:00:00Z";
const TUESDAY: &str = "2100-01-05T08:00:00Z";

/// How a command ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let said = Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// The answer of a command that must succeed.
    fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    /// Ended with this code, and said this on standard error.
    fn refused(&self, code: i32, why: &str) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(self.err.contains(why), "{why}: {}", self.err);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"));
    command.arg("api").args(arguments).stdin(Stdio::null()).env_remove("KUBECONFIG");
    command
}

/// Without a cluster.
fn direct(sim: &Sim, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.args(["--api-url", sim.url()]).env("JUMPCLOUD_API_KEY", format!("{DEFAULT_KEY}\n"));
    command
}

fn said(command: &mut Command) -> Said {
    Said::of(&command.output().expect("api starts"))
}

fn ask(sim: &Sim, arguments: &[&str]) -> Said {
    said(&mut direct(sim, arguments))
}

/// A simulator with so many users, `u0000` and so on, and their ids.
async fn sim(users: usize, schedules: ScheduleSettings) -> (Sim, Vec<String>) {
    let sim = Sim::start(Settings { schedules, ..Settings::default() }).await.expect("a simulator");
    let ids = plain_users("u", users);
    let ids = ids.iter().map(|user| sim.add_user(DEFAULT_ORGANISATION, user).expect("a user")).collect();
    (sim, ids)
}

/// Schedules by hand; the ids of the events, one for all users or one each.
fn schedule(sim: &Sim, users: &[String], state: &str, date: &str) -> Vec<String> {
    let body = json!({"user_ids": users, "state": state, "start_date": date});
    sim.add_schedule(DEFAULT_ORGANISATION, &body).expect("a schedule")
}

fn with_ids(job_ids: JobIds) -> ScheduleSettings {
    ScheduleSettings { job_ids, ..ScheduleSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_scheduled_is_listed_by_time_with_names() {
    let (sim, ids) = sim(3, with_ids(JobIds::Shared)).await;
    let late = schedule(&sim, &ids[..2], "SUSPENDED", TUESDAY);
    let early = schedule(&sim, &ids[2..], "ACTIVATED", MONDAY);
    assert!(sim.delete_user(&ids[1]), "its event stays, without a name");

    let table = ask(&sim, &["schedules"]).fine();
    let cells: Vec<Vec<&str>> = table.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["TIME", "STATE", "USERNAME", "USER", "ID", "SCHEDULED", "JOB", "ID"]);
    assert_eq!(cells[1], [MONDAY, "Activated", "u0002", &ids[2], &early[0]]);
    let rest =
        [[TUESDAY, "Suspended", "u0000", &ids[0], &late[0]], [TUESDAY, "Suspended", "-", &ids[1], &late[0]]];
    assert!(rest.iter().all(|row| cells[2..].contains(&row.to_vec())), "{}", table.out);
    assert_eq!(cells.len(), 4);
    assert!(table.err.contains("3 events; the listing is whole (Whole)"), "{}", table.err);
    assert!(!table.out.contains('@'), "{}", table.out);
    assert_eq!(sim.requests(Route::UserSearch).len(), 1);
    assert!(ask(&sim, &["schedules", "--show-emails"]).fine().out.contains("u0000@canary.example.com"));

    let listed = ask(&sim, &["schedules", "--output", "json", "--filter", "state:eq:ACTIVATED"]).fine();
    assert_eq!(
        listed.json(),
        json!({"end": "Whole", "events": [{
            "time": MONDAY, "state": "Activated", "username": "u0002",
            "userID": ids[2], "scheduledJobID": early[0],
        }]})
    );
    // A user who is gone can still be asked for by id.
    for (user, count, code) in [("u0000", 1, 0), (ids[1].as_str(), 1, 1), (ids[0].as_str(), 1, 0)] {
        let listed = ask(&sim, &["--output", "json", "schedules", "--user", user]);
        assert_eq!(listed.code, Some(code), "{}", listed.err);
        assert_eq!(listed.json()["events"].as_array().expect("events").len(), count, "{user}");
    }
    ask(&sim, &["schedules", "--user", "nobody"]).refused(1, "user not found: username nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_not_whole_says_so() {
    let (sim, ids) = sim(250, ScheduleSettings { shuffle_pages: true, ..ScheduleSettings::default() }).await;
    schedule(&sim, &ids, "SUSPENDED", MONDAY);
    let cut = ask(&sim, &["schedules", "--output", "json", "--max-pages", "1"]).fine();
    assert_eq!(
        (cut.json()["end"].as_str(), cut.json()["events"].as_array().map(Vec::len)),
        (Some("Cut"), Some(100))
    );
    assert!(cut.err.contains("beyond 1 page (Cut); raise --max-pages"), "{}", cut.err);
    let moved = ask(&sim, &["schedules"]).fine();
    assert!(moved.err.contains("(Moved); list again"), "{}", moved.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_events_of_users_named_in_every_way() {
    for job_ids in [JobIds::Shared, JobIds::PerUser] {
        let (sim, ids) = sim(4, with_ids(job_ids)).await;
        schedule(&sim, &ids[..3], "SUSPENDED", TUESDAY);
        schedule(&sim, &ids[..1], "SUSPENDED", MONDAY);
        schedule(&sim, &ids[..1], "ACTIVATED", TUESDAY);
        let users =
            ["u0000", &ids[1], "U0002@canary.example.com", "u0003", "nobody", "none@canary.example.com"];
        let found = ask(&sim, &[&["schedules", "next", "--output", "json"][..], &users].concat());
        assert_eq!(found.code, Some(1), "{}", found.err);
        let found_events = found.json();
        let events: Vec<_> = found_events["events"]
            .as_array()
            .expect("events")
            .iter()
            .map(|event| ["time", "state", "username"].map(|name| event[name].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(
            events,
            [
                [MONDAY, "Suspended", "u0000"],
                [TUESDAY, "Activated", "u0000"],
                [TUESDAY, "Suspended", "u0001"],
                [TUESDAY, "Suspended", "u0002"],
            ],
            "{job_ids:?}"
        );
        for line in [
            "user not found: username nobody",
            "user 6 of the command line",
            "nothing is scheduled for u0003",
        ] {
            assert!(found.err.contains(line), "{line}: {}", found.err);
        }
        assert!(!found.err.contains('@'), "{}", found.err);
        assert_eq!(sim.requests(Route::UserSearch).len(), 1, "one search finds and names all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_shown_first_and_takes_the_rows_of_its_id() {
    for job_ids in [JobIds::Shared, JobIds::PerUser] {
        let (sim, ids) = sim(3, with_ids(job_ids)).await;
        let jobs = schedule(&sim, &ids[..2], "SUSPENDED", MONDAY);
        let foreign = schedule(&sim, &ids[2..], "SUSPENDED", MONDAY);
        let rows = if job_ids == JobIds::Shared { 2 } else { 1 };

        let unasked = ask(&sim, &["schedules", "cancel", &jobs[0]]);
        unasked.refused(2, "add --yes; nothing was cancelled");
        assert_eq!(unasked.out.lines().count(), 1 + rows, "{}", unasked.out);
        assert!(unasked.out.contains("u0000") && !unasked.out.contains("u0002"), "{}", unasked.out);
        assert_eq!((sim.requests(Route::ScheduleDelete).len(), sim.schedules().len()), (0, 3));

        let done = ask(&sim, &["schedules", "cancel", &jobs[0], "--yes", "--output", "json"]).fine().json();
        assert_eq!(done["result"], "Cancelled");
        assert_eq!(done["events"].as_array().map(Vec::len), Some(rows));
        let left = sim.schedules();
        assert_eq!(left.len(), 3 - rows, "{left:?}");
        assert!(left.iter().any(|event| event["scheduledJobId"] == foreign[0].as_str()));
        assert!(left.iter().all(|event| event["scheduledJobId"] != jobs[0].as_str()));

        let again = ask(&sim, &["schedules", "cancel", &jobs[0], "--yes"]).fine();
        assert!(again.err.contains("there is no event with this id"), "{}", again.err);
        assert_eq!(sim.requests(Route::ScheduleDelete).len(), 1, "what is not there is not deleted");
    }
}

/// Gone between the look and the request, or beyond what was looked at: JumpCloud says 404.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_gone_meanwhile_is_no_failure() {
    let (sim, ids) = sim(120, with_ids(JobIds::PerUser)).await;
    let jobs = schedule(&sim, &ids, "SUSPENDED", MONDAY);
    sim.add_fault(FaultRule::status(404).on(Route::ScheduleDelete));
    for id in [jobs[0].as_str(), "5f0c1d2e3a4b5c6d7e8f9aff"] {
        let arguments = ["schedules", "cancel", id, "--yes", "--max-pages", "1", "--output", "json"];
        let gone = ask(&sim, &arguments).fine();
        assert_eq!(gone.json(), json!({"result": "AlreadyGone", "events": []}));
        assert!(
            gone.err.contains("there may be more with this id: there is more beyond 1 page"),
            "{}",
            gone.err
        );
    }
    assert_eq!((sim.requests(Route::ScheduleDelete).len(), sim.schedules().len()), (2, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_shown_user_by_user_without_what_was_sent() {
    let failure = RowFailure::new(
        Pattern::exactly("u0001").expect("a pattern"),
        "\u{1b}[31mu0001@canary.example.com is <b>taken</b>",
    );
    let jobs =
        JobSettings { row_failures: vec![failure], service_time_ms: 3_600_000, ..JobSettings::default() };
    let sim = Sim::start(Settings { jobs, ..Settings::default() }).await.expect("a simulator");
    let mut rows = plain_users("u", 3);
    rows[0]["password"] = json!("canary-Passw0rd!");
    let answer = reqwest::Client::new()
        .post(format!("{}/api/v2/bulk/users", sim.url()))
        .header("x-api-key", DEFAULT_KEY)
        .json(&rows)
        .send()
        .await
        .expect("an answer");
    let job = answer.json::<Value>().await.expect("JSON")["jobId"].as_str().expect("an id").to_owned();
    assert!(ask(&sim, &["job", &job]).fine().err.contains("3 pending"));
    sim.advance(Duration::from_secs(2 * 3600));

    let table = ask(&sim, &["job", &job]).fine();
    assert!(table.err.contains("3 rows: 2 finished, 0 pending, 1 other"), "{}", table.err);
    let failed = table.out.lines().find(|line| line.contains("u0001")).expect("the row");
    assert!(failed.ends_with("[address] is taken"), "{failed}");
    assert!(!table.out.contains(['@', '\u{1b}']) && !table.out.contains("canary"), "{}", table.out);
    let printed = ask(&sim, &["job", &job, "--output", "json"]).fine();
    assert_eq!(printed.json()["counts"], json!({"rows": 3, "finished": 2, "pending": 0, "other": 1}));
    assert_eq!(printed.json()["jobID"], job.as_str());
    assert_eq!(printed.json()["users"].as_array().map(Vec::len), Some(3));
    assert!(!printed.out.contains("canary"), "{}", printed.out);
    let emails = ask(&sim, &["job", &job, "--show-emails"]).fine();
    assert!(!emails.out.contains("Passw0rd"), "{}", emails.out);
    ask(&sim, &["job", "5f0c1d2e3a4b5c6d7e8f9aff"]).refused(1, "JumpCloud does not know this job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_not_shown() {
    let (sim, _) = sim(0, ScheduleSettings::default()).await;
    for arguments in [
        &["schedules"][..],
        &["schedules", "next", "ada"],
        &["schedules", "cancel", "x", "--yes"],
        &["job", "x"],
    ] {
        let refused = said(direct(&sim, arguments).env("JUMPCLOUD_API_KEY", "canary-wrong-key"));
        refused.refused(1, "check the credential");
        assert!(refused.err.contains("the key in JUMPCLOUD_API_KEY"), "{}", refused.err);
        assert!(!refused.err.contains("canary") && refused.out.is_empty(), "{}{}", refused.out, refused.err);
    }
    assert!(sim.requests(Route::ScheduleDelete).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_told_before_anything_is_asked() {
    let (sim, _) = sim(0, ScheduleSettings::default()).await;
    said(&mut command(&["schedules"])).refused(2, "say where to look");
    said(command(&["schedules", "--region", "EU"]).env_remove("JUMPCLOUD_API_KEY"))
        .refused(2, "JUMPCLOUD_API_KEY is not set");
    ask(&sim, &["schedules", "--connection", "people/default"])
        .refused(2, "leave --region and --api-url out");
    ask(&sim, &["schedules", "--user", "ada", "next", "ada"]).refused(2, "leave them out of next and cancel");
    ask(&sim, &["schedules", "--filter", "state"]).refused(2, "field:operator:value");
    ask(&sim, &["schedules", "next"]).refused(2, "USER");
    said(&mut command(&["job", "x", "--connection", "default"])).refused(2, "NAMESPACE/NAME");
    assert!(sim.ledger().is_empty());
}

/// Somewhere to write to that nobody reads. Unlike a pipe's, this end cannot live on in another test's child.
fn closed() -> Stdio {
    let (reader, writer) = UnixStream::pair().expect("a pair");
    reader.shutdown(Shutdown::Both).expect("a shutdown");
    Stdio::from(OwnedFd::from(writer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let (sim, ids) = sim(150, ScheduleSettings::default()).await;
    let jobs = schedule(&sim, &ids, "SUSPENDED", MONDAY);
    for (arguments, code) in [
        (&["schedules"][..], 0),
        (&["schedules", "--output", "json"], 0),
        (&["schedules", "next", "u0000"], 0),
        // What nobody has seen is not cancelled.
        (&["schedules", "cancel", &jobs[0], "--yes"], 1),
    ] {
        let mut command = direct(&sim, arguments);
        let ended = Said::of(&command.stdout(closed()).output().expect("api ends"));
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
    }
    assert_eq!(sim.schedules().len(), 150);
    // Nor when nobody hears what is said.
    for (key, code) in [(DEFAULT_KEY, 0), ("canary-wrong-key", 1)] {
        let mut command = direct(&sim, &["schedules"]);
        command.env("JUMPCLOUD_API_KEY", key).stdout(Stdio::null()).stderr(closed());
        assert_eq!(command.status().expect("api ends").code(), Some(code));
    }
}

/// With the operator's own rights, which suffice.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_gives_place_and_credential() {
    if clean_only("a person's command asks once") {
        return;
    }
    let world = World::new("api-connection", Settings::default()).await;
    let (namespace, url) = (world.namespace.as_str(), world.sim.url());
    let kubeconfig = plane().service_account_kubeconfig(namespace, "jumpcloud-operator").expect("a token");
    let ask = |name: &str, arguments: &[&str]| {
        let mut command = command(arguments);
        command.args(["--connection", &format!("{namespace}/{name}")]).env("KUBECONFIG", &kubeconfig);
        // Nobody listens there: whoever heeded it would reach nothing.
        command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9");
        said(&mut command)
    };
    let id = world.sim.add_user(DEFAULT_ORGANISATION, &plain_users("u", 1)[0]).expect("a user");
    let jobs = schedule(&world.sim, &[id], "SUSPENDED", MONDAY);
    let allowed = ["--allowed-api-url", url];

    ask("default", &["schedules"]).refused(1, "add it to the operator's --allowed-api-url");
    assert!(world.sim.ledger().iter().all(|entry| entry.request().is_none()), "nothing was sent");
    assert!(ask("default", &[&["schedules"][..], &allowed].concat()).fine().out.contains("u0000"));
    ask("other", &["schedules"]).refused(1, &format!("JumpCloudConnection {namespace}/other does not exist"));

    let mut broken = connection(namespace, "broken", url);
    broken["spec"]["auth"]["apiKey"]["secretKeyRef"]["name"] = json!("no-such-secret");
    apply(&broken.to_string());
    ask("broken", &[&["schedules"][..], &allowed].concat()).refused(1, "no-such-secret");

    world.sim.add_client_secret(DEFAULT_ORGANISATION, "canary-id", "canary-secret").expect("a client secret");
    let mut account = secret(namespace, "unused");
    account["metadata"]["name"] = json!("account");
    account["stringData"] = json!({"id": "canary-id", "secret": "canary-secret"});
    apply(&account.to_string());
    let mut spoken = connection(namespace, "account", url);
    spoken["spec"]["auth"] = json!({"serviceAccount": {
        "clientIDSecretKeyRef": {"name": "account", "key": "id"},
        "clientSecretSecretKeyRef": {"name": "account", "key": "secret"},
    }});
    apply(&spoken.to_string());
    assert!(ask("account", &[&["schedules"][..], &allowed].concat()).fine().out.contains("u0000"));

    let cancel = [&["schedules", "cancel", &jobs[0], "--yes"][..], &allowed].concat();
    let mut paused = connection(namespace, "default", url);
    paused["spec"]["paused"] = json!(true);
    apply(&paused.to_string());
    ask("default", &cancel).refused(1, "is paused, so nothing is written through it");
    assert_eq!(world.sim.schedules().len(), 1);
    ask("account", &cancel).fine();
    assert!(world.sim.schedules().is_empty());
}
