//! One request and its answer, written by hand, to ask a server something before any client runs.
//!
//! ```text
//! i32 length of what follows │ u8 0 (JSON) │ u24 header length │ header │ body
//! ```

use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
const GET_ROUTEINFO_BY_TOPIC: u32 = 105;

/// Whether a name server knows a route to a topic at this moment.
pub fn has_route(namesrv: &str, topic: &str) -> bool {
    request(namesrv, GET_ROUTEINFO_BY_TOPIC, &json!({ "topic": topic }))
        .is_ok_and(|header| header["code"] == 0)
}

/// The header of the answer.
fn request(address: &str, code: u32, fields: &Value) -> io::Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let header = json!({
        "code": code, "language": "RUST", "version": 479, "opaque": 1, "flag": 0,
        "serializeTypeCurrentRPC": "JSON", "extFields": fields,
    })
    .to_string();
    let length = header.len() as u32;
    stream.write_all(&[&(length + 4).to_be_bytes(), &length.to_be_bytes(), header.as_bytes()].concat())?;
    let mut lengths = [0; 8];
    stream.read_exact(&mut lengths)?;
    let [_, _, _, _, _, high, middle, low] = lengths;
    let mut answer = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    stream.read_exact(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}
