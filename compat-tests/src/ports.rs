//! Free TCP ports.
//!
//! A broker on port P also listens on P − 2 (fast remoting) and P + 1 (HA), so ports are handed out in blocks, below the
//! range the kernel takes ephemeral ports from.

use std::env;
use std::fs::{self, File};
use std::net::TcpListener;
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 15_000;
const BLOCK: u16 = 5;
const BLOCKS: u16 = 3_000;

static NEXT: AtomicU16 = AtomicU16::new(0);
/// Locked until this process ends.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port P such that P − 2 to P + 2 are free at this moment. No other caller gets one of them, in this process or in
/// another one of this user, not even while a server is away that is started again.
pub fn free_port() -> u16 {
    // Another test process starts elsewhere in the range.
    let start = (process::id() % u32::from(BLOCKS)) as u16;
    for _ in 0..BLOCKS {
        let block = (start + NEXT.fetch_add(1, Ordering::Relaxed) * 7) % BLOCKS;
        let port = FIRST + block * BLOCK + 2;
        let free = (port - 2..=port + 2).all(|port| TcpListener::bind(("0.0.0.0", port)).is_ok());
        if free && take(port) {
            return port;
        }
    }
    panic!("no free block of ports");
}

/// Whether no other process has taken the port.
fn take(port: u16) -> bool {
    let user = rustix::process::getuid().as_raw();
    let directory = env::temp_dir().join(format!("compat-tests-ports-{user}"));
    fs::create_dir_all(&directory).expect("directory of locks");
    let lock = File::create(directory.join(port.to_string())).expect("lock file");
    let is_ours = lock.try_lock().is_ok();
    if is_ours {
        TAKEN.lock().unwrap().push(lock);
    }
    is_ours
}
