//! Server processes as the operating system sees them, and those this one starts.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::{
    param::clock_ticks_per_second,
    process::{Pid, Signal, kill_process},
};
use serde::Deserialize;

/// Memory of a process in MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Its own: what is gone when it ends.
    pub(crate) private_mib: f64,
    /// Pages of files it has mapped, which the kernel can take back.
    pub(crate) file_mib: f64,
}

/// Processor time a process has used since its start.
pub(crate) fn processor_time(pid: u32) -> io::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name stands in parentheses and may contain anything.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    // The 14th and 15th of all fields: in user mode, and in the kernel.
    let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    let ticks = ticks.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
}

/// Resident memory of a process.
pub(crate) fn memory(pid: u32) -> io::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib / 1024.0)
    };
    let file_mib = mib("RssFile").zip(mib("RssShmem")).map(|(file, shared)| file + shared);
    let (private_mib, file_mib) = mib("RssAnon").zip(file_mib).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Memory { private_mib, file_mib })
}

/// A server this process has started, which ends with it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self { child: command.stdin(Stdio::null()).spawn()? })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Asks it to end, and waits for that until `is_patient` answers false.
    pub(crate) fn stop(&mut self, mut is_patient: impl FnMut() -> bool) -> io::Result<()> {
        if let Some(pid) =
            Pid::from_raw(self.child.id() as i32).filter(|_| matches!(self.is_running(), Ok(true)))
        {
            kill_process(pid, Signal::TERM)?;
        }
        while self.is_running()? && is_patient() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Lets it live on by itself.
    pub(crate) fn let_go(self) {
        // Its `drop` would end it.
        std::mem::forget(self);
    }

    fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A floor server in a process of its own.
#[derive(Debug)]
pub(crate) struct FloorProcess {
    server: Server,
    /// `host:port`.
    pub(crate) addr: String,
    /// Kept open for as long as it runs.
    _output: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Announcement {
    addr: String,
}

impl FloorProcess {
    /// Starts this program as a floor.
    pub(crate) fn start() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "floor", "--with-parent"]).stdout(Stdio::piped());
        let mut server = Server::start(&mut command)?;
        let mut output = BufReader::new(server.output().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let Announcement { addr } = serde_json::from_str(&line)?;
        Ok(Self { server, addr, _output: output })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_time_and_memory() {
        let pid = std::process::id();
        let before = processor_time(pid).unwrap();
        let mut work = 0_u64;
        while processor_time(pid).unwrap() < before + Duration::from_millis(20) {
            work = work.wrapping_add(1);
        }
        let memory = memory(pid).unwrap();
        assert!(memory.private_mib > 0.1 && memory.file_mib > 0.1, "{memory:?}");
        assert!(processor_time(u32::MAX).is_err());
    }
}
