//! Requests and answers written by hand, for what no client would do.
//!
//! ```text
//! i32 length of what follows │ u8 0 (JSON) │ u24 header length │ header │ body
//! ```

use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);
const ONEWAY: i32 = 2;

/// Request codes by their Java names.
pub mod code {
    #![allow(missing_docs, reason = "they are RocketMQ's")]
    pub const PULL_MESSAGE: i32 = 11;
    pub const GET_MAX_OFFSET: i32 = 30;
    pub const HEART_BEAT: i32 = 34;
    pub const GET_ROUTEINFO_BY_TOPIC: i32 = 105;
    pub const SEND_MESSAGE_V2: i32 = 310;
}

/// A plain connection to a server.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    next_opaque: i32,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The header as it came.
    pub header: Value,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The response code, 0 for success.
    pub fn code(&self) -> i64 {
        self.header["code"].as_i64().unwrap_or(i64::MIN)
    }

    /// Which request it answers.
    pub fn opaque(&self) -> i64 {
        self.header["opaque"].as_i64().unwrap_or(i64::MIN)
    }

    /// A field of the typed header.
    pub fn field(&self, name: &str) -> &str {
        self.header["extFields"][name].as_str().unwrap_or_default()
    }
}

impl Wire {
    /// Connects; reads and writes give up after a minute.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, next_opaque: 1 })
    }

    /// The same connection, to read on one thread and write on another.
    pub fn twin(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()?, next_opaque: self.next_opaque })
    }

    /// Gives up writes that make no progress for so long.
    pub fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(Some(timeout))
    }

    /// Bounds what the kernel takes in for a client that does not read; it grows to many MiB otherwise.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_socket_recv_buffer_size(&self.stream, bytes)?)
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Writes as many of the bytes as the server takes before the write timeout.
    pub fn write_some(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => written += count,
                Err(_) => break,
            }
        }
        written
    }

    /// Asks and waits for the answer.
    pub fn call(&mut self, code: i32, fields: &Value, body: &[u8]) -> io::Result<Answer> {
        let opaque = self.ask(code, fields, body)?;
        let answer = self.read()?;
        if answer.opaque() == i64::from(opaque) {
            return Ok(answer);
        }
        Err(io::Error::other(format!("{} answers {opaque}", answer.header)))
    }

    /// Asks without reading the answer; the request's opaque number.
    pub fn ask(&mut self, code: i32, fields: &Value, body: &[u8]) -> io::Result<i32> {
        let opaque = self.next_opaque;
        self.next_opaque += 1;
        self.stream.write_all(&frame(code, 0, opaque, fields, body))?;
        Ok(opaque)
    }

    /// The next answer.
    pub fn read(&mut self) -> io::Result<Answer> {
        let mut lengths = [0; 8];
        self.stream.read_exact(&mut lengths)?;
        let [a, b, c, d, _, high, middle, low] = lengths;
        let total = u32::from_be_bytes([a, b, c, d]) as usize;
        let header_length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let mut header = vec![0; header_length];
        self.stream.read_exact(&mut header)?;
        let mut body = vec![0; total.saturating_sub(4 + header_length)];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { header: serde_json::from_slice(&header)?, body })
    }

    /// Waits until the server closes the connection; what it sent before that.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        match self.stream.read_to_end(&mut read) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(read),
        }
    }

    /// Ends the connection for both directions.
    pub fn close(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A whole request.
pub fn frame(code: i32, flag: i32, opaque: i32, fields: &Value, body: &[u8]) -> Vec<u8> {
    let header = json!({
        "code": code, "language": "RUST", "version": 479, "opaque": opaque, "flag": flag,
        "serializeTypeCurrentRPC": "JSON", "extFields": fields,
    })
    .to_string();
    let length = header.len() as u32;
    let total = length + 4 + body.len() as u32;
    [&total.to_be_bytes(), &length.to_be_bytes(), header.as_bytes(), body].concat()
}

/// A request nobody answers.
pub fn oneway(code: i32, opaque: i32, fields: &Value) -> Vec<u8> {
    frame(code, ONEWAY, opaque, fields, &[])
}

/// The fields of a send to queue 0 of a topic, which is made with 4 queues.
pub fn send_fields(topic: &str) -> Value {
    json!({
        "a": "p", "b": topic, "c": "TBW102", "d": "4", "e": "0", "f": "0", "g": "0", "h": "0",
        "i": "", "j": "0", "k": "false", "m": "false",
    })
}

/// The fields of a pull from queue 0 of a topic that parks for a time when nothing is there; 0 for not at all.
pub fn pull_fields(topic: &str, queue_offset: i64, park: Duration) -> Value {
    const SUSPEND: u8 = 2;
    const SUBSCRIPTION: u8 = 4;
    let flags = if park.is_zero() { SUBSCRIPTION } else { SUBSCRIPTION | SUSPEND };
    json!({
        "consumerGroup": "g", "topic": topic, "queueId": "0", "queueOffset": queue_offset.to_string(),
        "maxMsgNums": "32", "sysFlag": flags.to_string(), "commitOffset": "0",
        "suspendTimeoutMillis": park.as_millis().to_string(), "subscription": "*", "subVersion": "0",
        "expressionType": "TAG",
    })
}
