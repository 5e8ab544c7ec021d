//! Making the parts of a broker: its tables are read, and each part is given those it needs.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::config::{BrokerConfig, BrokerSettings};
use runtime::{clock::Clock, live::Live};
use store::{
    message_store::{Counters, MessageStore},
    timer::TimerStore,
};

use super::{EarlyParts, OpenTimer, Parts};
use crate::{
    assignment::request_mode::MessageRequestModeManager,
    auth::AuthMetadataManager,
    clients::{ConsumerIdsNotifier, ConsumerManager, ProducerManager, RebalanceLockManager},
    cold_reads::ColdReads,
    config_cell::ConfigCell,
    filters::ConsumerFilterManager,
    groups::SubscriptionGroupManager,
    light_queues::LightQueues,
    metadata::{MetadataError, MetadataStore},
    metadata_writer::MetadataWriter,
    metrics::BrokerMetrics,
    offsets::{BroadcastOffsetManager, ConsumerOffsetManager, QueueOffsets},
    pop::{PopSources, PopTables, WaitingRooms},
    put::MessagePutter,
    queue_view::QueueView,
    static_topics::TopicQueueMappingManager,
    stats::{BrokerStats, StatsSources, StoreTotals},
    timer::{
        gate::TimerGate,
        metrics::TimerMetrics,
        service::{TimerMessageService, TimerParts},
    },
    topics::TopicConfigManager,
    transaction::TransactionalMessageService,
    uniq_id::UniqIds,
};

/// What there is before the tables are read.
pub struct Sources<'s> {
    /// The configuration, with the port that is listened on.
    pub settings: &'s BrokerSettings,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The store, open.
    pub store: Arc<MessageStore>,
    /// Where the tables are kept.
    pub metadata: Arc<dyn MetadataStore>,
    /// The address written into messages.
    pub store_host: SocketAddr,
}

impl Sources<'_> {
    fn files_and_time(&self) -> (Arc<dyn MetadataStore>, Arc<dyn Clock>) {
        (Arc::clone(&self.metadata), Arc::clone(&self.clock))
    }

    fn broker(&self) -> &BrokerConfig {
        &self.settings.broker
    }
}

impl Parts {
    /// Reads all tables.
    ///
    /// # Errors
    /// When one of them was written before and cannot be read.
    pub fn load(
        sources: &Sources<'_>,
        timer: Option<OpenTimer>,
        early: &EarlyParts,
    ) -> Result<Self, MetadataError> {
        let EarlyParts { schedule, filters, rooms, .. } = early.clone();
        let Sources { settings, clock, store, store_host, .. } = sources;
        let cell = Arc::new(ConfigCell::new((*settings).clone(), Arc::clone(clock)));
        let config = cell.config().clone();
        let tables = Tables::load(sources)?;
        filters.load(Arc::clone(&sources.metadata))?;
        let clients = Clients::new(sources, &filters);
        let queues: Arc<dyn QueueOffsets> = Arc::new(QueueView(Arc::clone(store)));
        let stats = Arc::new(broker_stats(sources, &tables.topics));
        let timers = timer.as_ref().map(|timer| Arc::clone(&timer.timers));
        let timer = timer.map(|timer| timer_service(sources, &stats, timer)).transpose()?;
        let putter = Arc::new(message_putter(sources, early, timers, &stats));
        Ok(Self {
            transactions: Arc::new(transactions(sources, &config, &putter, &tables.offsets)?),
            pop: Arc::new(pop_tables(sources, &putter, &tables.offsets, &queues, rooms)?),
            broadcast: Arc::new(broadcast_offsets(sources, &tables.offsets, &queues)),
            writer: Arc::new(MetadataWriter::new(Arc::clone(&tables.topics), Arc::clone(&tables.groups))),
            uniq_ids: Arc::new(uniq_ids(*store_host, clock.now_millis())),
            query_max_count: usize::try_from(settings.store.default_query_max_num).unwrap_or(0),
            query_batch_max_count: usize::try_from(settings.store.max_msgs_num_batch).unwrap_or(0),
            cold_reads: Arc::new(ColdReads::new(sources.broker(), &settings.store, Arc::clone(clock))),
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            store_host: *store_host,
            topics: tables.topics,
            groups: tables.groups,
            mappings: tables.mappings,
            offsets: tables.offsets,
            modes: tables.modes,
            auth: tables.auth,
            notifier: clients.notifier,
            consumers: clients.consumers,
            producers: clients.producers,
            locks: clients.locks,
            config,
            cell,
            stats,
            queues,
            filters,
            schedule,
            timer,
            putter,
        })
    }
}

/// What is read from files of its own and stands by itself.
struct Tables {
    topics: Arc<TopicConfigManager>,
    groups: Arc<SubscriptionGroupManager>,
    mappings: Arc<TopicQueueMappingManager>,
    offsets: Arc<ConsumerOffsetManager>,
    modes: Arc<MessageRequestModeManager>,
    auth: Arc<AuthMetadataManager>,
}

impl Tables {
    fn load(sources: &Sources<'_>) -> Result<Self, MetadataError> {
        let Sources { settings, store, metadata, .. } = sources;
        let config = sources.broker();
        let (files, time) = sources.files_and_time();
        let topics = TopicConfigManager::load(config, &settings.store, files, time)?;
        let (kinds, compacted) = (Arc::clone(store.queue_kinds()), Arc::clone(store.compacted_topics()));
        let (files, time) = sources.files_and_time();
        let mappings = TopicQueueMappingManager::load(&config.broker_name, files, time)?;
        let light_queues = LightQueues::of(&settings.store);
        let (files, time) = sources.files_and_time();
        let groups = SubscriptionGroupManager::load(config, files, time)?.with_light_queues(light_queues);
        let (files, time) = sources.files_and_time();
        let offsets = ConsumerOffsetManager::load_with(config, light_queues, files, time)?;
        Ok(Self {
            topics: Arc::new(topics.with_store(kinds, compacted)),
            groups: Arc::new(groups),
            mappings: Arc::new(mappings),
            offsets: Arc::new(offsets),
            modes: Arc::new(MessageRequestModeManager::load(Arc::clone(metadata))?),
            auth: Arc::new(AuthMetadataManager::load(&settings.auth, metadata)?),
        })
    }
}

/// Who is connected.
struct Clients {
    notifier: Arc<ConsumerIdsNotifier>,
    consumers: Arc<ConsumerManager>,
    producers: Arc<ProducerManager>,
    locks: Arc<RebalanceLockManager>,
}

impl Clients {
    fn new(sources: &Sources<'_>, filters: &Arc<ConsumerFilterManager>) -> Self {
        let (config, time) = (sources.broker(), || Arc::clone(&sources.clock));
        let notifier = Arc::new(ConsumerIdsNotifier::new(config));
        let consumers = ConsumerManager::new(config, Arc::clone(&notifier), time());
        let owned = sources.settings.own.rebalance_lock_max_live_time.unsigned_abs();
        Self {
            notifier,
            consumers: Arc::new(consumers.with_filters(Arc::clone(filters))),
            producers: Arc::new(ProducerManager::new(config, time())),
            locks: Arc::new(RebalanceLockManager::new(Duration::from_millis(owned), time())),
        }
    }
}

fn timer_service(
    sources: &Sources<'_>,
    stats: &Arc<BrokerStats>,
    timer: OpenTimer,
) -> Result<Arc<TimerMessageService>, MetadataError> {
    let OpenTimer { timers, recovered, waker } = timer;
    let (files, clock) = sources.files_and_time();
    let metrics = TimerMetrics::load(files, Arc::clone(&clock))?;
    let (store, stats) = (Arc::clone(&sources.store), Arc::clone(stats));
    let parts = TimerParts { store, timers, recovered, metrics, stats, clock, waker };
    Ok(Arc::new(TimerMessageService::new(&sources.settings.store, parts)))
}

fn message_putter(
    sources: &Sources<'_>,
    early: &EarlyParts,
    timers: Option<Arc<TimerStore>>,
    stats: &Arc<BrokerStats>,
) -> MessagePutter {
    let gate = TimerGate::new(&sources.settings.store, Arc::clone(&sources.clock), timers);
    let levels = early.schedule.levels().clone();
    MessagePutter::new(Arc::clone(&sources.store), levels, gate, Arc::clone(stats))
}

fn transactions(
    sources: &Sources<'_>,
    config: &Live<BrokerConfig>,
    putter: &Arc<MessagePutter>,
    offsets: &Arc<ConsumerOffsetManager>,
) -> Result<TransactionalMessageService, MetadataError> {
    let Sources { clock, store, metadata, store_host, .. } = sources;
    TransactionalMessageService::load(config, store, putter, offsets, metadata, clock, *store_host)
}

fn pop_tables(
    sources: &Sources<'_>,
    putter: &Arc<MessagePutter>,
    offsets: &Arc<ConsumerOffsetManager>,
    queues: &Arc<dyn QueueOffsets>,
    rooms: WaitingRooms,
) -> Result<PopTables, MetadataError> {
    let (metadata, clock) = sources.files_and_time();
    PopTables::load(PopSources {
        config: sources.broker(),
        metadata,
        store_host: sources.store_host,
        putter: Arc::clone(putter),
        offsets: Arc::clone(offsets),
        queues: Arc::clone(queues),
        clock,
        rooms,
    })
}

fn broadcast_offsets(
    sources: &Sources<'_>,
    offsets: &Arc<ConsumerOffsetManager>,
    queues: &Arc<dyn QueueOffsets>,
) -> BroadcastOffsetManager {
    let (committed, view) = (Arc::clone(offsets), Arc::clone(queues));
    BroadcastOffsetManager::new(sources.broker(), committed, view, Arc::clone(&sources.clock))
}

fn broker_stats(sources: &Sources<'_>, topics: &Arc<TopicConfigManager>) -> BrokerStats {
    let Sources { clock, store, .. } = sources;
    let config = sources.broker();
    let (known, counted, timed) = (Arc::clone(topics), Arc::clone(store), Arc::clone(store));
    let read_from = StatsSources {
        counts_light_queues_apart: config.enable_lmq_stats,
        is_system: Box::new(move |topic| known.is_system(topic)),
        store: Box::new(move || store_totals(counted.counters())),
        put_times: Box::new(move || timed.counters().put_times.counts()),
        clock: Arc::clone(clock),
        utc_offset_millis: store.options().utc_offset_millis,
    };
    BrokerStats::new(&config.broker_cluster_name, read_from).with_metrics(BrokerMetrics::new(config))
}

fn store_totals(counters: &Counters) -> StoreTotals {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as i64;
    StoreTotals {
        put: read(&counters.put_messages),
        found: read(&counters.gets_found),
        missed: read(&counters.gets_missed),
        transferred: read(&counters.got_messages),
    }
}

fn uniq_ids(store_host: SocketAddr, now_millis: i64) -> UniqIds {
    let address = match store_host.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
    };
    // Two brokers of one process start at different moments, or listen on different ports.
    let instance = (now_millis as u32) ^ u32::from(store_host.port()).rotate_left(16);
    UniqIds::new(address, std::process::id(), instance)
}
