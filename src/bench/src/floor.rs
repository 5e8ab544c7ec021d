//! `floor`: the least any broker has to do for a message, to measure others by.
//!
//! It parses the frame, copies body, topic and properties into a mapped file, counts an offset and answers as RocketMQ
//! does. It keeps nothing, flushes nothing and delivers nothing. All on one thread.

use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Buf;
use common::{fastjson, topic::TopicConfig};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use remoting::{
    codec::{Frame, Head, encode_head},
    command::FLAG_RESPONSE,
    header::{EncodeHeader, FieldSink, NoHeader},
    headers::offset::GetMaxOffsetResponseHeader,
    request::RequestCode,
    response_code::ResponseCode,
};
use rustix::process::{Signal, set_parent_process_death_signal};
use store::{
    fs::OsFileSystem,
    mapped_file::{FileWriter, MappedFile, WriteError},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    args::Floor,
    wire::{Wire, WireError},
};

const FILE_BYTES: usize = 256 << 20;
const QUEUES: i32 = 8;
/// Queues it counts offsets for.
const QUEUES_MAX: usize = 65_536;
/// What a record has beside body, topic and properties.
const RECORD_FIXED_BYTES: usize = 91;
/// As long as a real one.
const MESSAGE_ID: &str = "7F00000100002A9F0000000000000000";

/// Serves until it is ended.
///
/// # Errors
/// When it cannot listen or make its file.
pub(crate) async fn serve(floor: &Floor) -> Result<(), WireError> {
    let listener = TcpListener::bind(("127.0.0.1", floor.port)).await?;
    let addr = listener.local_addr()?;
    if floor.with_parent {
        set_parent_process_death_signal(Some(Signal::TERM)).map_err(io::Error::from)?;
    }
    let log = Log::create(floor.dir.clone().unwrap_or_else(std::env::temp_dir))?;
    crate::print(&format!("{{\"addr\":\"{addr}\"}}"));
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(_ended) = connections.next(), if !connections.is_empty() => {}
            accepted = listener.accept() => connections.push(connection(Wire::accepted(accepted?.0)?, &log)),
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

async fn connection(mut wire: Wire, log: &Log) -> Result<(), WireError> {
    loop {
        wire.turn(None).await?;
        while let Some(frame) = wire.next_frame()? {
            answer(&frame, log, &mut wire.out)?;
        }
    }
}

fn answer(frame: &Frame, log: &Log, out: &mut Vec<u8>) -> Result<(), WireError> {
    let command = frame.header()?;
    let mut head = Head {
        code: ResponseCode::SUCCESS.0,
        opaque: command.opaque,
        flag: FLAG_RESPONSE,
        remark: None,
        extra: &[],
        serialize: command.serialize,
    };
    let queue = |key: &str| command.ext.get(key).and_then(|queue| queue.parse().ok()).unwrap_or(0);
    match RequestCode::from_number(command.code) {
        Some(RequestCode::SendMessageV2 | RequestCode::SendBatchMessage) => {
            let [topic, properties] = ["b", "i"].map(|key| command.ext.get(key).unwrap_or_default());
            log.append(&[&frame.body, topic.as_bytes(), properties.as_bytes()])?;
            let count = if command.ext.get("m") == Some("true") { items(&frame.body) } else { 1 };
            let queue_id = queue("e");
            let stored = Stored { queue_id, queue_offset: log.take(queue_id, count) };
            encode_head(out, &head, Some(&stored), 0);
        }
        Some(RequestCode::GetMaxOffset) => {
            let header = GetMaxOffsetResponseHeader { offset: log.take(queue("queueId"), 0) };
            encode_head(out, &head, Some(&header), 0);
        }
        Some(RequestCode::GetTopicConfig) => {
            let topic = command.ext.get("topic").unwrap_or_default();
            let body = fastjson::to_vec(&TopicConfig::new(topic, QUEUES));
            encode_head(out, &head, Some(&NoHeader {}), body.len());
            out.extend_from_slice(&body);
        }
        _ => {
            head.code = ResponseCode::REQUEST_CODE_NOT_SUPPORTED.0;
            encode_head(out, &head, None, 0);
        }
    }
    Ok(())
}

/// How many messages a batch has, by the size each begins with.
fn items(mut batch: &[u8]) -> i64 {
    let mut count = 0;
    while let Some(size) = batch.try_get_i32().ok().and_then(|size| usize::try_from(size).ok()) {
        batch = batch.get(size.saturating_sub(4)..).unwrap_or_default();
        count += 1;
    }
    count
}

/// What RocketMQ answers to a send.
struct Stored {
    queue_id: i32,
    queue_offset: i64,
}

impl EncodeHeader for Stored {
    fn encode_fields(&self, sink: &mut dyn FieldSink) {
        sink.text("msgId", MESSAGE_ID);
        sink.number("queueId", i64::from(self.queue_id));
        sink.number("queueOffset", self.queue_offset);
        sink.text("MSG_REGION", "DefaultRegion");
        sink.text("TRACE_ON", "true");
    }
}

/// Mapped files one after the other, each made and faulted in while the one before is filled. None has a name for longer
/// than it takes to make it, so that nothing stays behind however the process ends.
struct Log {
    dir: PathBuf,
    writer: RefCell<FileWriter>,
    next: RefCell<JoinHandle<io::Result<FileWriter>>>,
    offsets: RefCell<Vec<i64>>,
}

impl Log {
    fn create(dir: PathBuf) -> io::Result<Self> {
        let (writer, next) = (RefCell::new(make_file(&dir)?), RefCell::new(make_file_beside(dir.clone())));
        Ok(Self { dir, writer, next, offsets: RefCell::default() })
    }

    fn append(&self, parts: &[&[u8]]) -> io::Result<()> {
        let len = RECORD_FIXED_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
        if self.writer.borrow().remaining() < len {
            self.roll()?;
        }
        let mut writer = self.writer.borrow_mut();
        let written = writer.write(len, |place| {
            let mut at = RECORD_FIXED_BYTES;
            for part in parts {
                if let Some(target) = place.get_mut(at..at + part.len()) {
                    target.copy_from_slice(part);
                }
                at += part.len();
            }
        });
        match written {
            Ok(()) => writer.publish(len),
            Err(WriteError::NotReserved { error, .. }) => return Err(error),
            Err(WriteError::Full) => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(())
    }

    /// Goes on in the next file; one that is not ready yet is made here.
    fn roll(&self) -> io::Result<()> {
        let coming = self.next.replace(make_file_beside(self.dir.clone()));
        let finished = if coming.is_finished() { coming.now_or_never() } else { None };
        let writer = match finished {
            Some(made) => made.map_err(io::Error::other)??,
            None => make_file(&self.dir)?,
        };
        self.writer.replace(writer);
        Ok(())
    }

    /// The next offset of a queue, which goes on by `count`.
    fn take(&self, queue: i32, count: i64) -> i64 {
        let mut offsets = self.offsets.borrow_mut();
        let index = (queue.max(0) as usize).min(QUEUES_MAX);
        if offsets.len() <= index {
            offsets.resize(index + 1, 0);
        }
        offsets.get_mut(index).map_or(0, |offset| std::mem::replace(offset, *offset + count))
    }
}

fn make_file_beside(dir: PathBuf) -> JoinHandle<io::Result<FileWriter>> {
    tokio::task::spawn_blocking(move || make_file(&dir))
}

fn make_file(dir: &Path) -> io::Result<FileWriter> {
    let path = tempfile::Builder::new().prefix("floor-").tempfile_in(dir)?.into_temp_path();
    let file = Arc::new(MappedFile::create(Arc::new(OsFileSystem), &path, 0, FILE_BYTES)?);
    path.close()?;
    file.reserve(FILE_BYTES)?;
    file.populate(FILE_BYTES)?;
    file.writer().ok_or_else(|| io::ErrorKind::ResourceBusy.into())
}
