//! The keys of the NameServer.
//!
//! Invariant: one declaration a key, in the order of the Java fields; nothing else names a key.

use super::Effect::{Honoured, Inert, Refused};
use super::MAX_INT;
use super::object::config_object;
use super::reasons::{CLUSTER_TEST, CONTROLLER, HOME};

config_object! {
    /// Configuration of a NameServer (`NamesrvConfig`).
    pub struct NamesrvConfig(machine) {
        /// Installation directory of RocketMQ (`ROCKETMQ_HOME`).
        "rocketmqHome" rocketmq_home: Option<String> = machine.rocketmq_home.clone(), Inert(HOME), fixed();
        /// File of the KV configuration.
        "kvConfigPath" kv_config_path: String = machine.under_home("namesrv/kvConfig.json"), Honoured, fixed();
        /// File configuration changed at run time is written to; the file given at start.
        "configStorePath" config_store_path: String = machine.under_home("namesrv/namesrv.properties"), Honoured, fixed();
        /// Name of the environment, used by the cluster test mode.
        "productEnvName" product_env_name: String = "center".to_owned(), Inert(CLUSTER_TEST), fixed();
        /// Whether unknown topics are looked up at a NameServer of the product environment.
        "clusterTest" cluster_test: bool = false, Refused(CLUSTER_TEST), fixed();
        /// Whether routes carry the order configuration of a topic.
        "orderMessageEnable" order_message_enable: bool = false, Honoured, live();
        /// Whether brokers are told the order configuration when they register.
        "returnOrderTopicConfigToBroker" return_order_topic_config_to_broker: bool = true, Honoured, live();
        /// Route requests worked on at a time.
        "clientRequestThreadPoolNums" client_request_thread_pool_nums: i32 = 8, Honoured, range(1, MAX_INT);
        /// Other requests worked on at a time.
        "defaultThreadPoolNums" default_thread_pool_nums: i32 = 16, Honoured, range(1, MAX_INT);
        /// Route requests that may wait.
        "clientRequestThreadPoolQueueCapacity" client_request_thread_pool_queue_capacity: i32 = 50_000, Honoured, range(1, MAX_INT);
        /// Other requests that may wait.
        "defaultThreadPoolQueueCapacity" default_thread_pool_queue_capacity: i32 = 10_000, Honoured, range(1, MAX_INT);
        /// Milliseconds between two looks for brokers that fell silent.
        "scanNotActiveBrokerInterval" scan_not_active_broker_interval: i64 = 5000, Honoured, range(1, i64::MAX), live();
        /// Broker removals that may wait.
        "unRegisterBrokerQueueCapacity" un_register_broker_queue_capacity: i32 = 3000, Honoured, range(1, MAX_INT);
        /// Whether a slave is announced in place of a lost master.
        "supportActingMaster" support_acting_master: bool = false, Honoured, live();
        /// Whether the list of all topics may be asked for.
        "enableAllTopicList" enable_all_topic_list: bool = true, Honoured, live();
        /// Whether topics may be listed by cluster and kind.
        "enableTopicList" enable_topic_list: bool = true, Honoured, live();
        /// Whether brokers are told when the smallest broker id of their group changes.
        "notifyMinBrokerIdChanged" notify_min_broker_id_changed: bool = false, Honoured, live();
        /// Whether a controller runs in the same process.
        "enableControllerInNamesrv" enable_controller_in_namesrv: bool = false, Refused(CONTROLLER), fixed();
        /// Whether route requests are refused for a while after start.
        "needWaitForService" need_wait_for_service: bool = false, Honoured, live();
        /// Seconds they are refused.
        "waitSecondsForService" wait_seconds_for_service: i32 = 45, Honoured, range(0, MAX_INT), live();
        /// Whether topics a broker no longer registers are dropped.
        "deleteTopicWithBrokerRegistration" delete_topic_with_broker_registration: bool = false, Honoured, live();
        /// Keys that cannot be changed at run time, separated by `;`.
        "configBlackList" config_black_list: String = "configBlackList;configStorePath;kvConfigPath".to_owned(), Honoured, fixed();
    }
}
