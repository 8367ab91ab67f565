//! Requests: sent, taken, and worked on.

use jumpcloud_operator::api::submission::Operation;

use super::Cloud;
use super::job::{Job, Member, rows, text};
use crate::clock::Ms;
use crate::explore::request::Order;
use crate::invariants::Violation;

impl Cloud {
    /// The first byte of a request is sent.
    pub fn sent(&mut self, order: &Order, by: Ms) {
        self.sending.push((order.nonce().to_owned(), by));
        if order.operation == Operation::Update {
            for row in rows(order) {
                let (id, department) = (text(&row, "id"), text(&row, "department"));
                self.last.retain(|(other, ..)| *other != id);
                self.last.push((id, order.nonce().to_owned(), department));
            }
        }
    }

    /// Takes a request: the id of its job.
    pub fn take(&mut self, order: &Order, now: Ms, found: &mut Vec<Violation>) -> String {
        let id = format!("job{}", self.jobs.len() + 1);
        let sent_by =
            self.sending.iter().find(|(nonce, _)| nonce == order.nonce()).map_or(now, |(_, by)| *by);
        let job = Job::of(order, id.clone(), sent_by, now);
        self.check_once(&job, found);
        self.jobs.push(job);
        id
    }

    /// I1: no user is in two accepted creates of an object, unless the intent of the later one knew that the
    /// earlier one had not made it.
    fn check_once(&self, new: &Job, found: &mut Vec<Violation>) {
        if new.operation != Operation::Create {
            return;
        }
        let creates = |job: &Job| job.operation == Operation::Create && job.uid == new.uid;
        let cleared = self.cleared.iter().find(|(nonce, _)| *nonce == new.nonce);
        for (index, job) in self.jobs.iter().enumerate().filter(|(_, job)| creates(job)) {
            for (place, earlier) in job.members.iter().enumerate() {
                let twice = new.members.iter().any(|member| member.name == earlier.name);
                let excused = cleared.is_some_and(|(_, all)| all.contains(&(index, place)));
                if twice && !excused {
                    let text = format!("{} is in {} and in {}", earlier.name, job.id, new.id);
                    found.push(Violation { rule: "I1", text });
                }
            }
        }
    }

    /// Works on a job; unless it goes well, its first row fails in a way that may pass.
    pub fn run(&mut self, index: usize, well: bool, now: Ms, found: &mut Vec<Violation>) {
        let mut job = self.jobs[index].clone();
        job.done = true;
        for (place, member) in job.members.iter_mut().enumerate() {
            if place == 0 && !well {
                member.failed = Some("internal error, try again".to_owned());
                // It may have been made before that: as far as anybody can tell the outcome is not known.
                self.unknown.add(&member.name);
            } else if job.operation == Operation::Update {
                self.update(&job.nonce, member, found);
            } else if self.users.iter().any(|user| user.username == member.name) {
                member.failed = Some(format!("User {} already EXISTS", member.name));
            } else {
                let (name, email, department) = (&member.name, &member.email, &member.department);
                self.add(name, email, department, Some(index), now);
            }
        }
        self.jobs[index] = job;
    }

    /// Sets values of a user. None may be set that differ from those that were sent later.
    fn update(&mut self, nonce: &str, member: &Member, found: &mut Vec<Violation>) {
        let Some(user) = self.users.iter_mut().find(|user| user.id == member.name) else { return };
        user.department.clone_from(&member.department);
        let last = self.last.iter().find(|(id, ..)| *id == member.name);
        if let Some((id, last, _)) =
            last.filter(|(_, last, value)| last != nonce && *value != member.department)
        {
            let text = format!("{nonce} comes to pass for {id} after {last} was sent");
            found.push(Violation { rule: "order", text });
        }
    }
}
