//! Log files that are turned when they are full.
//!
//! ```text
//! <directory>/broker.log                       written to
//! <directory>/otherdays/broker.1.log.gz        the one before, and so on to the last that is kept
//! ```
//!
//! One thread writes; what comes while too many lines wait for the disk is dropped, and counted in the next line, so
//! that a slow disk holds nobody up who logs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for the disk at most.
const WAITING_MAX: usize = 16 * 1024;
/// Where files go that are full.
const OTHER_DAYS: &str = "otherdays";
/// How long a process that ends waits for its last lines.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// The level of compression that costs little.
const COMPRESSION: u32 = 3;

/// A file of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogFile {
    /// Its name without the ending `.log`.
    pub stem: &'static str,
    /// Beginnings of the targets of its lines. The first file takes what no other does.
    pub targets: &'static [&'static str],
    /// How long it gets.
    pub size_max_bytes: u64,
    /// How many earlier ones are kept.
    pub kept: usize,
}

/// Hands lines to the thread that writes them.
#[derive(Clone, Debug)]
pub struct LogFiles {
    files: &'static [LogFile],
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// Waits for the last lines when dropped.
#[derive(Debug)]
pub struct LogFilesGuard {
    lines: SyncSender<Message>,
    writing: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Message {
    Line(usize, Vec<u8>),
    Stop,
}

impl LogFiles {
    /// Opens the files of a directory, which is made when absent.
    ///
    /// # Errors
    /// When that fails, or no thread is to be had.
    pub(crate) fn open(directory: &Path, files: &'static [LogFile]) -> io::Result<(Self, LogFilesGuard)> {
        fs::create_dir_all(directory.join(OTHER_DAYS))?;
        let mut open = Vec::with_capacity(files.len());
        for file in files {
            open.push(RollingFile::open(directory, *file)?);
        }
        let (lines, received) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let writing =
            thread::Builder::new().name("log".to_owned()).spawn(move || write(open, &received, &lost))?;
        let guard = LogFilesGuard { lines: lines.clone(), writing: Some(writing) };
        Ok((Self { files, lines, dropped }, guard))
    }

    fn index_of(&self, target: &str) -> usize {
        let takes = |file: &LogFile| file.targets.iter().any(|start| target.starts_with(start));
        self.files.iter().position(takes).unwrap_or(0)
    }
}

impl Drop for LogFilesGuard {
    fn drop(&mut self) {
        // A full channel is being emptied; who cannot be told is not waited for.
        if self.lines.try_send(Message::Stop).is_ok()
            && let Some(writing) = self.writing.take()
        {
            let since = std::time::Instant::now();
            while !writing.is_finished() && since.elapsed() < FLUSH_LIMIT {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// One line on its way.
#[derive(Debug)]
pub struct LineWriter<'a> {
    files: &'a LogFiles,
    index: usize,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.files.lines.try_send(Message::Line(self.index, line.to_vec())).is_err() {
            self.files.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFiles {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter { files: self, index: 0 }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        LineWriter { files: self, index: self.index_of(meta.target()) }
    }
}

/// Writes what comes until it is told to stop.
fn write(mut files: Vec<RollingFile>, lines: &Receiver<Message>, dropped: &AtomicU64) {
    loop {
        let (index, line) = match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(Message::Line(index, line)) => (index, line),
            Err(RecvTimeoutError::Timeout) => continue,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        };
        let Some(file) = files.get_mut(index) else { continue };
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            file.put(format!("{lost} lines of the log were lost, the disk is too slow\n").as_bytes());
        }
        file.put(&line);
    }
}

/// A file that is turned when it is full.
#[derive(Debug)]
struct RollingFile {
    about: LogFile,
    directory: PathBuf,
    file: File,
    size_bytes: u64,
    /// The thread that packs the last full one.
    packing: Option<JoinHandle<()>>,
    has_failed: bool,
}

impl RollingFile {
    fn open(directory: &Path, about: LogFile) -> io::Result<Self> {
        let file = open_for_append(&directory.join(format!("{}.log", about.stem)))?;
        let size_bytes = file.metadata()?.len();
        let directory = directory.to_owned();
        Ok(Self { about, directory, file, size_bytes, packing: None, has_failed: false })
    }

    fn put(&mut self, line: &[u8]) {
        if self.size_bytes > 0 && self.size_bytes + line.len() as u64 > self.about.size_max_bytes {
            self.turn();
        }
        let written = self.file.write_all(line);
        self.report(&written);
        self.size_bytes += line.len() as u64;
    }

    /// Puts the full file aside and begins another.
    fn turn(&mut self) {
        if let Some(packing) = self.packing.take() {
            // Two full files within the time it takes to pack one: the second waits.
            let _ = packing.join();
        }
        let turned = self.try_turn();
        self.report(&turned);
    }

    fn try_turn(&mut self) -> io::Result<()> {
        let path = self.directory.join(format!("{}.log", self.about.stem));
        let full = self.packed(0).with_extension("full");
        fs::rename(&path, &full)?;
        self.file = open_for_append(&path)?;
        self.size_bytes = 0;
        let packed: Vec<PathBuf> = (1..=self.about.kept).map(|number| self.packed(number)).collect();
        self.packing = Some(thread::Builder::new().name("log-pack".to_owned()).spawn(move || {
            if let Err(error) = pack(&full, &packed) {
                eprintln!("log file {} not packed: {error}", full.display());
            }
        })?);
        Ok(())
    }

    /// The path of the full file of that number; 1 is the newest.
    fn packed(&self, number: usize) -> PathBuf {
        self.directory.join(OTHER_DAYS).join(format!("{}.{number}.log.gz", self.about.stem))
    }

    /// Says once on standard error that the log cannot be written; there is no better place.
    fn report(&mut self, outcome: &io::Result<()>) {
        if let Err(error) = outcome
            && !self.has_failed
        {
            eprintln!("log file {}.log cannot be written: {error}", self.about.stem);
        }
        self.has_failed = outcome.is_err();
    }
}

fn open_for_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Packs a full file as number 1, and moves all others on by one; the last one goes.
fn pack(full: &Path, packed: &[PathBuf]) -> io::Result<()> {
    for pair in packed.windows(2).rev() {
        if let [newer, older] = pair
            && newer.exists()
        {
            fs::rename(newer, older)?;
        }
    }
    if let Some(first) = packed.first() {
        let mut packer = GzEncoder::new(File::create(first)?, Compression::new(COMPRESSION));
        io::copy(&mut File::open(full)?, &mut packer)?;
        packer.finish()?;
    }
    fs::remove_file(full)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    const FILES: &[LogFile] = &[
        LogFile { stem: "main", targets: &[], size_max_bytes: 20, kept: 2 },
        LogFile { stem: "store", targets: &["store"], size_max_bytes: 1_000, kept: 2 },
    ];

    fn unpacked(path: &Path) -> String {
        let mut text = String::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn full_files_are_turned_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = RollingFile::open(
            {
                fs::create_dir_all(directory.path().join(OTHER_DAYS)).unwrap();
                directory.path()
            },
            FILES[0],
        )
        .unwrap();
        for line in ["first  (15 ch.)\n", "second (15 ch.)\n", "third  (15 ch.)\n", "fourth (15 ch.)\n"] {
            file.put(line.as_bytes());
        }
        file.packing.take().unwrap().join().unwrap();
        let other = |number| directory.path().join(OTHER_DAYS).join(format!("main.{number}.log.gz"));
        assert_eq!(fs::read_to_string(directory.path().join("main.log")).unwrap(), "fourth (15 ch.)\n");
        assert_eq!(unpacked(&other(1)), "third  (15 ch.)\n");
        assert_eq!(unpacked(&other(2)), "second (15 ch.)\n");
        assert!(!other(3).exists());
        assert_eq!(fs::read_dir(directory.path().join(OTHER_DAYS)).unwrap().count(), 2);
    }

    #[test]
    fn lines_go_to_the_file_of_their_target() {
        let directory = tempfile::tempdir().unwrap();
        let (files, guard) = LogFiles::open(directory.path(), FILES).unwrap();
        assert_eq!((files.index_of("store::put"), files.index_of("broker")), (1, 0));
        let index = files.index_of("store");
        LineWriter { files: &files, index }.write_all(b"line\n").unwrap();
        drop(guard);
        assert_eq!(fs::read_to_string(directory.path().join("store.log")).unwrap(), "line\n");
    }
}
