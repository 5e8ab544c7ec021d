//! What is asked before and after a load: brokers, topics, ends of queues.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use client::{
    nameserver::{NameServerClient, NameServerError},
    pool::{ConnectionPool, PoolError, PoolLimits},
};
use common::{
    fastjson::{self, FastjsonError},
    names::AUTO_CREATE_TOPIC_KEY_TOPIC,
    permission::Permission,
    topic::{TopicConfig, TopicFilterType},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use remoting::{
    body::{admin::CreateTopicListRequestBody, route::ClusterInfo},
    command::Response,
    header::{Header, HeaderError, NoHeader},
    headers::{
        offset::{
            GetMaxOffsetRequestHeader, GetMaxOffsetResponseHeader, GetMinOffsetRequestHeader,
            GetMinOffsetResponseHeader,
        },
        topic::{CreateTopicRequestHeader, GetTopicConfigRequestHeader},
    },
    request::{
        GetBrokerClusterInfo, GetMaxOffset, GetMinOffset, GetTopicConfig, Request, UpdateAndCreateTopicList,
    },
    response_code::ResponseCode,
    router::Router,
};
use thiserror::Error;

const LIMIT: Duration = Duration::from_secs(30);
/// Questions in flight at once.
const AT_ONCE: usize = 64;
/// Topics created by one request.
const TOPICS_A_REQUEST: usize = 200;

/// Why a load cannot begin, or its end not be looked at.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// The broker did not answer.
    #[error("broker {addr}: {error}")]
    Pool {
        /// `host:port`.
        addr: String,
        /// Why.
        error: PoolError,
    },
    /// The broker refused.
    #[error("broker {addr} refused {request} with code {}: {remark}", code.0)]
    Refused {
        /// `host:port`.
        addr: String,
        /// What was asked.
        request: &'static str,
        /// The answer's code.
        code: ResponseCode,
        /// Its text.
        remark: String,
    },
    /// No `NameServer` answered as it should.
    #[error(transparent)]
    NameServer(#[from] NameServerError),
    /// An answer's header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// An answer's body.
    #[error("answer of a broker: {0}")]
    Body(#[from] FastjsonError),
    /// There is nobody to send to.
    #[error("the name server knows no broker that is a master")]
    NoBroker,
}

/// A queue of a topic at a broker: positions in the lists of both, and the queue's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) broker: usize,
    pub(crate) topic: usize,
    pub(crate) queue: i32,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Control {
    pool: Arc<ConnectionPool>,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self { pool: Arc::new(ConnectionPool::new(Arc::new(Router::new()), PoolLimits::default())) }
    }

    /// Addresses of all masters.
    pub(crate) async fn masters(&self, namesrv: &str) -> Result<Vec<String>, ControlError> {
        let servers = NameServerClient::new(Arc::clone(&self.pool), namesrv);
        let answer = servers.ask_one::<GetBrokerClusterInfo>(NoHeader {}, Bytes::new(), LIMIT).await?;
        let cluster: ClusterInfo = fastjson::from_slice(&answer.body)?;
        let brokers = cluster.broker_addr_table.values();
        let masters: Vec<String> =
            brokers.filter_map(|broker| broker.master_addr()).map(str::to_owned).collect();
        if masters.is_empty() { Err(ControlError::NoBroker) } else { Ok(masters) }
    }

    /// Creates the topics a broker lacks, and answers how many queues each has there.
    pub(crate) async fn ensure_topics(
        &self,
        addr: &str,
        topics: &[String],
        queues: i32,
    ) -> Result<Vec<i32>, ControlError> {
        let known = at_once(topics.iter().map(|topic| self.topic(addr, topic))).await?;
        let missing = topics.iter().zip(&known).filter(|(_, known)| known.is_none());
        let wanted: Vec<TopicConfig> =
            missing.map(|(topic, _)| TopicConfig::new(topic.as_str(), queues)).collect();
        if let [one] = wanted.as_slice() {
            self.create_topic(addr, &one.topic_name, queues).await?;
        } else {
            for part in wanted.chunks(TOPICS_A_REQUEST) {
                let body = CreateTopicListRequestBody { topic_config_list: part.to_vec() };
                let body = fastjson::to_vec(&body);
                self.ask::<UpdateAndCreateTopicList>(addr, NoHeader {}, body.into()).await?;
            }
        }
        Ok(known.into_iter().map(|known| known.map_or(queues, |topic| topic.write_queue_nums)).collect())
    }

    /// What a broker knows of a topic.
    pub(crate) async fn topic(&self, addr: &str, topic: &str) -> Result<Option<TopicConfig>, ControlError> {
        let header = GetTopicConfigRequestHeader { topic: topic.to_owned(), lo: None };
        match self.ask::<GetTopicConfig>(addr, header, Bytes::new()).await {
            Ok(answer) => Ok(Some(fastjson::from_slice(&answer.body)?)),
            Err(ControlError::Refused { code: ResponseCode::TOPIC_NOT_EXIST, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a topic.
    pub(crate) async fn create_topic(
        &self,
        addr: &str,
        topic: &str,
        queues: i32,
    ) -> Result<(), ControlError> {
        let header = create_topic_header(topic, queues);
        self.ask::<remoting::request::UpdateAndCreateTopic>(addr, header, Bytes::new()).await.map(drop)
    }

    /// Where the queues end.
    pub(crate) async fn max_offsets(
        &self,
        brokers: &[String],
        topics: &[String],
        places: &[Place],
    ) -> Result<Vec<i64>, ControlError> {
        let asked = at(brokers, topics, places).map(async |(addr, topic, queue_id)| {
            let header = GetMaxOffsetRequestHeader { topic, queue_id, committed: true, lo: None };
            let answer = self.ask::<GetMaxOffset>(&addr, header, Bytes::new()).await?;
            Ok(GetMaxOffsetResponseHeader::decode(&answer.ext)?.offset)
        });
        at_once(asked).await
    }

    /// Where the queues begin.
    pub(crate) async fn min_offsets(
        &self,
        brokers: &[String],
        topics: &[String],
        places: &[Place],
    ) -> Result<Vec<i64>, ControlError> {
        let asked = at(brokers, topics, places).map(async |(addr, topic, queue_id)| {
            let header = GetMinOffsetRequestHeader { topic, queue_id, lo: None };
            let answer = self.ask::<GetMinOffset>(&addr, header, Bytes::new()).await?;
            Ok(GetMinOffsetResponseHeader::decode(&answer.ext)?.offset)
        });
        at_once(asked).await
    }

    async fn ask<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        body: Bytes,
    ) -> Result<Response, ControlError> {
        let failed = |error| ControlError::Pool { addr: addr.to_owned(), error };
        let answer = self.pool.call::<R>(addr, header, body, LIMIT).await.map_err(failed)?;
        if answer.code == ResponseCode::SUCCESS.0 {
            return Ok(answer);
        }
        Err(ControlError::Refused {
            addr: addr.to_owned(),
            request: R::CODE.name(),
            code: ResponseCode(answer.code),
            remark: answer.remark.unwrap_or_default(),
        })
    }
}

/// The header of a request that creates a topic.
pub(crate) fn create_topic_header(topic: &str, queues: i32) -> CreateTopicRequestHeader {
    CreateTopicRequestHeader {
        topic: topic.to_owned(),
        default_topic: AUTO_CREATE_TOPIC_KEY_TOPIC.to_owned(),
        read_queue_nums: queues,
        write_queue_nums: queues,
        perm: Permission::READ_WRITE.0,
        topic_filter_type: TopicFilterType::SingleTag.as_str().to_owned(),
        topic_sys_flag: Some(0),
        ..CreateTopicRequestHeader::default()
    }
}

/// The broker's address, the topic and the queue of each place.
fn at<'a>(
    brokers: &'a [String],
    topics: &'a [String],
    places: &'a [Place],
) -> impl Iterator<Item = (String, String, i32)> + 'a {
    places.iter().filter_map(|place| {
        Some((brokers.get(place.broker)?.clone(), topics.get(place.topic)?.clone(), place.queue))
    })
}

/// Waits for all answers, in order, with a bounded number in flight.
async fn at_once<T>(
    asked: impl Iterator<Item: Future<Output = Result<T, ControlError>>>,
) -> Result<Vec<T>, ControlError> {
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}
