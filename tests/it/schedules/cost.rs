//! Bar 1: what 250 users cost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jumpcloud_sim::ledger::Entry;
use jumpcloud_sim::{Pattern, Route, Settings};
use serde_json::json;

use super::{results, suspending};
use crate::harness::operator::DEFAULTS;
use crate::harness::schedules::{
    Calendar, Calls, Writes, ahead, all_at, assert_scheduled_true, dates_of, rows,
};
use crate::harness::weather::clean_only;

const USERS: usize = 250;

/// How long nothing may be asked for an object at rest.
const REST: Duration = Duration::from_secs(60);

/// From the manifest to Ready; silence; and, of two others, what it costs to see what came of them.
///
/// At rest nothing is asked for a minute; that it is one round of listing a day, and two in the last hour, is
/// shown in virtual time (`plan::schedule::looks`, `plan::schedule::step`). Half an hour before startTime none
/// is due: the last hour has begun and the last five minutes have not.
#[tokio::test(flavor = "multi_thread")]
async fn many_users_cost_no_more_than_they_must() {
    if clean_only("counts calls and writes") {
        return;
    }
    let mut settings = Settings::default();
    settings.schedules.lost = vec![Pattern::new("^l").unwrap()];
    let (calendar, _operator) = Calendar::running("jcsus-cost", settings, DEFAULTS).await;
    scheduling(&calendar).await;
    let (reached, lost) =
        (calendar.add_users("r", USERS, "ACTIVATED"), calendar.add_users("l", USERS, "ACTIVATED"));
    let time = ahead(40);
    for (name, prefix) in [("reached", "r"), ("lost", "l")] {
        let mut spec = suspending(&rows(prefix, USERS), &time);
        spec["verification"] = json!({"gracePeriod": "15s"});
        calendar.apply_schedule(name, &spec);
    }
    calendar.comes_to("reached", "Scheduled").await;
    calendar.comes_to("lost", "Scheduled").await;
    let (begun, (seq, audit)) = (Instant::now(), calendar.mark());
    let searches = verification(&calendar, (&reached, &lost), seq, audit).await;

    // Nothing of that was for the first one.
    tokio::time::sleep(REST.saturating_sub(begun.elapsed())).await;
    let calls = Calls::since(&calendar.sim, seq);
    assert_eq!(calls, Calls { searches, ..Calls::default() }, "calls at rest");
    assert_eq!(calendar.writes_to("leavers", audit), Writes::default(), "writes at rest");

    let (seq, audit) = calendar.mark();
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(dates_of(&calendar.sim), []);
    let calls = Calls::since(&calendar.sim, seq);
    assert_eq!((calls.deletes, calls.posts, calls.searches), (3, 0, 0), "{calls:?}");
    assert_eq!(calendar.writes_to("leavers", audit).metadata, 1, "the finalizer goes");
}

/// Until Ready.
async fn scheduling(calendar: &Calendar) {
    let sim = &calendar.sim;
    let ids = calendar.add_users("c", USERS, "ACTIVATED");
    let time = ahead(1800);
    let (seq, audit) = calendar.mark();
    calendar.apply_schedule("leavers", &suspending(&rows("c", USERS), &time));
    let status = calendar.comes_to("leavers", "Scheduled").await;

    let calls = Calls::since(sim, seq);
    assert!(calls.searches <= 5, "{calls:?}");
    assert!(calls.looks() <= 6, "{calls:?}");
    assert!(calls.posts <= 3, "{calls:?}");
    assert_eq!(Calls { searches: 0, listings: 0, nexts: 0, posts: 0, ..calls.clone() }, Calls::default());
    let routes: Vec<Route> =
        sim.ledger_since(seq).iter().filter_map(Entry::request).map(|request| request.route).collect();
    assert_eq!(routes.last(), Some(&Route::ScheduleCreate), "something was asked after the last POST");
    let writes = calendar.writes_to("leavers", audit);
    assert_eq!(writes.metadata, 1, "{writes:?}");
    assert!(writes.status <= 2 * calls.posts + 1, "{writes:?}");
    assert_eq!(dates_of(sim), all_at(&ids, time));
    assert_scheduled_true(sim, &status);
    assert_eq!(results(&status), BTreeMap::from([("Scheduled".to_owned(), USERS)]));
}

/// After startTime: who reached the state is seen once or twice, who did not at most three times. Gives the number
/// of searches.
async fn verification(
    calendar: &Calendar,
    (reached, lost): (&[String], &[String]),
    seq: u64,
    audit: devenv::audit::Mark,
) -> usize {
    let sim = &calendar.sim;
    let executed = calendar.comes_to("reached", "Executed").await;
    let status = calendar.comes_to("lost", "NotReached").await;
    assert_eq!(results(&executed), BTreeMap::from([("Executed".to_owned(), USERS)]));
    assert_eq!(results(&status), BTreeMap::from([("NotReached".to_owned(), USERS)]));
    assert!(!status.conditions.iter().any(|c| c.type_ == "Executed"));
    // The finalizers go: nothing is left to be cancelled.
    sim.quiet_for(Duration::from_secs(3), Duration::from_secs(30)).await.unwrap();
    let calls = Calls::since(sim, seq);
    assert_eq!(calls, Calls { searches: calls.searches, ..Calls::default() }, "only users are looked at");
    let searches = |ids: &[String]| {
        let ledger = sim.ledger_since(seq);
        let searches = ledger.iter().filter_map(Entry::request).filter(|r| r.route == Route::UserSearch);
        searches.filter(|request| request.asked.iter().any(|asked| ids.contains(asked))).count()
    };
    let (of_reached, of_lost) = (searches(reached), searches(lost));
    assert!((1..=10).contains(&of_reached), "{of_reached} searches for users who reached the state");
    assert!((1..=15).contains(&of_lost), "{of_lost} searches for users who did not");
    assert_eq!(of_reached + of_lost, calls.searches);
    for name in ["reached", "lost"] {
        let writes = calendar.writes_to(name, audit);
        assert_eq!(writes.metadata, 1, "{name}: {writes:?}");
        assert!(writes.status <= 3, "{name}: {writes:?}");
    }
    of_reached + of_lost
}
