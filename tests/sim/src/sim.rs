//! The handle that tests hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::clock;
use crate::fault::{Falling, FaultBook, FaultRule, Weather};
use crate::hold::{Held, Hold};
use crate::http::serve::{self, Shared};
use crate::ledger::{Cause, Entry, Request};
use crate::route::Route;
use crate::settings::Settings;
use crate::users::answer;
use crate::world::{Job, Refused, World};

/// A running simulator. Dropping it ends it and closes its connections.
///
/// It runs on a thread and runtime of its own: it may be shared by tests that each have their own
/// runtime, and is not slowed by them or by their paused time.
#[derive(Debug)]
pub struct Sim {
    world: Shared,
    address: SocketAddr,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sim {
    /// Starts a simulator on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port is free, or the settings contradict themselves.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await
    }

    /// Starts a simulator on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken, or the settings contradict themselves.
    pub async fn listen(address: SocketAddr, settings: Settings) -> Result<Self, StartError> {
        let world = Arc::new(Mutex::new(World::new(settings)?));
        let (stop, stopped) = oneshot::channel();
        let (ready, bound) = oneshot::channel();
        let shared = Arc::clone(&world);
        let thread = std::thread::Builder::new().name("jumpcloud-sim".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async move {
                let listener = match TcpListener::bind(address).await {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                drop(ready.send(listener.local_addr()));
                tokio::select! {
                    () = serve::listen(listener, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        let address = bound.await.map_err(|_| std::io::Error::other("the simulator's thread ended"))??;
        Ok(Self { world, address, url: format!("http://{address}"), stop: Some(stop), thread: Some(thread) })
    }

    /// The origin: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The whole ledger.
    #[must_use]
    pub fn ledger(&self) -> Vec<Entry> {
        self.ledger_since(0)
    }

    /// The entries after number `seq`.
    #[must_use]
    pub fn ledger_since(&self, seq: u64) -> Vec<Entry> {
        let mut world = self.world();
        world.settle();
        world.ledger.since(seq).to_vec()
    }

    /// The recorded requests of a route, in the order in which they were carried out.
    #[must_use]
    pub fn requests(&self, route: Route) -> Vec<Request> {
        let ledger = self.ledger();
        ledger.iter().filter_map(Entry::request).filter(|request| request.route == route).cloned().collect()
    }

    /// All users of all organisations, with every field that is kept, and `passwordSha256` when a
    /// password was set.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        let mut world = self.world();
        world.settle();
        world.organisations.values().flat_map(|one| one.users.iter().map(answer::whole)).collect()
    }

    /// The user of this name in any organisation, as [`Sim::users`] gives it.
    #[must_use]
    pub fn user(&self, username: &str) -> Option<Value> {
        let mut world = self.world();
        world.settle();
        let mut organisations = world.organisations.values();
        organisations.find_map(|one| one.users.by_unique("username", username).map(answer::whole))
    }

    /// All jobs, in the order of their acceptance, with the state of each row.
    #[must_use]
    pub fn jobs(&self) -> Vec<Value> {
        let mut world = self.world();
        world.settle();
        world.jobs.values().map(Job::view).collect()
    }

    /// Adds a user in the form of `POST /systemusers` and gives its id.
    ///
    /// # Errors
    /// The organisation does not exist, or the user would be refused by the API.
    pub fn add_user(&self, organisation: &str, user: &Value) -> Result<String, Refused> {
        self.world().add_user(organisation, user)
    }

    /// Changes fields of a user by hand, as somebody in the console would.
    ///
    /// # Errors
    /// There is no such user, or `changes` is not an object.
    pub fn change_user(&self, id: &str, changes: &Value) -> Result<(), Refused> {
        let mut world = self.world();
        let at = world.settle();
        let fields = changes.as_object().ok_or_else(|| Refused("changes must be an object".to_owned()))?;
        let home = world.home_of(id).ok_or_else(|| Refused(format!("no user has the id {id}")))?;
        world.change_user(&home, id, fields, at, Cause::Control);
        Ok(())
    }

    /// Deletes a user by hand; whether there was one.
    pub fn delete_user(&self, id: &str) -> bool {
        let mut world = self.world();
        let at = world.settle();
        let home = world.home_of(id);
        home.is_some_and(|home| world.delete_user(&home, id, at, Cause::Control).is_some())
    }

    /// Every scheduled state change that was not executed yet, of all organisations, in the order in
    /// which they were made: the four fields of the listing, `organisation` and `username`.
    #[must_use]
    pub fn schedules(&self) -> Vec<Value> {
        let mut world = self.world();
        world.settle();
        world.schedules_view()
    }

    /// Schedules state changes by hand, as somebody in the console would, in the form of
    /// `POST /bulk/userstates`, and gives the id that their users share, or the id of each.
    ///
    /// # Errors
    /// The organisation does not exist, or the API would refuse the request.
    pub fn add_schedule(&self, organisation: &str, schedule: &Value) -> Result<Vec<String>, Refused> {
        self.world().add_schedule(organisation, schedule)
    }

    /// Takes the scheduled state changes with this id off the list by hand, those of one user or of all;
    /// gives how many there were.
    pub fn remove_schedules(&self, job_id: &str, user: Option<&str>) -> usize {
        let mut world = self.world();
        let at = world.settle();
        world.remove_schedules(at, &Cause::Control, |event| {
            event.job_id == job_id && user.is_none_or(|user| event.user_id == user)
        })
    }

    /// Replaces all fault rules and their counts.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.world().faults = FaultBook::new(rules);
    }

    /// Adds a fault rule behind those in force.
    pub fn add_fault(&self, rule: FaultRule) {
        self.world().faults.push(rule);
    }

    /// Refuses connections for so long, and closes those that are open once what they asked for is answered.
    pub fn refuse_connections(&self, time: Duration) {
        self.world().refusal.ask(time);
    }

    /// Stops a request until it is released.
    #[must_use]
    pub fn hold(&self, hold: Hold) -> Held {
        self.world().holds.add(hold)
    }

    /// Lets random faults fall where no rule fires, from now on; ends them with `None`.
    pub fn set_weather(&self, weather: Option<Weather>) {
        self.world().weather = weather.map(Falling::new);
    }

    /// Changes the settings. Keys, seed, users and `faults` in them have no effect any more.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut world = self.world();
        world.settle();
        let mut settings = world.settings.clone();
        change(&mut settings);
        world.set_settings(settings);
    }

    /// Moves the clock forward and carries out what falls due.
    pub fn advance(&self, by: Duration) {
        let mut world = self.world();
        world.clock.advance(by);
        world.settle();
    }

    /// Carries out every row that waits for its time, so that all jobs have ended; but for stuck rows.
    pub fn finish_jobs(&self) {
        self.world().finish_jobs();
    }

    /// Moves the clock by so many seconds in either direction, as one that runs ahead or behind.
    pub fn skew(&self, seconds: i64) {
        let mut world = self.world();
        world.settle();
        let to = world.clock.now().checked_add(jiff::SignedDuration::from_secs(seconds));
        if let Ok(to) = to {
            world.clock.set(to);
        }
    }

    /// Sets how many simulated seconds pass in a real one; 0 stands still.
    pub fn set_rate(&self, rate: f64) {
        self.world().clock.set_rate(rate);
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world().clock.now()
    }

    /// Adds a key to an organisation.
    ///
    /// # Errors
    /// The organisation does not exist.
    pub fn add_key(&self, organisation: &str, key: &str) -> Result<(), Refused> {
        self.world().add_key(organisation, key)
    }

    /// Makes a key invalid at once; whether there was one.
    pub fn revoke_key(&self, key: &str) -> bool {
        self.world().revoke_key(key)
    }

    /// Adds a client secret to a service account, which is made when there is none of this id.
    ///
    /// # Errors
    /// The organisation does not exist, or the account is another one's.
    pub fn add_client_secret(
        &self,
        organisation: &str,
        client_id: &str,
        secret: &str,
    ) -> Result<(), Refused> {
        self.world().add_client_secret(organisation, client_id, secret)
    }

    /// Makes a client secret invalid at once; whether there was one. Tokens that it got stay good.
    pub fn revoke_client_secret(&self, client_id: &str, secret: &str) -> bool {
        self.world().revoke_client_secret(client_id, secret)
    }

    /// Makes all tokens invalid at once; how many there were.
    pub fn revoke_tokens(&self) -> usize {
        self.world().revoke_tokens()
    }

    /// When the last request to the API arrived, by the real clock. Control requests do not count.
    #[must_use]
    pub fn last_request(&self) -> Option<Timestamp> {
        self.world().last_request.map(|(_, at)| at)
    }

    /// Waits until no request has arrived for `period`, counted from this call at the earliest, and
    /// gives the time of the last one.
    ///
    /// # Errors
    /// It has not been quiet for that long `within` the time.
    pub async fn quiet_for(
        &self,
        period: Duration,
        within: Duration,
    ) -> Result<Option<Timestamp>, StillBusy> {
        let start = clock::instant();
        loop {
            let last = self.world().last_request;
            let quiet_since = last.map_or(start, |(at, _)| at.max(start));
            let quiet = quiet_since.elapsed();
            if quiet >= period {
                return Ok(last.map(|(_, at)| at));
            }
            if start.elapsed() >= within {
                return Err(StillBusy { period, within });
            }
            tokio::time::sleep((period - quiet).min(Duration::from_millis(50))).await;
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        serve::lock(&self.world)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The simulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen, choose another address: {0}")]
    Listen(#[from] std::io::Error),
    /// A user or a key of the settings is refused.
    #[error("the settings cannot be used, correct them: {0}")]
    Settings(#[from] Refused),
}

/// Requests kept arriving.
#[derive(Debug, thiserror::Error)]
#[error("it was not quiet for {period:?} within {within:?}: look at the end of the ledger")]
pub struct StillBusy {
    period: Duration,
    within: Duration,
}
