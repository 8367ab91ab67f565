//! Random faults on both sides of the operator.
//!
//! `WEATHER=25 cargo test --test it` runs the whole suite while a quarter of all requests goes wrong, those to JumpCloud
//! and those to the API server. The long run of `faults::thousand` has the same weather without being told to.
//!
//! # What is the same again
//! Faults are drawn from `WEATHER_SEED` (a fixed one unless given) and the test's namespace: the n-th request of a
//! route, and the n-th of a verb and resource, meets the same fault in every run with the same seed. Which object's request
//! is the n-th depends on threads and clocks of real processes, so a run is replayed in kind and not to the letter.
//!
//! # What tests see of it
//! - Deadlines are [`SLOWER`] times as long ([`patience`]).
//! - `SubmissionUnknown` is a legal end, which waits for a person: [`rescue`] is that person, and says so.
//! - Tests that count calls or writes, measure times, or speak of what happens without faults do not run: [`clean_only`]
//!   says which, and why, on standard error.

mod api_server;
mod jumpcloud;
mod person;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use fault_proxy::{Proxy, Which};
use jumpcloud_sim::Sim;
use jumpcloud_sim::invariants::Double;

pub use person::{Kind, rescue};

/// The seed unless `WEATHER_SEED` says another.
const SEED: u64 = 6;

/// How often in a row a route, or a verb of a resource, may go wrong.
const MAX_IN_A_ROW: u32 = 10;

/// How much longer than otherwise things may take.
const SLOWER: u32 = 3;

/// How long a watch may be silent.
const SILENCE: Duration = Duration::from_secs(4);

/// Which part of the requests goes wrong in a run of the suite, in per cent; zero when it is clean.
pub fn of_the_suite() -> u32 {
    std::env::var("WEATHER").ok().map_or(0, |percent| percent.parse().expect("WEATHER is a number"))
}

/// Whether this is a run of the suite with faults.
pub fn is_on() -> bool {
    of_the_suite() > 0
}

/// What `WEATHER_SEED` says, or the fixed one.
pub fn base_seed() -> u64 {
    let given = std::env::var("WEATHER_SEED").ok();
    given.map_or(SEED, |seed| seed.parse().expect("WEATHER_SEED is a number"))
}

/// The weather of one place.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Which part goes wrong, in per cent.
    pub percent: u32,
    /// Where the dice come from.
    pub seed: u64,
}

impl Weather {
    /// That of a place, by its name.
    pub fn of(place: &str, percent: u32) -> Self {
        let mut hasher = DefaultHasher::new();
        (base_seed(), place).hash(&mut hasher);
        Self { percent, seed: hasher.finish() }
    }

    /// Lets it fall on what is asked of JumpCloud.
    pub fn over_jumpcloud(self, sim: &Sim) {
        sim.set_weather(Some(jumpcloud::weather(self.part(), self.seed)));
    }

    /// Lets it fall on what is asked of the API server through a proxy.
    pub fn over_api_server(self, proxy: &Arc<Proxy>) {
        proxy.set_weather(Some(api_server::weather(self.part(), self.seed, true)));
        wake_watches(Arc::downgrade(proxy));
    }

    fn part(self) -> f64 {
        f64::from(self.percent) / 100.0
    }
}

/// Ends what a frozen watch is silent about. Nobody notices the silence by himself for minutes.
fn wake_watches(proxy: Weak<Proxy>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(SILENCE);
            let Some(proxy) = proxy.upgrade() else { return };
            proxy.cut_watches(&Which::all());
        }
    });
}

/// Under weather: lets it fall on a new simulator, and says how to have the same again. The test's output shows that
/// when it fails.
pub fn over(sim: &Sim, place: &str) {
    if !is_on() {
        return;
    }
    Weather::of(place, of_the_suite()).over_jumpcloud(sim);
    eprintln!("{}", replay(&format!("WEATHER={}", of_the_suite())));
}

/// Under weather: lets it fall on what goes through a test's own proxy, too. Its watches are not frozen, as nobody
/// would end that.
pub fn over_proxy(proxy: &Proxy, place: &str) {
    if is_on() {
        let Weather { seed, .. } = Weather::of(place, of_the_suite());
        let part = f64::from(of_the_suite()) / 100.0;
        proxy.set_weather(Some(api_server::weather(part, seed, false)));
    }
}

/// How to have the same faults again in the test that runs now.
pub fn replay(settings: &str) -> String {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    format!("same faults again: {settings} WEATHER_SEED={} cargo test --test it -- {test}", base_seed())
}

/// Under weather: a kubeconfig that leads to the same API server by way of faults.
pub fn before(kubeconfig: PathBuf, place: &str) -> PathBuf {
    if !is_on() {
        return kubeconfig;
    }
    proxy_before(&kubeconfig, Weather::of(place, of_the_suite())).kubeconfig().to_owned()
}

/// The proxy in front of that kubeconfig's API server, one for each kubeconfig. It stays as long as the process:
/// whoever started an operator with it may start it again.
pub fn proxy_before(kubeconfig: &Path, weather: Weather) -> Arc<Proxy> {
    static PROXIES: OnceLock<Mutex<HashMap<PathBuf, Arc<Proxy>>>> = OnceLock::new();
    let mut proxies = PROXIES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let proxy = proxies.entry(kubeconfig.to_owned()).or_insert_with(|| {
        let proxy = Arc::new(Proxy::start(kubeconfig, Vec::new()).expect("the proxy starts"));
        weather.over_api_server(&proxy);
        proxy
    });
    Arc::clone(proxy)
}

/// How long to wait for what takes `limit` without faults.
pub fn patience(limit: Duration) -> Duration {
    if is_on() { limit * SLOWER } else { limit }
}

/// Under weather: whether a second job of a user is right, because nobody could know of the first one and two looks
/// have missed the user.
pub fn excuses(double: &Double) -> bool {
    is_on() && double.earlier.reply_lost && double.was_looked_up(2)
}

/// Checks what only holds without faults: how often something was asked for, or sent.
pub fn without_faults(check: impl FnOnce()) {
    if !is_on() {
        check();
    }
}

/// Whether the test is to end here, because it cannot hold under weather; says so, and why.
#[must_use]
pub fn clean_only(why: &str) -> bool {
    if is_on() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        tell(&format!("weather: {test} runs clean only: {why}"));
    }
    is_on()
}

/// Writes a line where it is seen although the test passes.
pub fn tell(line: &str) {
    // Standard error itself: what `eprintln` writes is kept from view.
    drop(writeln!(std::io::stderr(), "{line}"));
}
