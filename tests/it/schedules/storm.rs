//! Everything at once: edits, kills, and every third request going wrong somehow.

use jumpcloud_sim::settings::JobIds;
use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, Settings};
use serde_json::json;

use super::{hasty, suspending};
use crate::harness::operator::{FRAGILE, Operator};
use crate::harness::schedules::{
    Calendar, ahead, all_at, assert_always_listed, assert_scheduled_true, assert_untouched, events_of, rows,
    seq,
};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

fn faults() -> Vec<FaultRule> {
    let routes =
        [Route::ScheduleCreate, Route::ScheduleDelete, Route::ScheduleList, Route::UserSearch].into_iter();
    let rules = routes.flat_map(|route| {
        [FaultRule::drop_reply(), FaultRule::status(502), FaultRule::status(503).acting()]
            .map(|rule| rule.on(route).by_chance(0.12, 2))
    });
    rules.collect()
}

/// Whatever goes wrong on the way, in the end exactly what is declared is listed.
async fn stormed(seed: u64, job_ids: JobIds) {
    let mut settings = Settings { seed, ..Settings::default() };
    settings.schedules.job_ids = job_ids;
    let name = format!("jcsus-storm-{seed}");
    let (calendar, operator) = Calendar::running(&name, settings, &hasty(FRAGILE)).await;
    let mut operator = Some(operator);
    let sim = &calendar.sim;
    let ids = calendar.add_users("t", 5, "ACTIVATED");
    let dates = [ahead(5 * 3600), ahead(6 * 3600)];
    let strange = json!({"user_ids": &ids[..2], "state": "ACTIVATED", "start_date": dates[0].to_string()});
    let foreign = sim.add_schedule(DEFAULT_ORGANISATION, &strange).expect("events");
    calendar.apply_schedule("leavers", &suspending(&rows("t", 3), &dates[0]));
    calendar.comes_to("leavers", "Scheduled").await;
    sim.set_faults(faults());
    let since = seq(sim);
    let edits = [(5, 0), (4, 1), (2, 1), (5, 0)];
    let mut asked = 0;
    for (step, (users, date)) in edits.into_iter().enumerate() {
        calendar.apply_schedule("leavers", &suspending(&rows("t", users), &dates[date]));
        if step % 2 == 1
            && let Some(killed) = operator.take()
        {
            killed.kill();
            operator = Some(calendar.replica(&format!("r{step}"), &hasty(FRAGILE)));
        }
        if step == 2 {
            continue;
        }
        let status = eventually("the end of an edit", PATIENCE, async || {
            operator = operator.take().map(Operator::keep);
            // Two unknown sends in a row wait for a person.
            if calendar.stands("leavers", "SubmissionUnknown").await.is_ok() {
                asked += 1;
                calendar.annotate("leavers", "retry-failed", &asked.to_string());
            }
            calendar.stands("leavers", "Scheduled").await
        })
        .await;
        assert_scheduled_true(sim, &status);
        assert_untouched(sim, &foreign);
        let listed = events_of(sim).into_iter().filter(|event| !foreign.contains(&event.job));
        let listed: Vec<_> = listed.map(|event| (event.user, event.date)).collect();
        assert_eq!(listed, all_at(&ids[..users], dates[date]), "edit {step}");
        // Who fails for good loses the event of a date that is not declared any more.
        if asked == 0 {
            assert_always_listed(sim, since, &ids[..2], "SUSPENDED", &dates);
        }
    }
    calendar.delete("leavers");
    eventually("the end of the object", PATIENCE, async || {
        operator = operator.take().map(Operator::keep);
        match calendar.schedule("leavers").await {
            None => Ok(()),
            Some(schedule) => Err(schedule.status),
        }
    })
    .await;
    assert_eq!(events_of(sim).len(), 2);
    assert_untouched(sim, &foreign);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_leaves_exactly_what_is_declared() {
    stormed(24, JobIds::Shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_with_an_id_each_leaves_exactly_what_is_declared() {
    stormed(115, JobIds::PerUser).await;
}
