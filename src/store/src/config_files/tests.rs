use std::time::Duration;

use runtime::clock::ManualClock;

use super::*;
use crate::fs::OsFileSystem;

const NAME: &str = "topics.json";

struct Config {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    files: ConfigFiles,
}

impl Config {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Generations are as old as the file system says.
        let now = OsFileSystem.modified_millis(dir.path()).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let files = Self::open(dir.path(), &clock);
        Self { dir, clock, files }
    }

    fn open(dir: &Path, clock: &Arc<ManualClock>) -> ConfigFiles {
        ConfigFiles::open(Arc::new(OsFileSystem), Arc::<ManualClock>::clone(clock), dir).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.dir.path().join(name), content).unwrap();
    }

    /// What a file holds, and its backups from the newest to the oldest; without padding.
    fn contents(&self) -> Vec<String> {
        let names = std::iter::once(NAME.to_owned()).chain(backup_names(NAME));
        let texts = names.filter_map(|name| std::fs::read_to_string(self.dir.path().join(name)).ok());
        texts.map(|text| text.trim_end_matches(char::from(PADDING)).to_owned()).collect()
    }

    fn file_bytes(&self) -> u64 {
        std::fs::metadata(self.dir.path().join(NAME)).unwrap().len()
    }

    fn number(&self) -> Result<Option<i32>, ConfigFileError> {
        self.files.load_with(NAME, |text| text.parse().map_err(|error| format!("{error}")))
    }
}

#[test]
fn the_previous_content_is_kept() {
    let config = Config::new();
    assert_eq!(config.files.load(NAME).unwrap(), None);
    for content in ["1", "2", "2"] {
        config.files.save(NAME, content).unwrap();
    }
    assert_eq!(config.contents(), ["2", "1", "1"]);
}

#[test]
fn generations_are_cut_seldom_and_three_are_kept() {
    let config = Config::new();
    for number in 0..60 {
        config.files.save(NAME, &number.to_string()).unwrap();
    }
    assert_eq!(config.contents(), ["59", "58", "0"]);
    // The clock of the file system does not move with ours: from now on the newest is always old enough.
    config.clock.advance(Duration::from_secs(601));
    for number in 60..65 {
        config.files.save(NAME, &number.to_string()).unwrap();
    }
    assert_eq!(config.contents(), ["64", "63", "63", "62", "61"]);
}

#[test]
fn the_newest_usable_generation_is_loaded() {
    let config = Config::new();
    config.clock.advance(Duration::from_secs(601));
    for number in 1..=5 {
        config.files.save(NAME, &number.to_string()).unwrap();
    }
    for damaged in ["", "\n", "x"] {
        config.write(NAME, damaged);
        assert_eq!(config.number().unwrap(), Some(4));
    }
    config.write("topics.json.bak", "y");
    assert_eq!(config.number().unwrap(), Some(4));
    config.write("topics.json.bak.1", "");
    assert_eq!(config.number().unwrap(), Some(3));
    std::fs::remove_file(config.dir.path().join("topics.json.bak.2")).unwrap();
    assert_eq!(config.number().unwrap(), Some(2));
    config.write("topics.json.bak.3", "z");
    let Err(ConfigFileError::Damaged { reason, .. }) = config.number() else {
        panic!("something was loaded")
    };
    assert!(
        reason.starts_with("topics.json: invalid digit") && reason.contains("topics.json.bak.1: is empty")
    );
}

#[test]
fn what_was_not_empty_and_is_now_is_refused() {
    let config = Config::new();
    // As RocketMQ leaves it where it never had anything to say.
    config.write(NAME, "");
    assert_eq!(config.number().unwrap(), None);
    // As a power cut leaves the two files that RocketMQ writes in place.
    config.write("topics.json.bak", "");
    assert!(matches!(config.number(), Err(ConfigFileError::Damaged { .. })));
}

#[test]
fn nothing_is_replaced_by_nothing() {
    let config = Config::new();
    config.files.save(NAME, "1").unwrap();
    assert!(matches!(config.files.save(NAME, " \n"), Err(ConfigFileError::Empty { .. })));
    assert_eq!(config.contents(), ["1"]);
}

#[test]
fn what_is_damaged_pushes_no_backup_out() {
    let config = Config::new();
    config.files.save(NAME, "1").unwrap();
    config.files.save(NAME, "2").unwrap();
    for damaged in ["", "[2"] {
        config.write(NAME, damaged);
        config.files.save(NAME, "3").unwrap();
        assert_eq!(config.contents(), ["3", "1", "1"]);
    }
    // An operator's own edit is one like any other.
    config.write(NAME, "4");
    config.files.save(NAME, "5").unwrap();
    assert_eq!(config.contents(), ["5", "4", "1"]);
}

#[test]
fn a_table_that_loses_all_entries_is_kept() {
    let config = Config::new();
    let table = |entries: &str| format!(r#"{{"dataVersion":{{"counter":1}},"offsetTable":{{{entries}}}}}"#);
    for entries in ["", "0:1", "0:2", "0:3", "", "0:4"] {
        config.files.save(NAME, &table(entries)).unwrap();
    }
    assert_eq!(config.contents(), ["0:4", "", "0:3", ""].map(table));
}

#[test]
fn names_of_backups() {
    for (file_name, table) in [
        ("a.json", "a.json"),
        ("a.json.bak", "a.json"),
        ("a.json.bak.3", "a.json"),
        ("a.json.bak.4", "a.json.bak.4"),
        ("a.json.tmp", "a.json.tmp"),
    ] {
        assert_eq!(table_name(file_name), table);
    }
}

#[test]
fn a_file_with_passwords_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let config = Config::new();
    for content in ["1", "2", "3"] {
        config.files.save("users.json", content).unwrap();
    }
    for name in ["users.json", "users.json.bak", "users.json.bak.1"] {
        let mode = std::fs::metadata(config.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Lets `[1,2` become `[1,2,3` and so on.
fn grow(config: &Config, number: u32) -> bool {
    let added = format!(",{number}");
    config.files.grow(NAME, &Growth { old_end: "]", added: &added, new_end: "]" }).unwrap()
}

/// A table of one number, and a generation, so that nothing is in the way of growing.
fn growing() -> Config {
    let config = Config::new();
    for content in ["[0]", "[1]"] {
        config.files.save(NAME, content).unwrap();
    }
    config
}

#[test]
fn a_backup_follows_what_grows() {
    let config = growing();
    assert!(grow(&config, 2) && grow(&config, 3));
    assert_eq!(config.contents(), ["[1,2,3]", "[1,2]", "[0]"]);
    config.files.settle(NAME).unwrap();
    assert_eq!(config.contents(), ["[1,2,3]", "[1,2,3]", "[0]"]);
    // It is known as a whole: what is there already is not written, what is not becomes the backup.
    config.files.save(NAME, "[1,2,3]").unwrap();
    config.files.save(NAME, "[9]").unwrap();
    assert_eq!(config.contents(), ["[9]", "[1,2,3]", "[0]"]);
    assert!(grow(&config, 4));
    assert_eq!(config.contents(), ["[9,4]", "[9]", "[0]"]);
}

#[test]
fn what_grows_finds_room_in_its_file() {
    let config = growing();
    assert_eq!(config.file_bytes(), 3);
    for number in 0..2_000 {
        assert!(grow(&config, number));
        let content_bytes = config.contents()[0].len() as u64;
        assert_eq!(config.file_bytes(), content_bytes.next_multiple_of(4096));
    }
    // A reader of JSON does not mind.
    let padded = std::fs::read(config.dir.path().join(NAME)).unwrap();
    assert_eq!(serde_json::from_slice::<Vec<u32>>(&padded).unwrap().len(), 2_001);
    // Saved as a whole it is as long as it is.
    config.files.save(NAME, "[9]").unwrap();
    assert_eq!(config.file_bytes(), 3);
}

#[test]
fn a_loaded_content_grows() {
    let config = growing();
    let files = Config::open(config.dir.path(), &config.clock);
    let growth = Growth { old_end: "]", added: ",7", new_end: "]" };
    assert!(!files.grow(NAME, &growth).unwrap(), "nothing is known of it");
    files.load(NAME).unwrap();
    assert!(files.grow(NAME, &growth).unwrap());
    assert_eq!(config.contents(), ["[1,7]", "[1]", "[0]"]);
}

#[test]
fn what_somebody_else_wrote_does_not_grow() {
    for written in ["[1,5]", "[1", ""] {
        let config = growing();
        config.write(NAME, written);
        assert!(!grow(&config, 2));
        assert_eq!(config.contents()[0], written);
    }
    for name in [NAME, "topics.json.bak"] {
        let config = growing();
        assert!(grow(&config, 2));
        config.write(name, "[1,5}");
        assert!(!grow(&config, 3));
        std::fs::remove_file(config.dir.path().join(name)).unwrap();
        assert!(!grow(&config, 3));
        config.files.save(NAME, "[6]").unwrap();
        assert_eq!(config.contents()[0], "[6]");
    }
}

#[test]
fn a_content_does_not_grow_past_a_generation() {
    let config = growing();
    assert!(grow(&config, 2));
    config.clock.advance(Duration::from_secs(601));
    assert!(!grow(&config, 3));
    config.files.save(NAME, "[1,2,3]").unwrap();
    assert_eq!(config.contents(), ["[1,2,3]", "[1,2]", "[1,2]", "[0]"]);
}
