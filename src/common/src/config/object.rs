//! What every configuration object has in common, and the macro that declares one.
//!
//! One declaration per key is the only place that knows its name, type, default, effect and meaning;
//! the struct, reading, printing and the reference table all come from it.

/// What a key does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// As in RocketMQ.
    Honoured,
    /// Nothing, for this reason; a value other than the default is reported at start.
    Inert(&'static str),
    /// A value other than the default stops the start, for this reason.
    Refused(&'static str),
}

/// When a change over the wire (`UPDATE_BROKER_CONFIG`, `UPDATE_NAMESRV_CONFIG`) counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// At once.
    Live,
    /// It is stored, and counts from the next start on.
    AtRestart,
    /// It is refused: identity, paths, addresses, credentials, and what decides about them.
    Never,
}

/// One key of a configuration object.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// The key as RocketMQ prints it: the name of the Java field.
    pub key: &'static str,
    /// The key as it is set, where that differs: Java derives it from the name of the setter.
    pub set_as: &'static str,
    /// The type of the Java field.
    pub type_name: &'static str,
    /// What the key does here.
    pub effect: Effect,
    /// Whether it may be changed over the wire.
    pub change: Change,
    /// Whether Java has no setter for it: it is listed, but nothing changes it.
    pub is_read_only: bool,
    /// Whether RocketMQ counts it among the important ones (`mqbroker -m`).
    pub is_important: bool,
    /// Smallest and largest number taken.
    pub range: Option<(i64, i64)>,
    /// What it means, with its unit.
    pub doc: &'static str,
}

impl KeySpec {
    pub(super) const fn new(
        key: &'static str,
        type_name: &'static str,
        effect: Effect,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            set_as: key,
            type_name,
            effect,
            change: Change::AtRestart,
            is_read_only: false,
            is_important: false,
            range: None,
            doc,
        }
    }

    pub(super) const fn live(mut self) -> Self {
        self.change = Change::Live;
        self
    }

    pub(super) const fn fixed(mut self) -> Self {
        self.change = Change::Never;
        self
    }

    pub(super) const fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    pub(super) const fn important(mut self) -> Self {
        self.is_important = true;
        self
    }

    pub(super) const fn range(mut self, min: i64, max: i64) -> Self {
        self.range = Some((min, max));
        self
    }

    pub(super) const fn set_as(mut self, key: &'static str) -> Self {
        self.set_as = key;
        self
    }
}

/// A text that is no value of a key's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType {
    /// What a good value looks like.
    pub expected: &'static str,
}

/// A configuration class of RocketMQ.
pub trait ConfigObject {
    /// Name of the Java class.
    fn class(&self) -> &'static str;
    /// All keys, in the order of the Java fields.
    fn keys(&self) -> &'static [KeySpec];
    /// The value of a key as RocketMQ prints it; `None` for null and for a key that is not in this object.
    fn get(&self, key: &str) -> Option<String>;
    /// Sets a key from text; a key that is not in this object is left alone.
    fn set(&mut self, key: &str, text: &str) -> Result<(), WrongType>;

    /// All keys with a value, in the order of the Java fields.
    fn entries(&self) -> Vec<(&'static str, String)> {
        self.keys().iter().filter_map(|spec| Some((spec.key, self.get(spec.key)?))).collect()
    }
}

/// Declares a configuration object: `/// doc` and `"key" field: type = default, Effect, option()…;`.
macro_rules! config_object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($machine:ident) {
            $(
                $(#[doc = $doc:literal])+
                $key:literal $field:ident: $type:ty = $default:expr, $effect:expr $(, $option:ident($($arg:expr),*))*;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::struct_excessive_bools, reason = "one field for each key of the Java class")]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                pub $field: $type,
            )+
        }

        impl $name {
            /// Every key of the class, in the order of the Java fields.
            #[allow(clippy::large_stack_arrays, reason = "a constant table that lies in the binary")]
            pub const KEYS: &'static [$crate::config::KeySpec] = &[
                $(
                    $crate::config::KeySpec::new(
                        $key,
                        <$type as $crate::config::ConfigValue>::TYPE,
                        $effect,
                        concat!($($doc),+),
                    )$(.$option($($arg),*))*,
                )+
            ];

            /// The defaults of the Java class on a given machine.
            pub fn with_defaults($machine: &$crate::config::MachineDefaults) -> Self {
                let _ = $machine;
                Self { $($field: $default,)+ }
            }
        }

        impl $crate::config::ConfigObject for $name {
            fn class(&self) -> &'static str {
                stringify!($name)
            }

            fn keys(&self) -> &'static [$crate::config::KeySpec] {
                Self::KEYS
            }

            fn get(&self, key: &str) -> Option<String> {
                match key {
                    $($key => $crate::config::ConfigValue::render(&self.$field),)+
                    _ => None,
                }
            }

            fn set(&mut self, key: &str, text: &str) -> Result<(), $crate::config::WrongType> {
                match key {
                    $(
                        $key => {
                            self.$field = $crate::config::ConfigValue::parse(text).ok_or(
                                $crate::config::WrongType {
                                    expected: <$type as $crate::config::ConfigValue>::EXPECTED,
                                },
                            )?;
                        }
                    )+
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

pub(super) use config_object;
