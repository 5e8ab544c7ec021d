//! The broker's message id, which names a place in one broker's CommitLog.
//!
//! ```text
//! upper-case hex of:  store host ip (4 or 16) | port i32 | phy_offset i64      32 or 56 characters
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Characters of the longer kind of id.
const LONGEST_BYTES: usize = 56;

/// The id of the record at `phy_offset` of the broker at `store_host`.
pub fn encode(store_host: SocketAddr, phy_offset: i64) -> String {
    encode_all(store_host, std::iter::once(phy_offset))
}

/// The ids of records of the broker at `store_host`, comma between; there is at least one.
pub fn encode_all(store_host: SocketAddr, phy_offsets: impl Iterator<Item = i64>) -> String {
    // By hand: every message that is sent has an id, and formatting them shows in the profile of a send.
    let mut ids = Vec::with_capacity((LONGEST_BYTES + 1) * phy_offsets.size_hint().0.max(1));
    match store_host.ip() {
        IpAddr::V4(ip) => push_hex(&mut ids, &ip.octets()),
        IpAddr::V6(ip) => push_hex(&mut ids, &ip.octets()),
    }
    push_hex(&mut ids, &i32::from(store_host.port()).to_be_bytes());
    let host_bytes = ids.len();
    for (index, phy_offset) in phy_offsets.enumerate() {
        if index > 0 {
            ids.push(b',');
            ids.extend_from_within(..host_bytes);
        }
        push_hex(&mut ids, &phy_offset.to_be_bytes());
    }
    String::from_utf8(ids).unwrap_or_default()
}

/// Appends two upper-case digits a byte.
fn push_hex<const BYTES: usize>(text: &mut Vec<u8>, bytes: &[u8; BYTES]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let pairs = bytes.map(|byte| [digit(byte >> 4), digit(byte & 0xF)]);
    text.extend_from_slice(pairs.as_flattened());
}

/// The store host and physical offset in an id; `None` when it is none.
///
/// The ids clients make look the same, so what decodes need not be a place in any CommitLog.
pub fn decode(id: &str) -> Option<(SocketAddr, i64)> {
    let digits = id.as_bytes();
    if digits.len() != 32 && digits.len() != 56 {
        return None;
    }
    let mut bytes = Vec::with_capacity(28);
    for pair in digits.chunks_exact(2) {
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(pair, 16).ok()?);
    }
    let (ip, rest) = bytes.split_at_checked(bytes.len() - 12)?;
    let ip = match <[u8; 4]>::try_from(ip) {
        Ok(octets) => IpAddr::V4(Ipv4Addr::from(octets)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)),
    };
    let port = i32::from_be_bytes(*rest.first_chunk()?);
    let phy_offset = i64::from_be_bytes(*rest.last_chunk()?);
    Some((SocketAddr::new(ip, u16::try_from(port).ok()?), phy_offset))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_id_is_rocketmqs() {
        let id = encode("127.0.0.1:10911".parse().unwrap(), 4096);
        assert_eq!(id, "7F00000100002A9F0000000000001000");
        assert_eq!(decode(&id), Some(("127.0.0.1:10911".parse().unwrap(), 4096)));
    }

    #[test]
    fn an_ipv6_id_is_longer() {
        let host = "[2001:db8::1]:10911".parse().unwrap();
        let id = encode(host, 77);
        assert_eq!(id.len(), 56);
        assert_eq!(decode(&id), Some((host, 77)));
    }

    #[test]
    fn ids_of_several_records_stand_in_a_row() {
        for host in ["127.0.0.1:10911", "[2001:db8::1]:10911"] {
            let host = host.parse().unwrap();
            let each: Vec<_> = [1, 1 << 40, 7].map(|phy_offset| encode(host, phy_offset)).into();
            assert_eq!(encode_all(host, [1, 1 << 40, 7].into_iter()), each.join(","));
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_decoded(text in ".{0,60}") {
            let _ = decode(&text);
        }

        #[test]
        fn ids_round_trip(ip: [u8; 4], port: u16, phy_offset: i64) {
            let host = SocketAddr::from((ip, port));
            prop_assert_eq!(decode(&encode(host, phy_offset)), Some((host, phy_offset)));
        }
    }
}
