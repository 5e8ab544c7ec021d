//! The types a configuration value can have and how their text is read.
//!
//! Java ignores a number it cannot parse and takes any text but `true` for `false`; here such a value is
//! an error. Blanks around numbers, booleans and names are dropped, which Java does for strings only.

use std::fmt;

/// A type a key can have.
pub trait ConfigValue: Sized {
    /// The type's name in the Java class.
    const TYPE: &'static str;
    /// What a good value looks like, for error messages.
    const EXPECTED: &'static str;
    /// Reads a value, `None` when the text is not one.
    fn parse(text: &str) -> Option<Self>;
    /// The value as RocketMQ prints it; `None` for Java's null.
    fn render(&self) -> Option<String>;
}

macro_rules! integer {
    ($type:ty, $java:literal, $expected:literal) => {
        impl ConfigValue for $type {
            const TYPE: &'static str = $java;
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }

            fn render(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    };
}

integer!(i32, "int", "an integer of 32 bits");
integer!(i64, "long", "an integer of 64 bits");

impl ConfigValue for f64 {
    const TYPE: &'static str = "double";
    const EXPECTED: &'static str = "a number";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn render(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl ConfigValue for bool {
    const TYPE: &'static str = "boolean";
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }

    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigValue for String {
    const TYPE: &'static str = "String";
    const EXPECTED: &'static str = "a text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.trim().to_owned())
    }

    fn render(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl ConfigValue for Option<String> {
    const TYPE: &'static str = "String";
    const EXPECTED: &'static str = "a text";

    fn parse(text: &str) -> Option<Self> {
        Some(Some(text.trim().to_owned()))
    }

    fn render(&self) -> Option<String> {
        self.clone()
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident, $expected:literal { $($(#[$variant_doc:meta])* $variant:ident = $name:literal $(or $alias:literal)?,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// The name of the Java constant.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl ConfigValue for $type {
            const TYPE: &'static str = stringify!($type);
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Option<Self> {
                match text.trim() {
                    $($name $(| $alias)? => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn render(&self) -> Option<String> {
                Some(self.name().to_owned())
            }
        }
    };
}

names! {
    /// When a send is answered, `flushDiskType`.
    FlushDiskType, "SYNC_FLUSH or ASYNC_FLUSH" {
        /// Once the message is on disk.
        SyncFlush = "SYNC_FLUSH",
        /// Once the message is in the page cache.
        AsyncFlush = "ASYNC_FLUSH",
    }
}

names! {
    /// The part a broker plays in its group, `brokerRole`.
    BrokerRole, "ASYNC_MASTER, SYNC_MASTER or SLAVE" {
        /// Takes writes and answers without waiting for slaves.
        AsyncMaster = "ASYNC_MASTER",
        /// Takes writes and answers once enough slaves have them.
        SyncMaster = "SYNC_MASTER",
        /// Copies a master.
        Slave = "SLAVE",
    }
}

names! {
    /// How a consumer gets the messages of a queue the broker has assigned to it.
    MessageRequestMode, "PULL or POP" {
        /// It pulls from an offset it keeps.
        Pull = "PULL",
        /// It pops, and the broker keeps track.
        Pop = "POP",
    }
}

names! {
    /// How metrics are exported, `metricsExporterType`.
    MetricsExporterType, "DISABLE, OTLP_GRPC, PROM or LOG" {
        /// Not at all.
        Disable = "DISABLE" or "0",
        /// Pushed over gRPC.
        OtlpGrpc = "OTLP_GRPC" or "1",
        /// Scraped by Prometheus.
        Prom = "PROM" or "2",
        /// Written to the log.
        Log = "LOG" or "3",
    }
}

names! {
    /// How a line of the log is written, `logFormat`.
    LogFormat, "text or json" {
        /// For people.
        Text = "text",
        /// An object a line.
        Json = "json",
    }
}
