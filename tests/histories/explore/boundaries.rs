//! A crash at every boundary of every effect, and pairs of crashes: whatever is interrupted, the users, their events
//! and what status says of them are the same in the end as without a crash.
//!
//! What may differ: jobs and their ids, attempts, times, and that something was taken over after an unknown outcome.
//! Who had two requests of unknown outcome may be reported so.

use super::drive::Book;
use super::kind::Kind;
use super::moves::Move;
use super::search::is_calm;
use super::setting::Setting;
use super::state::State;
use super::wire::Fault;
use super::{CREATE, EVER, SCHEDULE, batch, budget, schedule};
use crate::world::Crash;

/// How far apart, in effects, the crashes of a pair are at most.
const APART: usize = 4;

/// More moves than any run takes.
const MOST_MOVES: usize = 3000;

/// A run in which nothing else goes wrong, with crashes at these effects: the end, and how many effects there were.
fn run<K: Kind>(setting: &Setting<K>, crashes: &[(usize, Crash)]) -> (State<K>, usize, Vec<String>) {
    let mut state = State::begin(setting, budget(0, 0, 0, 0, 0, 0));
    let mut book = Book::default();
    let mut effects = 0;
    for _ in 0..MOST_MOVES {
        let moves = state.moves(setting);
        let Some(next) = moves.first().filter(|next| is_calm(next)) else {
            let mut wrong: Vec<_> = book.broken.into_iter().chain(K::at_rest(setting, &state)).collect();
            let wrong = wrong.drain(..).map(|violation| format!("{}: {}", violation.rule, violation.text));
            return (state, effects, wrong.collect());
        };
        let Move::Send(r, Fault::None) = *next else {
            state.happen(setting, *next, &mut book);
            continue;
        };
        effects += 1;
        let crash = crashes.iter().find(|(effect, _)| *effect == effects).map(|(_, crash)| *crash);
        if crash != Some(Crash::Before) {
            state.happen(setting, *next, &mut book);
        }
        if crash.is_some() {
            state.left = budget(1, 0, 1, 0, 0, 0);
            state.happen(setting, Move::Crash(r), &mut book);
            state.left = budget(0, 0, 0, 0, 0, 0);
        }
    }
    (state, effects, vec!["there is no end".to_owned()])
}

/// Tries every boundary of a workload, and all pairs that are not far apart. How many there were of both.
fn check<K: Kind>(setting: &Setting<K>, wrong: &mut Vec<String>) -> [usize; 2] {
    let (end, effects, broken) = run(setting, &[]);
    wrong.extend(broken.into_iter().map(|text| format!("{}: {text}", setting.name)));
    let expected = K::outcome(&end);
    let both = [Crash::Before, Crash::Sent];
    let single = (1..=effects).flat_map(|effect| both.map(|crash| vec![(effect, crash)]));
    let pairs = (1..=effects).flat_map(|first| {
        (first + 1..=first + APART).flat_map(move |second| {
            both.into_iter().flat_map(move |one| both.map(|other| vec![(first, one), (second, other)]))
        })
    });
    let (single, pairs): (Vec<_>, Vec<_>) = (single.collect(), pairs.collect());
    for crashes in single.iter().chain(&pairs) {
        let (end, _, broken) = run(setting, crashes);
        let outcome = K::outcome(&end);
        let unknown = crashes.len() > 1 && outcome.contains("SubmissionUnknown");
        let differs = (outcome != expected && !unknown).then(|| format!("{outcome}, not {expected}"));
        let broken = broken.into_iter().chain(differs);
        wrong.extend(broken.map(|text| format!("{} with {crashes:?}: {text}", setting.name)));
    }
    println!("{}: {effects} effects, {} crashes, {} pairs", setting.name, single.len(), pairs.len());
    [single.len(), pairs.len()]
}

#[test]
fn a_crash_at_any_boundary_changes_nothing() {
    let mut wrong = Vec::new();
    let batches = [
        Setting { name: "create two jobs", begin: batch::begin::two_jobs, ..CREATE },
        Setting { name: "update", begin: batch::begin::updating, ..CREATE },
    ];
    let schedules = [
        Setting { name: "schedule two users", begin: schedule::begin::scheduling::<2>, ..SCHEDULE },
        Setting { name: "another date", begin: schedule::begin::moved, ..SCHEDULE },
        Setting { name: "one user off a shared id", begin: schedule::begin::one_off, ..SCHEDULE },
        Setting { name: "deletion", begin: schedule::begin::deleted, ..SCHEDULE },
        Setting { name: "apply now", begin: schedule::begin::applying, horizon: EVER, ..SCHEDULE },
    ];
    let mut counts: Vec<[usize; 2]> = batches.iter().map(|setting| check(setting, &mut wrong)).collect();
    counts.extend(schedules.iter().map(|setting| check(setting, &mut wrong)));
    let [single, pairs] = [0, 1].map(|kind| counts.iter().map(|count| count[kind]).sum::<usize>());
    println!("{single} crashes and {pairs} pairs of them, {} that do not converge", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
