//! The V1 routes of organisations.

use serde_json::{Map, Value, json};

use super::Context;
use crate::http::answer::Answer;
use crate::settings::IdForm;
use crate::world::Organisation;

pub(super) fn list(context: &Context<'_>) -> Result<Answer, Answer> {
    let reach = context.access.reach.iter().filter_map(|id| context.world.organisations.get(id));
    let results: Vec<_> =
        reach.map(|one| shown(context, one, &[("displayName", json!(one.display_name))])).collect();
    Ok(Answer::json(200, &json!({"totalCount": results.len(), "results": results})))
}

pub(super) fn get(context: &Context<'_>) -> Result<Answer, Answer> {
    let id = context.call.id.as_deref().unwrap_or_default();
    if context.call.header("x-org-id").is_some_and(|header| header != id) {
        return Err(context.error(400, "the x-org-id header differs from the organization in the path"));
    }
    let organisation =
        context.world.organisations.get(id).filter(|one| context.access.reach.contains(&one.id));
    let Some(organisation) = organisation else {
        return Err(context.error(404, "the organization was not found"));
    };
    let defaults = &organisation.new_user_state;
    let settings = json!({
        "name": organisation.display_name,
        "newSystemUserStateDefaults": {
            "applicationImport": defaults.application_import,
            "csvImport": defaults.csv_import,
            "manualEntry": defaults.manual_entry,
        },
    });
    let fields = [("displayName", json!(organisation.display_name)), ("settings", settings)];
    Ok(Answer::json(200, &shown(context, organisation, &fields)))
}

fn shown(context: &Context<'_>, organisation: &Organisation, fields: &[(&str, Value)]) -> Value {
    let mut shown: Map<_, _> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let form = context.world.settings.api.id_form;
    if matches!(form, IdForm::Both | IdForm::Underscore) {
        shown.insert("_id".to_owned(), json!(organisation.id));
    }
    if matches!(form, IdForm::Both | IdForm::Plain) {
        shown.insert("id".to_owned(), json!(organisation.id));
    }
    Value::Object(shown)
}
