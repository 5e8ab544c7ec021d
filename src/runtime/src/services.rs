//! Named background services: everything long-lived in a process is started here and stops here.
//!
//! Three verbs: [`Services::task`] for an async loop, [`Services::every`] for periodic work, and
//! [`Services::thread`] for work that blocks. [`Services::stop`] ends them in the reverse order of
//! their start, each within what is left of the deadline, and names those that did not make it.

use std::{
    future::Future,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::shutdown::Shutdown;

/// When periodic work runs.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Time until the first run.
    pub initial_delay: Duration,
    /// Pause between the end of a run and the start of the next.
    pub pause: Duration,
}

impl Schedule {
    /// The first run after one pause.
    pub fn every(pause: Duration) -> Self {
        Self { initial_delay: pause, pause }
    }

    /// The first run after `initial_delay`.
    pub fn after(initial_delay: Duration, pause: Duration) -> Self {
        Self { initial_delay, pause }
    }
}

/// The services of one process part, in start order.
#[derive(Debug)]
pub struct Services {
    runtime: Handle,
    running: Mutex<Vec<Running>>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    shutdown: Shutdown,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Task(JoinHandle<()>),
    Thread(thread::JoinHandle<()>),
}

impl Services {
    /// No services yet; tasks will run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, running: Mutex::new(Vec::new()) }
    }

    /// Runs `body` as a task; it ends itself when its [`Shutdown`] is requested.
    pub fn task<F, Fut>(&self, name: &'static str, body: F)
    where
        F: FnOnce(Shutdown) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let shutdown = Shutdown::new();
        let task = self.runtime.spawn(body(shutdown.clone()));
        self.running.lock().push(Running { name, shutdown, body: Body::Task(task) });
    }

    /// Runs `work` on a schedule until the service is stopped; a run that has begun is finished.
    pub fn every<F, Fut>(&self, name: &'static str, schedule: Schedule, mut work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        self.task(name, move |shutdown| async move {
            let mut pause = schedule.initial_delay;
            loop {
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                work().await;
                pause = schedule.pause;
            }
        });
    }

    /// Runs `body` on a thread of its own; it ends itself when its [`Shutdown`] is requested.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn thread<F>(&self, name: &'static str, body: F) -> std::io::Result<()>
    where
        F: FnOnce(Shutdown) + Send + 'static,
    {
        let shutdown = Shutdown::new();
        let signal = shutdown.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || body(signal))?;
        self.running.lock().push(Running { name, shutdown, body: Body::Thread(thread) });
        Ok(())
    }

    /// Stops all services, last started first, and waits for each within `limit` altogether.
    ///
    /// A service that does not end in time is named in the log and left behind.
    pub async fn stop(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let Some(service) = self.running.lock().pop() else { return };
            service.stop(deadline.saturating_duration_since(Instant::now())).await;
        }
    }
}

impl Running {
    async fn stop(self, limit: Duration) {
        self.shutdown.request();
        let name = self.name;
        let ended = match self.body {
            Body::Task(task) => tokio::time::timeout(limit, task).await.map(Result::err),
            Body::Thread(thread) => {
                let joined = tokio::task::spawn_blocking(move || thread.join().is_err());
                tokio::time::timeout(limit, joined).await.map(Result::err)
            }
        };
        match ended {
            Ok(None) => tracing::debug!(service = name, "service stopped"),
            Ok(Some(error)) => tracing::error!(service = name, %error, "service failed"),
            Err(_) => tracing::warn!(service = name, ?limit, "service did not stop in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn services_stop_in_reverse_order() {
        let services = Services::new(Handle::current());
        let ended = Arc::new(Mutex::new(Vec::new()));
        for name in ["first", "second"] {
            let ended = Arc::clone(&ended);
            services.task(name, move |shutdown| async move {
                shutdown.requested().await;
                ended.lock().push(name);
            });
        }
        let in_thread = Arc::clone(&ended);
        services
            .thread("third", move |shutdown| {
                while !shutdown.wait_timeout(Duration::from_secs(60)) {}
                in_thread.lock().push("third");
            })
            .unwrap();
        services.stop(Duration::from_secs(10)).await;
        assert_eq!(*ended.lock(), ["third", "second", "first"]);
    }

    #[tokio::test]
    async fn periodic_work_repeats_until_stopped() {
        let services = Services::new(Handle::current());
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        services.every("tick", Schedule::every(Duration::from_millis(1)), move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async {}
        });
        while runs.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        services.stop(Duration::from_secs(10)).await;
        let after_stop = runs.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(runs.load(Ordering::SeqCst), after_stop);
    }
}
