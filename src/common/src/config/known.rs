//! Keys of RocketMQ classes this project has no object for: known by name, without effect.

use super::reasons::{ADDRESS_SERVER, CONTROLLER, PLUGIN};

/// A group of such keys.
#[derive(Debug, Clone, Copy)]
pub struct KnownKeys {
    /// Name of the Java class, or what reads them instead.
    pub class: &'static str,
    /// The keys as they are set.
    pub keys: &'static [&'static str],
    /// Why they have no effect.
    pub why: &'static str,
}

/// Keys `mqbroker` turns into system properties.
pub const ADDRESS_SERVER_KEYS: KnownKeys = KnownKeys {
    class: "BrokerStartup",
    keys: &["rmqAddressServerDomain", "rmqAddressServerSubGroup"],
    why: ADDRESS_SERVER,
};

/// Keys of the tiered store plug-in; those it shares with the broker's own classes are not repeated.
pub const TIERED_STORE_KEYS: KnownKeys = KnownKeys {
    class: "TieredStoreConfig",
    keys: &[
        "tieredStorageLevel",
        "recordGetMessageResult",
        "tieredStoreCommitLogMaxSize",
        "tieredStoreConsumeQueueMaxSize",
        "tieredStoreIndexFileMaxHashSlotNum",
        "tieredStoreIndexFileMaxIndexNum",
        "tieredMetadataServiceProvider",
        "tieredBackendServiceProvider",
        "tieredStoreDeleteFileEnable",
        "tieredStoreFileReservedTime",
        "tieredStoreDeleteFileInterval",
        "commitLogRollingInterval",
        "commitLogRollingMinimumSize",
        "tieredStoreGroupCommit",
        "tieredStoreGroupCommitTimeout",
        "tieredStoreGroupCommitCount",
        "tieredStoreGroupCommitSize",
        "tieredStoreMaxGroupCommitCount",
        "readAheadCacheEnable",
        "readAheadMessageCountThreshold",
        "readAheadMessageSizeThreshold",
        "readAheadCacheExpireDuration",
        "readAheadCacheSizeThresholdRate",
        "tieredStoreMaxPendingLimit",
        "tieredStoreCrcCheckEnable",
        "tieredStoreFilePath",
        "objectStoreEndpoint",
        "objectStoreBucket",
        "objectStoreAccessKey",
        "objectStoreSecretKey",
    ],
    why: PLUGIN,
};

/// Keys of the controller; those it shares with the NameServer's own classes are not repeated.
pub const CONTROLLER_KEYS: KnownKeys = KnownKeys {
    class: "ControllerConfig",
    keys: &[
        "controllerType",
        "controllerThreadPoolNums",
        "controllerRequestThreadPoolQueueCapacity",
        "controllerDLegerGroup",
        "controllerDLegerPeers",
        "controllerDLegerSelfId",
        "mappedFileSize",
        "controllerStorePath",
        "electMasterMaxRetryCount",
        "enableElectUncleanMaster",
        "processReadEvent",
        "notifyBrokerRoleChanged",
        "scanInactiveMasterInterval",
        "metricsExporterType",
        "metricsGrpcExporterTarget",
        "metricsGrpcExporterHeader",
        "metricGrpcExporterTimeOutInMills",
        "metricGrpcExporterIntervalInMills",
        "metricLoggingExporterIntervalInMills",
        "metricsPromExporterPort",
        "metricsPromExporterHost",
        "metricsLabel",
        "metricsInDelta",
    ],
    why: CONTROLLER,
};

/// Keys of the controller's jRaft log.
pub const JRAFT_KEYS: KnownKeys = KnownKeys {
    class: "JraftConfig",
    keys: &[
        "jRaftElectionTimeoutMs",
        "jRaftScanWaitTimeoutMs",
        "jRaftSnapshotIntervalSecs",
        "jRaftGroupId",
        "jRaftServerId",
        "jRaftInitConf",
        "jRaftControllerRPCAddr",
    ],
    why: CONTROLLER,
};
