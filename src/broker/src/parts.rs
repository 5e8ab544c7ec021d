//! The tables and services of a broker, loaded and ready to be handed to processors.

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
    timer::{Recovered, TimerStore},
};

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
    pop::{PopSources, PopTables, WaitingRooms, queue::PopQueue},
    pull::arrival_board::ArrivalBoard,
    put::MessagePutter,
    queue_view::QueueView,
    schedule::service::ScheduleMessageService,
    static_topics::TopicQueueMappingManager,
    stats::{BrokerStats, StatsSources, StoreTotals},
    timer::{
        gate::TimerGate,
        metrics::TimerMetrics,
        service::{TimerMessageService, TimerParts, TimerWaker},
    },
    topics::TopicConfigManager,
    transaction::TransactionalMessageService,
    uniq_id::UniqIds,
};

/// What a broker is made of. Only its composition sees all of it: a processor gets what it needs.
pub struct Parts {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) cell: Arc<ConfigCell>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) store_host: SocketAddr,
    pub(crate) query_max_count: usize,
    pub(crate) query_batch_max_count: usize,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) mappings: Arc<TopicQueueMappingManager>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) broadcast: Arc<BroadcastOffsetManager>,
    pub(crate) queues: Arc<dyn QueueOffsets>,
    pub(crate) notifier: Arc<ConsumerIdsNotifier>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) filters: Arc<ConsumerFilterManager>,
    pub(crate) producers: Arc<ProducerManager>,
    pub(crate) locks: Arc<RebalanceLockManager>,
    pub(crate) cold_reads: Arc<ColdReads>,
    pub(crate) schedule: Arc<ScheduleMessageService>,
    pub(crate) timer: Option<Arc<TimerMessageService>>,
    pub(crate) putter: Arc<MessagePutter>,
    pub(crate) transactions: Arc<TransactionalMessageService>,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) modes: Arc<MessageRequestModeManager>,
    pub(crate) uniq_ids: Arc<UniqIds>,
    pub(crate) auth: Arc<AuthMetadataManager>,
}

/// The timer's files, opened, and who tells the timer of new messages.
pub struct OpenTimer {
    /// Where timed messages wait.
    pub timers: Arc<TimerStore>,
    /// How far they had got.
    pub recovered: Recovered,
    /// Told of new ones.
    pub waker: Arc<TimerWaker>,
}

/// What is there before the store is opened, as the arrival of messages is told to it.
#[derive(Clone)]
pub struct EarlyParts {
    /// Delayed messages.
    pub schedule: Arc<ScheduleMessageService>,
    /// What groups subscribe to.
    pub filters: Arc<ConsumerFilterManager>,
    /// Pulls that wait.
    pub board: Arc<ArrivalBoard>,
    /// Pops that wait.
    pub rooms: WaitingRooms,
    /// The timer, which is told of new timed messages.
    pub waker: Arc<TimerWaker>,
}

impl Parts {
    /// Reads all tables.
    ///
    /// # Errors
    /// When one of them was written before and cannot be read.
    pub fn load(
        settings: &BrokerSettings,
        clock: &Arc<dyn Clock>,
        store: &Arc<MessageStore>,
        timer: Option<OpenTimer>,
        metadata: &Arc<dyn MetadataStore>,
        store_host: SocketAddr,
        early: &EarlyParts,
    ) -> Result<Self, MetadataError> {
        let EarlyParts { schedule, filters, rooms, .. } = early.clone();
        let cell = Arc::new(ConfigCell::new(settings.clone(), Arc::clone(clock)));
        let (config, live) = (&settings.broker, cell.config().clone());
        let queues: Arc<dyn QueueOffsets> = Arc::new(QueueView(Arc::clone(store)));
        let with = || (Arc::clone(metadata), Arc::clone(clock));
        let (files, time) = with();
        let topics = TopicConfigManager::load(config, &settings.store, files, time)?;
        let (kinds, compacted) = (Arc::clone(store.queue_kinds()), Arc::clone(store.compacted_topics()));
        let topics = Arc::new(topics.with_store(kinds, compacted));
        let (files, time) = with();
        let mappings = TopicQueueMappingManager::load(&config.broker_name, files, time)?;
        let (files, time) = with();
        let light_queues = LightQueues::of(&settings.store);
        let groups = SubscriptionGroupManager::load(config, files, time)?.with_light_queues(light_queues);
        let groups = Arc::new(groups);
        let (files, time) = with();
        let offsets = Arc::new(ConsumerOffsetManager::load_with(config, light_queues, files, time)?);
        let notifier = Arc::new(ConsumerIdsNotifier::new(config));
        filters.load(Arc::clone(metadata))?;
        let consumers = ConsumerManager::new(config, Arc::clone(&notifier), Arc::clone(clock));
        let (committed, view) = (Arc::clone(&offsets), Arc::clone(&queues));
        let broadcast = BroadcastOffsetManager::new(config, committed, view, Arc::clone(clock));
        let levels = schedule.levels().clone();
        let stats = Arc::new(broker_stats(config, &topics, store, clock));
        let timers = timer.as_ref().map(|timer| Arc::clone(&timer.timers));
        let gate = TimerGate::new(&settings.store, Arc::clone(clock), timers);
        let timer = timer
            .map(|OpenTimer { timers, recovered, waker }| {
                let (files, clock) = with();
                let metrics = TimerMetrics::load(files, Arc::clone(&clock))?;
                let (store, stats) = (Arc::clone(store), Arc::clone(&stats));
                let parts = TimerParts { store, timers, recovered, metrics, stats, clock, waker };
                Ok(Arc::new(TimerMessageService::new(&settings.store, parts)))
            })
            .transpose()?;
        let putter = Arc::new(MessagePutter::new(Arc::clone(store), levels, gate, Arc::clone(&stats)));
        let transactions =
            TransactionalMessageService::load(&live, store, &putter, &offsets, metadata, clock, store_host)?;
        let pop = PopTables::load(PopSources {
            config,
            metadata: Arc::clone(metadata),
            store_host,
            putter: Arc::clone(&putter),
            offsets: Arc::clone(&offsets),
            queues: Arc::clone(&queues),
            clock: Arc::clone(clock),
            rooms,
        })?;
        Ok(Self {
            cell,
            writer: Arc::new(MetadataWriter::new(Arc::clone(&topics), Arc::clone(&groups))),
            consumers: Arc::new(consumers.with_filters(Arc::clone(&filters))),
            notifier,
            producers: Arc::new(ProducerManager::new(config, Arc::clone(clock))),
            locks: Arc::new(RebalanceLockManager::new(lock_max_live(settings), Arc::clone(clock))),
            putter,
            transactions: Arc::new(transactions),
            pop: Arc::new(pop),
            modes: Arc::new(MessageRequestModeManager::load(Arc::clone(metadata))?),
            auth: Arc::new(AuthMetadataManager::load(&settings.auth, metadata)?),
            uniq_ids: Arc::new(uniq_ids(store_host, clock.now_millis())),
            query_max_count: usize::try_from(settings.store.default_query_max_num).unwrap_or(0),
            query_batch_max_count: usize::try_from(settings.store.max_msgs_num_batch).unwrap_or(0),
            stats,
            cold_reads: Arc::new(ColdReads::new(config, &settings.store, Arc::clone(clock))),
            broadcast: Arc::new(broadcast),
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            config: live,
            store_host,
            topics,
            groups,
            filters,
            mappings: Arc::new(mappings),
            offsets,
            queues,
            schedule,
            timer,
        })
    }

    /// Writes all tables that have changed.
    pub fn persist(&self) {
        self.persist_offsets();
        self.persist_delay_offsets();
        self.persist_transactions();
        self.persist_configuration();
    }

    /// Writes how far consumers are, if that has changed.
    pub fn persist_offsets(&self) {
        report(self.pop.orders.persist());
        report(self.offsets.persist());
    }

    /// Writes how far delayed messages have been delivered, if that has changed.
    pub fn persist_delay_offsets(&self) {
        report(self.schedule.persist());
    }

    /// Writes what is to be known of transactions, if that has changed.
    pub fn persist_transactions(&self) {
        report(self.transactions.persist());
    }

    /// Writes topics, their mappings, groups and filters, if they have changed since they were written with the change
    /// itself.
    pub fn persist_configuration(&self) {
        report(self.topics.persist());
        report(self.mappings.persist());
        report(self.groups.persist());
        report(self.filters.persist());
        report(self.modes.persist());
        report(self.auth.persist());
    }

    /// Forgets how many timed messages topics had that are no more.
    pub fn clean_timer_metrics(&self) {
        if let Some(timer) = &self.timer {
            timer.metrics().retain(|topic| self.topics.find(topic).is_some());
        }
    }

    /// Forgets clients that have not been heard of for too long.
    pub fn drop_silent_clients(&self) {
        for client in self.consumers.expire().into_iter().chain(self.producers.expire()) {
            client.handle.close();
        }
        self.locks.expire();
    }

    /// Forgets what was popped of topics and by groups that are gone.
    pub fn clean_pops(&self) {
        let is_there = |queue: &PopQueue| {
            let topic = self.topics.find(&queue.topic);
            topic.is_some_and(|topic| queue.queue_id < topic.read_queue_nums)
                && self.groups.contains(&queue.group)
        };
        self.pop.retain(is_there);
    }

    /// Commits where broadcasting groups are.
    pub fn gather_broadcast_offsets(&self) {
        self.broadcast.scan(&|group, client_id| self.consumers.find_client(group, client_id).is_some());
    }
}

/// The statistics of a broker over these parts.
fn broker_stats(
    config: &BrokerConfig,
    topics: &Arc<TopicConfigManager>,
    store: &Arc<MessageStore>,
    clock: &Arc<dyn Clock>,
) -> BrokerStats {
    let (known, counted, timed) = (Arc::clone(topics), Arc::clone(store), Arc::clone(store));
    let sources = StatsSources {
        counts_light_queues_apart: config.enable_lmq_stats,
        is_system: Box::new(move |topic| known.is_system(topic)),
        store: Box::new(move || store_totals(counted.counters())),
        put_times: Box::new(move || timed.counters().put_times.counts()),
        clock: Arc::clone(clock),
        utc_offset_millis: store.options().utc_offset_millis,
    };
    BrokerStats::new(&config.broker_cluster_name, sources).with_metrics(BrokerMetrics::new(config))
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

fn report(written: Result<(), MetadataError>) {
    if let Err(error) = written {
        tracing::error!(%error, "cannot write a table, check the disk of the store");
    }
}

fn lock_max_live(settings: &BrokerSettings) -> Duration {
    Duration::from_millis(settings.own.rebalance_lock_max_live_time.unsigned_abs())
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
