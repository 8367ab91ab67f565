//! The driver's reads: of JumpCloud over the wire, of everything else at once.

use std::collections::BTreeSet;

use jumpcloud_operator::api::submission::{Phase, Recorded};
use jumpcloud_operator::plan::facts::{Connection, ConnectionFact, FailedRead, Slot};
use jumpcloud_operator::plan::policy::after;
use jumpcloud_operator::plan::schedule::facts::{BatchFact, Read};

use super::environment::Link;
use super::network::{Reply, Request};
use super::process::{Pass, Waiting};
use super::world::{Who, World};
use crate::clock::{SECOND, span};

impl World {
    /// A process reads what the planner asks for.
    pub fn begin_read(&mut self, who: Who, mut pass: Pass, read: Read) {
        let request = match &read {
            Read::Connection => {
                pass.facts.connection = Some(self.connection(&mut pass));
                return self.go_on(who, pass);
            }
            Read::Slot => {
                let records = pass.object.status.submissions.iter().filter_map(Recorded::known);
                let under_way = records.filter(|record| record.phase != Phase::Rejected).count();
                pass.facts.slot = Some(if under_way < self.environment.max_jobs {
                    Slot::Free
                } else {
                    Slot::Taken { until: after(self.clock(who.process), self.policy.poll_min) }
                });
                return self.go_on(who, pass);
            }
            Read::Batch(_) => {
                pass.facts.batch = Some(match self.environment.awaited {
                    Some(usize::MAX) => BatchFact::Missing,
                    _ => BatchFact::Found(self.environment.members()),
                });
                return self.go_on(who, pass);
            }
            Read::Users(keys) => Request::Users(keys.clone()),
            Read::Events(wanted) => Request::Events(wanted.clone()),
            Read::Job { job_id, .. } => Request::Job(job_id.clone()),
        };
        pass.waiting = Waiting::Read(read);
        self.await_answer(who, pass, request);
    }

    /// Takes in the answer to a read.
    pub fn read(&mut self, who: Who, pass: &mut Pass, read: Read, reply: Reply) {
        let now = self.clock(who.process);
        let memory = &mut self.processes[who.process].about[who.place].memory;
        match (&read, reply) {
            (Read::Users(_), Reply::Users(found)) => {
                memory.trouble = None;
                pass.facts.looked_up(found, now);
            }
            (Read::Events(wanted), Reply::Events(mut rows, mut whole)) => {
                memory.trouble = None;
                if let Some(mutant) = self.mutant {
                    mutant.lists(&pass.object.status, &mut rows, &mut whole);
                }
                let covered: BTreeSet<String> = wanted.users.iter().cloned().collect();
                pass.facts.listed(wanted, rows, whole, covered, now);
            }
            (Read::Job { job_id, rows }, Reply::Job(answer)) => {
                memory.trouble = None;
                pass.facts.polled(job_id, answer, *rows, now);
                memory.polls.clone_from(&pass.facts.notes.common.polls);
            }
            _ => {
                let message = "JumpCloud did not answer; tried again".to_owned();
                memory.trouble = Some(message.clone());
                let retry_at = after(now, span(self.dice.between(2 * SECOND, 20 * SECOND)));
                pass.facts.failed.insert(read, FailedRead { retry_at, message });
            }
        }
    }

    fn connection(&mut self, pass: &mut Pass) -> ConnectionFact {
        // Another organisation's key counts only once the object has its own.
        let settled = self.api.live(pass.object.place).is_some_and(|o| o.status.organization_id.is_some());
        let other = self.environment.link == Link::Other && settled;
        (if other { "elsewhere" } else { "org" }).clone_into(&mut pass.organization);
        match self.environment.link {
            Link::Missing => ConnectionFact::Missing,
            Link::Checking if self.dice.chance(700) => ConnectionFact::Checking,
            Link::NotReady => ConnectionFact::NotReady("connection is not Ready".to_owned()),
            link => ConnectionFact::Ready(Connection {
                organization: pass.organization.clone(),
                paused: link == Link::Paused,
                max_batch_size: 100,
            }),
        }
    }
}
