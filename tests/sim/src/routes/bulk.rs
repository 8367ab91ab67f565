//! `POST` and `PATCH /bulk/users` and the results of their jobs.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::page::{checked, number};
use super::{Context, Done};
use crate::facts;
use crate::http::answer::Answer;
use crate::settings::{BadInput, Doubles, Operation, UnknownJob};
use crate::users::validate::{self, Form};
use crate::users::{Fields, text};
use crate::world::NewRow;

const DEFAULT_SOURCE: &str = "jumpcloud:bulk";

pub(super) fn create(context: &mut Context<'_>) -> Result<Done, Answer> {
    let source = context.call.header("creation-source").unwrap_or(DEFAULT_SOURCE).to_owned();
    let is_known = facts::of("bulk_request")
        .iter()
        .any(|fact| fact.field == "creation-source" && fact.values().any(|value| value == source));
    if !is_known {
        return Err(context.error(400, "the creation-source header is malformed"));
    }
    let rows = rows(context, Form::BulkCreate)?;
    Ok(accept(context, Operation::Create, &source, rows))
}

pub(super) fn update(context: &mut Context<'_>) -> Result<Done, Answer> {
    let mut rows = rows(context, Form::BulkUpdate)?;
    let mut seen = BTreeSet::new();
    for row in &mut rows {
        let is_double = text(&row.input, "id").is_some_and(|id| !seen.insert(id.to_owned()));
        match context.world.settings.jobs.doubles {
            Doubles::RefuseRequest if is_double => {
                return Err(context.error(400, "the ids of a request must be unique"));
            }
            Doubles::FailLater if is_double => row.fault = Some("duplicate id in the request".to_owned()),
            _ => {}
        }
    }
    Ok(accept(context, Operation::Update, DEFAULT_SOURCE, rows))
}

fn accept(context: &mut Context<'_>, operation: Operation, source: &str, rows: Vec<NewRow>) -> Done {
    let job_id = context.world.accept_job(&context.access.organisation, operation, source, rows, context.now);
    let answer = Answer::json(context.world.settings.api.accepted_status, &json!({"jobId": job_id}));
    // A job without service time is over before its answer is read.
    context.world.settle();
    Done { job_id: Some(job_id), ..Done::answered(answer) }
}

/// Reads and checks the rows of a request; any finding that concerns the whole refuses it.
fn rows(context: &Context<'_>, form: Form) -> Result<Vec<NewRow>, Answer> {
    let settings = &context.world.settings;
    if let Some(value) = context.call.parameter("suppressEmail")
        && !["true", "false"].contains(&value)
    {
        return Err(context.error(400, "suppressEmail must be true or false"));
    }
    let Value::Array(rows) = context.body()? else {
        return Err(context.error(400, "the body must be a list of users"));
    };
    if rows.is_empty() && settings.validation.no_rows == BadInput::RefuseRequest {
        return Err(context.error(400, "the body must name a user"));
    }
    if rows.len() > settings.api.max_rows {
        let most = settings.api.max_rows;
        return Err(context.error(400, &format!("too many users: at most {most} in one request")));
    }
    let mut checked = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let Value::Object(input) = row else {
            return Err(context.error(400, &format!("[{index}] must be an object")));
        };
        refuse_poison(context, &input)?;
        let findings = validate::check(&input, form, &settings.validation);
        if let Some(finding) = findings.refuse {
            return Err(context.error(400, &format!("[{index}].{finding}")));
        }
        checked.push(NewRow { input, fault: findings.fail });
    }
    Ok(checked)
}

fn refuse_poison(context: &Context<'_>, input: &Fields) -> Result<(), Answer> {
    let poison = context
        .world
        .settings
        .api
        .poison
        .iter()
        .find(|poison| input.get(&poison.field) == Some(&poison.equals));
    match poison {
        None => Ok(()),
        Some(poison) => Err(match &poison.body {
            Some(body) => Answer::of_value(poison.status, body),
            None => context.error(poison.status, "the request is invalid"),
        }),
    }
}

pub(super) fn results(context: &mut Context<'_>) -> Result<Answer, Answer> {
    let limit = checked(context, number(context, "limit", 10)?, 100)?;
    let skip = number(context, "skip", 0)?;
    let settings = &context.world.settings.jobs;
    let id = context.call.id.as_deref().unwrap_or_default();
    let job =
        context.world.jobs.get(id).filter(|job| {
            job.organisation == context.access.organisation && job.is_known(settings, context.now)
        });
    let Some(job) = job else {
        return match settings.unknown_job {
            UnknownJob::NotFound => Err(context.error(404, "the job was not found")),
            UnknownJob::BadRequest => Err(context.error(400, "the job id is invalid")),
            UnknownJob::EmptyList => Ok(Answer::json(200, &json!([]))),
        };
    };
    let mut rows = job.results(settings, context.now);
    if settings.shuffle_pages {
        rows.shuffle(&mut context.world.rng);
    }
    let page: Vec<_> = rows.into_iter().skip(skip).take(limit).collect();
    Ok(Answer::json(200, &Value::Array(page)))
}
