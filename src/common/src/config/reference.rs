//! The table of all keys, for documentation and tests.

use super::known::{ADDRESS_SERVER_KEYS, CONTROLLER_KEYS, JRAFT_KEYS, TIERED_STORE_KEYS};
use super::{
    AuthConfig, BrokerConfig, ConfigObject, KeySpec, KnownKeys, MachineDefaults, MessageStoreConfig,
    NamesrvConfig, NettyClientConfig, NettyServerConfig,
};

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Name of the Java class.
    pub class: &'static str,
    /// The key and what there is to know about it.
    pub spec: KeySpec,
    /// Default of the Java class on the given machine, `None` for null.
    pub default: Option<String>,
}

/// Every key of every configuration object, class by class in the order of the Java fields.
pub fn reference(machine: &MachineDefaults) -> Vec<Reference> {
    let objects: [Box<dyn ConfigObject>; 6] = [
        Box::new(BrokerConfig::with_defaults(machine)),
        Box::new(MessageStoreConfig::with_defaults(machine)),
        Box::new(NamesrvConfig::with_defaults(machine)),
        Box::new(NettyServerConfig::with_defaults(machine)),
        Box::new(NettyClientConfig::with_defaults(machine)),
        Box::new(AuthConfig::with_defaults(machine)),
    ];
    let rows = objects.iter().flat_map(|object| {
        object.keys().iter().map(|spec| Reference {
            class: object.class(),
            spec: *spec,
            default: object.get(spec.key),
        })
    });
    rows.collect()
}

/// Keys that are known without having an object, and therefore no effect.
pub fn known_keys() -> [KnownKeys; 4] {
    [ADDRESS_SERVER_KEYS, TIERED_STORE_KEYS, CONTROLLER_KEYS, JRAFT_KEYS]
}
