use proptest::prelude::*;

use super::*;

/// The first record a RocketMQ 5.3.3 broker wrote into an empty store.
const GOLDEN: &str = "0000010ddaa320a7161f5fd000000000000000000000000000000000000000000000000000000000000001a1fc21bfca\
    7f0000010000ab2c000001a1fc21c14d7f00000100007ca70000000000000000000000000000000a6d65737361676520\
    30200b436f6d706174546f706963009d4d53475f524547494f4e0144656661756c74526567696f6e02554e49515f4b45\
    590146443030303030303030303030303030303030303030303030303030303030323338383333303934364530393637\
    4239443743383030303002434c5553544552014302544147530154616730026e6f0130024b455953016b657930207368\
    61726564025741495401747275650254524143455f4f4e017472756502";

fn golden() -> Vec<u8> {
    let digits = GOLDEN.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_record_of_rocketmqs_is_read() {
    let bytes = golden();
    let record = RecordView::decode(&bytes).unwrap();
    assert_eq!((record.total_size(), record.version()), (269, RecordVersion::V1));
    assert_eq!((record.topic(), record.body()), ("CompatTopic", &b"message 0 "[..]));
    assert_eq!((record.queue_id(), record.queue_offset(), record.phy_offset()), (0, 0, 0));
    assert_eq!((record.born_timestamp(), record.store_timestamp()), (1_795_231_432_650, 1_795_231_433_037));
    assert_eq!(record.born_host(), "127.0.0.1:43820".parse().unwrap());
    assert_eq!(record.store_host(), "127.0.0.1:31911".parse().unwrap());
    assert_eq!(record.property("KEYS"), Some("key0 shared"));
    assert_eq!(record.tags_code(), i64::from(hash::string_hash_code("Tag0")));
    assert_eq!(record.verify_body(), Ok(()));
    assert_eq!(record.verify_record(), Ok(RecordCrc::Absent));
}

#[test]
fn a_record_is_written_as_rocketmq_does() {
    let bytes = golden();
    let read = RecordView::decode(&bytes).unwrap();
    let written = crate::encode::NewRecord {
        topic: read.topic(),
        queue_id: read.queue_id(),
        flag: read.flag(),
        sys_flag: read.sys_flag(),
        born_timestamp: read.born_timestamp(),
        born_host: read.born_host(),
        store_host: read.store_host(),
        reconsume_times: read.reconsume_times(),
        prepared_transaction_offset: read.prepared_transaction_offset(),
        body: read.body(),
        properties: read.properties(),
        append_crc: crate::encode::AppendCrc::No,
    };
    let placement = crate::encode::Placement {
        queue_offset: read.queue_offset(),
        phy_offset: read.phy_offset(),
        store_timestamp: read.store_timestamp(),
    };
    assert_eq!(written.prepare().unwrap().to_vec(placement), bytes);
}

#[test]
fn the_crc_property_has_its_lowest_digit_first() {
    assert_eq!(&crc_property(1_234), b"__CRC32#\x014321000000\x02");
    assert_eq!(parse_crc_property(&crc_property(i32::MAX)), Some(i32::MAX));
    assert_eq!(parse_crc_property(b"__CRC32#\x01432100000x\x02"), None);
}

#[test]
fn a_blank_is_told_from_zeros() {
    let mut blank = [0; 8];
    blank[..4].copy_from_slice(&100_i32.to_be_bytes());
    blank[4..].copy_from_slice(&BLANK_MAGIC.to_be_bytes());
    assert!(matches!(scan(&blank), Ok(Scanned::Blank { size_bytes: 100 })));
    assert_eq!(scan(&[0; 64]).unwrap_err(), RecordError::Magic { magic: 0 });
    assert!(matches!(scan(&[0; 7]), Err(RecordError::Cut { .. })));
}

proptest! {
    #[test]
    fn any_bytes_can_be_scanned(bytes: Vec<u8>) {
        let _ = scan(&bytes);
    }

    #[test]
    fn any_bytes_after_a_magic_can_be_scanned(version in 0..2, mut bytes in prop::collection::vec(any::<u8>(), 8..300)) {
        let magic = if version == 0 { MAGIC_V1 } else { MAGIC_V2 };
        let size = i32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&size.to_be_bytes());
        bytes[4..8].copy_from_slice(&magic.to_be_bytes());
        if let Ok(record) = RecordView::decode(&bytes) {
            let _ = (record.verify_body(), record.verify_record(), record.born_host(), record.tags_code());
        }
    }
}
