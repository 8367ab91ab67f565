//! The V1 routes of users.

use bytes::Bytes;
use serde_json::{Value, json};

use super::page::{checked, names, number};
use super::{Context, Done};
use crate::http::answer::Answer;
use crate::ledger::Cause;
use crate::schedules::MailWish;
use crate::settings::{ActivateFrom, UsernameChange};
use crate::users::answer::{Shape, Spelling, show};
use crate::users::filter::Filter;
use crate::users::query::{self, Query, Sort, Terms, Visibility};
use crate::users::validate::{self, Form};
use crate::users::{Fields, text};
use crate::world::milliseconds;

pub(super) fn list(context: &mut Context<'_>) -> Result<Done, Answer> {
    let settings = &context.world.settings.search;
    let limit = number(context, "limit", settings.default_limit)?;
    let limit = checked(context, limit, settings.max_list_limit)?;
    let filters = context.call.query.iter().filter(|(name, _)| name == "filter" || name == "filter[]");
    let filters: Result<Vec<_>, _> = filters.map(|(_, condition)| Filter::read_text(condition)).collect();
    let filter = Filter::All(filters.map_err(|message| context.error(400, &message))?);
    let terms = context.call.parameter("search").map(|term| Terms {
        terms: vec![term.to_owned()],
        fields: ["username", "email", "firstname", "lastname", "displayname"].map(str::to_owned).to_vec(),
    });
    let sort = context.call.parameter("sort").map(Sort::read).unwrap_or_default();
    let skip = number(context, "skip", 0)?;
    let fields = context.call.parameter("fields").and_then(names);
    let query = Query { filter, terms, sort, skip, limit };
    Ok(found(context, &query, Shape::Plain, fields.as_deref()))
}

pub(super) fn search(context: &mut Context<'_>) -> Result<Done, Answer> {
    let Value::Object(body) = context.body()? else {
        return Err(context.error(400, "the body must be an object"));
    };
    let settings = &context.world.settings.search;
    let refused = |message: &str| context.error(400, message);
    let amount = |name: &str, default: usize| match body.get(name) {
        None | Some(Value::Null) => number(context, name, default),
        Some(value) => value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| refused(&format!("Bad Request: {name} must be a number"))),
    };
    let limit = checked(context, amount("limit", settings.default_limit)?, settings.max_limit)?;
    let skip = amount("skip", 0)?;
    let filter = body.get("filter").unwrap_or(&Value::Null);
    let filter = Filter::read(filter, settings.object_form).map_err(|message| refused(&message))?;
    if settings.max_conditions.is_some_and(|most| filter.len() > most) {
        return Err(refused("the filter has too many conditions"));
    }
    let terms = body.get("searchFilter").map(read_terms).transpose().map_err(refused)?;
    let sort = match context.call.parameter("sort") {
        Some(sort) if settings.sort_is_honoured => Sort::read(sort),
        _ => Vec::new(),
    };
    let fields = text(&body, "fields").and_then(names);
    let query = Query { filter, terms, sort, skip, limit };
    Ok(found(context, &query, Shape::Search, fields.as_deref()))
}

fn read_terms(filter: &Value) -> Result<Terms, &'static str> {
    let texts = |value: Option<&Value>| match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let (terms, fields) = (texts(filter.get("searchTerm")), texts(filter.get("fields")));
    if terms.is_empty() || fields.is_empty() {
        return Err("searchFilter needs searchTerm and fields");
    }
    Ok(Terms { terms, fields })
}

fn found(context: &mut Context<'_>, query: &Query, shape: Shape, fields: Option<&[String]>) -> Done {
    let spelling = spelling(context);
    let settings = &context.world.settings.search;
    let visibility = Visibility {
        now: context.now,
        lag: milliseconds(settings.lag_ms),
        shuffle_unsorted: settings.shuffle_unsorted,
    };
    let Some(organisation) = context.world.organisations.get(&context.access.organisation) else {
        return Done::answered(context.error(404, "the organization was not found"));
    };
    let (total, users) = query::run(&organisation.users, query, &visibility, &mut context.world.rng);
    let results: Vec<_> = users.iter().map(|user| show(user, shape, spelling, fields)).collect();
    Done {
        asked: query.filter.exact().into_iter().map(|(_, value)| value.to_owned()).collect(),
        found: users.iter().map(|user| user.username().to_owned()).collect(),
        ..Done::answered(Answer::json(200, &json!({"totalCount": total, "results": results})))
    }
}

pub(super) fn get(context: &Context<'_>) -> Result<Answer, Answer> {
    let fields = context.call.parameter("fields").and_then(names);
    shown(context, 200, context.call.id.as_deref().unwrap_or_default(), fields.as_deref())
}

pub(super) fn create(context: &mut Context<'_>) -> Result<Answer, Answer> {
    let fields = checked_body(context, Form::V1Create, None)?;
    let organisation = context.access.organisation.clone();
    let default =
        context.world.organisations.get(&organisation).map(|home| home.new_user_state.manual_entry.clone());
    let default = default.unwrap_or_default();
    let id = context.world.insert_user(
        &organisation,
        &fields,
        "jumpcloud:manual",
        &default,
        context.now,
        Cause::Request,
    );
    shown(context, 200, &id.unwrap_or_default(), None)
}

pub(super) fn update(context: &mut Context<'_>) -> Result<Answer, Answer> {
    let id = context.call.id.clone().unwrap_or_default();
    let Some(username) = user(context, &id).map(|user| user.username().to_owned()) else {
        return Err(context.error(404, "the user was not found"));
    };
    let mut fields = checked_body(context, Form::V1Update, Some(&id))?;
    if text(&fields, "username").is_some_and(|new| new != username) {
        match context.world.settings.users.username_change {
            UsernameChange::Refuse => return Err(context.error(400, "username is not allowed to change")),
            UsernameChange::Ignore => drop(fields.remove("username")),
            UsernameChange::Allow => {}
        }
    }
    context.world.change_user(&context.access.organisation, &id, &fields, context.now, Cause::Request);
    shown(context, 200, &id, None)
}

pub(super) fn delete(context: &mut Context<'_>) -> Result<Answer, Answer> {
    let id = context.call.id.clone().unwrap_or_default();
    let answer = shown(context, 200, &id, None)?;
    let organisation = context.access.organisation.clone();
    let heir = context.call.parameter("cascade_manager").map(|heir| match heir {
        "null" => Value::Null,
        heir => json!(heir),
    });
    context.world.delete_user(&organisation, &id, context.now, Cause::Request);
    if let Some(heir) = heir {
        let reports =
            context.world.organisations.get(&organisation).into_iter().flat_map(|home| home.users.iter());
        let reports: Vec<_> = reports
            .filter(|user| text(&user.fields, "manager") == Some(&id))
            .map(|user| user.id.clone())
            .collect();
        let change = Fields::from_iter([("manager".to_owned(), heir)]);
        for report in reports {
            context.world.change_user(&organisation, &report, &change, context.now, Cause::Request);
        }
    }
    Ok(answer)
}

/// `state/activate`: the answer has no body.
pub(super) fn activate(context: &mut Context<'_>) -> Result<Answer, Answer> {
    let id = context.call.id.clone().unwrap_or_default();
    let body = if context.call.body.is_empty() { json!({}) } else { context.body()? };
    let mail = match body.as_object().map(|fields| fields.get("email")) {
        None => return Err(context.error(400, "the body must be an object")),
        Some(None | Some(Value::Bool(true))) => MailWish::Usual,
        Some(Some(Value::Bool(false))) => MailWish::None,
        Some(Some(Value::String(address))) if address.contains('@') => MailWish::Override,
        Some(Some(_)) => return Err(context.error(400, "email must be true, false or an address")),
    };
    let Some(state) = user(context, &id).map(|user| text(&user.fields, "state").map(str::to_owned)) else {
        return Err(context.error(404, "the user was not found"));
    };
    let is_staged = state.as_deref() == Some("STAGED");
    if !is_staged && context.world.settings.users.activate_from == ActivateFrom::StagedOnly {
        return Err(context.error(400, "the user is not staged"));
    }
    if state.as_deref() != Some("ACTIVATED") {
        let organisation = context.access.organisation.clone();
        let change = Fields::from_iter([("state".to_owned(), json!("ACTIVATED"))]);
        context.world.change_user(&organisation, &id, &change, context.now, Cause::Request);
        context.world.mail_activation(&organisation, &id, mail, context.now, Cause::Request);
    }
    Ok(Answer { status: 200, content_type: None, headers: Vec::new(), body: Bytes::new() })
}

/// The body of a write, checked; in V1 every finding is 400.
fn checked_body(context: &Context<'_>, form: Form, except: Option<&str>) -> Result<Fields, Answer> {
    let Value::Object(fields) = context.body()? else {
        return Err(context.error(400, "the body must be an object"));
    };
    let finding = validate::check(&fields, form, &context.world.settings.validation).any();
    let finding = finding.or_else(|| context.world.conflict(&context.access.organisation, &fields, except));
    match finding {
        Some(finding) => Err(context.error(400, &finding)),
        None => Ok(fields),
    }
}

fn user<'a>(context: &'a Context<'_>, id: &str) -> Option<&'a crate::users::store::User> {
    context.world.organisations.get(&context.access.organisation)?.users.get(id)
}

fn shown(context: &Context<'_>, status: u16, id: &str, fields: Option<&[String]>) -> Result<Answer, Answer> {
    match user(context, id) {
        Some(user) => Ok(Answer::json(status, &show(user, Shape::Plain, spelling(context), fields))),
        None => Err(context.error(404, "the user was not found")),
    }
}

fn spelling(context: &Context<'_>) -> Spelling {
    Spelling { id: context.world.settings.api.id_form, empty: context.world.settings.users.empty_text }
}
