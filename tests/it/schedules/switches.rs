//! The connection's switch, a connection that goes bad and comes back, and what people ask for by annotation.

use std::time::Duration;

use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, Settings};

use super::suspending;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, Calls, ahead, all_at, assert_scheduled_true, dates_of, events_of, rows, seq,
};
use crate::harness::weather::without_faults;

/// A paused connection: nothing is written, neither a POST nor a DELETE; then everything is.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connection_holds_changes_and_the_end() {
    let (calendar, _operator) = Calendar::running("jcsus-conn-pause", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("s", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    calendar.pause_connection(true).await;
    calendar.apply_schedule("leavers", &suspending(&rows("s", 3), &time));
    calendar.comes_to("leavers", "Paused").await;
    assert_eq!(Calls::since(sim, 0).posts, 0);
    calendar.pause_connection(false).await;
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_scheduled_true(sim, &status);
    assert_eq!(dates_of(sim), all_at(&ids, time));

    calendar.pause_connection(true).await;
    calendar.delete("leavers");
    calendar.comes_to("leavers", "Deleting").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(dates_of(sim), all_at(&ids, time), "a paused connection writes nothing");
    calendar.pause_connection(false).await;
    calendar.gone("leavers").await;
    assert_eq!(dates_of(sim), []);
    let calls = Calls::since(sim, 0);
    without_faults(|| assert_eq!((calls.posts, calls.deletes), (1, 1), "{calls:?}"));
}

/// A key that is wrong for a while costs nothing but time.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_comes_back_is_used_again() {
    let (calendar, _operator) = Calendar::running("jcsus-conn-bad", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("s", 3, "ACTIVATED");
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    calendar.apply_schedule("leavers", &suspending(&rows("s", 3), &first));
    calendar.comes_to("leavers", "Scheduled").await;
    assert!(sim.revoke_key(DEFAULT_KEY));
    calendar.apply_schedule("leavers", &suspending(&rows("s", 3), &second));
    calendar.comes_to("leavers", "ConnectionNotReady").await;
    assert_eq!(dates_of(sim), all_at(&ids, first), "what is scheduled stays");
    sim.add_key(DEFAULT_ORGANISATION, DEFAULT_KEY).unwrap();
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_scheduled_true(sim, &status);
    assert_eq!(dates_of(sim), all_at(&ids, second));
}

/// requested-at: look and act now. What was taken away in the console is scheduled again, what is there is not.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_asks_to_look_now() {
    let (calendar, _operator) = Calendar::running("jcsus-requested", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("q", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    calendar.apply_schedule("leavers", &suspending(&rows("q", 3), &time));
    calendar.comes_to("leavers", "Scheduled").await;
    let job = events_of(sim)[0].job.clone();
    assert_eq!(sim.remove_schedules(&job, Some(&ids[1])), 1);
    let since = seq(sim);
    let handled = async |value: &str| {
        calendar.annotate("leavers", "requested-at", value);
        crate::harness::wait::eventually(value, crate::harness::world::PATIENCE, async || {
            let status = calendar.stands("leavers", "Scheduled").await?;
            let said = status.last_handled.as_ref().and_then(|handled| handled.requested_at.clone());
            if said.as_deref() == Some(value) { Ok(status) } else { Err(format!("{said:?}")) }
        })
        .await
    };
    let status = handled("one").await;
    assert_eq!(dates_of(sim), all_at(&ids, time));
    assert_scheduled_true(sim, &status);
    without_faults(|| assert_eq!(Calls::since(sim, since).posts, 1));
    let since = seq(sim);
    handled("two").await;
    let calls = Calls::since(sim, since);
    assert!(calls.looks() > 0, "{calls:?}");
    assert_eq!((calls.posts, calls.deletes), (0, 0), "{calls:?}");
    assert_eq!(dates_of(sim), all_at(&ids, time));
}
