//! The configuration of a broker process: every object `mqbroker` fills from one file.

use std::path::{Path, PathBuf};

use super::change::{self, ChangeError, ConfigChange};
use super::known::{ADDRESS_SERVER_KEYS, KnownKeys, TIERED_STORE_KEYS};
use super::load;
use super::reasons::{HA, ONE_COPY};
use super::{
    AuthConfig, BrokerConfig, BrokerRole, ConfigError, ConfigObject, Finding, FindingKind, MachineDefaults,
    MessageStoreConfig, NettyClientConfig, NettyServerConfig, Origin, OwnConfig, ProcessConfig,
};
use crate::properties::Properties;

const KNOWN: &[KnownKeys] = &[ADDRESS_SERVER_KEYS, TIERED_STORE_KEYS];

/// Port a broker listens on unless configured otherwise.
pub const DEFAULT_BROKER_PORT: i32 = 10911;

/// Everything a broker process is configured with.
///
/// Invariant: no refused key is set, every value is in range, and the fix-ups `mqbroker` makes for the
/// broker's role are done.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerSettings {
    /// The broker itself.
    pub broker: BrokerConfig,
    /// Its store.
    pub store: MessageStoreConfig,
    /// Its listening side.
    pub server: NettyServerConfig,
    /// Its connections to NameServers and other brokers.
    pub client: NettyClientConfig,
    /// Its access control.
    pub auth: AuthConfig,
    /// What RocketMQ has no keys for.
    pub own: OwnConfig,
    /// What it has no keys for of a process.
    pub process: ProcessConfig,
    /// The file as it was read; keys no object has are kept for listings.
    pub source: Properties,
    /// The file, if there was one: what is changed at run time is written there.
    pub file: Option<PathBuf>,
}

impl BrokerSettings {
    /// The settings of a broker started without a file.
    pub fn with_defaults(machine: &MachineDefaults) -> Self {
        let mut settings = Self::pristine(machine);
        settings.store.ha_listen_port = settings.server.listen_port.saturating_add(1);
        settings
    }

    /// What `mqbroker` starts from before it reads anything: the defaults of the classes but for the ports.
    fn pristine(machine: &MachineDefaults) -> Self {
        let mut settings = Self {
            broker: BrokerConfig::with_defaults(machine),
            store: MessageStoreConfig::with_defaults(machine),
            server: NettyServerConfig::with_defaults(machine),
            client: NettyClientConfig::with_defaults(machine),
            auth: AuthConfig::with_defaults(machine),
            own: OwnConfig::with_defaults(machine),
            process: ProcessConfig::with_defaults(machine),
            source: Properties::default(),
            file: None,
        };
        settings.server.listen_port = DEFAULT_BROKER_PORT;
        settings.store.ha_listen_port = 0;
        settings
    }

    /// Reads the text of a configuration file; `overrides` are set after it and win.
    pub fn load(
        text: &[u8],
        overrides: &[(String, String)],
        machine: &MachineDefaults,
    ) -> Result<(Self, Vec<Finding>), ConfigError> {
        Self::from_properties(Properties::parse(text)?, overrides, machine)
    }

    /// [`load`](Self::load) for a file, or for no file at all.
    pub fn load_file(
        path: Option<&Path>,
        overrides: &[(String, String)],
        machine: &MachineDefaults,
    ) -> Result<(Self, Vec<Finding>), ConfigError> {
        let source = path.map(load::read).transpose()?.unwrap_or_default();
        let (mut settings, findings) = Self::from_properties(source, overrides, machine)?;
        settings.file = path.map(Path::to_owned);
        Ok((settings, findings))
    }

    /// [`load`](Self::load) for a file that has been read.
    pub fn from_properties(
        source: Properties,
        overrides: &[(String, String)],
        machine: &MachineDefaults,
    ) -> Result<(Self, Vec<Finding>), ConfigError> {
        let mut settings = Self::pristine(machine);
        let findings = settings.take_over(&source, overrides)?;
        settings.source = source;
        Ok((settings, findings))
    }

    /// The keys the text of an `UPDATE_BROKER_CONFIG` changes, if all of them may be changed.
    pub fn changes_in(&self, text: &[u8]) -> Result<Vec<ConfigChange>, ChangeError> {
        let objects: [&dyn ConfigObject; 6] =
            [&self.broker, &self.server, &self.client, &self.store, &self.auth, &self.own];
        change::vet(&objects, KNOWN, &self.broker.config_black_list, text)
    }

    /// These settings with some keys changed, by the checks of a start.
    pub fn updated(&self, changes: &[(String, String)]) -> Result<(Self, Vec<Finding>), ConfigError> {
        let mut settings = self.clone();
        let findings = settings.take_over(&Properties::default(), changes)?;
        settings.source.set_all(changes);
        Ok((settings, findings))
    }

    fn take_over(
        &mut self,
        source: &Properties,
        overrides: &[(String, String)],
    ) -> Result<Vec<Finding>, ConfigError> {
        let mut findings = Vec::new();
        let mut objects: [&mut dyn ConfigObject; 7] = [
            &mut self.broker,
            &mut self.server,
            &mut self.client,
            &mut self.store,
            &mut self.auth,
            &mut self.own,
            &mut self.process,
        ];
        let mut errors = Vec::new();
        load::apply_all(&mut objects, KNOWN, source, overrides, &mut findings, &mut errors);
        let origin = |key: &str| load::origin_of(key, source, overrides);
        errors.extend(self.check_role(origin).err());
        self.check_texts(origin, &mut errors);
        ConfigError::all(errors)?;
        self.fit_to_role(origin, &mut findings);
        self.report_clamps(origin, &mut findings);
        Ok(findings)
    }

    /// Refuses roles that promise copies of the log there would not be.
    fn check_role(&self, origin: impl Fn(&str) -> Origin) -> Result<(), ConfigError> {
        let refused = |key: &str, value: String, why| {
            Err(ConfigError::Refused { origin: origin(key), key: key.to_owned(), value, why })
        };
        let store = &self.store;
        match store.broker_role {
            BrokerRole::AsyncMaster => Ok(()),
            BrokerRole::Slave => refused("brokerRole", store.broker_role.to_string(), HA),
            BrokerRole::SyncMaster => {
                // Without slaves RocketMQ waits for no more than minInSyncReplicas when it may adapt.
                let (key, copies) = if store.enable_auto_in_sync_replicas {
                    ("minInSyncReplicas", store.min_in_sync_replicas)
                } else {
                    ("inSyncReplicas", store.in_sync_replicas)
                };
                if copies > 1 { refused(key, copies.to_string(), ONE_COPY) } else { Ok(()) }
            }
        }
    }

    /// Texts that cannot be what their keys stand for.
    fn check_texts(&self, origin: impl Fn(&str) -> Origin, errors: &mut Vec<ConfigError>) {
        errors.extend(load::check_server_texts(&self.server, &origin).err());
        let mut malformed =
            |key, value: &str, problem| errors.push(load::malformed(&origin, key, value, problem));
        let (broker, store) = (&self.broker, &self.store);
        for (key, value) in [
            ("brokerName", &broker.broker_name),
            ("brokerClusterName", &broker.broker_cluster_name),
            ("brokerIP1", &broker.broker_ip1),
            ("storePathRootDir", &store.store_path_root_dir),
        ] {
            if value.is_empty() {
                malformed(key, "", "a broker cannot be without it");
            }
        }
        if store.delay_levels_millis().is_none() {
            let problem =
                "each level is a number followed by s, m, h or d, with one blank between two levels";
            malformed("messageDelayLevel", &store.message_delay_level, problem);
        }
        if store.delete_hours().is_none() {
            malformed("deleteWhen", &store.delete_when, "hours of the day, from 0 to 23, are separated by ;");
        }
        let own = "org.apache.rocketmq.auth";
        let providers = [
            (
                "authenticationMetadataProvider",
                &self.auth.authentication_metadata_provider,
                "authentication.provider.Local",
            ),
            (
                "authorizationMetadataProvider",
                &self.auth.authorization_metadata_provider,
                "authorization.provider.Local",
            ),
        ];
        for (key, provider, local) in providers {
            let name = provider.as_deref().unwrap_or_default();
            if !name.is_empty() && !name.starts_with(&format!("{own}.{local}")) {
                malformed(key, name, "only RocketMQ's local provider is known, whose tables are files here");
            }
        }
        if !broker.namesrv_addrs().iter().all(|address| is_address(address)) {
            let addresses = broker.namesrv_addr.as_deref().unwrap_or_default();
            malformed("namesrvAddr", addresses, "addresses are host:port, separated by ;");
        }
    }

    fn fit_to_role(&mut self, origin: impl Fn(&str) -> Origin, findings: &mut Vec<Finding>) {
        if self.broker.broker_id != 0 {
            self.broker.broker_id = 0;
            let kind = FindingKind::Replaced { used: 0 };
            findings.push(Finding { origin: origin("brokerId"), key: "brokerId".to_owned(), kind });
        }
        self.broker.is_in_broker_container = false;
        if self.store.ha_listen_port <= 0 {
            self.store.ha_listen_port = self.server.listen_port.saturating_add(1);
        }
    }

    fn report_clamps(&self, origin: impl Fn(&str) -> Origin, findings: &mut Vec<Finding>) {
        let store = &self.store;
        let clamps: [(&str, i32, i32); 5] = [
            ("timerPrecisionMs", store.timer_precision_ms, store.clamped_timer_precision_ms()),
            (
                "diskMaxUsedSpaceRatio",
                store.disk_max_used_space_ratio,
                store.clamped_disk_max_used_space_ratio(),
            ),
            (
                "diskSpaceWarningLevelRatio",
                store.disk_space_warning_level_ratio,
                store.clamped_disk_space_warning_level_ratio(),
            ),
            (
                "diskSpaceCleanForciblyRatio",
                store.disk_space_clean_forcibly_ratio,
                store.clamped_disk_space_clean_forcibly_ratio(),
            ),
            (
                "registerNameServerPeriod",
                self.broker.register_name_server_period,
                self.broker.clamped_register_name_server_period(),
            ),
        ];
        for (key, _, used) in clamps.into_iter().filter(|(_, configured, used)| configured != used) {
            let kind = FindingKind::Clamped { used: i64::from(used) };
            findings.push(Finding { origin: origin(key), key: key.to_owned(), kind });
        }
    }

    /// Port of the second listener, `listenPort - 2`, which old clients send to; 0 picks a free one.
    pub fn fast_listen_port(&self) -> i32 {
        (self.server.listen_port - 2).max(0)
    }

    /// The address announced to clients, `brokerIP1:listenPort`.
    pub fn broker_addr(&self) -> String {
        format!("{}:{}", self.broker.broker_ip1, self.server.listen_port)
    }

    /// The address announced to slaves, `brokerIP2:haListenPort`.
    pub fn ha_server_addr(&self) -> String {
        format!("{}:{}", self.broker.broker_ip2, self.store.ha_listen_port)
    }

    /// Every key with its value, null-valued ones omitted, as `-p` and `GET_BROKER_CONFIG` list them.
    /// Secrets stand in clear: see [`redact`](super::redact).
    pub fn effective(&self) -> Vec<(String, String)> {
        let rocketmqs: [&dyn ConfigObject; 4] = [&self.broker, &self.server, &self.client, &self.store];
        let all: Vec<_> = rocketmqs.into_iter().chain([&self.own as _, &self.process as _]).collect();
        load::listing(&all, &self.source)
    }

    /// The keys RocketMQ counts as important, as `-m` lists them.
    pub fn important(&self) -> Vec<(String, String)> {
        load::important(&[&self.broker, &self.server, &self.client, &self.store])
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
