//! Organisations, and keys that open several.

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_sim::settings::{Key, MultiTenantKey, OrgHeader, OrganisationSettings};
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, Settings};

use crate::rig::{Rig, config, status_of};

const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";

#[tokio::test]
async fn the_organisation_and_its_defaults_are_read() {
    let rig = Rig::new().await;
    let all = rig.client.organizations().await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].id.as_str(), all[0].name.as_deref()), (DEFAULT_ORGANISATION, Some("Example")));
    let states = rig.client.organization(DEFAULT_ORGANISATION).await.unwrap().new_user_states.unwrap();
    assert_eq!(states.csv_import.as_deref(), Some("STAGED"));
    assert_eq!(states.application_import.as_deref(), Some("ACTIVATED"));
    assert!(rig.client.organization(OTHER).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_key_of_several_organisations_needs_the_header() {
    let mut settings = Settings::default();
    settings.organisations[0].keys.clear();
    settings.organisations.push(OrganisationSettings {
        id: OTHER.to_owned(),
        display_name: "Other".to_owned(),
        keys: Vec::new(),
        ..OrganisationSettings::default()
    });
    settings.multi_tenant_keys = vec![MultiTenantKey {
        key: Key::new(DEFAULT_KEY),
        organisations: vec![DEFAULT_ORGANISATION.to_owned(), OTHER.to_owned()],
    }];
    let rig = Rig::with(settings).await;
    assert_eq!(status_of(&rig.client.organizations().await), Some(401));
    let mut config = config(rig.sim.url());
    config.organization = Some(OTHER.to_owned());
    let client = JumpCloud::new(config).unwrap();
    assert_eq!(client.organizations().await.unwrap().len(), 2);
    assert_eq!(client.organization(OTHER).await.unwrap().name.as_deref(), Some("Other"));
    assert_eq!(rig.sim.ledger().last().unwrap().request().unwrap().org_id.as_deref(), Some(OTHER));
}

#[tokio::test]
async fn a_header_that_is_not_allowed_is_a_matter_of_credentials() {
    let rig = Rig::new().await;
    rig.sim.update_settings(|settings| settings.api.org_header = OrgHeader::Refused);
    let mut config = config(rig.sim.url());
    config.organization = Some(DEFAULT_ORGANISATION.to_owned());
    let error = JumpCloud::new(config).unwrap().organizations().await.unwrap_err();
    assert!(error.is_credentials());
    assert!(rig.client.organizations().await.is_ok());
}
