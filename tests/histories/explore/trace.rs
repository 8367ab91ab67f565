//! What happens, in words.

use super::kind::{Hidden, Kind};
use super::moves::Move;
use super::object::Object;
use super::replica::Doing;
use super::request::{Late, Request};
use super::state::State;
use super::wire::Fault;

/// What is about to happen.
pub fn line<K: Kind>(state: &State<K>, next: &Move<K::Edit>) -> String {
    let what = match next {
        Move::Plan(r) => format!("operator {r} plans"),
        Move::Begin(r, 0) => format!("operator {r} begins a pass"),
        Move::Begin(r, behind) => format!("operator {r} begins a pass from a version {behind} behind"),
        Move::Send(r, fault) => {
            let doing = state.replicas[*r].pass.as_ref().map(|pass| doing(&pass.doing));
            let fault = match fault {
                Fault::None => "",
                Fault::Refused => ": refused",
                Fault::LostBefore => ": lost on its way",
                Fault::LostAfter => ": done, the answer is lost",
                Fault::ErrorBefore => ": 503, not done",
                Fault::ErrorAfter => ": 500 after it was done",
                Fault::Late => ": no answer, arrives later",
            };
            format!("operator {r} {}{fault}", doing.unwrap_or_default())
        }
        Move::Crash(r) => format!("operator {r} dies"),
        Move::Pause(r) => format!("operator {r} stops"),
        Move::Resume(r) => format!("operator {r} goes on, or begins anew"),
        Move::Arrive(index) => format!("{} arrives", late(&state.late[*index])),
        Move::Happen(Hidden::Run(job)) => format!("JumpCloud works on job {job}"),
        Move::Happen(Hidden::RunBadly(job)) => format!("JumpCloud fails the first row of job {job}"),
        Move::Happen(Hidden::Show(user)) => format!("JumpCloud shows user {user}"),
        Move::Edit(edit) => format!("others: {edit:?}"),
        Move::Tick(at) => format!("it becomes {}.{:03} s", at / 1000, at % 1000),
    };
    format!("{:>9.3} {what}", seconds(state.now))
}

#[expect(clippy::cast_precision_loss, reason = "times of a few minutes, for people")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn doing<K: Kind>(doing: &Doing<K>) -> String {
    match doing {
        Doing::Plan => "plans".to_owned(),
        Doing::Read(read) => format!("reads {}", K::describe(Some(read), None)),
        Doing::Write(writing) => match &writing.intent {
            Some(intent) => format!("writes the intent of {}", intent.submission.nonce),
            None => "writes the status".to_owned(),
        },
        Doing::ReadBack(_) => "reads the object back".to_owned(),
        Doing::Post(order) => format!("sends {}", order.nonce()),
        Doing::Record(note) => format!("records what {} was answered", note.nonce),
        Doing::Relocate(note) => format!("reads the object to find the record of {}", note.nonce),
        Doing::Call(call) => format!("calls {}", K::describe(None, Some(call))),
        Doing::Finalizer(true) => "adds the finalizer".to_owned(),
        Doing::Finalizer(false) => "takes the finalizer away".to_owned(),
    }
}

fn late<K: Kind>(late: &Late<K>) -> String {
    match &late.request {
        Request::Write(..) => "a status".to_owned(),
        Request::Post(order) => order.nonce().to_owned(),
        Request::Record(note) => format!("the record of {}", note.nonce),
        Request::Call(call, _) => K::describe(None, Some(call)),
        Request::Finalizer(..) => "a change of the finalizer".to_owned(),
    }
}

/// The status in the end.
pub fn status<K: Kind>(state: &State<K>) -> String {
    let shown = |object: &Object<K>| serde_json::to_string(&object.status.status).unwrap();
    let status = state.api.live().map_or_else(|| "no object".to_owned(), |live| shown(live));
    format!("{:>9.3} status: {status}", seconds(state.now))
}
