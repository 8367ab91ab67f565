//! One submission, exhaustively: every order of everything that may happen, in virtual time, around the real
//! planner and the real decision about conflicts.
//!
//! The state is the object in every version that a stale cache may show, JumpCloud with its jobs, two
//! operators that both believe they lead with what they remember and where they are, requests on their way,
//! and the time. Explored is everything that may happen next, each state once, until nothing is left: within
//! a budget of faults, crashes, pauses, stale passes and edits per path there is no other bound.
//!
//! Assumptions: a request whose sender has given it up arrives until [`timing::DELAY`] or
//! [`timing::LONG_DELAY`] after the last moment at which it may be sent, or never; JumpCloud is done with a job, and
//! shows a user, within [`timing::SERVICE`]. Time passes while every operator that is neither paused nor dead
//! rests.

mod author;
mod batch;
mod boundaries;
mod budget;
mod canon;
mod caught;
mod drive;
mod facts;
mod kind;
mod moves;
mod object;
mod replica;
mod request;
mod schedule;
mod search;
mod setting;
mod state;
mod timing;
mod trace;
mod unknown;
mod wire;
mod wrong;

use self::batch::{Batches, Edit};
use self::budget::Budget;
use self::kind::Kind;
use self::schedule::Schedules;
use self::search::{Report, explore};
use self::setting::Setting;
use self::timing::{DELAY, LONG_DELAY};
use self::wrong::Wrong;
use crate::clock::{MINUTE, Ms};

/// Nothing is planned for later than that.
const EVER: Ms = 7 * 24 * 60 * MINUTE;

/// More states than this are more than memory is meant for.
const MOST: usize = 3_000_000;

/// How far clocks differ.
const SKEW: Ms = 10 * MINUTE;

/// Up to so many things go wrong on a path, no more than so many of a kind.
const fn budget(all: u8, faults: u8, crashes: u8, pauses: u8, stale: u8, edits: u8) -> Budget {
    Budget { all, faults, crashes, pauses, stale, edits }
}

/// One thing goes wrong.
const ONE: Budget = budget(1, 1, 1, 1, 1, 1);

/// Any two do.
const TWO: Budget = budget(2, 2, 2, 2, 2, 1);

/// Any three do.
const THREE: Budget = budget(3, 3, 2, 2, 2, 1);

const CREATE: Setting<Batches> = Setting {
    name: "create",
    begin: batch::begin::creating::<1>,
    skews: &[0],
    edits: &[Edit::Touch, Edit::Others, Edit::Change, Edit::Recreate],
    budgets: [TWO, TWO],
    delay: LONG_DELAY,
    horizon: EVER,
    wrong: None,
};

/// User batches.
const BATCHES: [Setting<Batches>; 7] = [
    CREATE,
    Setting {
        name: "create two",
        begin: batch::begin::creating::<2>,
        edits: &[Edit::Others, Edit::Change, Edit::Drop, Edit::Add],
        budgets: [ONE, TWO],
        ..CREATE
    },
    Setting {
        name: "update",
        budgets: [TWO, THREE],
        begin: batch::begin::updating,
        edits: &[Edit::Touch, Edit::Change, Edit::Recreate],
        ..CREATE
    },
    Setting { name: "create by two", skews: &[0, 0], budgets: [ONE, ONE], ..CREATE },
    Setting { name: "create by two, one ahead", skews: &[0, SKEW], budgets: [ONE, ONE], ..CREATE },
    Setting { name: "create by two, one behind", skews: &[0, -SKEW], budgets: [ONE, ONE], ..CREATE },
    Setting {
        name: "update by two",
        begin: batch::begin::updating,
        skews: &[0, SKEW],
        edits: &[Edit::Touch, Edit::Change],
        budgets: [ONE, ONE],
        ..CREATE
    },
];

const SCHEDULE: Setting<Schedules> = Setting {
    name: "schedule",
    begin: schedule::begin::scheduling::<1>,
    skews: &[0],
    edits: &[schedule::Edit::Touch, schedule::Edit::Date],
    budgets: [TWO, THREE],
    delay: LONG_DELAY,
    horizon: schedule::begin::HORIZON,
    wrong: None,
};

/// What is sent for an object that goes is looked for once.
const GOING: Setting<Schedules> =
    Setting { edits: &[schedule::Edit::Touch, schedule::Edit::Delete], delay: DELAY, ..SCHEDULE };

/// Schedules.
const SCHEDULES: [Setting<Schedules>; 9] = [
    SCHEDULE,
    Setting {
        name: "schedule two",
        budgets: [TWO, TWO],
        begin: schedule::begin::scheduling::<2>,
        edits: &[schedule::Edit::Drop, schedule::Edit::Date],
        ..SCHEDULE
    },
    Setting { name: "move a schedule", budgets: [TWO, TWO], begin: schedule::begin::moved, ..SCHEDULE },
    Setting {
        name: "take a user off",
        budgets: [TWO, TWO],
        begin: schedule::begin::scheduled,
        edits: &[schedule::Edit::Drop],
        ..SCHEDULE
    },
    Setting { name: "delete a schedule", begin: schedule::begin::scheduling::<2>, ..GOING },
    Setting {
        name: "delete a schedule that was moved",
        budgets: [TWO, TWO],
        begin: schedule::begin::moved,
        ..GOING
    },
    Setting { name: "forged event", begin: schedule::begin::forged, budgets: [ONE, ONE], ..GOING },
    Setting {
        name: "apply now",
        budgets: [TWO, TWO],
        begin: schedule::begin::applying,
        horizon: EVER,
        edits: &[schedule::Edit::Touch],
        ..SCHEDULE
    },
    Setting { name: "schedule by two", skews: &[0, SKEW], budgets: [ONE, ONE], ..SCHEDULE },
];

/// The setting of that name.
fn named<K: Kind>(settings: &[Setting<K>], name: &str) -> Option<Setting<K>> {
    settings.iter().find(|setting| setting.name == name).map(|setting| Setting { ..*setting })
}

/// The command that walks a path again and says what happens.
fn order(name: &str, budget: Budget, wrong: Option<Wrong>, path: &[usize]) -> String {
    let Budget { all, faults, crashes, pauses, stale, edits } = budget;
    let path: Vec<String> = path.iter().map(ToString::to_string).collect();
    let wrong = wrong.map(|wrong| format!(" EXPLORE_WRONG={wrong:?}")).unwrap_or_default();
    format!(
        "EXPLORE='{name}'{wrong} EXPLORE_BUDGET={all},{faults},{crashes},{pauses},{stale},{edits} EXPLORE_PATH={} \
         cargo test --test histories -- explore::replay --nocapture",
        path.join(".")
    )
}

/// Explores; what was found is printed, with the command that replays it.
fn check<K: Kind>(setting: &Setting<K>, budget: Budget, most: usize) -> Result<Report, String> {
    #[expect(clippy::disallowed_methods, reason = "how long it takes is for people")]
    let began = std::time::Instant::now();
    let report = explore(setting, budget, most);
    let broken = report.broken.as_ref().map(|broken| {
        let (lines, _) = search::replay(setting, budget, &broken.path);
        format!(
            "{}: {}: {}\n{}\nreplay with\n{}",
            setting.name,
            broken.violation.rule,
            broken.violation.text,
            lines.join("\n"),
            order(setting.name, budget, setting.wrong, &broken.path)
        )
    });
    let Budget { all, faults, crashes, pauses, stale, edits } = budget;
    println!(
        "{}: {} states, {} moves, up to {} of them to a state, {} at rest, {} questions to the planner; with up to \
         {all} of {faults} faults, {crashes} crashes, {pauses} pauses, {stale} stale passes, {edits} edits; {:.1} s{}",
        setting.name,
        report.states,
        report.moves,
        report.depth,
        report.rests,
        report.asked,
        began.elapsed().as_secs_f64(),
        if report.cut { "; not all of them" } else { "" },
    );
    broken.map_or(Ok(report), Err)
}

/// Explores everything of these settings: bounded, or whole.
fn check_all<K: Kind>(settings: &[Setting<K>]) {
    let whole = std::env::var("FAULT_RUNS").is_ok_and(|extent| extent == "full");
    let only = std::env::var("EXPLORE").ok();
    let (mut states, mut wrong) = (0, Vec::new());
    for setting in settings.iter().filter(|setting| only.as_ref().is_none_or(|name| name == setting.name)) {
        let mut budget = setting.budgets[usize::from(whole)];
        if let Some(all) = crate::setting("EXPLORE_ALL") {
            budget.all = u8::try_from(all).unwrap();
        }
        match check(setting, budget, MOST) {
            Ok(report) if report.cut => wrong.push(format!("{}: more than {MOST} states", setting.name)),
            Ok(report) => states += report.states,
            Err(broken) => wrong.push(broken),
        }
    }
    println!("{states} states in all");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn nothing_that_may_happen_to_a_batch_breaks_a_rule() {
    check_all(&BATCHES);
}

#[test]
fn nothing_that_may_happen_to_a_schedule_breaks_a_rule() {
    check_all(&SCHEDULES);
}

/// Walks a path that an exploration has printed.
#[test]
fn replay() {
    let Ok(path) = std::env::var("EXPLORE_PATH") else { return };
    let name = std::env::var("EXPLORE").unwrap();
    let path: Vec<usize> = path.split('.').map(|place| place.parse().unwrap()).collect();
    let text = std::env::var("EXPLORE_BUDGET").unwrap();
    let numbers: Vec<u8> = text.split(',').map(|number| number.parse().unwrap()).collect();
    let budget = budget(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]);
    let wrong = std::env::var("EXPLORE_WRONG").ok();
    let wrong = wrong.and_then(|name| wrong::ALL.into_iter().find(|wrong| format!("{wrong:?}") == name));
    let (lines, found) = match (named(&BATCHES, &name), named(&SCHEDULES, &name)) {
        (Some(setting), _) => search::replay(&Setting { wrong, ..setting }, budget, &path),
        (_, Some(setting)) => search::replay(&Setting { wrong, ..setting }, budget, &path),
        (None, None) => panic!("nothing is called {name}"),
    };
    println!("{}", lines.join("\n"));
    assert!(found.is_empty(), "{found:#?}");
}
