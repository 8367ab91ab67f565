//! Bar 9: long series of random edits over every field but username. After each of them every declared
//! field has its declared value, and every other one has what it had before.

#[path = "../histories/dice.rs"]
mod dice;
mod edit;
mod expect;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use jumpcloud_sim::{Settings, Sim};
use serde_json::{Map, Value, json};

use self::edit::Author;
use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::truth::assert_true;
use crate::harness::world::World;

/// Series that run side by side, each of an object of its own.
const SERIES: u64 = 4;

/// Edits of each: 200 in all.
const STEPS: usize = 50;

/// Users of each.
const USERS: usize = 3;

/// A row of a manifest, and a user as the simulator keeps it.
type Fields = Map<String, Value>;

fn live(sim: &Sim, row: &Fields) -> Fields {
    let name = row["username"].as_str().expect("a username");
    sim.user(name).and_then(|user| user.as_object().cloned()).expect("the user is there")
}

async fn series(world: &World, seed: u64) {
    let name = format!("series{seed}");
    let mut author = Author::new(seed, plain_users(&format!("s{seed}u"), USERS));
    world.apply_batch(&name, &json!({"users": author.rows}));
    world.reason(&name, "Succeeded").await;
    let mut before: BTreeMap<usize, Fields> = BTreeMap::new();
    for step in 0..STEPS {
        for (index, row) in author.rows.iter().enumerate() {
            before.insert(index, live(&world.sim, row));
        }
        let earlier = author.rows.clone();
        let what = author.edit(step + 1 == STEPS);
        if author.dice.chance(150) {
            // Somebody else activates or suspends a user; only another declared state changes that.
            let index = author.dice.index(USERS);
            let state = author.dice.pick(&["ACTIVATED", "SUSPENDED"]);
            let id = before[&index]["_id"].as_str().expect("an id").to_owned();
            world.sim.change_user(&id, &json!({"state": state})).expect("the user is there");
            before.insert(index, live(&world.sim, &author.rows[index]));
        }
        world.apply_batch(&name, &json!({"users": author.rows}));
        let status = world.reason_within(&name, "Succeeded", Duration::from_secs(60)).await;
        assert_true(&world.sim, &status);
        for (index, row) in author.rows.iter().enumerate() {
            let now = live(&world.sim, row);
            let wrong = expect::wrong(&world.sim, &earlier[index], row, &before[&index], &now);
            assert!(
                wrong.is_empty(),
                "seed {seed}, step {step} ({what}), user {index}: {wrong:#?}\nrow {row:#?}\nbefore {:#?}\nnow {now:#?}",
                before[&index]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_edits_over_every_field_come_true() {
    let world = World::new("series", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    futures::future::join_all((1..=SERIES).map(|seed| series(&world, seed))).await;
}
