//! One submission, exhaustively: every order of everything that may happen, in virtual time, around the real
//! planner and the real decision about conflicts.
//!
//! The state is the object in every version that a stale cache may show, JumpCloud with its jobs, two
//! operators that both believe they lead with what they remember and where they are, requests on their way,
//! and the time. Explored is everything that may happen next, each state once, until nothing is left: within
//! a budget of faults, crashes, pauses, stale passes and edits per path there is no other bound.
//!
//! Assumptions: a request whose sender has given it up arrives until [`state::CREATE_DELAY`] or
//! [`state::DELAY`] after the last moment at which it may be sent, or never; JumpCloud is done with a job, and
//! shows a user, within [`state::SERVICE`]. Time passes while every operator that is neither paused nor dead
//! rests.

mod batch;
mod canon;
mod drive;
mod kind;
mod moves;
mod replica;
mod search;
mod state;
mod trace;
mod wire;
mod wrong;

use self::batch::{Batches, Edit};
use self::kind::Kind;
use self::search::{Report, explore};
use self::state::{Budget, Setting};
use crate::clock::{MINUTE, Ms};

/// Nothing is planned for later than that.
const EVER: Ms = 7 * 24 * 60 * MINUTE;

const SKEW: Ms = 10 * MINUTE;

/// Up to so many things go wrong on a path, no more than so many of a kind.
const fn budget(all: u8, faults: u8, crashes: u8, pauses: u8, stale: u8, edits: u8) -> Budget {
    Budget { all, faults, crashes, pauses, stale, edits }
}

const CREATE: Setting<Batches> = Setting {
    name: "create",
    begin: batch::creating::<1>,
    skews: &[0],
    edits: &[Edit::Touch, Edit::Others, Edit::Change, Edit::Recreate],
    budgets: [budget(2, 2, 2, 1, 1, 1), budget(4, 2, 2, 2, 1, 1)],
    horizon: EVER,
    wrong: None,
};

/// User batches.
const BATCHES: [Setting<Batches>; 7] = [
    CREATE,
    Setting {
        name: "create two",
        begin: batch::creating::<2>,
        edits: &[Edit::Touch, Edit::Others, Edit::Change, Edit::Drop, Edit::Add],
        ..CREATE
    },
    Setting { name: "update", begin: batch::updating, edits: &[Edit::Touch, Edit::Change, Edit::Recreate], ..CREATE },
    Setting { name: "create by two", skews: &[0, 0], ..CREATE },
    Setting { name: "create by two, one ahead", skews: &[0, SKEW], ..CREATE },
    Setting { name: "create by two, one behind", skews: &[0, -SKEW], ..CREATE },
    Setting { name: "update by two", begin: batch::updating, skews: &[0, SKEW], edits: &[Edit::Touch, Edit::Change], ..CREATE },
];

fn print<K: Kind>(setting: &Setting<K>, budget: Budget, report: &Report, began: std::time::Instant) {
    println!(
        "{}: {} states, {} moves, {} deep, {} at rest, {} of {} questions, {budget:?}, {:.1} s{}",
        setting.name,
        report.states,
        report.moves,
        report.depth,
        report.rests,
        report.asked,
        report.questions,
        began.elapsed().as_secs_f64(),
        if report.cut { ", not all" } else { "" },
    );
    if let Some(broken) = &report.broken {
        println!("{}: {}", broken.violation.rule, broken.violation.text);
        let (lines, _) = search::replay(setting, budget, &broken.path);
        for line in lines {
            println!("{line}");
        }
    }
}

#[test]
fn try_out() {
    let only = std::env::var("EXPLORE").unwrap_or_default();
    for setting in BATCHES.iter().filter(|setting| setting.name == only || only.is_empty()) {
        let began = std::time::Instant::now();
        let mut budget = setting.budgets[0];
        if let Some(all) = crate::setting("EXPLORE_ALL") {
            budget.all = u8::try_from(all).unwrap();
        }
        let report = explore(setting, budget, 1_000_000);
        print(setting, budget, &report, began);
    }
}
