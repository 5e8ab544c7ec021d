//! The power goes out at the n-th call, for every n: of what was not synced anything may be on the disk and anything
//! not, sector by sector and name by name.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Mutex,
    sync::atomic::{AtomicU64, Ordering},
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    super::{harness::Harness, kinds::with_batch_topic},
    STORE, TOPIC, few_open_files, harness,
    scenario::Scenario,
};
use crate::{
    fs::{FileSystem, OpenMode, OsFileSystem},
    testing::{Op, Verdict, Watcher},
};

const SECTOR_BYTES: usize = 512;

/// What a disk is sure to have.
#[derive(Debug, Default)]
struct Durable {
    /// The content of files, by inode.
    contents: HashMap<u64, Content>,
    /// The names in directories and their inodes.
    names: HashMap<PathBuf, HashMap<String, u64>>,
}

impl Durable {
    /// Notes everything there is but some files, as after a sync of the whole mount.
    fn all_below(&mut self, dir: &Path, except: &HashSet<PathBuf>) {
        let names = names(dir);
        for (name, inode) in &names {
            let path = dir.join(name);
            if path.is_dir() {
                self.all_below(&path, except);
            } else if !except.contains(&path) {
                self.contents.insert(*inode, Content::read(&path));
            }
        }
        self.names.insert(dir.to_owned(), names);
    }
}

/// A file: what it holds up to its last data, and its length with the hole behind that.
#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    len: usize,
}

impl Content {
    fn read(path: &Path) -> Self {
        let file = OsFileSystem.open(path, OpenMode::Read).unwrap();
        let len = file.len().unwrap();
        let mut end = 0;
        while let Some(data) = file.next_data(end).unwrap() {
            end = file.next_hole(data).unwrap();
        }
        let mut bytes = vec![0; end as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        Self { bytes, len: len as usize }
    }
}

/// Cuts the power at a call; the disk it leaves is at `image` then.
#[derive(Debug)]
pub(super) struct PowerCut {
    at_call: u64,
    calls: AtomicU64,
    root: PathBuf,
    image: PathBuf,
    durable: Mutex<Durable>,
    seed: u64,
}

impl Watcher for PowerCut {
    fn before(&self, op: Op, _: &Path) -> Verdict {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call == self.at_call {
            self.leave();
        }
        if call >= self.at_call {
            return Verdict::Fail(io::Error::other("no power"));
        }
        Verdict::hasty(op)
    }

    fn after(&self, op: Op, path: &Path) {
        let mut durable = self.durable.lock().unwrap();
        match op {
            // A new file has nothing of an older one whose inode it got.
            Op::Create if fs::metadata(path).unwrap().len() == 0 => {
                durable.contents.remove(&inode(path));
            }
            Op::Sync => {
                durable.contents.insert(inode(path), Content::read(path));
            }
            Op::SyncDir => {
                durable.names.insert(path.to_owned(), names(path));
            }
            Op::SyncMount => durable.all_below(&self.root, &HashSet::new()),
            _ => {}
        }
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

fn names(dir: &Path) -> HashMap<String, u64> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().ino())).collect()
}

impl PowerCut {
    /// What is on the disk below `root` at that call will be at `image`.
    pub(super) fn new(at_call: u64, root: &Path, image: &Path, seed: u64) -> Self {
        Self {
            at_call,
            calls: AtomicU64::new(0),
            root: root.to_owned(),
            image: image.to_owned(),
            durable: Mutex::default(),
            seed,
        }
    }

    /// The mount was synced, and some files have lost what that covered.
    pub(super) fn mount_was_synced(&self, lost: &HashSet<PathBuf>) {
        self.durable.lock().unwrap().all_below(&self.root, lost);
    }

    /// Whether as many calls were made.
    pub(super) fn was_reached(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.at_call
    }

    /// File systems rename in one step, also from one directory to another: a file that is not at its new name is at
    /// the old one still.
    fn leave_renamed(&self, durable: &Durable, placed: &HashSet<u64>) {
        let mut now = HashMap::new();
        inodes_below(&self.root, &mut now);
        for (dir, names) in &durable.names {
            let Ok(below) = dir.strip_prefix(&self.root) else { continue };
            for (name, inode) in names.iter().filter(|(_, inode)| !placed.contains(inode)) {
                let old = self.image.join(below).join(name);
                if let Some(path) = now.get(inode).filter(|_| !old.exists()) {
                    fs::create_dir_all(self.image.join(below)).unwrap();
                    write_file(&old, durable.contents.get(inode).unwrap_or(&Content::read(path)));
                }
            }
        }
    }

    /// Writes down what is on the disk.
    pub(super) fn leave(&self) {
        let durable = self.durable.lock().unwrap();
        let mut chance = StdRng::seed_from_u64(self.seed ^ self.at_call);
        if self.root.exists() {
            // Now and then nothing that was not synced is there, now and then all of it.
            let kept = *[0.0, 0.5, 0.9, 1.0].get(chance.random_range(0..4)).unwrap();
            let mut placed = HashSet::new();
            leave_dir(&self.root, &self.image, &durable, &mut |_| chance.random_bool(kept), &mut placed);
            self.leave_renamed(&durable, &placed);
        }
    }
}

fn write_file(path: &Path, content: &Content) {
    fs::write(path, &content.bytes).unwrap();
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(content.len as u64).unwrap();
}

/// The inodes of all files below a directory.
pub(super) fn inodes_below(dir: &Path, inodes: &mut HashMap<u64, PathBuf>) {
    for (name, inode) in names(dir) {
        let path = dir.join(name);
        if path.is_dir() {
            inodes_below(&path, inodes);
        } else {
            inodes.insert(inode, path);
        }
    }
}

/// `keeps` answers whether something that was not synced is there.
fn leave_dir(
    dir: &Path,
    image: &Path,
    durable: &Durable,
    keeps: &mut dyn FnMut(&Path) -> bool,
    placed: &mut HashSet<u64>,
) {
    fs::create_dir_all(image).unwrap();
    let now = names(dir);
    let none = HashMap::new();
    let before = durable.names.get(dir).unwrap_or(&none);
    for name in now.keys().chain(before.keys().filter(|name| !now.contains_key(*name))) {
        let path = dir.join(name);
        let (new, old) = (now.get(name), before.get(name));
        let inode = if new == old || keeps(&path) { new } else { old };
        let Some(inode) = inode else { continue };
        let is_current = new == Some(inode);
        if is_current && path.is_dir() {
            leave_dir(&path, &image.join(name), durable, keeps, placed);
            continue;
        }
        placed.insert(*inode);
        let none = Content::default();
        let synced = durable.contents.get(inode).unwrap_or(&none);
        let current = if is_current { Content::read(&path) } else { Content::default() };
        let written = if is_current { &current } else { synced };
        write_file(&image.join(name), &mixed(synced, written, &mut || keeps(&path)));
    }
}

/// A file of which some sectors have reached the disk since it was synced, and perhaps its length.
fn mixed(synced: &Content, written: &Content, keeps: &mut dyn FnMut() -> bool) -> Content {
    let len = if synced.len == written.len || keeps() { written.len } else { synced.len };
    let mut bytes = vec![0; len.min(synced.bytes.len().max(written.bytes.len()))];
    for (index, sector) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
        let part = |content: &Content| {
            let mut part = content.bytes.get(index * SECTOR_BYTES..).unwrap_or_default().to_vec();
            part.resize(sector.len(), 0);
            part
        };
        let (old, new) = (part(synced), part(written));
        let content = if old == new || keeps() { new } else { old };
        sector.copy_from_slice(&content);
    }
    Content { bytes, len }
}

#[test]
fn the_power_goes_out_at_any_call() {
    STORE.power_goes_out(2);
}

#[test]
fn the_power_goes_out_at_any_call_while_mounts_are_synced() {
    Scenario { name: "a store with few open files", harness: few_open_files, ..STORE }.power_goes_out(1);
}

#[test]
fn the_power_goes_out_at_any_call_over_batch_queues() {
    let prepare = |harness: &Harness| with_batch_topic(harness, TOPIC);
    let harness = || {
        let harness = harness();
        with_batch_topic(&harness, TOPIC);
        harness
    };
    Scenario { name: "a store of batch queues", harness, prepare, ..STORE }.power_goes_out(2);
}
