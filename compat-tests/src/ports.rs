//! Free TCP ports.
//!
//! A broker on port P also listens on P − 2 (fast remoting) and P + 1 (HA), so ports are handed out in blocks, below the
//! range the kernel takes ephemeral ports from.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 15_000;
const BLOCK: u16 = 5;
const BLOCKS: u16 = 3_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port P such that P − 2 to P + 2 are free at this moment. No other caller in this process gets one of them.
pub fn free_port() -> u16 {
    // Another test process starts elsewhere in the range.
    let start = (process::id() % u32::from(BLOCKS)) as u16;
    for _ in 0..BLOCKS {
        let block = (start + NEXT.fetch_add(1, Ordering::Relaxed) * 7) % BLOCKS;
        let port = FIRST + block * BLOCK + 2;
        let free = (port - 2..=port + 2).all(|port| TcpListener::bind(("0.0.0.0", port)).is_ok());
        if free {
            return port;
        }
    }
    panic!("no free block of ports");
}
