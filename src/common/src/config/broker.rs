//! The keys of the broker itself, its identity (`BrokerIdentity`) included.
//!
//! Invariant: one declaration a key, in the order of the Java fields; nothing else names a key.

use super::Effect::{Honoured, Inert, Refused};
use super::object::config_object;
use super::reasons::{
    ACL_V1, ACTING, ADDRESS_SERVER, COLD, COMMERCIAL, CONTAINER, CONTROLLER, HA, HOME, LAG_OWN, LOGGING,
    MEMBERS, NO_PUT_QUEUE, NO_QUEUE, PLUGIN, POP_KV, POP_SCAN, POP_STORED, QUEUE_STATS, READ_ONLY, ROCKSDB,
    ROUTES_OWN, RUNTIME_CONFIG, SLOW_GROUPS, SPLIT, STATIC_SUBSCRIPTION, STATS_IDLE, STORE_OWN, THREADS,
    UNUSED, UNUSED_FLOW, UNUSED_PATH, ZERO_COPY,
};
use super::{MAX_INT, MessageRequestMode, MetricsExporterType};

config_object! {
    /// Configuration of a broker (`BrokerConfig` with its superclass `BrokerIdentity`).
    pub struct BrokerConfig(machine) {
        /// Path of the file the broker was started with; RocketMQ fills it in by itself.
        "brokerConfigPath" broker_config_path: Option<String> = None, Inert(UNUSED_PATH), fixed();
        /// Installation directory of RocketMQ (`ROCKETMQ_HOME`).
        "rocketmqHome" rocketmq_home: Option<String> = machine.rocketmq_home.clone(), Inert(HOME), fixed();
        /// NameServer addresses, `host:port` separated by `;`; default `NAMESRV_ADDR` of the environment.
        "namesrvAddr" namesrv_addr: Option<String> = machine.namesrv_addr.clone(), Honoured, important(), fixed();
        /// Port clients connect to; the copy in the network configuration is the one that is bound.
        "listenPort" listen_port: i32 = 6888, Honoured, range(0, 65_535), important(), fixed();
        /// Address announced to clients through the NameServer.
        "brokerIP1" broker_ip1: String = machine.local_address.clone(), Honoured, important(), fixed();
        /// Address announced to slaves for replication.
        "brokerIP2" broker_ip2: String = machine.local_address.clone(), Honoured, fixed();
        /// Whether ConsumeQueues are recovered in parallel.
        "recoverConcurrently" recover_concurrently: bool = false, Inert(STORE_OWN), important();
        /// Permission of the whole broker: 2 write, 4 read, 6 both.
        "brokerPermission" broker_permission: i32 = 6, Honoured, range(0, 15), live();
        /// Queues of the template topic TBW102, the most an automatically created topic gets.
        "defaultTopicQueueNums" default_topic_queue_nums: i32 = 8, Honoured, range(1, 65_536);
        /// Whether sending to an unknown topic creates it from its template topic.
        "autoCreateTopicEnable" auto_create_topic_enable: bool = true, Honoured, important(), live();
        /// Whether the topic named after the cluster lets clients create topics from it.
        "clusterTopicEnable" cluster_topic_enable: bool = true, Honoured;
        /// Whether the topic named after the broker lets clients create topics from it.
        "brokerTopicEnable" broker_topic_enable: bool = true, Honoured;
        /// Whether an unknown consumer group is created on first use.
        "autoCreateSubscriptionGroup" auto_create_subscription_group: bool = true, Honoured, important(), live();
        /// Class names of message store plug-ins, such as the tiered store.
        "messageStorePlugIn" message_store_plug_in: String = String::new(), Refused(PLUGIN), fixed();
        /// Topic that collects message traces.
        "msgTraceTopicName" msg_trace_topic_name: String = "RMQ_SYS_TRACE_TOPIC".to_owned(), Honoured, important();
        /// Whether the trace topic is created at start.
        "traceTopicEnable" trace_topic_enable: bool = false, Honoured, important();
        /// Threads that handle sends.
        "sendMessageThreadPoolNums" send_message_thread_pool_nums: i32 = machine.cores.min(4), Inert(THREADS);
        /// Threads that complete asynchronous sends.
        "putMessageFutureThreadPoolNums" put_message_future_thread_pool_nums: i32 = machine.cores.min(4), Inert(THREADS);
        /// Threads that handle pulls.
        "pullMessageThreadPoolNums" pull_message_thread_pool_nums: i32 = 16 + machine.cores * 2, Inert(THREADS);
        /// Threads that handle lite pulls.
        "litePullMessageThreadPoolNums" lite_pull_message_thread_pool_nums: i32 = 16 + machine.cores * 2, Inert(THREADS);
        /// Threads that handle acknowledgements of popped messages.
        "ackMessageThreadPoolNums" ack_message_thread_pool_nums: i32 = 16, Inert(THREADS);
        /// Threads that handle replies of request-reply messaging.
        "processReplyMessageThreadPoolNums" process_reply_message_thread_pool_nums: i32 = 16 + machine.cores * 2, Inert(THREADS);
        /// Threads that handle message queries.
        "queryMessageThreadPoolNums" query_message_thread_pool_nums: i32 = 8 + machine.cores, Inert(THREADS);
        /// Threads that handle administrative requests.
        "adminBrokerThreadPoolNums" admin_broker_thread_pool_nums: i32 = 16, Inert(THREADS);
        /// Threads that handle client registration.
        "clientManageThreadPoolNums" client_manage_thread_pool_nums: i32 = 32, Inert(THREADS);
        /// Threads that handle consumer offsets and group queries.
        "consumerManageThreadPoolNums" consumer_manage_thread_pool_nums: i32 = 32, Inert(THREADS);
        /// Threads that handle queue assignment.
        "loadBalanceProcessorThreadPoolNums" load_balance_processor_thread_pool_nums: i32 = 32, Inert(THREADS);
        /// Threads that handle heartbeats.
        "heartbeatThreadPoolNums" heartbeat_thread_pool_nums: i32 = machine.cores.min(32), Inert(THREADS);
        /// Threads that recover ConsumeQueues.
        "recoverThreadPoolNums" recover_thread_pool_nums: i32 = 32, Inert(THREADS);
        /// Threads that handle ends of transactions.
        "endTransactionThreadPoolNums" end_transaction_thread_pool_nums: i32 = (8 + machine.cores * 2).max(machine.cores.min(4) * 4), Inert(THREADS);
        /// Milliseconds between two writes of consumerOffset.json; never more than a second here.
        "flushConsumerOffsetInterval" flush_consumer_offset_interval: i32 = 5000, Honoured, range(1, MAX_INT);
        /// Milliseconds between two writes of the offset history.
        "flushConsumerOffsetHistoryInterval" flush_consumer_offset_history_interval: i32 = 60_000, Inert(UNUSED);
        /// Whether transactional messages are refused.
        "rejectTransactionMessage" reject_transaction_message: bool = false, Honoured, important(), live();
        /// Whether namesrvAddr is a DNS name that stands for all NameServers.
        "fetchNameSrvAddrByDnsLookup" fetch_name_srv_addr_by_dns_lookup: bool = false, Honoured, important(), fixed();
        /// Whether NameServer addresses come from an HTTP address server.
        "fetchNamesrvAddrByAddressServer" fetch_namesrv_addr_by_address_server: bool = false, Inert(ADDRESS_SERVER), important(), fixed();
        /// Sends that may wait before the broker answers busy.
        "sendThreadPoolQueueCapacity" send_thread_pool_queue_capacity: i32 = 10_000, Honoured, range(1, MAX_INT);
        /// Completed stores that may wait for their reply.
        "putThreadPoolQueueCapacity" put_thread_pool_queue_capacity: i32 = 10_000, Inert(NO_PUT_QUEUE);
        /// Pulls that may wait before the broker answers busy.
        "pullThreadPoolQueueCapacity" pull_thread_pool_queue_capacity: i32 = 100_000, Honoured, range(1, MAX_INT);
        /// Lite pulls that may wait before the broker answers busy.
        "litePullThreadPoolQueueCapacity" lite_pull_thread_pool_queue_capacity: i32 = 100_000, Honoured, range(1, MAX_INT);
        /// Acknowledgements that may wait before the broker answers busy.
        "ackThreadPoolQueueCapacity" ack_thread_pool_queue_capacity: i32 = 100_000, Honoured, range(1, MAX_INT);
        /// Replies that may wait before the broker answers busy.
        "replyThreadPoolQueueCapacity" reply_thread_pool_queue_capacity: i32 = 10_000, Honoured, range(1, MAX_INT);
        /// Queries that may wait before the broker answers busy.
        "queryThreadPoolQueueCapacity" query_thread_pool_queue_capacity: i32 = 20_000, Honoured, range(1, MAX_INT);
        /// Client registrations that may wait before the broker answers busy.
        "clientManagerThreadPoolQueueCapacity" client_manager_thread_pool_queue_capacity: i32 = 1_000_000, Honoured, range(1, MAX_INT);
        /// Offset requests that may wait before the broker answers busy.
        "consumerManagerThreadPoolQueueCapacity" consumer_manager_thread_pool_queue_capacity: i32 = 1_000_000, Honoured, range(1, MAX_INT);
        /// Heartbeats that may wait before the broker answers busy.
        "heartbeatThreadPoolQueueCapacity" heartbeat_thread_pool_queue_capacity: i32 = 50_000, Honoured, range(1, MAX_INT);
        /// Ends of transactions that may wait before the broker answers busy.
        "endTransactionPoolQueueCapacity" end_transaction_pool_queue_capacity: i32 = 100_000, Honoured, range(1, MAX_INT);
        /// Administrative requests that may wait before the broker answers busy.
        "adminBrokerThreadPoolQueueCapacity" admin_broker_thread_pool_queue_capacity: i32 = 10_000, Honoured, range(1, MAX_INT);
        /// Queue assignments that may wait before the broker answers busy.
        "loadBalanceThreadPoolQueueCapacity" load_balance_thread_pool_queue_capacity: i32 = 100_000, Honoured, range(1, MAX_INT);
        /// Whether a pull that finds nothing waits as long as its client allows.
        "longPollingEnable" long_polling_enable: bool = true, Honoured, live();
        /// Milliseconds such a pull waits when long polling is off.
        "shortPollingTimeMills" short_polling_time_mills: i64 = 1000, Honoured, range(1, i64::MAX), live();
        /// Whether consumers are told when the members of their group change.
        "notifyConsumerIdsChangedEnable" notify_consumer_ids_changed_enable: bool = true, Honoured, live();
        /// A mode without meaning.
        "highSpeedMode" high_speed_mode: bool = false, Inert(UNUSED);
        /// Base unit of the statistics for billing.
        "commercialBaseCount" commercial_base_count: i32 = 1, Inert(COMMERCIAL);
        /// Bytes that count as one message in the statistics for billing.
        "commercialSizePerMsg" commercial_size_per_msg: i32 = 4096, Inert(COMMERCIAL);
        /// Whether statistics are kept by account.
        "accountStatsEnable" account_stats_enable: bool = true, Inert(COMMERCIAL);
        /// Whether accounts without traffic are logged.
        "accountStatsPrintZeroValues" account_stats_print_zero_values: bool = true, Inert(COMMERCIAL);
        /// Minutes after which an idle statistics item is dropped, -1 for never.
        "maxStatsIdleTimeInMinutes" max_stats_idle_time_in_minutes: i32 = -1, Inert(STATS_IDLE);
        /// Whether pulled messages are copied to the heap before they are sent.
        "transferMsgByHeap" transfer_msg_by_heap: bool = true, Inert(ZERO_COPY);
        /// Region name stamped on messages and replies.
        "regionId" region_id: String = "DefaultRegion".to_owned(), Honoured, live();
        /// Milliseconds a registration with a NameServer may take.
        "registerBrokerTimeoutMills" register_broker_timeout_mills: i32 = 24_000, Honoured, range(1, MAX_INT), live();
        /// Milliseconds a heartbeat to a NameServer may take.
        "sendHeartbeatTimeoutMillis" send_heartbeat_timeout_millis: i32 = 1000, Inert(ACTING);
        /// Whether consumers that lag behind are sent to a slave.
        "slaveReadEnable" slave_read_enable: bool = false, Honoured, live();
        /// Whether a group that lags too far behind is stopped.
        "disableConsumeIfConsumerReadSlowly" disable_consume_if_consumer_read_slowly: bool = false, Inert(SLOW_GROUPS);
        /// Bytes of lag at which disableConsumeIfConsumerReadSlowly stops a group.
        "consumerFallbehindThreshold" consumer_fallbehind_threshold: i64 = 17_179_869_184, Inert(SLOW_GROUPS), range(1, i64::MAX);
        /// Whether requests that waited too long are answered busy.
        "brokerFastFailureEnable" broker_fast_failure_enable: bool = true, Inert(NO_QUEUE);
        /// Milliseconds a send may wait for its turn.
        "waitTimeMillsInSendQueue" wait_time_mills_in_send_queue: i64 = 200, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Milliseconds a pull may wait for its turn.
        "waitTimeMillsInPullQueue" wait_time_mills_in_pull_queue: i64 = 5000, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Milliseconds a lite pull may wait for its turn.
        "waitTimeMillsInLitePullQueue" wait_time_mills_in_lite_pull_queue: i64 = 5000, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Milliseconds a heartbeat may wait for its turn.
        "waitTimeMillsInHeartbeatQueue" wait_time_mills_in_heartbeat_queue: i64 = 31_000, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Milliseconds an end of a transaction may wait for its turn.
        "waitTimeMillsInTransactionQueue" wait_time_mills_in_transaction_queue: i64 = 3000, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Milliseconds an acknowledgement may wait for its turn.
        "waitTimeMillsInAckQueue" wait_time_mills_in_ack_queue: i64 = 3000, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Milliseconds an administrative request may wait for its turn.
        "waitTimeMillsInAdminBrokerQueue" wait_time_mills_in_admin_broker_queue: i64 = 5000, Inert(NO_QUEUE), range(1, i64::MAX);
        /// Wall clock milliseconds before which sends are refused.
        "startAcceptSendRequestTimeStamp" start_accept_send_request_time_stamp: i64 = 0, Honoured, live();
        /// Whether replies tell clients to trace.
        "traceOn" trace_on: bool = true, Honoured, live();
        /// Whether SQL92 filters are evaluated when a message is stored.
        "enableCalcFilterBitMap" enable_calc_filter_bit_map: bool = false, Honoured;
        /// Whether consumers that pull by themselves are refused.
        "rejectPullConsumerEnable" reject_pull_consumer_enable: bool = false, Honoured, live();
        /// Consumer groups per topic the bloom filter of SQL92 is sized for.
        "expectConsumerNumUseFilter" expect_consumer_num_use_filter: i32 = 32, Honoured, range(1, 27_000);
        /// False positives of that bloom filter, percent.
        "maxErrorRateOfBloomFilter" max_error_rate_of_bloom_filter: i32 = 20, Honoured, range(1, 99);
        /// Milliseconds after which the filter of a vanished consumer is dropped.
        "filterDataCleanTimeSpan" filter_data_clean_time_span: i64 = 86_400_000, Honoured, live();
        /// Whether SQL92 filters apply to retried messages.
        "filterSupportRetry" filter_support_retry: bool = false, Honoured, live();
        /// Whether consumers may filter by SQL92 expressions.
        "enablePropertyFilter" enable_property_filter: bool = false, Honoured, live();
        /// Whether registrations with NameServers are compressed.
        "compressedRegister" compressed_register: bool = false, Honoured, live();
        /// Whether every registration is sent, even when nothing changed.
        "forceRegister" force_register: bool = true, Honoured, live();
        /// Milliseconds between two registrations, held between 10 000 and 60 000.
        "registerNameServerPeriod" register_name_server_period: i32 = 30_000, Honoured, live();
        /// Milliseconds between two look-ups of the NameServer addresses.
        "updateNameServerAddrPeriod" update_name_server_addr_period: i32 = 120_000, Honoured, range(1, MAX_INT), live();
        /// Milliseconds between two heartbeats to the NameServers.
        "brokerHeartbeatInterval" broker_heartbeat_interval: i32 = 1000, Inert(ACTING);
        /// Milliseconds without heartbeat after which a NameServer drops the broker.
        "brokerNotActiveTimeoutMillis" broker_not_active_timeout_millis: i64 = 10_000, Inert(ACTING);
        /// Whether the network is throttled.
        "enableNetWorkFlowControl" enable_net_work_flow_control: bool = false, Inert(UNUSED_FLOW);
        /// Whether the broker tracks offsets of broadcasting consumers behind a proxy.
        "enableBroadcastOffsetStore" enable_broadcast_offset_store: bool = true, Honoured, live();
        /// Seconds after which such an offset is dropped without traffic.
        "broadcastOffsetExpireSecond" broadcast_offset_expire_second: i64 = 120, Honoured, range(1, i64::MAX), live();
        /// Seconds after which such an offset is dropped in any case.
        "broadcastOffsetExpireMaxSecond" broadcast_offset_expire_max_second: i64 = 300, Honoured, range(1, i64::MAX), live();
        /// Waiting pops for each queue.
        "popPollingSize" pop_polling_size: i32 = 1024, Honoured;
        /// Queues that may have waiting pops.
        "popPollingMapSize" pop_polling_map_size: i32 = 100_000, Honoured;
        /// Waiting pops in all.
        "maxPopPollingSize" max_pop_polling_size: i64 = 100_000, Honoured;
        /// Queues of the revive topic.
        "reviveQueueNum" revive_queue_num: i32 = 8, Honoured, range(1, 65_536);
        /// Milliseconds between two scans of the revive topic.
        "reviveInterval" revive_interval: i64 = 1000, Honoured;
        /// Scans after which a revive queue without progress waits longer.
        "reviveMaxSlow" revive_max_slow: i64 = 3, Inert(POP_SCAN);
        /// Milliseconds one revive scan may take.
        "reviveScanTime" revive_scan_time: i64 = 10_000, Honoured;
        /// Whether acknowledgements without check point are skipped.
        "enableSkipLongAwaitingAck" enable_skip_long_awaiting_ack: bool = false, Inert(POP_SCAN);
        /// Milliseconds an acknowledgement waits for its check point.
        "reviveAckWaitMs" revive_ack_wait_ms: i64 = 180_000, Inert(POP_SCAN);
        /// Whether pops are logged.
        "enablePopLog" enable_pop_log: bool = false, Inert(LOGGING);
        /// Whether check points and acknowledgements are merged in memory.
        "enablePopBufferMerge" enable_pop_buffer_merge: bool = false, Honoured;
        /// Milliseconds a check point stays in memory.
        "popCkStayBufferTime" pop_ck_stay_buffer_time: i32 = 10_000, Honoured;
        /// Milliseconds before revival at which a check point leaves memory.
        "popCkStayBufferTimeOut" pop_ck_stay_buffer_time_out: i32 = 3000, Honoured;
        /// Check points held in memory.
        "popCkMaxBufferSize" pop_ck_max_buffer_size: i32 = 200_000, Honoured;
        /// Uncommitted check points of one queue held in memory.
        "popCkOffsetMaxQueueSize" pop_ck_offset_max_queue_size: i32 = 20_000, Honoured;
        /// Whether acknowledgements of one check point are stored together.
        "enablePopBatchAck" enable_pop_batch_ack: bool = false, Honoured;
        /// After so many messages of a queue a waiting pop is woken whether it takes them or not.
        "popLongPollingForceNotifyInterval" pop_long_polling_force_notify_interval: i64 = 800, Honoured;
        /// Whether waiting pops are woken before the lag is measured.
        "enableNotifyBeforePopCalculateLag" enable_notify_before_pop_calculate_lag: bool = true, Inert(LAG_OWN);
        /// Whether waiting pops are woken when an order lock is released.
        "enableNotifyAfterPopOrderLockRelease" enable_notify_after_pop_order_lock_release: bool = true, Honoured;
        /// Whether a first pop starts at the oldest message that is still in memory.
        "initPopOffsetByCheckMsgInMem" init_pop_offset_by_check_msg_in_mem: bool = true, Honoured;
        /// Whether retry topics named the old way are still read.
        "retrieveMessageFromPopRetryTopicV1" retrieve_message_from_pop_retry_topic_v1: bool = true, Honoured, live();
        /// Whether retry topics are named the new way.
        "enableRetryTopicV2" enable_retry_topic_v2: bool = false, Honoured;
        /// Percentage of pops that look at the retry topic first.
        "popFromRetryProbability" pop_from_retry_probability: i32 = 20, Honoured, live();
        /// Whether pop state is kept in the file store.
        "popConsumerFSServiceInit" pop_consumer_fs_service_init: bool = true, Refused(POP_KV);
        /// Whether the key-value pop service logs.
        "popConsumerKVServiceLog" pop_consumer_kv_service_log: bool = false, Inert(POP_KV);
        /// Whether the key-value pop service is started.
        "popConsumerKVServiceInit" pop_consumer_kv_service_init: bool = false, Refused(POP_KV);
        /// Whether pop state is kept in the key-value service.
        "popConsumerKVServiceEnable" pop_consumer_kv_service_enable: bool = false, Refused(POP_KV);
        /// Bytes one revive read returns.
        "popReviveMaxReturnSizePerRead" pop_revive_max_return_size_per_read: i32 = 16_384, Inert(POP_KV);
        /// Attempts to revive a message.
        "popReviveMaxAttemptTimes" pop_revive_max_attempt_times: i32 = 16, Inert(POP_KV);
        /// Whether members of a group are told at once about a change.
        "realTimeNotifyConsumerChange" real_time_notify_consumer_change: bool = true, Honoured, live();
        /// Whether lite pulls have limits of their own.
        "litePullMessageEnable" lite_pull_message_enable: bool = true, Honoured, live();
        /// Milliseconds between two looks at the other members of the broker group.
        "syncBrokerMemberGroupPeriod" sync_broker_member_group_period: i32 = 1000, Inert(HA);
        /// Milliseconds between two route updates for queue assignment.
        "loadBalancePollNameServerInterval" load_balance_poll_name_server_interval: i64 = 30_000, Honoured;
        /// Milliseconds between two sweeps of vanished brokers.
        "cleanOfflineBrokerInterval" clean_offline_broker_interval: i32 = 30_000, Inert(UNUSED);
        /// Whether the broker assigns queues to consumers that ask for it.
        "serverLoadBalancerEnable" server_load_balancer_enable: bool = true, Honoured, live();
        /// Whether assigned queues are pulled or popped.
        "defaultMessageRequestMode" default_message_request_mode: MessageRequestMode = MessageRequestMode::Pull, Honoured, live();
        /// Queues shared between popping consumers, -1 for all.
        "defaultPopShareQueueNum" default_pop_share_queue_num: i32 = -1, Honoured, live();
        /// Milliseconds before the first check of a transaction.
        "transactionTimeOut" transaction_time_out: i64 = 6000, Honoured, important(), live();
        /// Checks after which a transaction is given up.
        "transactionCheckMax" transaction_check_max: i32 = 15, Honoured, important(), live();
        /// Milliseconds between two checks.
        "transactionCheckInterval" transaction_check_interval: i64 = 30_000, Honoured, important(), live();
        /// Milliseconds between two writes of the transaction metrics.
        "transactionMetricFlushInterval" transaction_metric_flush_interval: i64 = 3000, Honoured;
        /// Bytes of one op message.
        "transactionOpMsgMaxSize" transaction_op_msg_max_size: i32 = 4096, Honoured, live();
        /// Milliseconds ops are collected for one op message.
        "transactionOpBatchInterval" transaction_op_batch_interval: i32 = 3000, Honoured, live();
        /// Whether the access control of RocketMQ 4 is on.
        "aclEnable" acl_enable: bool = false, Refused(ACL_V1), important(), fixed();
        /// Whether replies of request-reply messaging are stored as well as pushed.
        "storeReplyMessageEnable" store_reply_message_enable: bool = true, Honoured, live();
        /// Whether statistics are kept by queue too.
        "enableDetailStat" enable_detail_stat: bool = true, Inert(QUEUE_STATS);
        /// Whether statistics of deleted topics and groups are dropped.
        "autoDeleteUnusedStats" auto_delete_unused_stats: bool = true, Honoured, live();
        /// Whether several brokers in one process log apart.
        "isolateLogEnable" isolate_log_enable: bool = false, Inert(LOGGING);
        /// Milliseconds a request forwarded to another broker may take.
        "forwardTimeout" forward_timeout: i64 = 3000, Honoured;
        /// Whether a slave stands in for a lost master.
        "enableSlaveActingMaster" enable_slave_acting_master: bool = false, Inert(ACTING);
        /// Whether an acting master hands timed messages to other brokers.
        "enableRemoteEscape" enable_remote_escape: bool = false, Inert(ACTING);
        /// Whether a broker goes online without catching up first.
        "skipPreOnline" skip_pre_online: bool = false, Inert(ACTING);
        /// Whether the reply to a send is written by another thread.
        "asyncSendEnable" async_send_enable: bool = true, Inert(THREADS);
        /// Whether offsets are reset by the broker, not by the clients.
        "useServerSideResetOffset" use_server_side_reset_offset: bool = true, Honoured, live();
        /// Commits after which the version of the offset table moves.
        "consumerOffsetUpdateVersionStep" consumer_offset_update_version_step: i64 = 500, Honoured, range(1, i64::MAX), live();
        /// Commits after which the version of the delay offset table moves.
        "delayOffsetUpdateVersionStep" delay_offset_update_version_step: i64 = 200, Honoured, range(1, i64::MAX);
        /// Whether queue locks need a majority of the broker group.
        "lockInStrictMode" lock_in_strict_mode: bool = false, Inert(ACTING);
        /// Whether NameServers older than 4.9.4 are spoken to.
        "compatibleWithOldNameSrv" compatible_with_old_name_srv: bool = true, Inert(MEMBERS);
        /// Whether a controller elects the master.
        "enableControllerMode" enable_controller_mode: bool = false, Refused(CONTROLLER);
        /// Controller addresses, separated by `;`.
        "controllerAddr" controller_addr: String = String::new(), Inert(CONTROLLER), fixed();
        /// Whether controllerAddr is a DNS name that stands for all controllers.
        "fetchControllerAddrByDnsLookup" fetch_controller_addr_by_dns_lookup: bool = false, Inert(CONTROLLER), fixed();
        /// Milliseconds between two updates of the broker's metadata.
        "syncBrokerMetadataPeriod" sync_broker_metadata_period: i64 = 5000, Inert(CONTROLLER);
        /// Milliseconds between two checks of the SyncStateSet.
        "checkSyncStateSetPeriod" check_sync_state_set_period: i64 = 5000, Inert(CONTROLLER);
        /// Milliseconds between two updates of the controller's metadata.
        "syncControllerMetadataPeriod" sync_controller_metadata_period: i64 = 10_000, Inert(CONTROLLER);
        /// Milliseconds without heartbeat after which the controller drops the broker.
        "controllerHeartBeatTimeoutMills" controller_heart_beat_timeout_mills: i64 = 10_000, Inert(CONTROLLER);
        /// Whether system topics are protected from being changed.
        "validateSystemTopicWhenUpdateTopic" validate_system_topic_when_update_topic: bool = true, Honoured, live();
        /// Priority in an election, smaller wins.
        "brokerElectionPriority" broker_election_priority: i32 = i32::MAX, Inert(CONTROLLER);
        /// Whether subscriptions come from the group configuration only.
        "useStaticSubscription" use_static_subscription: bool = false, Inert(STATIC_SUBSCRIPTION);
        /// How metrics are exported.
        "metricsExporterType" metrics_exporter_type: MetricsExporterType = MetricsExporterType::Disable, Honoured;
        /// Label combinations of one metric.
        "metricsOtelCardinalityLimit" metrics_otel_cardinality_limit: i32 = 50_000, Honoured, range(1, MAX_INT);
        /// Address metrics are pushed to.
        "metricsGrpcExporterTarget" metrics_grpc_exporter_target: String = String::new(), Honoured, fixed();
        /// Headers sent along with pushed metrics.
        "metricsGrpcExporterHeader" metrics_grpc_exporter_header: String = String::new(), Honoured, fixed();
        /// Milliseconds a push may take.
        "metricGrpcExporterTimeOutInMills" metric_grpc_exporter_time_out_in_mills: i64 = 3000, Honoured;
        /// Milliseconds between two pushes.
        "metricGrpcExporterIntervalInMills" metric_grpc_exporter_interval_in_mills: i64 = 60_000, Honoured;
        /// Milliseconds between two metric log lines.
        "metricLoggingExporterIntervalInMills" metric_logging_exporter_interval_in_mills: i64 = 10_000, Honoured;
        /// Port metrics are scraped from.
        "metricsPromExporterPort" metrics_prom_exporter_port: i32 = 5557, Honoured, range(0, 65_535), fixed();
        /// Address metrics are scraped from.
        "metricsPromExporterHost" metrics_prom_exporter_host: String = String::new(), Honoured, fixed();
        /// Labels added to every metric, `name:value` separated by commas.
        "metricsLabel" metrics_label: String = String::new(), Honoured;
        /// Whether counters are exported as differences.
        "metricsInDelta" metrics_in_delta: bool = false, Honoured;
        /// Milliseconds without heartbeat after which a client is dropped.
        "channelExpiredTimeout" channel_expired_timeout: i64 = 120_000, Honoured, range(1, i64::MAX), live();
        /// Milliseconds without heartbeat after which a subscription is dropped.
        "subscriptionExpiredTimeout" subscription_expired_timeout: i64 = 600_000, Honoured, range(1, i64::MAX), live();
        /// Whether the backlog of filtered subscriptions is estimated from samples.
        "estimateAccumulation" estimate_accumulation: bool = true, Honoured;
        /// Whether groups that read cold data are slowed down.
        "coldCtrStrategyEnable" cold_ctr_strategy_enable: bool = false, Inert(COLD);
        /// Whether a PID controller sets how much.
        "usePIDColdCtrStrategy" use_pid_cold_ctr_strategy: bool = true, Inert(COLD);
        /// Bytes of cold reads a group may do.
        "cgColdReadThreshold" cg_cold_read_threshold: i64 = 3_145_728, Honoured, live();
        /// Bytes of cold reads all groups may do.
        "globalColdReadThreshold" global_cold_read_threshold: i64 = 104_857_600, Honoured, live();
        /// Milliseconds between two questions to the address server.
        "fetchNamesrvAddrInterval" fetch_namesrv_addr_interval: i64 = 10_000, Inert(ADDRESS_SERVER), fixed();
        /// Whether popped retries carry the name of the retry topic.
        "popResponseReturnActualRetryTopic" pop_response_return_actual_retry_topic: bool = false, Honoured, live();
        /// Whether a new topic is registered by itself.
        "enableSingleTopicRegister" enable_single_topic_register: bool = false, Honoured, live();
        /// Whether a topic may be created for mixed message types.
        "enableMixedMessageType" enable_mixed_message_type: bool = false, Honoured, live();
        /// Whether large registrations are sent in parts.
        "enableSplitRegistration" enable_split_registration: bool = false, Inert(SPLIT);
        /// Unacknowledged messages of one queue at which pops are refused.
        "popInflightMessageThreshold" pop_inflight_message_threshold: i64 = 10_000, Honoured, live();
        /// Whether that limit applies.
        "enablePopMessageThreshold" enable_pop_message_threshold: bool = false, Honoured, live();
        /// Whether events of closed connections are handled through an index.
        "enableFastChannelEventProcess" enable_fast_channel_event_process: bool = false, Inert(ROUTES_OWN);
        /// Whether groups of a closed connection are logged.
        "printChannelGroups" print_channel_groups: bool = false, Inert(ROUTES_OWN);
        /// How many groups make that worth a line.
        "printChannelGroupsMinNum" print_channel_groups_min_num: i32 = 5, Inert(ROUTES_OWN);
        /// Topics in one part of a split registration.
        "splitRegistrationSize" split_registration_size: i32 = 800, Inert(SPLIT);
        /// Keys that cannot be changed at run time, separated by `;`.
        "configBlackList" config_black_list: String = "configBlackList;brokerConfigPath".to_owned(), Inert(RUNTIME_CONFIG), fixed();
        /// Whether a check point that failed too often is dropped.
        "skipWhenCKRePutReachMaxTimes" skip_when_ck_re_put_reach_max_times: bool = false, Honoured;
        /// Whether acknowledgements are stored asynchronously.
        "appendAckAsync" append_ack_async: bool = false, Inert(POP_STORED);
        /// Whether check points are stored asynchronously.
        "appendCkAsync" append_ck_async: bool = false, Inert(POP_STORED);
        /// Whether deleting a topic deletes its POP retry topics too.
        "clearRetryTopicWhenDeleteTopic" clear_retry_topic_when_delete_topic: bool = true, Honoured, live();
        /// Whether statistics are kept for light message queues.
        "enableLmqStats" enable_lmq_stats: bool = false, Honoured;
        /// How topic, group and offset tables are kept: `v1` in files, `v2` in RocksDB.
        "configManagerVersion" config_manager_version: String = "v1".to_owned(), Refused(ROCKSDB);
        /// Whether messages can be recalled from a broker without write permission.
        "allowRecallWhenBrokerNotWriteable" allow_recall_when_broker_not_writeable: bool = true, Honoured, live();
        /// Whether timed messages can be recalled.
        "recallMessageEnable" recall_message_enable: bool = false, Honoured, live();
        /// Whether producers are registered.
        "enableRegisterProducer" enable_register_producer: bool = true, Honoured, live();
        /// Whether system consumer groups are created at start.
        "enableCreateSysGroup" enable_create_sys_group: bool = true, Honoured, live();
        /// Name of the broker; a master and its slaves share it.
        "brokerName" broker_name: String = machine.broker_name(), Honoured, important(), fixed();
        /// Name of the cluster.
        "brokerClusterName" broker_cluster_name: String = "DefaultCluster".to_owned(), Honoured, important(), fixed();
        /// 0 for a master, positive for a slave; a master is set to 0.
        "brokerId" broker_id: i64 = 0, Honoured, important(), fixed();
        /// Whether this is the identity of a broker container.
        "isBrokerContainer" is_broker_container: bool = false, Inert(READ_ONLY), read_only();
        /// Whether the broker runs inside a broker container.
        "isInBrokerContainer" is_in_broker_container: bool = false, Inert(CONTAINER), set_as("inBrokerContainer"), fixed();
    }
}
