//! The lock around the tables, and the queue of brokers to be taken out.
//!
//! Taking a broker out looks at every topic. When many go at once, as after a network failure, they are
//! taken out together: who notices a departure puts it into a bounded queue, and one service works it off
//! in batches. What finds no room there is noticed again by the next search for silent brokers.

use std::{sync::Arc, time::Duration};

use common::data_version::DataVersion;
use parking_lot::RwLock;
use remoting::{
    body::{
        route::{BrokerMemberGroup, ClusterInfo, QueueData, TopicRouteData},
        topic_list::TopicList,
    },
    connection::ConnectionId,
};
use runtime::{clock::Clock, shutdown::Shutdown};
use tokio::sync::mpsc;

use super::{
    pickup::ActingMaster,
    register::{RegisterError, RegisterPolicy, Registered, Registration},
    tables::{BrokerAddr, MinBrokerIdChange, RouteTables},
    topics::{TopicKind, WritePermission},
    unregister::Departure,
};

/// Departures worked off under one lock.
const BATCH_MAX: usize = 4096;

/// What became of a departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submit {
    /// It will be worked off.
    Queued,
    /// There was no room.
    Full,
}

/// `RouteInfoManager`: all that is known of brokers and topics.
#[derive(Debug)]
pub(crate) struct RouteInfoManager {
    tables: RwLock<RouteTables>,
    clock: Arc<dyn Clock>,
    departures: mpsc::Sender<Departure>,
}

/// The other end of the queue of departures.
#[derive(Debug)]
pub(crate) struct Departures(mpsc::Receiver<Departure>);

impl RouteInfoManager {
    /// Empty tables; at most `departures_max` brokers wait to be taken out.
    pub(crate) fn new(clock: Arc<dyn Clock>, departures_max: usize) -> (Self, Departures) {
        let (departures, receiver) = mpsc::channel(departures_max.clamp(1, 1 << 20));
        (Self { tables: RwLock::default(), clock, departures }, Departures(receiver))
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// See [`RouteTables::register`].
    pub(crate) fn register(
        &self,
        registration: &Registration,
        policy: RegisterPolicy,
    ) -> Result<Registered, RegisterError> {
        let now = self.now();
        self.tables.write().register(registration, now, policy)
    }

    /// Has a broker taken out soon.
    pub(crate) fn submit(&self, departure: Departure) -> Submit {
        match self.departures.try_send(departure) {
            Ok(()) => Submit::Queued,
            Err(error) => {
                tracing::warn!(%error, "broker cannot be taken out now");
                Submit::Full
            }
        }
    }

    /// A connection closed: the brokers that registered over it are taken out.
    pub(crate) fn connection_closed(&self, connection: ConnectionId) {
        let departures = self.tables.read().departures_of(connection);
        for departure in departures {
            self.submit(departure);
        }
    }

    /// Has brokers taken out that have been silent for too long.
    pub(crate) fn scan_silent(&self) {
        let silent = self.tables.read().silent(self.now());
        for departure in silent {
            tracing::warn!(?departure, "broker is silent");
            self.submit(departure);
        }
    }

    /// Works off departures until `shutdown`; `tell` hears of what follows from them.
    pub(crate) async fn run(
        &self,
        mut departures: Departures,
        shutdown: Shutdown,
        tell: impl Fn(MinBrokerIdChange),
    ) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                count = departures.0.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
            }
            let now = self.now();
            let notices = self.tables.write().unregister(std::mem::take(&mut batch), now);
            notices.into_iter().for_each(&tell);
        }
    }

    /// A broker is alive.
    pub(crate) fn heard(&self, broker: &BrokerAddr) {
        let now = self.now();
        self.tables.write().heard(broker, now);
    }

    /// Version of the topics a broker registered last.
    pub(crate) fn data_version(&self, broker: &BrokerAddr) -> Option<DataVersion> {
        self.tables.read().data_version(broker)
    }

    /// See [`RouteTables::pickup`].
    pub(crate) fn pickup(&self, topic: &str, acting_master: ActingMaster) -> Option<TopicRouteData> {
        self.tables.read().pickup(topic, acting_master)
    }

    /// All clusters and brokers.
    pub(crate) fn cluster_info(&self) -> ClusterInfo {
        self.tables.read().cluster_info()
    }

    /// Who is alive in a group.
    pub(crate) fn member_group(&self, cluster_name: &str, broker_name: &str) -> BrokerMemberGroup {
        self.tables.read().member_group(cluster_name, broker_name)
    }

    /// All topics.
    pub(crate) fn all_topics(&self) -> TopicList {
        self.tables.read().all_topics()
    }

    /// Topics of a cluster.
    pub(crate) fn topics_of_cluster(&self, cluster_name: &str) -> TopicList {
        self.tables.read().topics_of_cluster(cluster_name)
    }

    /// Topics that belong to clusters and brokers themselves.
    pub(crate) fn system_topics(&self) -> TopicList {
        self.tables.read().system_topics()
    }

    /// Topics by their unit bits.
    pub(crate) fn unit_topics(&self, kind: TopicKind) -> TopicList {
        self.tables.read().unit_topics(kind)
    }

    /// Forgets a topic, everywhere or in one cluster.
    pub(crate) fn delete_topic(&self, topic: &str, cluster_name: Option<&str>) {
        let mut tables = self.tables.write();
        match cluster_name {
            Some(cluster_name) => tables.delete_topic_in_cluster(topic, cluster_name),
            None => tables.delete_topic(topic),
        }
        drop(tables);
        tracing::info!(topic, cluster_name, "topic deleted");
    }

    /// See [`RouteTables::register_topic`].
    pub(crate) fn register_topic(&self, topic: &str, queues: &[QueueData]) {
        self.tables.write().register_topic(topic, queues);
    }

    /// See [`RouteTables::change_write_permission`].
    pub(crate) fn change_write_permission(&self, broker_name: &str, change: WritePermission) -> usize {
        self.tables.write().change_write_permission(broker_name, change)
    }
}
