//! Dates at the ends of time. The last years of this century and the next: `schedules/clocks.rs`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::Settings;
use serde_json::json;

use crate::harness::operator::QUICK;
use crate::harness::plane::kubectl;
use crate::harness::schedules::{Calendar, Calls, ahead, by_username, dates_of, schedule, seq};

/// The last day there is, one beyond it, a nanosecond ago, this very second: scheduled, refused, refused, missed; then
/// silence.
#[tokio::test(flavor = "multi_thread")]
async fn case_17_dates_at_the_ends_of_time() {
    let (calendar, operator) = Calendar::running("abuse-dates", Settings::default(), QUICK).await;
    let spec = |user: &str, date: &str| json!({"users": by_username([user]), "state": "Suspended", "startTime": date});
    let users = ["far", "beyond", "ago", "before"].map(|user| calendar.add_user(user, "ACTIVATED"));
    let far = "9999-12-30T00:00:00Z";
    calendar.apply_schedule("far", &spec("far", far));
    // A whole second has to be declared: a nanosecond ago cannot be, and this second has begun already.
    let moment = Timestamp::now() - SignedDuration::from_nanos(1);
    let object = schedule(&calendar.namespace, "ago", &spec("ago", &moment.to_string())).to_string();
    let printed = kubectl(&["apply", "--server-side", "-f", "-"], &object);
    assert!(!printed.success && printed.text.contains("whole second"), "{}", printed.text);
    calendar.apply_schedule("ago", &spec("ago", &ahead(0).to_string()));
    calendar.apply_schedule("before", &spec("before", "1970-01-01T00:00:00Z"));
    for beyond in ["9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-12:00"] {
        let object = schedule(&calendar.namespace, "beyond", &spec("beyond", beyond)).to_string();
        if kubectl(&["apply", "--server-side", "-f", "-"], &object).success {
            calendar.comes_to("beyond", "InvalidSpec").await;
        }
    }
    for never in
        ["10000-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "2027-02-30T00:00:00Z", "-1-01-01T00:00:00Z"]
    {
        let object = schedule(&calendar.namespace, "never", &spec("beyond", never)).to_string();
        if kubectl(&["apply", "--server-side", "-f", "-"], &object).success {
            calendar.comes_to("never", "InvalidSpec").await;
        }
    }
    calendar.comes_to("far", "Scheduled").await;
    calendar.comes_to("ago", "Missed").await;
    calendar.comes_to("before", "Missed").await;
    let far: Timestamp = far.parse().expect("a time");
    assert_eq!(dates_of(&calendar.sim), [(users[0].clone(), far)]);
    for user in ["beyond", "ago", "before"] {
        assert_eq!(calendar.state_of(user), "ACTIVATED");
    }
    let since = seq(&calendar.sim);
    calendar.sim.quiet_for(Duration::from_secs(3), Duration::from_secs(20)).await.expect("quiet");
    assert_eq!(Calls::since(&calendar.sim, since).posts, 0);
    assert!(!operator.log().contains("panic"), "{}", operator.log());
}
