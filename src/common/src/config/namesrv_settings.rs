//! The configuration of a NameServer process: every object `mqnamesrv` fills from one file.

use std::path::Path;

use super::change::{self, ChangeError, ConfigChange};
use super::known::{CONTROLLER_KEYS, JRAFT_KEYS, KnownKeys};
use super::load;
use super::{
    ConfigError, ConfigObject, Finding, MachineDefaults, NamesrvConfig, NettyClientConfig, NettyServerConfig,
    OwnNamesrvConfig, ProcessConfig,
};
use crate::properties::Properties;

const KNOWN: &[KnownKeys] = &[CONTROLLER_KEYS, JRAFT_KEYS];

/// Port a NameServer listens on unless configured otherwise.
pub const DEFAULT_NAMESRV_PORT: i32 = 9876;

/// Everything a NameServer process is configured with.
///
/// Invariant: no refused key is set and every value is in range.
#[derive(Debug, Clone, PartialEq)]
pub struct NamesrvSettings {
    /// The NameServer itself.
    pub namesrv: NamesrvConfig,
    /// Its listening side.
    pub server: NettyServerConfig,
    /// Its connections to brokers.
    pub client: NettyClientConfig,
    /// What RocketMQ has no keys for.
    pub own: OwnNamesrvConfig,
    /// What it has no keys for of a process.
    pub process: ProcessConfig,
    /// The file as it was read; keys no object has are kept for listings.
    pub source: Properties,
}

impl NamesrvSettings {
    /// The settings of a NameServer started without a file.
    pub fn with_defaults(machine: &MachineDefaults) -> Self {
        let mut settings = Self {
            namesrv: NamesrvConfig::with_defaults(machine),
            server: NettyServerConfig::with_defaults(machine),
            client: NettyClientConfig::with_defaults(machine),
            own: OwnNamesrvConfig::with_defaults(machine),
            process: ProcessConfig::with_defaults(machine),
            source: Properties::default(),
        };
        settings.server.listen_port = DEFAULT_NAMESRV_PORT;
        settings
    }

    /// Reads the text of a configuration file; `overrides` are set after it and win.
    pub fn load(
        text: &[u8],
        overrides: &[(String, String)],
        machine: &MachineDefaults,
    ) -> Result<(Self, Vec<Finding>), ConfigError> {
        Self::from_properties(Properties::parse(text)?, None, overrides, machine)
    }

    /// [`load`](Self::load) for a file, or for no file at all; configuration changed at run time is then
    /// written back to that file, as with `mqnamesrv -c`.
    pub fn load_file(
        path: Option<&Path>,
        overrides: &[(String, String)],
        machine: &MachineDefaults,
    ) -> Result<(Self, Vec<Finding>), ConfigError> {
        let source = path.map(load::read).transpose()?.unwrap_or_default();
        Self::from_properties(source, path, overrides, machine)
    }

    fn from_properties(
        source: Properties,
        path: Option<&Path>,
        overrides: &[(String, String)],
        machine: &MachineDefaults,
    ) -> Result<(Self, Vec<Finding>), ConfigError> {
        let mut settings = Self::with_defaults(machine);
        let (mut findings, mut errors) = (Vec::new(), Vec::new());
        load::apply_all(&mut settings.objects_mut(), KNOWN, &source, &[], &mut findings, &mut errors);
        if let Some(path) = path {
            settings.namesrv.config_store_path = path.to_string_lossy().into_owned();
        }
        load::apply_all(
            &mut settings.objects_mut(),
            KNOWN,
            &Properties::default(),
            overrides,
            &mut findings,
            &mut errors,
        );
        let origin = |key: &str| load::origin_of(key, &source, overrides);
        errors.extend(load::check_server_texts(&settings.server, origin).err());
        ConfigError::all(errors)?;
        settings.source = source;
        Ok((settings, findings))
    }

    /// The keys the text of an `UPDATE_NAMESRV_CONFIG` changes, if all of them may be changed.
    pub fn changes_in(&self, text: &[u8]) -> Result<Vec<ConfigChange>, ChangeError> {
        let objects: [&dyn ConfigObject; 3] = [&self.namesrv, &self.server, &self.client];
        change::vet(&objects, KNOWN, &self.namesrv.config_black_list, text)
    }

    /// These settings with some keys changed, by the checks of a start.
    pub fn updated(&self, changes: &[(String, String)]) -> Result<(Self, Vec<Finding>), ConfigError> {
        let mut settings = self.clone();
        let (mut findings, mut errors) = (Vec::new(), Vec::new());
        let none = Properties::default();
        load::apply_all(&mut settings.objects_mut(), KNOWN, &none, changes, &mut findings, &mut errors);
        ConfigError::all(errors)?;
        settings.source.set_all(changes);
        Ok((settings, findings))
    }

    fn objects_mut(&mut self) -> [&mut dyn ConfigObject; 5] {
        [&mut self.namesrv, &mut self.server, &mut self.client, &mut self.own, &mut self.process]
    }

    /// Every key with its value, null-valued ones omitted, as `-p` lists them.
    pub fn effective(&self) -> Vec<(String, String)> {
        let objects: [&dyn ConfigObject; 5] =
            [&self.namesrv, &self.client, &self.server, &self.own, &self.process];
        load::listing(&objects, &self.source)
    }

    /// The keys RocketMQ counts as important, as `-m` lists them.
    pub fn important(&self) -> Vec<(String, String)> {
        load::important(&[&self.namesrv, &self.server, &self.client])
    }

    /// What `GET_NAMESRV_CONFIG` lists: without the keys of the connecting side.
    pub fn effective_for_admin(&self) -> Vec<(String, String)> {
        load::listing(&[&self.namesrv, &self.server], &self.source)
    }
}
