//! What each route does.

mod bulk;
pub(crate) mod control;
mod organizations;
mod page;
mod schedules;
mod token;
mod users;

use serde_json::Value;

use crate::http::answer::{Answer, ErrorStyle};
use crate::http::call::Call;
use crate::route::Route;
use crate::world::{Access, World};

/// What carrying out a request came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) answer: Answer,
    pub(crate) organisation: Option<String>,
    pub(crate) job_id: Option<String>,
    pub(crate) asked: Vec<String>,
    pub(crate) found: Vec<String>,
}

impl Done {
    fn answered(answer: Answer) -> Self {
        Self { answer, organisation: None, job_id: None, asked: Vec::new(), found: Vec::new() }
    }
}

/// A request that was let in, with what its route needs.
struct Context<'a> {
    world: &'a mut World,
    call: &'a Call,
    access: Access,
    errors: ErrorStyle,
    now: jiff::Timestamp,
}

impl Context<'_> {
    fn error(&self, status: u16, message: &str) -> Answer {
        self.errors.error(status, message)
    }

    fn body(&self) -> Result<Value, Answer> {
        self.call.json().map_err(|message| self.error(400, &message))
    }
}

/// The client secret of a request for a token.
pub(crate) fn client_secret(call: &Call) -> Option<String> {
    token::basic(call).map(|(_, secret)| secret)
}

/// Carries a request out.
pub(crate) fn carry_out(world: &mut World, call: &Call) -> Done {
    let now = world.settle();
    let errors = ErrorStyle { version: call.route.version(), shape: world.settings.api.error_shape };
    if call.body.len() > world.settings.api.max_body_bytes {
        return Done::answered(errors.error(413, "the request is too large"));
    }
    if call.route == Route::Token {
        let (answer, organisation) = token::grant(world, call, now);
        return Done { organisation, ..Done::answered(answer) };
    }
    let access = match world.access(call, now, errors) {
        Ok(access) => access,
        Err(answer) => return Done::answered(answer),
    };
    let organisation = access.organisation.clone();
    let mut context = Context { world, call, access, errors, now };
    let done = match call.route {
        Route::BulkCreate => bulk::create(&mut context),
        Route::BulkUpdate => bulk::update(&mut context),
        Route::BulkResults => bulk::results(&mut context).map(Done::answered),
        Route::ScheduleCreate => schedules::create(&mut context),
        Route::ScheduleList => schedules::list(&mut context),
        Route::ScheduleDelete => schedules::delete(&mut context).map(Done::answered),
        Route::ScheduleNext => schedules::next(&context).map(Done::answered),
        Route::UserSearch => users::search(&mut context),
        Route::UserList => users::list(&mut context),
        Route::UserGet => users::get(&context).map(Done::answered),
        Route::UserCreate => users::create(&mut context).map(Done::answered),
        Route::UserUpdate => users::update(&mut context).map(Done::answered),
        Route::UserDelete => users::delete(&mut context).map(Done::answered),
        Route::UserActivate => users::activate(&mut context).map(Done::answered),
        Route::OrganizationList => organizations::list(&context).map(Done::answered),
        Route::OrganizationGet => organizations::get(&context).map(Done::answered),
        Route::Token | Route::Unknown => Err(context.error(404, "there is no such route")),
    };
    let done = done.unwrap_or_else(Done::answered);
    Done { organisation: Some(organisation), ..done }
}
