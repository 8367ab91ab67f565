//! The API server's side goes wrong, in front of a batch and a schedule: lost replies, conflicts, watches that end or
//! expire, and writes that are refused while a request to JumpCloud is under way.
//!
//! Whatever it is, each object sends one request, its status comes to be true, and then there is silence.

use std::time::Duration;

use fault_proxy::{Entry, EventFault, FaultRule, Proxy, Verb, Which};
use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::{Act, FaultRule as JumpCloudFault, Reply, Route, Settings};
use serde_json::json;

use crate::harness::manifests::plain_users;
use crate::harness::operator::{Operator, QUICK, but};
use crate::harness::schedules::{Calendar, ahead, all_at, assert_scheduled_true, by_username, dates_of};
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::weather::clean_only;
use crate::harness::world::PATIENCE;

const BATCHES: &str = "jumpclouduserbatches/status";
const SCHEDULES: &str = "scheduleduserstates/status";

const USERS: usize = 3;

/// [`QUICK`], but a slow machine is not taken for a lost reply of JumpCloud, and the lease outlasts an API server that
/// is away for ten seconds.
fn flags() -> Vec<(&'static str, &'static str)> {
    let longer = [
        ("--submit-timeout", "8s"),
        ("--unknown-quarantine", "8s"),
        ("--lease-duration", "40s"),
        ("--lease-renew-deadline", "30s"),
    ];
    longer.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

/// A batch that creates users and a schedule that suspends others, of an operator behind a proxy.
struct Pair {
    calendar: Calendar,
    proxy: Proxy,
    operator: Operator,
    leavers: Vec<String>,
    time: Timestamp,
}

impl Pair {
    async fn begin(name: &str, rules: Vec<FaultRule>) -> Self {
        let mut settings = Settings::default();
        settings.jobs.service_time_ms = 500;
        let calendar = Calendar::new(name, settings).await;
        let proxy = calendar.proxy(rules);
        let operator = calendar.operator_behind(&proxy, &flags());
        calendar.connection_reason("default", "Succeeded").await;
        let leavers = calendar.add_users("leaver", USERS, "ACTIVATED");
        Self { calendar, proxy, operator, leavers, time: ahead(5 * 3600) }
    }

    fn declare(&self) {
        self.calendar.apply_batch("hires", &json!({"users": plain_users("hire", USERS)}));
        let users = by_username((0..USERS).map(|i| format!("leaver{i:04}")));
        let spec = json!({"users": users, "state": "Suspended", "startTime": self.time.to_string()});
        self.calendar.apply_schedule("leavers", &spec);
    }

    /// Declares both, and returns when JumpCloud has both requests; it answers them after `wait`.
    async fn under_way(&self, wait: Duration) {
        let slow = [Route::BulkCreate, Route::ScheduleCreate]
            .map(|route| JumpCloudFault::new(Act::Acts, Reply::AsIs).on(route).after(wait));
        self.calendar.sim.set_faults(slow.into());
        self.declare();
        eventually("the requests", PATIENCE, async || {
            let posts = self.posts();
            if posts == (1, 1) { Ok(()) } else { Err(posts) }
        })
        .await;
    }

    /// Both are done by one request each, say the truth, and nothing happens any more.
    async fn settled(&self) {
        let sim = &self.calendar.sim;
        let batch = self.calendar.reason("hires", "Succeeded").await;
        assert_true(sim, &batch);
        assert_single_create(sim, |_| false);
        assert_eq!(existing(sim).len(), 2 * USERS);
        assert_eq!(batch.submissions, []);
        let users: Vec<_> = batch.users.iter().map(|u| (u.result.as_str(), u.reason.as_deref())).collect();
        assert_eq!(users, [("Created", None); USERS], "nobody was found by looking");

        let schedule = self.calendar.comes_to("leavers", "Scheduled").await;
        assert_scheduled_true(sim, &schedule);
        assert_eq!(schedule.submissions, []);
        assert_eq!(dates_of(sim), all_at(&self.leavers, self.time));
        assert!(schedule.events.iter().all(|event| event.origin == "Created"), "{:?}", schedule.events);

        self.silent().await;
        // As without faults: a look-up of each list, one of the result, one listing; intent, record, result.
        assert_eq!(self.posts(), (1, 1));
        let reads = [Route::UserSearch, Route::ScheduleList].map(|route| sim.requests(route).len());
        assert_eq!(reads, [3, 1], "searches and listings");
        assert_eq!([BATCHES, SCHEDULES].map(|kind| self.committed(kind)), [3, 3], "status writes");
    }

    /// Requests that create users, and requests that schedule.
    fn posts(&self) -> (usize, usize) {
        let count = |route| self.calendar.sim.requests(route).len();
        (count(Route::BulkCreate), count(Route::ScheduleCreate))
    }

    /// Waits until for two seconds nobody was asked and nothing was written but the lease.
    async fn silent(&self) {
        eventually("silence", Duration::from_secs(15), async || {
            let log = self.proxy.log();
            let write = log.iter().rev().find(|e| e.target.verb.is_write() && e.target.resource != "leases");
            let last = write.map(|entry| entry.time).max(self.calendar.sim.last_request());
            let quiet = last.map(|last| Timestamp::now().duration_since(last));
            if quiet.is_some_and(|quiet| quiet >= SignedDuration::from_secs(2)) {
                Ok(())
            } else {
                Err(write.cloned())
            }
        })
        .await;
    }

    /// How often a rule fired for that resource.
    fn faults(&self, resource: &str) -> usize {
        self.entries(resource).iter().filter(|entry| entry.fault.is_some()).count()
    }

    /// How many writes of that resource the API server carried out.
    fn committed(&self, resource: &str) -> usize {
        let is_done = |entry: &&Entry| entry.target.verb.is_write() && entry.upstream == Some(200);
        self.entries(resource).iter().filter(is_done).count()
    }

    fn entries(&self, resource: &str) -> Vec<Entry> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let log = self.proxy.log().into_iter();
        log.filter(|e| e.target.resource == resource && e.target.subresource == subresource).collect()
    }
}

/// No status write is ever answered. Each is found to be there, and none is taken for lost.
#[tokio::test(flavor = "multi_thread")]
async fn status_writes_whose_replies_are_lost_after_the_commit() {
    if clean_only("counts calls and writes under faults of its own") {
        return;
    }
    let rules = [BATCHES, SCHEDULES].map(|kind| FaultRule::drop_reply().of(Which::writes().on(kind)));
    let pair = Pair::begin("api-lost", rules.into()).await;
    pair.declare();
    pair.settled().await;
    // At least the intent, the record and the result.
    let lost = (pair.faults(BATCHES), pair.faults(SCHEDULES));
    assert!(lost.0 >= 3 && lost.1 >= 3, "{lost:?}");
}

/// Each write is refused once as a conflict, that of the lease and of the finalizer, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_before_every_write() {
    if clean_only("counts calls and writes under faults of its own") {
        return;
    }
    let rule = FaultRule::status(409).of(Which::writes()).each().in_a_row(1);
    let pair = Pair::begin("api-409", vec![rule]).await;
    pair.declare();
    pair.settled().await;
    let refused = (pair.faults(BATCHES), pair.faults(SCHEDULES));
    assert!(refused.0 >= 3 && refused.1 >= 3, "{refused:?}");
    for other in ["leases", "jumpcloudconnections/status", "scheduleduserstates"] {
        assert!(pair.faults(other) > 0, "no conflict on {other}");
    }
}

/// Every event of a watch comes only when the watch was cut before it, and all are cut while JumpCloud is asked.
#[tokio::test(flavor = "multi_thread")]
async fn watches_that_are_cut() {
    if clean_only("counts calls and writes under faults of its own") {
        return;
    }
    let rule = FaultRule::event(EventFault::Cut).of(Which::verb(Verb::Watch)).each().in_a_row(1);
    let pair = Pair::begin("api-cut", vec![rule]).await;
    pair.under_way(Duration::from_secs(1)).await;
    pair.proxy.cut_watches(&Which::all());
    pair.settled().await;
    for kind in ["jumpclouduserbatches", "scheduleduserstates"] {
        assert!(pair.faults(kind) > 0, "no watch of {kind} was cut");
    }
}

/// The first list of connections, the first event of either object, and the list that is made because of it say 410.
///
/// Three errors for each kind, and not more: the pause after each is twice the one before.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_watches_that_have_expired() {
    if clean_only("counts calls and writes under faults of its own") {
        return;
    }
    let list = |kind: &str| FaultRule::status(410).of(Which::verb(Verb::List).on(kind)).times(1);
    let event =
        |name: &str| FaultRule::event(EventFault::Gone).of(Which::verb(Verb::Watch).named(name)).times(1);
    let pair = Pair::begin("api-410", vec![list("jumpcloudconnections")]).await;
    for (kind, name) in [("jumpclouduserbatches", "hires"), ("scheduleduserstates", "leavers")] {
        pair.proxy.add_rule(event(name));
        pair.proxy.add_rule(list(kind));
    }
    pair.declare();
    pair.settled().await;
    let faults: Vec<_> = pair.proxy.log().into_iter().filter(|entry| entry.fault.is_some()).collect();
    for kind in ["jumpclouduserbatches", "scheduleduserstates", "jumpcloudconnections"] {
        let is_it = |entry: &Entry| entry.target.resource == kind && entry.sent == Some(410);
        assert!(faults.iter().any(is_it), "no list of {kind} was refused");
    }
    for object in ["hires", "leavers"] {
        let is_it = |entry: &Entry| entry.target.name == object && entry.event.is_some();
        assert!(faults.iter().any(is_it), "the watch of {object} did not expire");
    }
}

/// The API server takes no write for ten seconds while JumpCloud accepts: what it gave is recorded afterwards, and
/// nothing is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn writes_are_refused_while_jumpcloud_accepts() {
    if clean_only("counts calls and writes under faults of its own") {
        return;
    }
    let pair = Pair::begin("api-refused", vec![]).await;
    pair.under_way(Duration::from_secs(4)).await;
    pair.proxy.add_rule(FaultRule::status(500).of(Which::writes()).lasting(Duration::from_secs(10)));
    pair.settled().await;
    let refused = (pair.faults(BATCHES), pair.faults(SCHEDULES));
    assert!(refused.0 > 0 && refused.1 > 0, "the records were not refused: {refused:?}");
    assert_eq!(pair.operator.log().matches("could not be recorded").count(), 0);
}
