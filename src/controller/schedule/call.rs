//! Requests that a schedule's pass may repeat.

use serde_json::{Map, Value};

use crate::controller::read::outcome;
use crate::controller::send::activation_mail;
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error;
use crate::plan::facts::Repaired;
use crate::plan::schedule::desired::Mail;
use crate::plan::schedule::facts::Call;

/// Makes one; the error tells how soon it may be tried again. A refusal is told in JumpCloud's words, which the
/// planner cleans of addresses.
pub(super) async fn call(client: &JumpCloud, call: &Call, mail: &Mail) -> (Repaired, Option<Error>) {
    let answer = match call {
        Call::Cancel { job_id } => client.delete_schedule(job_id).await.map(|deletion| {
            tracing::info!(job = job_id, ?deletion, "scheduled job cancelled");
        }),
        Call::SetState { id, state } => {
            let set = Map::from_iter([("state".to_owned(), Value::from(state.word()))]);
            client.update_user(id, &set).await.map(|_| ())
        }
        Call::Activate { id } => client.activate_user(id, &activation_mail(mail.clone())).await,
    };
    let words = answer.as_ref().err().and_then(Error::message).map(str::to_owned);
    match outcome(answer) {
        (Repaired::Refused { message }, error) => {
            (Repaired::Refused { message: words.unwrap_or(message) }, error)
        }
        other => other,
    }
}
