//! `start`: how long a server takes from its start to the first message it acknowledges.

use std::{
    fs::File,
    io,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use remoting::{command::SerializeType, response_code::ResponseCode};
use runtime::clock::Clock;
use serde::Serialize;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use crate::{
    args::Start,
    control::Place,
    process::{self, Server},
    run::Field,
    template::{OPAQUE_BASE, Stamp},
    wire::{Wire, WireError},
    workload::send_one,
};

const PAUSE: Duration = Duration::from_millis(1);
const STOP_MAX: Duration = Duration::from_secs(60);

/// Why there is no figure.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// It cannot be started or looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended before it served.
    #[error("the server has ended before it acknowledged a message")]
    Ended,
    /// It does not serve.
    #[error("no message was acknowledged within {0:?}")]
    Late(Duration),
}

/// The figures of a start.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Started {
    /// From the start of the process to the first acknowledgement.
    first_ack_millis: f64,
    /// Processor time used until then.
    cpu_millis: f64,
    /// Memory of its own by then.
    private_mib: f64,
    pid: u32,
}

/// Starts the server and waits for its first acknowledgement; stops it again unless it is to be kept.
///
/// # Errors
/// When it does not come to that.
pub(crate) async fn start(start: &Start, clock: &Arc<dyn Clock>) -> Result<Started, StartError> {
    let (program, arguments) = start.command.split_first().ok_or(StartError::Ended)?;
    let mut command = Command::new(program);
    command.args(arguments);
    match &start.log {
        Some(log) => {
            let log = File::create(log)?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        None => {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    let begun = clock.monotonic();
    let mut server = Server::start(&mut command)?;
    while !acknowledges(&start.broker, &start.topic, clock).await {
        if !server.is_running()? {
            return Err(StartError::Ended);
        }
        if clock.monotonic().saturating_sub(begun) > start.timeout {
            return Err(StartError::Late(start.timeout));
        }
        sleep(PAUSE).await;
    }
    let took = clock.monotonic().saturating_sub(begun);
    let pid = server.pid();
    let (cpu, memory) = (process::processor_time(pid)?, process::memory(pid)?);
    if start.keep {
        server.let_go();
    } else {
        let limit = clock.monotonic() + STOP_MAX;
        server.stop(|| clock.monotonic() < limit)?;
    }
    Ok(Started {
        first_ack_millis: tenths(took.as_secs_f64() * 1e3),
        cpu_millis: tenths(cpu.as_secs_f64() * 1e3),
        private_mib: tenths(memory.private_mib),
        pid,
    })
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

const ANSWER_MAX: Duration = Duration::from_secs(5);

async fn acknowledges(addr: &str, topic: &str, clock: &Arc<dyn Clock>) -> bool {
    matches!(timeout(ANSWER_MAX, is_stored(addr, topic, clock)).await, Ok(Ok(true)))
}

async fn is_stored(addr: &str, topic: &str, clock: &Arc<dyn Clock>) -> Result<bool, WireError> {
    let mut wire = Wire::connect(addr).await?;
    let field = Field {
        brokers: vec![addr.to_owned()],
        topics: vec![topic.to_owned()],
        places: vec![Place { broker: 0, topic: 0, queue: 0 }],
        serialize: SerializeType::Json,
    };
    let stamp = Stamp { opaque: OPAQUE_BASE, born_millis: clock.now_millis(), ..Stamp::default() };
    send_one(&field, stamp, &mut wire.out);
    loop {
        wire.turn(None).await?;
        if let Some(frame) = wire.next_frame()? {
            let command = frame.header()?;
            return Ok(command.is_response() && command.code == ResponseCode::SUCCESS.0);
        }
    }
}
