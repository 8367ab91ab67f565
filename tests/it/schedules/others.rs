//! Events of others that share an id with one of ours.

use jumpcloud_operator::api::scheduled_user_state::ScheduledUserStateStatus;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Settings};
use serde_json::json;

use super::suspending;
use crate::harness::operator::{QUICK, but};
use crate::harness::schedules::{Calendar, Calls, ahead, assert_untouched, by_username, dates_of, rows, seq};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::PATIENCE;

fn conflicting(status: &ScheduledUserStateStatus) -> Option<(&str, &str)> {
    let condition = status.conditions.iter().find(|c| c.type_ == "Conflicting")?;
    Some((condition.reason.as_str(), condition.message.as_str()))
}

/// Somebody scheduled two users by hand, with one id; the object declares one of them. Whatever the policy says, the
/// other one's event never goes. Under CancelAll the end of the object waits for a person, until the operator gives
/// up.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_found_under_a_shared_id_is_never_cancelled() {
    let flags = but(QUICK, "--cleanup-timeout", "3s");
    let (calendar, operator) = Calendar::running("jcsus-others", Settings::default(), &flags).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("s", 3, "ACTIVATED");
    let time = ahead(5 * 3600);
    let body = json!({"user_ids": &ids[..2], "state": "SUSPENDED", "start_date": time.to_string()});
    let foreign = sim.add_schedule(DEFAULT_ORGANISATION, &body).expect("events");
    for (policy, said) in [("CancelAll", "SharedJob"), ("Cancel", "EventsLeft")] {
        let since = seq(sim);
        let mut spec = suspending(&by_username(["s0000", "s0002"]), &time);
        spec["deletionPolicy"] = json!(policy);
        calendar.apply_schedule("leavers", &spec);
        let status = calendar.comes_to("leavers", "Scheduled").await;
        let mut origins: Vec<_> = status.events.iter().map(|entry| entry.origin.as_str()).collect();
        origins.sort_unstable();
        assert_eq!(origins, ["Adopted", "Created"], "{policy}");
        assert_eq!(conflicting(&status), None);

        // The one that was found is not wanted any more.
        spec["users"] = json!(by_username(["s0002"]));
        calendar.apply_schedule("leavers", &spec);
        eventually("what is left", PATIENCE, async || {
            let status = calendar.stands("leavers", "Scheduled").await?;
            match conflicting(&status) {
                Some((reason, message)) if reason == said && message.contains(&ids[0]) => Ok(()),
                _ => Err(format!("{policy}: {status:?}")),
            }
        })
        .await;
        assert_untouched(sim, &foreign);
        calendar.delete("leavers");
        calendar.gone("leavers").await;
        assert_untouched(sim, &foreign);
        assert_eq!(dates_of(sim).len(), 2, "{policy}");
        let calls = Calls::since(sim, since);
        without_faults(|| assert_eq!((calls.posts, calls.deletes), (1, 1), "{policy}: {calls:?}"));
    }
    let metrics = operator.metrics().await;
    let given_up =
        metrics.lines().find(|line| line.starts_with("jumpcloud_operator_cleanup_abandoned_total"));
    assert!(given_up.is_some_and(|line| line.ends_with(" 1")), "{given_up:?}");

    // The whole object goes, with both declared: all events of the id are its own then.
    let mut spec = suspending(&rows("s", 2), &time);
    spec["deletionPolicy"] = json!("CancelAll");
    calendar.apply_schedule("leavers", &spec);
    calendar.comes_to("leavers", "Scheduled").await;
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    assert_eq!(dates_of(sim), []);
}

/// Events that somebody cancels in the console before the object goes: there is nothing to delete.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_cancelled_does_not_keep_the_object() {
    let (calendar, _operator) = Calendar::running("jcsus-by-hand", Settings::default(), QUICK).await;
    let sim = &calendar.sim;
    calendar.add_users("g", 2, "ACTIVATED");
    calendar.apply_schedule("leavers", &suspending(&rows("g", 2), &ahead(5 * 3600)));
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(sim.remove_schedules(&status.events[0].scheduled_job_id, None), 2);
    let since = seq(sim);
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    let calls = Calls::since(sim, since);
    assert_eq!((calls.posts, calls.deletes), (0, 0), "{calls:?}");
}
