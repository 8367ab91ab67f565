//! `state/activate`, and the mail of activations.

use jumpcloud_sim::What;
use jumpcloud_sim::ledger::{MailKind, MailTo};
use serde_json::json;

use super::{HOUR, STATES, api, in_an_hour, state};
use crate::support::{Api, USERS};

#[tokio::test]
async fn staged_users_are_activated_with_and_without_mail() {
    let (api, ids) = api(4, json!({})).await;
    api.sim.change_user(&ids[1], &json!({"password": "Sesame-1"})).unwrap();
    api.sim.change_user(&ids[2], &json!({"alternateEmail": "home@x.test"})).unwrap();
    let path = |id: &str| format!("{USERS}/{id}/state/activate");
    for (id, body) in
        ids.iter().zip([json!({}), json!({"email": true}), json!({}), json!({"email": "hr@x.test"})])
    {
        let got = api.post(&path(id), &body).await;
        assert_eq!((got.status, got.text.as_str()), (200, ""));
    }
    assert_eq!(state(&api, "user3"), "ACTIVATED");
    let mails = |api: &Api| {
        let ledger = api.sim.ledger();
        let mails = ledger.iter().filter_map(|entry| match &entry.what {
            What::ActivationMail(mail) => Some((mail.mail, mail.to)),
            _ => None,
        });
        mails.collect::<Vec<_>>()
    };
    assert_eq!(
        mails(&api),
        [
            (MailKind::Activation, MailTo::Primary),
            (MailKind::Welcome, MailTo::Primary),
            (MailKind::Activation, MailTo::Alternate),
            (MailKind::Activation, MailTo::Override),
        ]
    );
    assert_eq!(api.post(&path(&ids[0]), &json!({})).await.status, 400, "not staged any more");
    api.sim.change_user(&ids[0], &json!({"state": "SUSPENDED"})).unwrap();
    api.post("/_sim/settings", &json!({"users": {"activate_from": "any_state"}})).await;
    assert_eq!(api.post(&path(&ids[0]), &json!({"email": false})).await.status, 200);
    assert_eq!((state(&api, "user0").as_str(), mails(&api).len()), ("ACTIVATED", 4));
    assert_eq!(api.post(&path(&ids[0]), &json!({"email": 7})).await.status, 400);
    assert_eq!(api.post(&path("none"), &json!({})).await.status, 404);
}

#[tokio::test]
async fn scheduled_activations_send_the_mail_that_was_asked_for() {
    for (mail, by_default, expected) in [
        (json!({}), false, None),
        (json!({}), true, Some(MailTo::Primary)),
        (json!({"send_activation_emails": true}), false, Some(MailTo::Primary)),
        (json!({"send_activation_emails": false}), true, None),
        (json!({"activation_email_override": "hr@x.test"}), false, Some(MailTo::Override)),
    ] {
        let (api, ids) = api(1, json!({"mail_by_default": by_default})).await;
        let mut request = in_an_hour(&ids, "ACTIVATED");
        request.as_object_mut().unwrap().extend(mail.as_object().unwrap().clone());
        assert_eq!(api.post(STATES, &request).await.status, 201);
        api.sim.advance(HOUR);
        let sent = api.sim.ledger().iter().find_map(|entry| match &entry.what {
            What::ActivationMail(mail) => Some(mail.to),
            _ => None,
        });
        assert_eq!(sent, expected, "{mail} {by_default}");
    }
}
