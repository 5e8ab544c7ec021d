//! The packed stores.

use crate::answers::Answers;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

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

const ARCHIVES: [Archive; 10] = [
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

/// All of them, or those with `COMPAT_ONLY` in their names.
pub fn chosen() -> impl Iterator<Item = Archive> {
    let only = std::env::var("COMPAT_ONLY").unwrap_or_default();
    ARCHIVES.into_iter().filter(move |archive| archive.name().contains(&only))
}

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

/// For messages that are in further queues, as many as they name.
pub const LIGHT_QUEUES_CONF: &str = "enableLmq=true\nenableMultiDispatch=true\n";

impl Archive {
    pub fn name(self) -> String {
        format!("{}-{}", self.content, if self.exit == Exit::Clean { "clean" } else { "killed" })
    }

    /// What a broker needs besides [`BROKER_CONF`] to write it.
    pub fn further_conf(self) -> &'static str {
        match self.content {
            "extended" => "enableConsumeQueueExt=true\n",
            "light" => LIGHT_QUEUES_CONF,
            _ => "",
        }
    }

    /// Whether it needs a broker that serves light queues.
    pub fn has_light_queues(self) -> bool {
        self.content == "light"
    }

    pub fn light_queues(self) -> &'static str {
        if self.has_light_queues() { "%LMQ%one,%LMQ%other" } else { "" }
    }

    /// The topics in which messages become due, separated by commas, and how many.
    pub fn due(self) -> (String, usize) {
        let topics: &[(&str, usize)] = match self.content {
            "messages" | "extended" => &[("due-delay", 3)],
            "pending" => &[("due-timer", 5), ("%RETRY%store-poppers_popped", 4)],
            _ => &[],
        };
        let (names, counts): (Vec<&str>, Vec<usize>) = topics.iter().copied().unzip();
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
