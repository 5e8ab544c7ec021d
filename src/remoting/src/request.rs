//! **The request table**: every request code of RocketMQ 5.3.3, a row each.
//!
//! A row is: code, marker type, RocketMQ's name, who may ask, request header => reply header. The macro
//! makes of it the dense [`RequestCode`], a marker type per request that ties the headers together
//! ([`Request`]), and the look-up both ways. A code used twice does not compile.

#[allow(clippy::wildcard_imports, reason = "the table names every header there is")]
use crate::{
    header::{FieldSpec, Header, NoHeader},
    headers::{
        auth::*, broker::*, consumer::*, controller::*, offset::*, pop::*, pull::*, send::*, topic::*,
    },
};

/// A request: its code and its headers, as a type.
pub trait Request: Send + Sync + 'static {
    /// The row of the table.
    const CODE: RequestCode;
    /// What the asker says.
    type Header: Header;
    /// What the answer says beside its code.
    type ReplyHeader: Header;
}

/// Who asks a request, and so what it takes to be allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Producers.
    Publish,
    /// Consumers.
    Subscribe,
    /// Any client, about itself.
    Client,
    /// Any client, about routes.
    Route,
    /// Operators and their tools.
    Admin,
    /// Servers among themselves.
    Internal,
    /// A server asks its client.
    Callback,
    /// Nobody: RocketMQ keeps the number and does nothing with it.
    Unused,
}

macro_rules! requests {
    ($($code:literal $request:ident $name:ident $access:ident $header:ident => $reply_header:ident,)*) => {
        /// A request code RocketMQ 5.3.3 knows, numbered densely.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RequestCode {
            $(#[doc = concat!("`", stringify!($name), "` (", stringify!($code), ")")] $request,)*
        }

        impl RequestCode {
            /// All codes in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$request),*];

            /// The code of that number.
            #[deny(unreachable_patterns)]
            pub fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($code => Some(Self::$request),)*
                    _ => None,
                }
            }

            /// The number on the wire.
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$request => $code,)*
                }
            }

            /// RocketMQ's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$request => stringify!($name),)*
                }
            }

            /// Who asks it.
            pub const fn access(self) -> Access {
                match self {
                    $(Self::$request => Access::$access,)*
                }
            }

            /// The request header and the reply header: RocketMQ's class and the fields.
            pub const fn headers(self) -> [(&'static str, &'static [FieldSpec]); 2] {
                match self {
                    $(Self::$request => [
                        (stringify!($header), <$header as Header>::FIELDS),
                        (stringify!($reply_header), <$reply_header as Header>::FIELDS),
                    ],)*
                }
            }
        }

        $(
            #[doc = concat!("`", stringify!($name), "` (", stringify!($code), ")")]
            #[derive(Clone, Copy, Debug)]
            pub struct $request;

            impl Request for $request {
                const CODE: RequestCode = RequestCode::$request;
                type Header = $header;
                type ReplyHeader = $reply_header;
            }
        )*
    };
}

#[rustfmt::skip]
requests! {
        10 SendMessage SEND_MESSAGE Publish SendMessageRequestHeader => SendMessageResponseHeader,
        11 PullMessage PULL_MESSAGE Subscribe PullMessageRequestHeader => PullMessageResponseHeader,
        12 QueryMessage QUERY_MESSAGE Subscribe QueryMessageRequestHeader => QueryMessageResponseHeader,
        13 QueryBrokerOffset QUERY_BROKER_OFFSET Unused NoHeader => NoHeader,
        14 QueryConsumerOffset QUERY_CONSUMER_OFFSET Subscribe QueryConsumerOffsetRequestHeader => QueryConsumerOffsetResponseHeader,
        15 UpdateConsumerOffset UPDATE_CONSUMER_OFFSET Subscribe UpdateConsumerOffsetRequestHeader => NoHeader,
        17 UpdateAndCreateTopic UPDATE_AND_CREATE_TOPIC Admin CreateTopicRequestHeader => NoHeader,
        18 UpdateAndCreateTopicList UPDATE_AND_CREATE_TOPIC_LIST Admin NoHeader => NoHeader,
        21 GetAllTopicConfig GET_ALL_TOPIC_CONFIG Admin NoHeader => NoHeader,
        22 GetTopicConfigList GET_TOPIC_CONFIG_LIST Unused NoHeader => NoHeader,
        23 GetTopicNameList GET_TOPIC_NAME_LIST Unused NoHeader => NoHeader,
        25 UpdateBrokerConfig UPDATE_BROKER_CONFIG Admin NoHeader => NoHeader,
        26 GetBrokerConfig GET_BROKER_CONFIG Admin NoHeader => GetBrokerConfigResponseHeader,
        27 TriggerDeleteFiles TRIGGER_DELETE_FILES Unused NoHeader => NoHeader,
        28 GetBrokerRuntimeInfo GET_BROKER_RUNTIME_INFO Admin NoHeader => NoHeader,
        29 SearchOffsetByTimestamp SEARCH_OFFSET_BY_TIMESTAMP Subscribe SearchOffsetRequestHeader => SearchOffsetResponseHeader,
        30 GetMaxOffset GET_MAX_OFFSET Subscribe GetMaxOffsetRequestHeader => GetMaxOffsetResponseHeader,
        31 GetMinOffset GET_MIN_OFFSET Subscribe GetMinOffsetRequestHeader => GetMinOffsetResponseHeader,
        32 GetEarliestMsgStoretime GET_EARLIEST_MSG_STORETIME Subscribe GetEarliestMsgStoretimeRequestHeader => GetEarliestMsgStoretimeResponseHeader,
        33 ViewMessageById VIEW_MESSAGE_BY_ID Subscribe ViewMessageRequestHeader => NoHeader,
        34 HeartBeat HEART_BEAT Client NoHeader => NoHeader,
        35 UnregisterClient UNREGISTER_CLIENT Client UnregisterClientRequestHeader => NoHeader,
        36 ConsumerSendMsgBack CONSUMER_SEND_MSG_BACK Subscribe ConsumerSendMsgBackRequestHeader => NoHeader,
        37 EndTransaction END_TRANSACTION Publish EndTransactionRequestHeader => NoHeader,
        38 GetConsumerListByGroup GET_CONSUMER_LIST_BY_GROUP Subscribe GetConsumerListByGroupRequestHeader => NoHeader,
        39 CheckTransactionState CHECK_TRANSACTION_STATE Callback CheckTransactionStateRequestHeader => NoHeader,
        40 NotifyConsumerIdsChanged NOTIFY_CONSUMER_IDS_CHANGED Callback NotifyConsumerIdsChangedRequestHeader => NoHeader,
        41 LockBatchMq LOCK_BATCH_MQ Subscribe NoHeader => NoHeader,
        42 UnlockBatchMq UNLOCK_BATCH_MQ Subscribe NoHeader => NoHeader,
        43 GetAllConsumerOffset GET_ALL_CONSUMER_OFFSET Internal NoHeader => NoHeader,
        45 GetAllDelayOffset GET_ALL_DELAY_OFFSET Internal NoHeader => NoHeader,
        46 CheckClientConfig CHECK_CLIENT_CONFIG Subscribe NoHeader => NoHeader,
        47 GetClientConfig GET_CLIENT_CONFIG Unused NoHeader => NoHeader,
        60 GetTimerCheckPoint GET_TIMER_CHECK_POINT Internal NoHeader => NoHeader,
        61 GetTimerMetrics GET_TIMER_METRICS Internal NoHeader => NoHeader,
       100 PutKvConfig PUT_KV_CONFIG Admin PutKVConfigRequestHeader => NoHeader,
       101 GetKvConfig GET_KV_CONFIG Admin GetKVConfigRequestHeader => GetKVConfigResponseHeader,
       102 DeleteKvConfig DELETE_KV_CONFIG Admin DeleteKVConfigRequestHeader => NoHeader,
       103 RegisterBroker REGISTER_BROKER Internal RegisterBrokerRequestHeader => RegisterBrokerResponseHeader,
       104 UnregisterBroker UNREGISTER_BROKER Internal UnRegisterBrokerRequestHeader => NoHeader,
       105 GetRouteinfoByTopic GET_ROUTEINFO_BY_TOPIC Route GetRouteInfoRequestHeader => NoHeader,
       106 GetBrokerClusterInfo GET_BROKER_CLUSTER_INFO Admin NoHeader => NoHeader,
       200 UpdateAndCreateSubscriptiongroup UPDATE_AND_CREATE_SUBSCRIPTIONGROUP Admin NoHeader => NoHeader,
       201 GetAllSubscriptiongroupConfig GET_ALL_SUBSCRIPTIONGROUP_CONFIG Admin NoHeader => NoHeader,
       202 GetTopicStatsInfo GET_TOPIC_STATS_INFO Admin GetTopicStatsInfoRequestHeader => NoHeader,
       203 GetConsumerConnectionList GET_CONSUMER_CONNECTION_LIST Admin GetConsumerConnectionListRequestHeader => NoHeader,
       204 GetProducerConnectionList GET_PRODUCER_CONNECTION_LIST Admin GetProducerConnectionListRequestHeader => NoHeader,
       205 WipeWritePermOfBroker WIPE_WRITE_PERM_OF_BROKER Admin WipeWritePermOfBrokerRequestHeader => WipeWritePermOfBrokerResponseHeader,
       206 GetAllTopicListFromNameserver GET_ALL_TOPIC_LIST_FROM_NAMESERVER Admin NoHeader => NoHeader,
       207 DeleteSubscriptiongroup DELETE_SUBSCRIPTIONGROUP Admin DeleteSubscriptionGroupRequestHeader => NoHeader,
       208 GetConsumeStats GET_CONSUME_STATS Admin GetConsumeStatsRequestHeader => NoHeader,
       209 SuspendConsumer SUSPEND_CONSUMER Unused NoHeader => NoHeader,
       210 ResumeConsumer RESUME_CONSUMER Unused NoHeader => NoHeader,
       211 ResetConsumerOffsetInConsumer RESET_CONSUMER_OFFSET_IN_CONSUMER Unused NoHeader => NoHeader,
       212 ResetConsumerOffsetInBroker RESET_CONSUMER_OFFSET_IN_BROKER Unused NoHeader => NoHeader,
       213 AdjustConsumerThreadPool ADJUST_CONSUMER_THREAD_POOL Unused NoHeader => NoHeader,
       214 WhoConsumeTheMessage WHO_CONSUME_THE_MESSAGE Unused NoHeader => NoHeader,
       215 DeleteTopicInBroker DELETE_TOPIC_IN_BROKER Admin DeleteTopicRequestHeader => NoHeader,
       216 DeleteTopicInNamesrv DELETE_TOPIC_IN_NAMESRV Admin DeleteTopicFromNamesrvRequestHeader => NoHeader,
       217 RegisterTopicInNamesrv REGISTER_TOPIC_IN_NAMESRV Internal RegisterTopicRequestHeader => NoHeader,
       219 GetKvlistByNamespace GET_KVLIST_BY_NAMESPACE Admin GetKVListByNamespaceRequestHeader => NoHeader,
       220 ResetConsumerClientOffset RESET_CONSUMER_CLIENT_OFFSET Callback ResetOffsetRequestHeader => NoHeader,
       221 GetConsumerStatusFromClient GET_CONSUMER_STATUS_FROM_CLIENT Callback GetConsumerStatusRequestHeader => NoHeader,
       222 InvokeBrokerToResetOffset INVOKE_BROKER_TO_RESET_OFFSET Admin ResetOffsetRequestHeader => NoHeader,
       223 InvokeBrokerToGetConsumerStatus INVOKE_BROKER_TO_GET_CONSUMER_STATUS Admin GetConsumerStatusRequestHeader => NoHeader,
       224 GetTopicsByCluster GET_TOPICS_BY_CLUSTER Admin GetTopicsByClusterRequestHeader => NoHeader,
       225 UpdateAndCreateSubscriptiongroupList UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST Admin NoHeader => NoHeader,
       300 QueryTopicConsumeByWho QUERY_TOPIC_CONSUME_BY_WHO Admin QueryTopicConsumeByWhoRequestHeader => NoHeader,
       301 RegisterFilterServer REGISTER_FILTER_SERVER Unused NoHeader => NoHeader,
       302 RegisterMessageFilterClass REGISTER_MESSAGE_FILTER_CLASS Unused NoHeader => NoHeader,
       303 QueryConsumeTimeSpan QUERY_CONSUME_TIME_SPAN Admin QueryConsumeTimeSpanRequestHeader => NoHeader,
       304 GetSystemTopicListFromNs GET_SYSTEM_TOPIC_LIST_FROM_NS Admin NoHeader => NoHeader,
       305 GetSystemTopicListFromBroker GET_SYSTEM_TOPIC_LIST_FROM_BROKER Admin NoHeader => NoHeader,
       306 CleanExpiredConsumequeue CLEAN_EXPIRED_CONSUMEQUEUE Admin NoHeader => NoHeader,
       307 GetConsumerRunningInfo GET_CONSUMER_RUNNING_INFO Admin GetConsumerRunningInfoRequestHeader => NoHeader,
       308 QueryCorrectionOffset QUERY_CORRECTION_OFFSET Admin QueryCorrectionOffsetHeader => NoHeader,
       309 ConsumeMessageDirectly CONSUME_MESSAGE_DIRECTLY Admin ConsumeMessageDirectlyResultRequestHeader => NoHeader,
       310 SendMessageV2 SEND_MESSAGE_V2 Publish SendMessageRequestHeaderV2 => SendMessageResponseHeader,
       311 GetUnitTopicList GET_UNIT_TOPIC_LIST Admin NoHeader => NoHeader,
       312 GetHasUnitSubTopicList GET_HAS_UNIT_SUB_TOPIC_LIST Admin NoHeader => NoHeader,
       313 GetHasUnitSubUnunitTopicList GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST Admin NoHeader => NoHeader,
       314 CloneGroupOffset CLONE_GROUP_OFFSET Admin CloneGroupOffsetRequestHeader => NoHeader,
       315 ViewBrokerStatsData VIEW_BROKER_STATS_DATA Admin ViewBrokerStatsDataRequestHeader => NoHeader,
       316 CleanUnusedTopic CLEAN_UNUSED_TOPIC Admin NoHeader => NoHeader,
       317 GetBrokerConsumeStats GET_BROKER_CONSUME_STATS Admin GetConsumeStatsInBrokerHeader => NoHeader,
       318 UpdateNamesrvConfig UPDATE_NAMESRV_CONFIG Admin NoHeader => NoHeader,
       319 GetNamesrvConfig GET_NAMESRV_CONFIG Admin NoHeader => NoHeader,
       320 SendBatchMessage SEND_BATCH_MESSAGE Publish SendMessageRequestHeaderV2 => SendMessageResponseHeader,
       321 QueryConsumeQueue QUERY_CONSUME_QUEUE Admin QueryConsumeQueueRequestHeader => NoHeader,
       322 QueryDataVersion QUERY_DATA_VERSION Internal QueryDataVersionRequestHeader => QueryDataVersionResponseHeader,
       323 ResumeCheckHalfMessage RESUME_CHECK_HALF_MESSAGE Admin ResumeCheckHalfMessageRequestHeader => NoHeader,
       324 SendReplyMessage SEND_REPLY_MESSAGE Publish SendMessageRequestHeader => SendMessageResponseHeader,
       325 SendReplyMessageV2 SEND_REPLY_MESSAGE_V2 Publish SendMessageRequestHeaderV2 => SendMessageResponseHeader,
       326 PushReplyMessageToClient PUSH_REPLY_MESSAGE_TO_CLIENT Callback ReplyMessageRequestHeader => NoHeader,
       327 AddWritePermOfBroker ADD_WRITE_PERM_OF_BROKER Admin AddWritePermOfBrokerRequestHeader => AddWritePermOfBrokerResponseHeader,
       328 GetAllProducerInfo GET_ALL_PRODUCER_INFO Admin NoHeader => NoHeader,
       329 DeleteExpiredCommitlog DELETE_EXPIRED_COMMITLOG Admin NoHeader => NoHeader,
       343 QueryTopicsByConsumer QUERY_TOPICS_BY_CONSUMER Admin QueryTopicsByConsumerRequestHeader => NoHeader,
       345 QuerySubscriptionByConsumer QUERY_SUBSCRIPTION_BY_CONSUMER Admin QuerySubscriptionByConsumerRequestHeader => NoHeader,
       351 GetTopicConfig GET_TOPIC_CONFIG Admin GetTopicConfigRequestHeader => NoHeader,
       352 GetSubscriptiongroupConfig GET_SUBSCRIPTIONGROUP_CONFIG Admin GetSubscriptionGroupConfigRequestHeader => NoHeader,
       353 UpdateAndGetGroupForbidden UPDATE_AND_GET_GROUP_FORBIDDEN Admin UpdateGroupForbiddenRequestHeader => NoHeader,
       354 CheckRocksdbCqWriteProgress CHECK_ROCKSDB_CQ_WRITE_PROGRESS Admin CheckRocksdbCqWriteProgressRequestHeader => NoHeader,
       355 ExportRocksDbConfigToJson EXPORT_ROCKSDB_CONFIG_TO_JSON Admin ExportRocksDBConfigToJsonRequestHeader => NoHeader,
       361 LitePullMessage LITE_PULL_MESSAGE Subscribe PullMessageRequestHeader => PullMessageResponseHeader,
       370 RecallMessage RECALL_MESSAGE Publish RecallMessageRequestHeader => RecallMessageResponseHeader,
       400 QueryAssignment QUERY_ASSIGNMENT Subscribe NoHeader => NoHeader,
       401 SetMessageRequestMode SET_MESSAGE_REQUEST_MODE Admin NoHeader => NoHeader,
       402 GetAllMessageRequestMode GET_ALL_MESSAGE_REQUEST_MODE Internal NoHeader => NoHeader,
       513 UpdateAndCreateStaticTopic UPDATE_AND_CREATE_STATIC_TOPIC Admin CreateTopicRequestHeader => NoHeader,
       901 GetBrokerMemberGroup GET_BROKER_MEMBER_GROUP Internal GetBrokerMemberGroupRequestHeader => NoHeader,
       902 AddBroker ADD_BROKER Admin AddBrokerRequestHeader => NoHeader,
       903 RemoveBroker REMOVE_BROKER Admin RemoveBrokerRequestHeader => NoHeader,
       904 BrokerHeartbeat BROKER_HEARTBEAT Internal BrokerHeartbeatRequestHeader => NoHeader,
       905 NotifyMinBrokerIdChange NOTIFY_MIN_BROKER_ID_CHANGE Internal NotifyMinBrokerIdChangeRequestHeader => NoHeader,
       906 ExchangeBrokerHaInfo EXCHANGE_BROKER_HA_INFO Internal ExchangeHAInfoRequestHeader => ExchangeHAInfoResponseHeader,
       907 GetBrokerHaStatus GET_BROKER_HA_STATUS Admin NoHeader => NoHeader,
       908 ResetMasterFlushOffset RESET_MASTER_FLUSH_OFFSET Internal ResetMasterFlushOffsetHeader => NoHeader,
      1001 ControllerAlterSyncStateSet CONTROLLER_ALTER_SYNC_STATE_SET Internal AlterSyncStateSetRequestHeader => AlterSyncStateSetResponseHeader,
      1002 ControllerElectMaster CONTROLLER_ELECT_MASTER Internal ElectMasterRequestHeader => ElectMasterResponseHeader,
      1003 ControllerRegisterBroker CONTROLLER_REGISTER_BROKER Internal RegisterBrokerToControllerRequestHeader => RegisterBrokerToControllerResponseHeader,
      1004 ControllerGetReplicaInfo CONTROLLER_GET_REPLICA_INFO Internal GetReplicaInfoRequestHeader => GetReplicaInfoResponseHeader,
      1005 ControllerGetMetadataInfo CONTROLLER_GET_METADATA_INFO Internal NoHeader => GetMetaDataResponseHeader,
      1006 ControllerGetSyncStateData CONTROLLER_GET_SYNC_STATE_DATA Admin NoHeader => NoHeader,
      1007 GetBrokerEpochCache GET_BROKER_EPOCH_CACHE Internal NoHeader => NoHeader,
      1008 NotifyBrokerRoleChanged NOTIFY_BROKER_ROLE_CHANGED Internal NotifyBrokerRoleChangedRequestHeader => NoHeader,
      1009 UpdateControllerConfig UPDATE_CONTROLLER_CONFIG Admin NoHeader => NoHeader,
      1010 GetControllerConfig GET_CONTROLLER_CONFIG Admin NoHeader => NoHeader,
      1011 CleanBrokerData CLEAN_BROKER_DATA Admin CleanControllerBrokerDataRequestHeader => NoHeader,
      1012 ControllerGetNextBrokerId CONTROLLER_GET_NEXT_BROKER_ID Internal GetNextBrokerIdRequestHeader => GetNextBrokerIdResponseHeader,
      1013 ControllerApplyBrokerId CONTROLLER_APPLY_BROKER_ID Internal ApplyBrokerIdRequestHeader => ApplyBrokerIdResponseHeader,
      1014 BrokerCloseChannelRequest BROKER_CLOSE_CHANNEL_REQUEST Internal NoHeader => NoHeader,
      1015 CheckNotActiveBrokerRequest CHECK_NOT_ACTIVE_BROKER_REQUEST Internal NoHeader => NoHeader,
      1016 GetBrokerLiveInfoRequest GET_BROKER_LIVE_INFO_REQUEST Internal NoHeader => NoHeader,
      1017 GetSyncStateDataRequest GET_SYNC_STATE_DATA_REQUEST Internal NoHeader => NoHeader,
      1018 RaftBrokerHeartBeatEventRequest RAFT_BROKER_HEART_BEAT_EVENT_REQUEST Internal NoHeader => NoHeader,
      2001 UpdateColdDataFlowCtrConfig UPDATE_COLD_DATA_FLOW_CTR_CONFIG Admin NoHeader => NoHeader,
      2002 RemoveColdDataFlowCtrConfig REMOVE_COLD_DATA_FLOW_CTR_CONFIG Admin NoHeader => NoHeader,
      2003 GetColdDataFlowCtrInfo GET_COLD_DATA_FLOW_CTR_INFO Admin NoHeader => NoHeader,
      2004 SetCommitlogReadMode SET_COMMITLOG_READ_MODE Admin SetCommitLogReadModeRequestHeader => NoHeader,
      3001 AuthCreateUser AUTH_CREATE_USER Admin CreateUserRequestHeader => NoHeader,
      3002 AuthUpdateUser AUTH_UPDATE_USER Admin UpdateUserRequestHeader => NoHeader,
      3003 AuthDeleteUser AUTH_DELETE_USER Admin DeleteUserRequestHeader => NoHeader,
      3004 AuthGetUser AUTH_GET_USER Admin GetUserRequestHeader => NoHeader,
      3005 AuthListUser AUTH_LIST_USER Admin ListUsersRequestHeader => NoHeader,
      3006 AuthCreateAcl AUTH_CREATE_ACL Admin CreateAclRequestHeader => NoHeader,
      3007 AuthUpdateAcl AUTH_UPDATE_ACL Admin UpdateAclRequestHeader => NoHeader,
      3008 AuthDeleteAcl AUTH_DELETE_ACL Admin DeleteAclRequestHeader => NoHeader,
      3009 AuthGetAcl AUTH_GET_ACL Admin GetAclRequestHeader => NoHeader,
      3010 AuthListAcl AUTH_LIST_ACL Admin ListAclsRequestHeader => NoHeader,
   200_050 PopMessage POP_MESSAGE Subscribe PopMessageRequestHeader => PopMessageResponseHeader,
   200_051 AckMessage ACK_MESSAGE Subscribe AckMessageRequestHeader => NoHeader,
   200_052 PeekMessage PEEK_MESSAGE Subscribe PeekMessageRequestHeader => PopMessageResponseHeader,
   200_053 ChangeMessageInvisibletime CHANGE_MESSAGE_INVISIBLETIME Subscribe ChangeInvisibleTimeRequestHeader => ChangeInvisibleTimeResponseHeader,
   200_054 Notification NOTIFICATION Subscribe NotificationRequestHeader => NotificationResponseHeader,
   200_055 PollingInfo POLLING_INFO Subscribe PollingInfoRequestHeader => PollingInfoResponseHeader,
   200_056 PopRollback POP_ROLLBACK Admin NoHeader => NoHeader,
   200_151 BatchAckMessage BATCH_ACK_MESSAGE Subscribe NoHeader => NoHeader,
}

/// The kind of server that answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answerer {
    /// A NameServer.
    NameServer,
    /// A broker.
    Broker,
    /// Several brokers in one process (`BrokerContainer`).
    Container,
    /// A controller.
    Controller,
    /// A client, asked by a broker.
    Client,
    /// Nobody.
    Nobody,
}

impl Answerer {
    /// Why any other server refuses the request.
    pub fn why_not_here(self) -> &'static str {
        match self {
            Self::NameServer => "a NameServer answers it",
            Self::Broker => "a broker answers it",
            Self::Container => "a broker container answers it",
            Self::Controller => "a controller answers it",
            Self::Client => "brokers send it to clients",
            Self::Nobody => "no server of RocketMQ 5 answers it",
        }
    }
}

impl RequestCode {
    /// Who answers requests of this code.
    pub fn answerer(self) -> Answerer {
        match (self.access(), self.number()) {
            // A broker hands these on to the client they are about.
            (Access::Callback, _) => Answerer::Client,
            (Access::Unused, _) => Answerer::Nobody,
            (
                _,
                100..=106
                | 205
                | 206
                | 216
                | 217
                | 219
                | 224
                | 304
                | 311..=313
                | 318
                | 319
                | 322
                | 327
                | 901
                | 904,
            ) => Answerer::NameServer,
            (_, 902 | 903) => Answerer::Container,
            (_, 1001..=1006 | 1009..=1018) => Answerer::Controller,
            _ => Answerer::Broker,
        }
    }

    /// Position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_by_number() {
        for code in RequestCode::ALL {
            assert_eq!(RequestCode::from_number(code.number()), Some(*code));
            assert_eq!(RequestCode::ALL[code.index()], *code);
        }
        assert_eq!(RequestCode::from_number(9), None);
    }
}
