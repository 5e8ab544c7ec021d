//! Many scenarios on one cluster, at once.
//!
//! Most scenarios wait: for a delay, a rebalance, a route. Run together they cost as much time as the longest. Each gets
//! topics and groups of its own name, so they do not disturb one another.

use crate::client::{Client, ClientVersion};
use crate::cluster::Cluster;
use std::any::Any;
use std::collections::VecDeque;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

/// Scenarios under way at a time. They are idle most of it.
const PARALLEL: usize = 12;

/// One scenario: a name, unique in its suite, and what to do with a client. The text handed to it is that name made unique
/// for the client's version, to begin the names of its topics and groups with.
pub struct Scenario {
    name: &'static str,
    perform: fn(&Client, &str),
}

impl Scenario {
    /// See the type.
    pub const fn new(name: &'static str, perform: fn(&Client, &str)) -> Self {
        Self { name, perform }
    }
}

/// See the module.
pub struct Suite<'c> {
    cluster: &'c Cluster,
    work: VecDeque<(ClientVersion, &'c Scenario)>,
}

impl<'c> Suite<'c> {
    /// An empty suite.
    pub fn on(cluster: &'c Cluster) -> Self {
        Self { cluster, work: VecDeque::new() }
    }

    /// Adds scenarios for a version of the client. Those that take longest should come first.
    #[must_use]
    pub fn with(mut self, version: ClientVersion, scenarios: &'c [Scenario]) -> Self {
        let only = env::var("COMPAT_ONLY").unwrap_or_default();
        let chosen = scenarios.iter().filter(|scenario| scenario.name.contains(&only));
        self.work.extend(chosen.map(|scenario| (version, scenario)));
        self
    }

    /// Runs them all. Panics in the end when any failed, with every failure's text.
    pub fn run(self) {
        let total = self.work.len();
        let work = Mutex::new(self.work);
        let failures = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..PARALLEL {
                scope.spawn(|| {
                    loop {
                        let next = work.lock().unwrap().pop_front();
                        let Some((version, scenario)) = next else { return };
                        if let Some(failure) = perform(self.cluster, version, scenario) {
                            failures.lock().unwrap().push(failure);
                        }
                    }
                });
            }
        });
        let failures = failures.into_inner().unwrap();
        let servers = if failures.is_empty() { String::new() } else { self.cluster.log_tails() };
        assert!(
            failures.is_empty(),
            "{} of {total} scenarios failed:\n\n{}\n\n{servers}",
            failures.len(),
            failures.join("\n\n")
        );
    }
}

fn perform(cluster: &Cluster, version: ClientVersion, scenario: &Scenario) -> Option<String> {
    let began = Instant::now();
    let unique = format!("{}-{}", scenario.name, version.label());
    let outcome = catch_unwind(AssertUnwindSafe(|| (scenario.perform)(cluster.client(version), &unique)));
    let took = began.elapsed().as_secs_f32();
    match outcome {
        Ok(()) => {
            eprintln!("{unique}: ok, {took:.1} s");
            None
        }
        Err(panic) => {
            eprintln!("{unique}: FAILED, {took:.1} s");
            Some(format!("== {unique} ==\n{}", text_of(&*panic)))
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
