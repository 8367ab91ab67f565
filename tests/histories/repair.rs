//! The driver's requests that set fields of one user.

use std::sync::Arc;

use jumpcloud_operator::plan::facts::{Repair, Repaired};
use jumpcloud_operator::users::row::fold;

use crate::network::{Fix, Reply, Request};
use crate::process::{Pass, Waiting};
use crate::world::World;

impl World {
    /// Sets fields of one user; the write before has announced it.
    pub fn repair(&mut self, process: usize, mut pass: Pass, repair: Repair) {
        let fix = Arc::new(Fix {
            uid: pass.object.uid,
            version: pass.object.version,
            repair,
            organization: pass.organization.clone(),
            sender: pass.sender.clone(),
        });
        pass.waiting = Waiting::Put(fix.clone());
        self.await_answer(process, pass, Request::Put(fix));
    }

    /// Whatever went wrong may be tried again, unless JumpCloud refused the values.
    pub fn repaired(&mut self, process: usize, mut pass: Pass, fix: &Fix, reply: Reply) {
        let outcome = match reply {
            Reply::Done => Repaired::Done,
            Reply::Status(400 | 409 | 413 | 422, message) => Repaired::Refused { message },
            Reply::NotSent | Reply::Status(300..=499, _) => Repaired::NotNow,
            _ => Repaired::Unknown,
        };
        let key = fold(&fix.repair.username);
        pass.facts.users.remove(&key);
        pass.facts.repaired.insert(key, outcome);
        pass.facts.repairs.retain(|other| *other != fix.repair);
        self.go_on(process, pass);
    }
}
