//! The course of commands.

/// How what a command prints is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Line by line.
    Exact,
    /// Line by line, without numbers.
    Figures,
    /// The lines in alphabetical order, as they come from a hash table.
    Sorted,
    /// The first word of each line, in alphabetical order: what they say depends on the machine.
    Keys,
    /// As `Exact` with Java's cluster. This one refuses with a text that contains this.
    Refused(&'static str),
}

/// One command line.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// With `{broker}`, `{namesrv}`, `{dir}`, and what earlier commands have told: `{uniqId}`, `{offsetId}`.
    pub line: &'static str,
    /// How it is compared.
    pub look: Look,
    /// When it is interrupted.
    pub limit_seconds: u32,
    /// It is given again until it prints this, as what it is about has to come first.
    pub until: &'static str,
}

const PLAIN: Step = Step { line: "", look: Look::Exact, limit_seconds: 60, until: "" };

const fn exact(line: &'static str) -> Step {
    Step { line, ..PLAIN }
}

const fn figures(line: &'static str) -> Step {
    Step { line, look: Look::Figures, ..PLAIN }
}

const fn sorted(line: &'static str) -> Step {
    Step { line, look: Look::Sorted, ..PLAIN }
}

const fn keys(line: &'static str) -> Step {
    Step { line, look: Look::Keys, ..PLAIN }
}

const fn refused(line: &'static str, reason: &'static str) -> Step {
    Step { line, look: Look::Refused(reason), ..PLAIN }
}

pub const TOPICS: &str = r#"[{"topicName":"mq-b","readQueueNums":2,"writeQueueNums":2,"perm":6}]"#;
pub const GROUPS: &str = r#"[{"groupName":"mq-g2","retryMaxTimes":3},{"groupName":"mq-g3"}]"#;

/// Courses that do not disturb one another.
pub const COURSES: &[&[Step]] =
    &[TOPICS_AND_MESSAGES, GROUPS_AND_CLIENTS, BROKER, NAME_SERVERS_AND_EXPORTS, ABSENT, USERS];

/// What is about everything there is, or disturbs it: played alone, after the courses.
#[rustfmt::skip]
pub const FINALE: &[Step] = &[
    keys("topicList"),
    keys("consumerProgress"),
    sorted("producer -b {broker}"),
    figures("brokerConsumeStats -b {broker} -l 0"),
    figures("wipeWritePerm -b broker-a"),
    figures("addWritePerm -b broker-a"),
    exact("startMonitoring"),
];

/// All command lines.
pub fn steps() -> impl Iterator<Item = &'static Step> {
    COURSES.iter().copied().flatten().chain(FINALE)
}

#[rustfmt::skip]
const TOPICS_AND_MESSAGES: &[Step] = &[
    sorted("updateTopic -c DefaultCluster -t mq-a -r 4 -w 4"),
    exact("updateTopic -b {broker} -t TBW102"),
    exact("updateTopicList -b {broker} -f {dir}/topics.json"),
    exact("updateTopicPerm -c DefaultCluster -t mq-b -p 4"),
    exact("topicRoute -t mq-a"),
    exact("topicRoute -t mq-none"),
    exact("topicClusterList -t mq-a"),
    exact("updateOrderConf -t mq-b -v broker-a:2 -m put"),
    exact("updateOrderConf -t mq-b -m get"),
    exact("updateOrderConf -t mq-b -m delete"),
    exact("allocateMQ -t mq-a -i 127.0.0.1"),
    figures("updateStaticTopic -t mq-static -qn 2 -c DefaultCluster"),
    figures("remappingStaticTopic -t mq-static -c DefaultCluster"),
    exact("sendMessage -t mq-a -p hello -k key-1 -c tag-a -b broker-a -i 0"),
    exact("topicStatus -t mq-a"),
    // The index follows behind.
    Step { line: "queryMsgByKey -t mq-a -k key-1", until: "#QID", ..PLAIN },
    exact("queryMsgByOffset -t mq-a -b broker-a -i 0 -o 0"),
    exact("queryMsgById -t mq-a -i {offsetId}"),
    exact("queryMsgByUniqueKey -t mq-a -i {uniqId}"),
    exact("queryMsgTraceById -i {uniqId}"),
    exact("printMsg -t mq-a"),
    exact("printMsgByQueue -t mq-a -a broker-a -i 0 -p true"),
    exact("consumeMessage -t mq-a -b broker-a -i 0 -o 0 -c 1"),
    figures("checkMsgSendRT -t mq-a -a 3 -s 16"),
    figures("sendMsgStatus -b broker-a -s 16 -c 2"),
    Step { line: "clusterRT -a 2 -s 16 -i 60", look: Look::Figures, limit_seconds: 20, ..PLAIN },
    exact("queryCq -t mq-a -q 0 -i 0 -c 2 -b {broker}"),
    exact("queryCq -t mq-a -q 9 -i 0 -c 2 -b {broker}"),
    exact("dumpCompactionLog -f {dir}/none"),
    exact("deleteTopic -c DefaultCluster -t mq-b"),
];

#[rustfmt::skip]
const GROUPS_AND_CLIENTS: &[Step] = &[
    sorted("updateTopic -b {broker} -t mq-c -r 2 -w 2"),
    exact("updateTopic -b {broker} -t mq-online -r 1 -w 1"),
    exact("updateSubGroup -b {broker} -g mq-g -r 3"),
    exact("updateSubGroupList -b {broker} -f {dir}/groups.json"),
    exact("setConsumeMode -b {broker} -t mq-c -g mq-g -m PULL"),
    exact("getConsumerConfig -g mq-g"),
    exact("resetOffsetByTime -g mq-g -t mq-c -s -1"),
    exact("skipAccumulatedMessage -g mq-g -t mq-c"),
    exact("cloneGroupOffset -s mq-g -d mq-g3 -t mq-c -o true"),
    exact("consumerProgress -g mq-g"),
    exact("consumerStatus -g mq-g"),
    Step { line: "consumerConnection -g mq-online", until: "MessageModel", ..PLAIN },
    exact("consumerConnection -g mq-none"),
    exact("producerConnection -g mq-none -t mq-c"),
    exact("deleteSubGroup -b {broker} -g mq-g2"),
];

#[rustfmt::skip]
const BROKER: &[Step] = &[
    figures("clusterList"),
    figures("clusterList -m"),
    keys("brokerStatus -b {broker}"),
    keys("getBrokerConfig -b {broker}"),
    exact("updateBrokerConfig -b {broker} -k fileReservedTime -v 71"),
    exact("updateBrokerConfig -b {broker} -k brokerPermission -v 6"),
    exact("updateBrokerConfig -b {broker} -k rocketmqHome -v /tmp/owned"),
    refused("updateBrokerConfig -b {broker} -k noSuchKey -v 1", "noSuchKey is not a known key"),
    refused("updateBrokerConfig -b {broker} -k brokerIP1 -v 127.0.0.1", "brokerIP1 can not be updated"),
    exact("cleanExpiredCQ -b {broker}"),
    exact("cleanUnusedTopic -b {broker}"),
    exact("deleteExpiredCommitLog -b {broker}"),
    exact("updateColdDataFlowCtrGroupConfig -b {broker} -g mq-cold -v 1000"),
    figures("getColdDataFlowCtrInfo -b {broker}"),
    exact("removeColdDataFlowCtrGroupConfig -b {broker} -g mq-cold"),
    exact("setCommitLogReadAheadMode -b {broker} -m 0"),
    figures("haStatus -b {broker}"),
    exact("resetMasterFlushOffset -b {broker} -o 0"),
    exact("getBrokerEpoch -b broker-a"),
    figures("statsAll -t BenchmarkTest"),
];

#[rustfmt::skip]
const NAME_SERVERS_AND_EXPORTS: &[Step] = &[
    exact("updateKvConfig -s mq -k key -v value"),
    exact("deleteKvConfig -s mq -k key"),
    keys("getNamesrvConfig"),
    exact("updateNamesrvConfig -k waitSecondsForService -v 46"),
    exact("updateNamesrvConfig -k configStorePath -v /tmp/owned"),
    keys("exportMetadata -c DefaultCluster -f {dir}/export"),
    exact("exportConfigs -c DefaultCluster -f {dir}/export"),
    exact("exportMetrics -c DefaultCluster -f {dir}/export"),
    exact("exportMetadataInRocksDB -p {dir}/none -t topics"),
    exact("exportPopRecord -b {broker}"),
    refused("rocksDBConfigToJson -b {broker}", "kept as JSON already"),
    refused("checkRocksdbCqWriteProgress -c DefaultCluster -n {namesrv} -t BenchmarkTest", "consume queues are files"),
];

#[rustfmt::skip]
const ABSENT: &[Step] = &[
    exact("addBroker -c {broker} -b {dir}/broker.conf"),
    exact("removeBroker -c {broker} -b DefaultCluster:broker-a:0"),
    exact("getControllerMetaData -a {broker}"),
    exact("getControllerConfig -a {broker}"),
    exact("updateControllerConfig -a {broker} -k k -v v"),
    exact("electMaster -a {broker} -b 1 -bn broker-a -c DefaultCluster"),
    exact("cleanBrokerMetadata -a {broker} -bn broker-a -c DefaultCluster"),
    exact("getSyncStateSet -a {broker} -b broker-a"),
];

#[rustfmt::skip]
const USERS: &[Step] = &[
    exact("createUser -b {broker} -u alice -p secret -t Super"),
    exact("createUser -b {broker} -u alice -p secret"),
    exact("createUser -c DefaultCluster -u bob -p other"),
    exact("updateUser -b {broker} -u bob -s disable"),
    exact("updateUser -b {broker} -u carol -p x"),
    exact("getUser -b {broker} -u bob"),
    exact("listUser -b {broker}"),
    exact("copyUser -f {broker} -t {broker} -u bob"),
    exact("createAcl -b {broker} -s User:bob -r Topic:mq-a,Group:mq* -a Pub,Sub -i 192.0.2.0/24 -d Allow"),
    exact("createAcl -b {broker} -s User:carol -r Topic:mq-a -a Pub -d Allow"),
    exact("updateAcl -b {broker} -s User:bob -r Topic:mq-a -a All -d Deny"),
    exact("getAcl -b {broker} -s User:bob"),
    exact("listAcl -b {broker}"),
    exact("copyAcl -f {broker} -t {broker} -s User:bob"),
    exact("deleteAcl -b {broker} -s User:bob -r Topic:mq-a"),
    exact("getAcl -c DefaultCluster -s User:bob"),
    exact("deleteAcl -b {broker} -s User:bob"),
    exact("deleteUser -b {broker} -u bob"),
    exact("getUser -c DefaultCluster -u bob"),
];
