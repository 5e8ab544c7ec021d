//! What the tests of the admin processors begin with: real tables over a real store.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{config::BrokerConfig, topic::TopicConfig};
use message::properties::PropertyString;
use parking_lot::Mutex;
use remoting::{
    body::heartbeat::{ConsumeType, MessageModel, SubscriptionData},
    command::{CURRENT_VERSION, Language},
    connection::ConnectionHandle,
    lane::Lane,
    reply::{Body, Incoming, Reply},
    request::Request,
};
use runtime::{
    clock::{Clock, ManualClock},
    live::Live,
};
use store::{
    arrival::NobodyWaits,
    consume_queue_ext::NoBitMap,
    fs::OsFileSystem,
    message_store::{Environment, MessageStore},
    options::StoreOptions,
    put::{PendingMessage, WaitStore},
};
use tempfile::TempDir;

use crate::{
    clients::{
        ClientChannel, ConsumerIdsNotifier, ConsumerManager, Notify, ProducerManager, Registration,
        Subscriptions,
    },
    cold_reads::ColdReads,
    filters::ConsumerFilterManager,
    groups::SubscriptionGroupManager,
    metadata::{
        MemoryMetadata, MetadataStore,
        testing::{broker_config, store_config},
    },
    metadata_writer::MetadataWriter,
    offsets::{BroadcastOffsetManager, ConsumerOffsetManager},
    put::MessagePutter,
    queue_view::QueueView,
    reconfigured::Reconfigured,
    schedule::delay_levels::DelayLevels,
    static_topics::TopicQueueMappingManager,
    stats::{BrokerStats, StatsSources, StoreTotals},
    timer::gate::TimerGate,
    topics::{BoxFuture, TopicAnnouncer, TopicConfigManager},
};

/// When everything in these tests happens, in wall-clock milliseconds.
pub(crate) const NOW_MILLIS: i64 = 1_700_000_000_000;

/// Remembers what was announced.
#[derive(Default)]
pub(crate) struct Announced(pub(super) Mutex<Vec<String>>);

impl Announced {
    /// The topics, in the order they were announced in.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

impl TopicAnnouncer for Announced {
    fn announce<'a>(&'a self, topics: &'a [Arc<TopicConfig>]) -> BoxFuture<'a, ()> {
        self.0.lock().extend(topics.iter().map(|topic| topic.topic_name.clone()));
        Box::pin(std::future::ready(()))
    }
}

/// The tables of a broker in the cluster `C`, over an empty store.
pub(crate) struct Fixture {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: Arc<MemoryMetadata>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) producers: Arc<ProducerManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) announced: Arc<Announced>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) store: Arc<MessageStore>,
    _dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With another configuration.
    pub(crate) fn with(configure: impl FnOnce(&mut BrokerConfig)) -> Self {
        Self::over(MemoryMetadata::default(), configure)
    }

    /// With another configuration, and files that are there already.
    pub(crate) fn over(memory: MemoryMetadata, configure: impl FnOnce(&mut BrokerConfig)) -> Self {
        let mut config = broker_config();
        configure(&mut config);
        let clock = Arc::new(ManualClock::at(NOW_MILLIS));
        let time = || Arc::clone(&clock) as Arc<dyn Clock>;
        let memory = Arc::new(memory);
        let files = Arc::clone(&memory) as Arc<dyn MetadataStore>;
        let topics = TopicConfigManager::load(&config, &store_config(), Arc::clone(&files), time());
        let topics = Arc::new(topics.unwrap());
        let mappings = TopicQueueMappingManager::load(&config.broker_name, Arc::clone(&files), time());
        let groups = SubscriptionGroupManager::load(&config, Arc::clone(&files), time());
        let groups = Arc::new(groups.unwrap());
        let offsets = Arc::new(ConsumerOffsetManager::load(&config, files, time()).unwrap());
        let notifier = Arc::new(ConsumerIdsNotifier::new(&config));
        let dir = TempDir::new().unwrap();
        let known = Arc::clone(&topics);
        let sources = StatsSources {
            counts_light_queues_apart: false,
            is_system: Box::new(move |topic| known.is_system(topic)),
            store: Box::new(StoreTotals::default),
            put_times: Box::new(store::times::TimeCounts::default),
            clock: time(),
            utc_offset_millis: 0,
        };
        Self {
            consumers: Arc::new(ConsumerManager::new(&config, notifier, time())),
            producers: Arc::new(ProducerManager::new(&config, time())),
            writer: Arc::new(MetadataWriter::new(Arc::clone(&topics), Arc::clone(&groups))),
            announced: Arc::default(),
            stats: Arc::new(BrokerStats::new("C", sources)),
            store: open_store(&dir, time()),
            _dir: dir,
            config: Live::new(config),
            clock,
            memory,
            topics,
            groups,
            mappings: Arc::new(mappings.unwrap()),
            offsets,
        }
    }

    /// Those of these tables that are told of another configuration, and others over the same store.
    pub(crate) fn reconfigured(&self) -> Reconfigured {
        let (config, time) = (self.config.snapshot(), || Arc::clone(&self.clock) as Arc<dyn Clock>);
        let queues = Arc::new(QueueView(Arc::clone(&self.store)));
        let committed = Arc::clone(&self.offsets);
        let (levels, gate) =
            (DelayLevels::parse("1s").unwrap(), TimerGate::new(&store_config(), time(), None));
        let putter = MessagePutter::new(Arc::clone(&self.store), levels, gate, Arc::clone(&self.stats));
        Reconfigured {
            topics: Arc::clone(&self.topics),
            groups: Arc::clone(&self.groups),
            offsets: Arc::clone(&self.offsets),
            broadcast: Arc::new(BroadcastOffsetManager::new(&config, committed, queues, time())),
            notifier: Arc::new(ConsumerIdsNotifier::new(&config)),
            consumers: Arc::clone(&self.consumers),
            producers: Arc::clone(&self.producers),
            filters: Arc::new(ConsumerFilterManager::new(&config, time()).unwrap()),
            cold_reads: Arc::new(ColdReads::new(&config, &store_config(), time())),
            putter: Arc::new(putter),
            timer: None,
            store: Arc::clone(&self.store),
        }
    }

    /// Creates a topic of so many queues.
    pub(crate) fn topic(&self, name: &str, queue_nums: i32) {
        self.topics.update(TopicConfig::new(name, queue_nums)).unwrap();
    }

    /// Stores messages in a queue, one a second, the first of them now; answers where the last one is.
    pub(crate) fn store_messages(&self, topic: &str, queue_id: i32, count: usize) -> i64 {
        let mut phy_offset = 0;
        for _ in 0..count {
            phy_offset = self.store.put(&[message(topic, queue_id)]).unwrap().phy_offset;
            self.clock.advance(Duration::from_secs(1));
        }
        phy_offset
    }

    /// Makes a client of that connection a member of a consumer group that subscribes to a topic.
    pub(crate) fn consumer(&self, group: &str, topic: &str, member: ClientChannel) {
        let subscription = SubscriptionData {
            topic: topic.to_owned(),
            sub_string: "*".to_owned(),
            ..SubscriptionData::default()
        };
        let registration = Registration {
            group,
            channel: member,
            consume_type: Some(ConsumeType::Passively),
            message_model: Some(MessageModel::Clustering),
            consume_from_where: None,
            subscriptions: Subscriptions::Replace(vec![subscription]),
            notify: Notify::Nobody,
        };
        self.consumers.register(registration).unwrap();
    }

    /// A client whose connection has ended.
    pub(crate) fn gone_client(&self, client_id: &str, version: i32) -> ClientChannel {
        self.client(ConnectionHandle::closed(peer()), client_id, version)
    }

    /// A client of that connection.
    pub(crate) fn client(&self, handle: ConnectionHandle, client_id: &str, version: i32) -> ClientChannel {
        ClientChannel::new(handle, client_id, Language::JAVA, version, &*self.clock)
    }
}

fn open_store(dir: &TempDir, clock: Arc<dyn Clock>) -> Arc<MessageStore> {
    let options = StoreOptions {
        commit_log_file_size_bytes: 1 << 20,
        consume_queue_file_size_bytes: 20 * 1_000,
        max_hash_slot_count: 100,
        max_index_count: 1_000,
        ..StoreOptions::at(dir.path())
    };
    let (arrival, bit_maps) = (Arc::new(NobodyWaits), Arc::new(NoBitMap));
    let environment = Environment { fs: Arc::new(OsFileSystem), clock, arrival, bit_maps };
    MessageStore::open(options, environment).unwrap()
}

fn message(topic: &str, queue_id: i32) -> PendingMessage {
    PendingMessage {
        topic: Arc::from(topic),
        queue_id,
        flag: 0,
        sys_flag: 0,
        born_timestamp: NOW_MILLIS,
        born_host: peer(),
        store_host: peer(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::from_static(b"body"),
        properties: PropertyString::new(),
        tags_code: 0,
        wait_store_ok: WaitStore::DontWait,
    }
}

/// Where the clients of these tests are.
pub(crate) fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 1_234))
}

/// A request as the router hands it on.
pub(crate) fn incoming<R: Request>(header: R::Header, body: impl Into<Bytes>) -> Incoming<R> {
    Incoming {
        header,
        body: body.into(),
        peer: ConnectionHandle::closed(peer()),
        version: CURRENT_VERSION,
        language: Language::JAVA,
        permit: Lane::without_queue("test", 1).try_enter().unwrap(),
    }
}

/// The body of a reply as text.
pub(crate) fn text<R: Request>(reply: &Reply<R>) -> String {
    match reply.body() {
        Body::Empty => String::new(),
        Body::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Body::Pieces(_) => panic!("admin bodies are whole"),
    }
}
