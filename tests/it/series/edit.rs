//! Edits as an author makes them: set, change, unset, clear, revert. Seeded.

use jumpcloud_operator::users::field::{FIELDS, Field};
use serde_json::{Value, json};

use super::Fields;
use super::dice::Dice;
use super::values::value;

/// Fields that declare the state: at most one of them at a time, or they contradict each other.
pub const STATE: [&str; 3] = ["state", "suspended", "activated"];

/// Who edits the rows of one object.
pub struct Author {
    /// Their choices.
    pub dice: Dice,
    /// The rows as they are now.
    pub rows: Vec<Fields>,
    first: Vec<Fields>,
    turn: usize,
}

impl Author {
    /// An author whose first spec declares some of everything.
    pub fn new(seed: u64, users: Vec<Value>) -> Self {
        let rows: Vec<Fields> =
            users.into_iter().map(|user| user.as_object().cloned().expect("a row")).collect();
        let mut author = Self { dice: Dice::new(seed), rows, first: Vec::new(), turn: 0 };
        for index in 0..author.rows.len() {
            for field in editable() {
                if author.dice.chance(400) {
                    author.set(index, field);
                }
            }
        }
        author.first.clone_from(&author.rows);
        author
    }

    /// Edits some rows; `revert` restores the first spec. Returns what was done.
    pub fn edit(&mut self, revert: bool) -> String {
        if revert || self.dice.chance(40) {
            self.rows.clone_from(&self.first);
            return "revert all".to_owned();
        }
        let mut done = Vec::new();
        for _ in 0..=self.dice.index(3) {
            let index = self.dice.index(self.rows.len());
            // Every field has its turn.
            let fields: Vec<&Field> = editable().collect();
            let field = fields[self.turn % fields.len()];
            self.turn += 1;
            let what = match self.dice.index(6) {
                0 if field.name != "email" => {
                    self.rows[index].remove(field.name);
                    "unset"
                }
                1 if field.is_clearable() => {
                    self.rows[index].remove(field.name);
                    self.clear(index, field.name);
                    "clear"
                }
                2 if field.name == "attributes" => {
                    let name = self.dice.pick(&["team", "costCode", "site"]);
                    if let Some(Value::Object(map)) = self.rows[index].get_mut("attributes") {
                        map.remove(name);
                    }
                    self.clear(index, &format!("attributes.{name}"));
                    "clear one of"
                }
                3 => {
                    let first = self.first[index].get(field.name).cloned();
                    self.unclear(index, field.name);
                    match first {
                        Some(value) => self.put(index, field, value),
                        None if field.name != "email" => drop(self.rows[index].remove(field.name)),
                        None => {}
                    }
                    "revert"
                }
                _ => {
                    self.set(index, field);
                    "set"
                }
            };
            done.push(format!("{what} {} of {index}", field.name));
        }
        done.join(", ")
    }

    fn set(&mut self, index: usize, field: &Field) {
        let name = |row: &Fields| row["username"].as_str().expect("a username").to_owned();
        let own = name(&self.rows[index]);
        let others: Vec<String> = self.rows.iter().map(name).filter(|name| *name != own).collect();
        let value = value(field, &mut self.dice, &own, &others);
        self.put(index, field, value);
    }

    fn put(&mut self, index: usize, field: &Field, value: Value) {
        if STATE.contains(&field.name) {
            for name in STATE {
                self.rows[index].remove(name);
            }
        }
        self.unclear(index, field.name);
        self.rows[index].insert(field.name.to_owned(), value);
    }

    fn clear(&mut self, index: usize, name: &str) {
        let list = self.rows[index].entry("clear").or_insert_with(|| json!([]));
        let list = list.as_array_mut().expect("a list");
        if !list.contains(&json!(name)) {
            list.push(json!(name));
        }
    }

    fn unclear(&mut self, index: usize, name: &str) {
        let inside = format!("{name}.");
        if let Some(Value::Array(list)) = self.rows[index].get_mut("clear") {
            list.retain(|cleared| {
                let cleared = cleared.as_str().expect("a name");
                cleared != name && !cleared.starts_with(&inside)
            });
        }
        if self.rows[index].get("clear") == Some(&json!([])) {
            self.rows[index].remove("clear");
        }
    }
}

/// Every field that a row may declare, but for the username.
pub fn editable() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.in_row() && field.name != "username")
}
