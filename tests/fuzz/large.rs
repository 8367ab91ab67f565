//! Answers of megabytes: read or refused in a time that grows no faster than they do.

use jumpcloud_operator::jumpcloud::error::Error;
use jumpcloud_operator::jumpcloud::schedules::EventQuery;
use jumpcloud_operator::jumpcloud::users::{UserKey, UserSearch};
use serde_json::{Value, json};

use crate::rig::{Rig, answer, create};
use crate::unfit;

const MEGABYTE: usize = 1 << 20;

fn ok(body: &[u8]) -> Vec<u8> {
    answer(200, &[], body)
}

#[test]
fn more_than_is_read_is_refused() {
    let rig = Rig::new();
    let texts = [b"[".repeat(10 * MEGABYTE), b" ".repeat(10 * MEGABYTE), b"\xff".repeat(10 * MEGABYTE)];
    for text in texts {
        let said = rig.ask(ok(&text), rig.client.job_results("j", 1));
        assert!(matches!(said, Err(Error::TooLarge { .. })), "{said:?}");
        assert_eq!(rig.ask(ok(&text), create(&rig.client)).category(), "unknown");
    }
}

#[test]
fn deep_answers_are_refused() {
    let rig = Rig::new();
    for opening in ["[", "{\"a\":", "[{\"meta\":{\"systemUser\":[", "{\"results\":["] {
        let deep = opening.repeat(MEGABYTE / opening.len());
        let said = rig.ask(ok(deep.as_bytes()), rig.client.job_results("j", 1));
        assert!(matches!(said, Err(Error::Decode { .. })), "{said:?}");
        let refused = rig.ask(answer(400, &[], deep.as_bytes()), create(&rig.client));
        assert_eq!(refused.category(), "rejected");
    }
}

#[test]
fn a_message_of_megabytes_is_cleaned_in_time() {
    let rig = Rig::new();
    for piece in ["<", "<a", ">", "\u{1b}[", "\u{1b}[1;", "ada@example.com ", "x", "\u{200b}", "\"", "%40"] {
        let message = piece.repeat(4 * MEGABYTE / (piece.len() * if piece.is_ascii() { 2 } else { 1 }));
        let row = json!([{"id": "1", "status": message, "statusMsg": message}]);
        let rows = rig.ask(ok(row.to_string().as_bytes()), rig.client.job_results("j", 1));
        // Escaped it may be more than is read.
        let Ok(rows) = rows else { continue };
        assert_eq!(rows[0].message.as_deref().and_then(|message| unfit(message, 512)), None);
    }
    for piece in ["<", "<a", "\u{1b}[", "{\"message\":\"<<<<"] {
        let refused = rig
            .ask(answer(422, &[], piece.repeat(9 * MEGABYTE / piece.len()).as_bytes()), create(&rig.client));
        assert_eq!(refused.category(), "rejected");
    }
}

#[test]
fn pages_without_end_end() {
    let rig = Rig::new();
    let full = |item: Value| json!(vec![item; 100]).to_string();
    let rows =
        rig.ask(ok(full(json!({"status": "pending"})).as_bytes()), rig.client.job_results("j", usize::MAX));
    assert!(rows.unwrap().len() <= 5000);
    let event = json!({"scheduledJobId": "j", "systemUserId": "u", "state": "SUSPENDED"});
    let listing =
        rig.ask(ok(full(event).as_bytes()), rig.client.list_schedules(&EventQuery::default(), 50)).unwrap();
    assert_eq!(listing.events.len(), 1, "each once");
    let users = json!({"totalCount": u64::MAX, "results": [{"_id": "1", "username": "ada"}]}).to_string();
    let query = UserSearch::new(vec![UserKey::Username("ada".to_owned())]);
    assert_eq!(rig.ask(ok(users.as_bytes()), rig.client.search_users(&query)).unwrap().len(), 1);
    let next = json!({"events_count": u64::MAX, "results": [{"scheduledJobId": "j", "systemUserId": "u1"}]});
    let next = rig.ask(ok(next.to_string().as_bytes()), rig.client.next_events(&["u1".to_owned()]));
    assert_eq!(next.unwrap().events.len(), 1);
    // As many rows as fit into one answer.
    let many = format!("[{}{{}}]", "{},".repeat(2 * MEGABYTE));
    rig.ask(ok(many.as_bytes()), rig.client.job_results("j", 3)).unwrap();
}
