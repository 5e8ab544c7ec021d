//! The packed stores, and what of their content a broker may not know.

use crate::answers::Answers;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What our broker may not have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Timers,
    Transactions,
    Pops,
    BatchQueues,
    LightQueues,
}

/// Whether our broker has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Built {
    Yes,
    No,
}

/// Once a feature is built, its line here says so: the answers of Java's broker are then expected of it.
pub const FEATURES: [(Feature, Built); 5] = [
    (Feature::Timers, Built::Yes),
    (Feature::Transactions, Built::Yes),
    (Feature::Pops, Built::Yes),
    (Feature::BatchQueues, Built::No),
    (Feature::LightQueues, Built::No),
];

impl Feature {
    /// Whether a store with its files is not opened by a broker without it.
    pub fn refuses_the_store(self) -> bool {
        self == Self::BatchQueues
    }

    /// What only a broker with the feature may touch, below the store's root.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Timers => &["timerwheel", "timerlog", "config/timercheck", "config/timermetrics"],
            Self::Transactions => &[
                "consumequeue/RMQ_SYS_TRANS_HALF_TOPIC",
                "consumequeue/RMQ_SYS_TRANS_OP_HALF_TOPIC",
                "config/transactionMetrics",
            ],
            Self::Pops => {
                &["consumequeue/rmq_sys_REVIVE_LOG_DefaultCluster", "config/consumerOrderInfo.json"]
            }
            Self::BatchQueues => &["batchconsumequeue", "commitlog", "consumequeue", "config"],
            Self::LightQueues => {
                &["consumequeue/%LMQ%one", "consumequeue/%LMQ%other", "config/lmqConsumerOffset.json"]
            }
        }
    }

    /// The feature without which a topic has no answers.
    pub fn of_topic(topic: &str) -> Option<Self> {
        match topic {
            "due-timer" => Some(Self::Timers),
            "batches" => Some(Self::BatchQueues),
            "decided" => Some(Self::Transactions),
            _ if topic.starts_with("%LMQ%") => Some(Self::LightQueues),
            _ if topic.starts_with("%RETRY%store-poppers") => Some(Self::Pops),
            _ => None,
        }
    }
}

/// How the broker ended that wrote a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Clean,
    Killed,
}

/// A store of `golden/stores`.
#[derive(Clone, Copy, Debug)]
pub struct Archive {
    /// What is in it, see [`ARCHIVES`].
    pub content: &'static str,
    pub exit: Exit,
}

const fn stored(content: &'static str, exit: Exit) -> Archive {
    Archive { content, exit }
}

pub const ARCHIVES: [Archive; 10] = [
    stored("messages", Exit::Clean),
    stored("messages", Exit::Killed),
    stored("extended", Exit::Clean),
    stored("extended", Exit::Killed),
    stored("pending", Exit::Clean),
    stored("pending", Exit::Killed),
    stored("batches", Exit::Clean),
    stored("batches", Exit::Killed),
    stored("light", Exit::Clean),
    stored("light", Exit::Killed),
];

/// For the broker that writes and for those that read: small files, and nothing ever expires.
pub const BROKER_CONF: &str = "mappedFileSizeCommitLog=65536
mappedFileSizeConsumeQueue=2000
mappedFileSizeConsumeQueueExt=10240
mappedFileSizeTimerLog=102400
maxHashSlotNum=50
maxIndexNum=100
fileReservedTime=876000
diskMaxUsedSpaceRatio=95
cleanFileForciblyEnable=false
flushConsumerOffsetInterval=500
flushDelayOffsetInterval=500
transactionCheckInterval=5000
";

impl Archive {
    pub fn name(self) -> String {
        format!("{}-{}", self.content, if self.exit == Exit::Clean { "clean" } else { "killed" })
    }

    /// What a broker needs besides [`BROKER_CONF`] to write it.
    pub fn further_conf(self) -> &'static str {
        match self.content {
            "extended" => "enableConsumeQueueExt=true\n",
            "light" => "enableLmq=true\nenableMultiDispatch=true\n",
            _ => "",
        }
    }

    pub fn features(self) -> impl Iterator<Item = Feature> {
        let features: &[Feature] = match self.content {
            "pending" => &[Feature::Timers, Feature::Transactions, Feature::Pops],
            "batches" => &[Feature::BatchQueues],
            "light" => &[Feature::LightQueues],
            _ => &[],
        };
        features.iter().copied()
    }

    pub fn has(self, feature: Feature) -> bool {
        self.features().any(|own| own == feature)
    }

    pub fn light_queues(self) -> &'static str {
        if self.has(Feature::LightQueues) { "%LMQ%one,%LMQ%other" } else { "" }
    }

    /// The topics in which messages become due, separated by commas, and how many.
    pub fn due(self, serves: &dyn Fn(Feature) -> bool) -> (String, usize) {
        let topics: &[(&str, usize)] = match self.content {
            "messages" | "extended" => &[("due-delay", 3)],
            "pending" => &[("due-timer", 5), ("%RETRY%store-poppers_popped", 4)],
            _ => &[],
        };
        let served = |topic: &&(&'static str, usize)| Feature::of_topic(topic.0).is_none_or(serves);
        let (names, counts): (Vec<&str>, Vec<usize>) = topics.iter().filter(served).copied().unzip();
        (names.join(","), counts.iter().sum())
    }

    /// What Java's broker answered about it.
    pub fn expected(self) -> Answers {
        Answers::parse(&fs::read_to_string(self.file("jsonl")).unwrap())
    }

    pub fn record(self, answers: &Answers) {
        fs::write(self.file("jsonl"), answers.to_string()).unwrap();
    }

    fn file(self, extension: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/stores/{}.{extension}", self.name()))
    }

    /// Packs `<directory>/store`, the holes of its files left out.
    pub fn pack(self, directory: &Path) {
        let file = self.file("tar.gz");
        let mut tar = Command::new("tar");
        tar.args([
            "--create",
            "--sparse",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--use-compress-program=gzip -9n",
        ]);
        let status = tar.arg("--file").arg(file).arg("--directory").arg(directory).arg("store").status();
        assert!(status.unwrap().success());
    }

    /// Makes `<directory>/store` of it.
    pub fn unpack(self, directory: impl AsRef<Path>) {
        let packed = File::open(self.file("tar.gz")).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--gzip", "--no-same-owner", "--directory"]).arg(directory.as_ref());
        assert!(tar.stdin(packed).status().unwrap().success());
    }
}
