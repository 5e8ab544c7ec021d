//! The names of the properties RocketMQ itself reads or writes, as they stand in a record.

/// Keys to find the message by, separated by spaces.
pub const KEYS: &str = "KEYS";
/// The tag consumers filter by.
pub const TAGS: &str = "TAGS";
/// `false` when the producer does not wait for flush and replication.
pub const WAIT_STORE_OK: &str = "WAIT";
/// Delay level, from 1.
pub const DELAY_LEVEL: &str = "DELAY";
/// RocketMQ's `RETRY_TOPIC`.
pub const RETRY_TOPIC: &str = "RETRY_TOPIC";
/// RocketMQ's `REAL_TOPIC`.
pub const REAL_TOPIC: &str = "REAL_TOPIC";
/// RocketMQ's `REAL_QID`.
pub const REAL_QUEUE_ID: &str = "REAL_QID";
/// RocketMQ's `TRAN_MSG`.
pub const TRANSACTION_PREPARED: &str = "TRAN_MSG";
/// RocketMQ's `PGROUP`.
pub const PRODUCER_GROUP: &str = "PGROUP";
/// RocketMQ's `MIN_OFFSET`.
pub const MIN_OFFSET: &str = "MIN_OFFSET";
/// RocketMQ's `MAX_OFFSET`.
pub const MAX_OFFSET: &str = "MAX_OFFSET";
/// RocketMQ's `BUYER_ID`.
pub const BUYER_ID: &str = "BUYER_ID";
/// RocketMQ's `ORIGIN_MESSAGE_ID`.
pub const ORIGIN_MESSAGE_ID: &str = "ORIGIN_MESSAGE_ID";
/// RocketMQ's `TRANSFER_FLAG`.
pub const TRANSFER_FLAG: &str = "TRANSFER_FLAG";
/// RocketMQ's `CORRECTION_FLAG`.
pub const CORRECTION_FLAG: &str = "CORRECTION_FLAG";
/// RocketMQ's `MQ2_FLAG`.
pub const MQ2_FLAG: &str = "MQ2_FLAG";
/// RocketMQ's `RECONSUME_TIME`.
pub const RECONSUME_TIME: &str = "RECONSUME_TIME";
/// RocketMQ's `MSG_REGION`.
pub const MSG_REGION: &str = "MSG_REGION";
/// RocketMQ's `TRACE_ON`.
pub const TRACE_SWITCH: &str = "TRACE_ON";
/// The unique id the producer gave the message.
pub const UNIQ_KEY: &str = "UNIQ_KEY";
/// RocketMQ's `EXTEND_UNIQ_INFO`.
pub const EXTEND_UNIQ_INFO: &str = "EXTEND_UNIQ_INFO";
/// RocketMQ's `MAX_RECONSUME_TIMES`.
pub const MAX_RECONSUME_TIMES: &str = "MAX_RECONSUME_TIMES";
/// RocketMQ's `CONSUME_START_TIME`.
pub const CONSUME_START_TIMESTAMP: &str = "CONSUME_START_TIME";
/// RocketMQ's `INNER_NUM`.
pub const INNER_NUM: &str = "INNER_NUM";
/// RocketMQ's `INNER_BASE`.
pub const INNER_BASE: &str = "INNER_BASE";
/// RocketMQ's `DUP_INFO`.
pub const DUP_INFO: &str = "DUP_INFO";
/// RocketMQ's `CHECK_IMMUNITY_TIME_IN_SECONDS`.
pub const CHECK_IMMUNITY_TIME_IN_SECONDS: &str = "CHECK_IMMUNITY_TIME_IN_SECONDS";
/// RocketMQ's `TRAN_PREPARED_QUEUE_OFFSET`.
pub const TRANSACTION_PREPARED_QUEUE_OFFSET: &str = "TRAN_PREPARED_QUEUE_OFFSET";
/// RocketMQ's `__transactionId__`.
pub const TRANSACTION_ID: &str = "__transactionId__";
/// RocketMQ's `TRANSACTION_CHECK_TIMES`.
pub const TRANSACTION_CHECK_TIMES: &str = "TRANSACTION_CHECK_TIMES";
/// RocketMQ's `INSTANCE_ID`.
pub const INSTANCE_ID: &str = "INSTANCE_ID";
/// RocketMQ's `CORRELATION_ID`.
pub const CORRELATION_ID: &str = "CORRELATION_ID";
/// RocketMQ's `REPLY_TO_CLIENT`.
pub const MESSAGE_REPLY_TO_CLIENT: &str = "REPLY_TO_CLIENT";
/// RocketMQ's `TTL`.
pub const MESSAGE_TTL: &str = "TTL";
/// RocketMQ's `ARRIVE_TIME`.
pub const REPLY_MESSAGE_ARRIVE_TIME: &str = "ARRIVE_TIME";
/// RocketMQ's `PUSH_REPLY_TIME`.
pub const PUSH_REPLY_TIME: &str = "PUSH_REPLY_TIME";
/// RocketMQ's `CLUSTER`.
pub const CLUSTER: &str = "CLUSTER";
/// RocketMQ's `MSG_TYPE`.
pub const MESSAGE_TYPE: &str = "MSG_TYPE";
/// RocketMQ's `POP_CK`.
pub const POP_CK: &str = "POP_CK";
/// RocketMQ's `POP_CK_OFFSET`.
pub const POP_CK_OFFSET: &str = "POP_CK_OFFSET";
/// RocketMQ's `1ST_POP_TIME`.
pub const FIRST_POP_TIME: &str = "1ST_POP_TIME";
/// RocketMQ's `__STARTDELIVERTIME`.
pub const START_DELIVER_TIME: &str = "__STARTDELIVERTIME";
/// RocketMQ's `__SHARDINGKEY`.
pub const SHARDING_KEY: &str = "__SHARDINGKEY";
/// RocketMQ's `PROPERTY_FORWARD_QUEUE_ID`.
pub const FORWARD_QUEUE_ID: &str = "PROPERTY_FORWARD_QUEUE_ID";
/// RocketMQ's `REDIRECT`.
pub const REDIRECT: &str = "REDIRECT";
/// RocketMQ's `INNER_MULTI_DISPATCH`.
pub const INNER_MULTI_DISPATCH: &str = "INNER_MULTI_DISPATCH";
/// RocketMQ's `INNER_MULTI_QUEUE_OFFSET`.
pub const INNER_MULTI_QUEUE_OFFSET: &str = "INNER_MULTI_QUEUE_OFFSET";
/// RocketMQ's `TRACE_CONTEXT`.
pub const TRACE_CONTEXT: &str = "TRACE_CONTEXT";
/// RocketMQ's `TIMER_DELAY_SEC`.
pub const TIMER_DELAY_SEC: &str = "TIMER_DELAY_SEC";
/// RocketMQ's `TIMER_DELIVER_MS`.
pub const TIMER_DELIVER_MS: &str = "TIMER_DELIVER_MS";
/// RocketMQ's `__BORNHOST`.
pub const BORN_HOST: &str = "__BORNHOST";
/// RocketMQ's `BORN_TIMESTAMP`.
pub const BORN_TIMESTAMP: &str = "BORN_TIMESTAMP";
/// RocketMQ's `__RMQ.TRANSIENT.`.
pub const TRANSIENT_PREFIX: &str = "__RMQ.TRANSIENT.";
/// RocketMQ's `__RMQ.TRANSIENT.TOPIC_SYS_FLAG`.
pub const TRANSIENT_TOPIC_CONFIG: &str = "__RMQ.TRANSIENT.TOPIC_SYS_FLAG";
/// RocketMQ's `__RMQ.TRANSIENT.GROUP_SYS_FLAG`.
pub const TRANSIENT_GROUP_CONFIG: &str = "__RMQ.TRANSIENT.GROUP_SYS_FLAG";
/// RocketMQ's `TIMER_ENQUEUE_MS`.
pub const TIMER_ENQUEUE_MS: &str = "TIMER_ENQUEUE_MS";
/// RocketMQ's `TIMER_DEQUEUE_MS`.
pub const TIMER_DEQUEUE_MS: &str = "TIMER_DEQUEUE_MS";
/// RocketMQ's `TIMER_ROLL_TIMES`.
pub const TIMER_ROLL_TIMES: &str = "TIMER_ROLL_TIMES";
/// RocketMQ's `TIMER_OUT_MS`.
pub const TIMER_OUT_MS: &str = "TIMER_OUT_MS";
/// RocketMQ's `TIMER_DEL_UNIQKEY`.
pub const TIMER_DEL_UNIQKEY: &str = "TIMER_DEL_UNIQKEY";
/// RocketMQ's `TIMER_DELAY_LEVEL`.
pub const TIMER_DELAY_LEVEL: &str = "TIMER_DELAY_LEVEL";
/// RocketMQ's `TIMER_DELAY_MS`.
pub const TIMER_DELAY_MS: &str = "TIMER_DELAY_MS";
/// Checksum over the record, in its last 20 bytes.
pub const CRC32: &str = "__CRC32#";
/// RocketMQ's `DLQ_ORIGIN_TOPIC`.
pub const DLQ_ORIGIN_TOPIC: &str = "DLQ_ORIGIN_TOPIC";
/// RocketMQ's `DLQ_ORIGIN_MESSAGE_ID`.
pub const DLQ_ORIGIN_MESSAGE_ID: &str = "DLQ_ORIGIN_MESSAGE_ID";

/// What stands between two keys in [`KEYS`].
pub const KEY_SEPARATOR: char = ' ';
