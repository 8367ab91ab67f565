//! Names that look like others, and names where none belong.

use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::manifests::{batch, connection, plain_users, secret};
use crate::harness::operator::QUICK;
use crate::harness::plane::kubectl;
use crate::harness::schedules::{ahead, by_username, schedule};
use crate::harness::world::World;

/// What is no plain ASCII word is refused by the API server, of lists and of schedules; letters in another case are the
/// same user.
#[tokio::test(flavor = "multi_thread")]
async fn case_16_usernames_that_look_alike() {
    let world = World::new("abuse-names", Settings::default()).await;
    let names = [
        "\u{430}da",
        "ad\u{430}",
        "a\u{200b}da",
        "ada\u{feff}",
        "ada ",
        " ada",
        "a da",
        "ada\u{a0}",
        "ada\t",
        "ada\n",
        "\u{202e}ada",
        "ad\u{e9}",
        "ade\u{301}",
        "\u{ff41}da",
        "\u{212a}im",
        "\u{130}da",
        "ada\u{0}",
        "ada\u{1b}[31m",
        "",
    ];
    let spec = |name: &str| json!({"users": by_username([name]), "state": "Suspended", "startTime": ahead(600).to_string()});
    let list = |name: &str| json!({"users": [{"username": name, "email": "ada@example.com"}]});
    let lists = |name: &str, index: usize| batch(&world.namespace, &format!("n{index}"), &list(name));
    let dates = |name: &str, index: usize| schedule(&world.namespace, &format!("n{index}"), &spec(name));
    // The last one is sound, so that all of them were looked at.
    let all = || names.iter().copied().chain(["ada"]).enumerate();
    let items: Vec<_> = all().flat_map(|(index, name)| [lists(name, index), dates(name, index)]).collect();
    let items = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let printed = kubectl(&["apply", "--server-side", "-f", "-"], &items);
    assert!(!printed.success);
    let taken = world.kubectl(&["get", "jcub,jcsus", "-o", "name"]);
    let last = names.len();
    let sound = format!(
        "jumpclouduserbatch.jumpcloud-operator.dev/n{last}\nscheduleduserstate.jumpcloud-operator.dev/n{last}\n"
    );
    assert_eq!(taken, sound, "{}", printed.text);
    world.kubectl(&["delete", "jcub,jcsus", "--all"]);

    let _operator = world.operator(QUICK);
    let twice = json!([{"username": "ada", "email": "ada@example.com"}, {"username": "ADA", "email": "b@example.com"}]);
    world.apply_batch("twice", &json!({ "users": twice }));
    world.reason("twice", "InvalidSpec").await;
    let theirs = json!({"username": "grace", "email": "grace@theirs.example.com"});
    world.sim.add_user(DEFAULT_ORGANISATION, &theirs).expect("a user");
    let users = json!([{"username": "gRACE", "email": "grace@example.com"}]);
    world.apply_batch("sales", &json!({ "users": users }));
    world.reason("sales", "UserConflict").await;
    assert!(world.sim.requests(Route::BulkCreate).is_empty());
}

/// Nothing that anybody declares is a label: neither names of objects, Secrets and namespaces nor of users, ids, organisations,
/// messages or hosts, whatever becomes of them.
#[tokio::test(flavor = "multi_thread")]
async fn case_19_no_name_is_in_a_metric() {
    let world = World::bare("abuse-zqnamespace", Settings::default()).await;
    let mut key = secret(&world.namespace, jumpcloud_sim::DEFAULT_KEY);
    key["metadata"]["name"] = json!("zqsecret");
    apply(&key.to_string());
    let mut object = connection(&world.namespace, "zqconnection", world.sim.url());
    object["spec"]["auth"]["apiKey"]["secretKeyRef"]["name"] = json!("zqsecret");
    apply(&object.to_string());
    world.sim.set_faults(vec![FaultRule::status(502).on(Route::BulkCreate).times(1)]);
    let operator = world.operator(QUICK);
    let through = |spec: serde_json::Value| {
        let mut spec = spec;
        spec["connectionRef"] = json!({"name": "zqconnection"});
        spec
    };
    world.apply_batch("zqbatch", &through(json!({"users": plain_users("zquser", 3)})));
    world.apply_batch("zqother", &through(json!({"users": plain_users("zquser", 3)})));
    let dates = json!({"users": by_username(["zquser0000", "zqnobody"]), "state": "Suspended",
        "startTime": ahead(7200).to_string()});
    apply(&schedule(&world.namespace, "zqschedule", &through(dates)).to_string());
    world.reason("zqbatch", "Succeeded").await;
    crate::harness::wait::eventually("the metrics", crate::harness::world::PATIENCE, async || {
        let page = operator.metrics().await;
        if page.contains("kind=\"ScheduledUserState\"") { Ok(()) } else { Err(page.len()) }
    })
    .await;
    let page = operator.metrics().await.to_lowercase();
    let ids = world.sim.users().into_iter().filter_map(|user| user["_id"].as_str().map(str::to_owned));
    let host = world.sim.address().to_string();
    for name in ids.chain(["zq", "@", "abuse-", DEFAULT_ORGANISATION, host.as_str()].map(str::to_owned)) {
        let line = page.lines().find(|line| line.contains(&name));
        assert_eq!(line, None, "{name}");
    }
}
