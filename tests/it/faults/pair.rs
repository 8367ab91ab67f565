//! A batch that creates users and a schedule that suspends others, of an operator whose API server goes wrong.
//!
//! Whatever it is, each object sends one request, its status comes to be true, and then there is silence.

use std::time::Duration;

use fault_proxy::{Entry, FaultRule, Proxy};
use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::{Act, FaultRule as JumpCloudFault, Reply, Route, Settings};
use serde_json::json;

use crate::harness::manifests::plain_users;
use crate::harness::operator::{Operator, QUICK, but};
use crate::harness::schedules::{Calendar, ahead, all_at, assert_scheduled_true, by_username, dates_of};
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// Status writes of batches.
pub const BATCHES: &str = "jumpclouduserbatches/status";
/// Status writes of schedules.
pub const SCHEDULES: &str = "scheduleduserstates/status";

/// Users of either.
pub const USERS: usize = 3;

/// [`QUICK`], but a slow machine is not taken for a lost reply of JumpCloud, and the lease outlasts an API server that
/// is away for ten seconds.
pub fn flags() -> Vec<(&'static str, &'static str)> {
    let longer = [
        ("--submit-timeout", "8s"),
        ("--unknown-quarantine", "8s"),
        ("--lease-duration", "40s"),
        ("--lease-renew-deadline", "30s"),
    ];
    longer.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

/// Both objects, `hires` and `leavers`, and what they need.
pub struct Pair {
    /// Their namespace and JumpCloud.
    pub calendar: Calendar,
    /// In front of the API server.
    pub proxy: Proxy,
    /// The operator behind it.
    pub operator: Operator,
    /// Ids of the users that are suspended.
    pub leavers: Vec<String>,
    /// When.
    pub time: Timestamp,
}

impl Pair {
    /// A running operator behind these rules, its connection Ready, and nothing declared.
    pub async fn begin(name: &str, rules: Vec<FaultRule>) -> Self {
        Self::with(name, rules, &flags()).await
    }

    /// The same with other flags.
    pub async fn with(name: &str, rules: Vec<FaultRule>, flags: &[(&str, &str)]) -> Self {
        let mut settings = Settings::default();
        settings.jobs.service_time_ms = 500;
        let calendar = Calendar::new(name, settings).await;
        let proxy = calendar.proxy(rules);
        let operator = calendar.operator_behind(&proxy, flags);
        calendar.connection_reason("default", "Succeeded").await;
        let leavers = calendar.add_users("leaver", USERS, "ACTIVATED");
        Self { calendar, proxy, operator, leavers, time: ahead(5 * 3600) }
    }

    /// Declares both.
    pub fn declare(&self) {
        self.calendar.apply_batch("hires", &json!({"users": plain_users("hire", USERS)}));
        let users = by_username((0..USERS).map(|i| format!("leaver{i:04}")));
        let spec = json!({"users": users, "state": "Suspended", "startTime": self.time.to_string()});
        self.calendar.apply_schedule("leavers", &spec);
    }

    /// Declares both, and returns when JumpCloud has both requests; it answers them after `wait`.
    pub async fn under_way(&self, wait: Duration) {
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
    pub async fn settled(&self) {
        self.is_true().await;
        let sim = &self.calendar.sim;
        // As without faults: a look-up of each list, one of the result, one listing; intent, record, result.
        let reads = [Route::UserSearch, Route::ScheduleList].map(|route| sim.requests(route).len());
        assert_eq!(reads, [3, 1], "searches and listings");
        assert_eq!([BATCHES, SCHEDULES].map(|kind| self.committed(kind)), [3, 3], "status writes");
    }

    /// The same, whatever it took but for the requests that change something.
    pub async fn is_true(&self) {
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
        assert_eq!(self.posts(), (1, 1));
    }

    /// Requests that create users, and requests that schedule.
    pub fn posts(&self) -> (usize, usize) {
        let count = |route| self.calendar.sim.requests(route).len();
        (count(Route::BulkCreate), count(Route::ScheduleCreate))
    }

    /// Waits until for two seconds nobody was asked and nothing was written but the lease.
    pub async fn silent(&self) {
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
    pub fn faults(&self, resource: &str) -> usize {
        self.entries(resource).iter().filter(|entry| entry.fault.is_some()).count()
    }

    /// How many writes of that resource the API server carried out.
    pub fn committed(&self, resource: &str) -> usize {
        let is_done = |entry: &&Entry| entry.target.verb.is_write() && entry.upstream == Some(200);
        self.entries(resource).iter().filter(is_done).count()
    }

    pub fn entries(&self, resource: &str) -> Vec<Entry> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let log = self.proxy.log().into_iter();
        log.filter(|e| e.target.resource == resource && e.target.subresource == subresource).collect()
    }
}
