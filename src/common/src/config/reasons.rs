//! Why a key has no effect here, or cannot be set: the wording operators see at start.

pub(super) const ACL_V1: &str =
    "RocketMQ 5.3 ignores it and would run open; use authenticationEnabled and authorizationEnabled";
pub(super) const ACTING: &str = "slaves acting as masters are not built yet";
pub(super) const ADDRESS_SERVER: &str = "NameServer addresses are not fetched over HTTP; set namesrvAddr";
pub(super) const AUTH: &str = "authentication and authorization are not built yet";
pub(super) const BISECTED: &str =
    "batch consume queues are bisected without a cache, few reads find a message";
pub(super) const CLUSTER_TEST: &str = "the cluster test mode is not built";
pub(super) const COLD: &str = "cold reads are counted as they happen, and slowed down by fixed thresholds";
pub(super) const COMMERCIAL: &str = "statistics for billing are not kept";
pub(super) const CONTAINER: &str = "there are no broker containers";
pub(super) const CONTROLLER: &str = "the controller is not built yet";
pub(super) const DELAY_OWN: &str = "delayed messages are delivered by a scheduler of our own";
pub(super) const DELAY_STATS: &str = "statistics of delayed messages are not kept yet";
pub(super) const DELETE_OWN: &str = "files are deleted without a pause between two of them";
pub(super) const DLEDGER: &str =
    "a DLedger commit log is not supported; master and slaves or a controller take its place";
pub(super) const DUPLICATION: &str = "logs duplicated by another system are not supported";
pub(super) const FALL_STATS: &str = "statistics on how far consumers lag behind are not kept yet";
pub(super) const FILLED_IN: &str = "it is filled in at start, in RocketMQ too";
pub(super) const FLUSH_ALL: &str = "every flush interval writes out whatever there is";
pub(super) const HA: &str = "replication is not built yet";
pub(super) const HOME: &str = "nothing is read from an installation directory";
pub(super) const LAG_OWN: &str = "lag is looked at without waking those that wait to pop";
pub(super) const LAG_SAMPLES: &str =
    "lag is estimated from the first messages, without samples of later ones";
pub(super) const LOCKS: &str = "appends are ordered by a lock of our own, which has nothing to tune";
pub(super) const LOGGING: &str = "logging is set up by the command line and the environment";
pub(super) const LONG_TOPIC: &str =
    "a topic name longer than 127 bytes is always stored in the newer record version";
pub(super) const MEMBERS: &str = "NameServers are not asked for the other members of the broker group yet";
pub(super) const MULTI_BROKER: &str = "one process runs one broker, so disks are not shared by count";
pub(super) const MULTI_PATH: &str = "a commit log in several directories is not supported";
pub(super) const NETTY: &str = "it tunes Netty, which is not used";
pub(super) const NO_PUT_QUEUE: &str =
    "a stored message is answered by its connection's task, there is no queue";
pub(super) const NO_QUEUE: &str = "requests are worked on as they are read and wait in no queue";
pub(super) const NO_SCAN: &str =
    "a NameServer is tried when it is needed, the next one if it does not answer";
pub(super) const ONE_COPY: &str = "replication is not built yet, the log has one copy";
pub(super) const ONE_MARK: &str = "a blocked connection goes on below the high water mark already";
pub(super) const PER_CONNECTION: &str = "what is under way is bounded connection by connection";
pub(super) const PLUGIN: &str = "message store plug-ins are Java classes; tiered storage is not built yet";
pub(super) const POOL: &str =
    "there is no transient store pool, messages are always written to the page cache";
pub(super) const POP_KV: &str = "POP keeps its state in the message store, not in RocksDB";
pub(super) const POP_SCAN: &str =
    "a revive queue goes on where it was, neither slower for want of messages nor held up by one";
pub(super) const POP_STORED: &str =
    "check points and acknowledgements are answered when they are stored, no thread waits for that";
pub(super) const QUEUE_STATS: &str = "statistics by queue are not kept yet";
pub(super) const READ_ONLY: &str = "RocketMQ has no setter for it either";
pub(super) const ROCKSDB: &str = "RocksDB storage is not supported";
pub(super) const ROUTES_OWN: &str = "closed connections are always handled through an index";
pub(super) const RUNTIME_CONFIG: &str = "the configuration of a broker cannot be changed at run time yet";
pub(super) const SLOW_GROUPS: &str =
    "groups are not stopped for being slow, a full disk deletes the oldest files whoever still reads them";
pub(super) const SOCKS: &str = "connections through a SOCKS proxy are not supported";
pub(super) const SPLIT: &str = "registrations are not split";
pub(super) const STATIC_SUBSCRIPTION: &str =
    "lag is looked at for what members subscribe to, not for what is set for the group";
pub(super) const STATS_IDLE: &str = "idle statistics are dropped with their topic or group";
pub(super) const STILL_READ: &str =
    "a deleted file leaves its directory at once, whoever reads it keeps what was handed out";
pub(super) const STORE_OWN: &str = "the store decides it by itself";
pub(super) const THREADS: &str = "requests run on the connection's task, there is no thread pool";
pub(super) const TIMER_METRICS: &str =
    "counts of timed messages are kept with the timer and need no revision";
pub(super) const TIMER_RETRY: &str =
    "a due message is retried until it is stored, and one that can never be stored is skipped";
pub(super) const TIMER_THREADS: &str = "one thread reads and stores timed messages";
pub(super) const TLS: &str = "TLS is not built yet";
pub(super) const UNUSED: &str = "RocketMQ 5.3 reads it nowhere either";
pub(super) const UNUSED_FLOW: &str = "throttling of the network is not built";
pub(super) const UNUSED_PATH: &str = "it is filled in at start, in RocketMQ too";
pub(super) const WARM: &str = "files are preallocated in the background instead of being warmed";
pub(super) const ZERO_COPY: &str = "messages are sent straight from the page cache";
