//! Bar 3: the operator killed at twenty moments around submit, edit and delete.

use std::time::Duration;

use jumpcloud_sim::ledger::Entry;
use jumpcloud_sim::settings::JobIds;
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Pattern, Reply, Settings};
use serde_json::{Value, json};

use super::{hasty, suspending};
use crate::harness::operator::{FRAGILE, Operator};
use crate::harness::schedules::{
    Calendar, ahead, all_at, assert_always_listed, assert_scheduled_true, assert_untouched, events_of, rows,
    seq,
};
use crate::harness::wait::eventually;
use When::{Answered, OnTheWay, Unanswered};

/// After one crash: a lease that runs out, some requests of unknown outcome, two quarantines, look-ups.
const LIMIT: Duration = Duration::from_secs(90);

/// What a request that the operator does not survive is kept waiting for.
const WAIT: Duration = Duration::from_millis(800);

/// When, in the course of a request, the operator is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// It was carried out and its reply is on the way.
    Unanswered,
    /// It is on the way, and is carried out after the operator is gone.
    OnTheWay,
    /// It was answered so many milliseconds ago at most: what it said is being written.
    Answered(u64),
}

/// A request of a step, counted from 0, and when in its course.
type Moment = (usize, When);

/// A search, a listing, a POST.
const SUBMIT: [Moment; 4] = [(1, Answered(4)), (2, OnTheWay), (2, Unanswered), (2, Answered(4))];

/// A listing and a POST for the new date, a listing of the old one, and a DELETE or, with an id each, four.
const DATE: [Moment; 4] = [(0, Answered(10)), (1, Unanswered), (1, OnTheWay), (3, Unanswered)];

/// The same for those who stay; with an id each, a listing and a DELETE.
const OFF: [Moment; 4] = [(1, Answered(4)), (1, OnTheWay), (2, Answered(4)), (3, OnTheWay)];

/// A search, a listing, a POST.
const MORE: [Moment; 4] = [(0, Unanswered), (2, Unanswered), (2, OnTheWay), (2, Answered(15))];

/// A listing and a DELETE for each id.
const END: [Moment; 4] = [(0, Answered(4)), (1, Unanswered), (1, OnTheWay), (2, Answered(10))];

/// An object and its operator, killed and started again.
struct Run {
    calendar: Calendar,
    operator: Option<Operator>,
    column: usize,
    kills: usize,
    foreign: Vec<String>,
}

impl Run {
    async fn begin(column: usize, job_ids: JobIds) -> Self {
        let mut settings = Settings::default();
        settings.schedules.job_ids = job_ids;
        let (calendar, operator) =
            Calendar::running(&format!("jcsus-crash-{column}"), settings, &hasty(FRAGILE)).await;
        Self { calendar, operator: Some(operator), column, kills: 0, foreign: Vec::new() }
    }

    /// Requests for users and events since entry `since` of the ledger.
    fn requests(&self, since: u64) -> usize {
        let ledger = self.calendar.sim.ledger_since(since);
        ledger.iter().filter_map(Entry::request).filter(|request| is_meant().matches(&request.path)).count()
    }

    /// Kills the operator in the middle of what `act` causes and starts it again.
    async fn killed(&mut self, moments: &[Moment; 4], act: impl FnOnce(&Calendar)) {
        let (request, when) = moments[self.column];
        let skipped = FaultRule::new(Act::Acts, Reply::AsIs)
            .path(is_meant())
            .skip(u32::try_from(request).expect("a small number"))
            .times(1);
        let (rule, seen, pause) = match when {
            Unanswered => (Some(skipped.after(WAIT)), request + 1, 30),
            OnTheWay => (Some(skipped.before(WAIT)), request, 100),
            Answered(ago) => (None, request + 1, ago),
        };
        let sim = &self.calendar.sim;
        sim.set_faults(rule.into_iter().collect());
        let since = seq(sim);
        let begun = jiff::Timestamp::now();
        act(&self.calendar);
        let deadline = std::time::Instant::now() + LIMIT;
        // Closer than `eventually` looks.
        while self.requests(since) < seen || sim.last_request().is_none_or(|last| last < begun) {
            assert!(std::time::Instant::now() < deadline, "request {request} never came");
            self.operator = self.operator.take().map(Operator::keep);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if let Some(operator) = self.operator.take() {
            operator.kill();
        }
        self.kills += 1;
        self.operator = Some(self.calendar.replica(&format!("r{}", self.kills), &hasty(FRAGILE)));
    }

    /// Waits until all is as declared.
    async fn settled(&mut self) {
        let status = eventually("the end", LIMIT, async || {
            self.operator = self.operator.take().map(Operator::keep);
            self.calendar.stands("leavers", "Scheduled").await
        })
        .await;
        assert_eq!(status.submissions, []);
        assert_scheduled_true(&self.calendar.sim, &status);
        assert_untouched(&self.calendar.sim, &self.foreign);
    }

    /// Our events, as user and date; doubles show twice.
    fn ours(&self) -> Vec<(String, jiff::Timestamp)> {
        let listed = events_of(&self.calendar.sim).into_iter();
        listed.filter(|e| !self.foreign.contains(&e.job)).map(|e| (e.user, e.date)).collect()
    }
}

/// Requests for users and events.
fn is_meant() -> Pattern {
    Pattern::new("/bulk/userstates|/search/systemusers").expect("a pattern")
}

/// Five kills: around submit, another date, a user off, a user more, and the end.
async fn killed_at(column: usize, job_ids: JobIds) {
    let mut run = Run::begin(column, job_ids).await;
    let ids = run.calendar.add_users("k", 5, "ACTIVATED");
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    for time in [first, second] {
        let body = json!({"user_ids": [ids[0]], "state": "ACTIVATED", "start_date": time.to_string()});
        run.foreign.extend(run.calendar.sim.add_schedule(DEFAULT_ORGANISATION, &body).expect("an event"));
    }
    let users = |from: usize, to: usize| rows("k", to).split_off(from);
    let declare = |users: Vec<Value>, time| {
        move |calendar: &Calendar| calendar.apply_schedule("leavers", &suspending(&users, &time))
    };
    run.killed(&SUBMIT, declare(users(0, 4), first)).await;
    run.settled().await;
    assert_eq!(run.ours(), all_at(&ids[..4], first));

    let since = seq(&run.calendar.sim);
    run.killed(&DATE, declare(users(0, 4), second)).await;
    run.settled().await;
    assert_eq!(run.ours(), all_at(&ids[..4], second));
    assert_always_listed(&run.calendar.sim, since, &ids[..4], "SUSPENDED", &[first, second]);

    let since = seq(&run.calendar.sim);
    run.killed(&OFF, declare(users(1, 4), second)).await;
    run.settled().await;
    assert_eq!(run.ours(), all_at(&ids[1..4], second));
    assert_always_listed(&run.calendar.sim, since, &ids[1..4], "SUSPENDED", &[second]);

    let since = seq(&run.calendar.sim);
    run.killed(&MORE, declare(users(1, 5), second)).await;
    run.settled().await;
    assert_eq!(run.ours(), all_at(&ids[1..], second));
    assert_always_listed(&run.calendar.sim, since, &ids[1..4], "SUSPENDED", &[second]);

    run.killed(&END, |calendar| calendar.delete("leavers")).await;
    eventually("the end of the object", LIMIT, async || {
        run.operator = run.operator.take().map(Operator::keep);
        match run.calendar.schedule("leavers").await {
            None => Ok(()),
            Some(schedule) => Err(schedule.status),
        }
    })
    .await;
    assert_eq!(run.ours(), []);
    assert_untouched(&run.calendar.sim, &run.foreign);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_listings() {
    killed_at(0, JobIds::Shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_posts_with_an_id_each() {
    killed_at(1, JobIds::PerUser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_post_is_on_the_way() {
    killed_at(2, JobIds::Shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_the_last_request() {
    killed_at(3, JobIds::Shared).await;
}
