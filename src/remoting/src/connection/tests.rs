use std::{net::Ipv4Addr, sync::Mutex};

use runtime::shutdown::Shutdown;
use tokio::io::{AsyncWriteExt, DuplexStream, ReadBuf, duplex, sink};

use super::*;
use crate::{codec::encode_head, command::SerializeType, reply::Body};

/// Answers every request with a body of so many bytes and remembers who asked.
#[derive(Default)]
struct Sample {
    answer_bytes: usize,
    asked: Mutex<Vec<i32>>,
}

impl Service for Sample {
    fn call(&self, command: &CommandRef<'_>, _: Bytes, _: &ConnectionHandle) -> BoxFuture<'static, Answer> {
        self.asked.lock().unwrap().push(command.code);
        let body = Body::from(vec![b'x'; self.answer_bytes]);
        Box::pin(async { Answer { body, ..Answer::from(Refusal::new(ResponseCode::SUCCESS, "")) } })
    }
}

fn endpoint(service: &Arc<Sample>, budget: &Arc<MemoryBudget>, limits: ConnectionLimits) -> Endpoint {
    Endpoint {
        service: Arc::<Sample>::clone(service),
        limits,
        draining: Shutdown::new(),
        going_away: Arc::default(),
        budget: Arc::clone(budget),
    }
}

/// A connection whose peer has written `count` requests of a code.
async fn pipelined(endpoint: &Endpoint, code: i32, count: usize) -> (Connection<DuplexStream>, DuplexStream) {
    let mut frames = Vec::new();
    for opaque in 0..count {
        let head = Head {
            code,
            opaque: opaque as i32,
            flag: 0,
            remark: None,
            extra: &[],
            serialize: SerializeType::Json,
        };
        encode_head(&mut frames, &head, None, 0);
    }
    let (mut peer, socket) = duplex(frames.len());
    peer.write_all(&frames).await.unwrap();
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    (Connection::new(socket, addr, addr, endpoint).0, peer)
}

#[tokio::test]
async fn a_busy_connection_gives_others_their_turn() {
    const BUSY: i32 = 1;
    const QUIET: i32 = 2;
    let service = Arc::new(Sample::default());
    let endpoint = endpoint(&service, &MemoryBudget::new(1 << 30), ConnectionLimits::default());
    let (busy, mut busy_peer) = pipelined(&endpoint, BUSY, 20_000).await;
    let (quiet, mut quiet_peer) = pipelined(&endpoint, QUIET, 1).await;
    let all_asked = async {
        while service.asked.lock().unwrap().len() < 20_001 {
            tokio::task::yield_now().await;
        }
    };
    let (mut nowhere, mut also_nowhere) = (sink(), sink());
    tokio::select! {
        () = busy.run() => panic!("closed"),
        () = quiet.run() => panic!("closed"),
        _ = tokio::io::copy(&mut busy_peer, &mut nowhere) => panic!("closed"),
        _ = tokio::io::copy(&mut quiet_peer, &mut also_nowhere) => panic!("closed"),
        () = all_asked => {}
    }
    let asked = service.asked.lock().unwrap();
    let quiet_at = asked.iter().position(|code| *code == QUIET).unwrap();
    assert!(quiet_at < asked.len() / 2, "{quiet_at} of {}", asked.len());
}

/// A socket that notes how many requests had been worked on at each write.
struct Watched {
    socket: DuplexStream,
    service: Arc<Sample>,
    asked_at_writes: Arc<Mutex<Vec<usize>>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let asked = self.service.asked.lock().unwrap().len();
        self.asked_at_writes.lock().unwrap().push(asked);
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// How many of `count` requests that come at once have been worked on at each write.
async fn asked_at_writes(count: usize) -> Vec<usize> {
    let service = Arc::new(Sample::default());
    let endpoint = endpoint(&service, &MemoryBudget::new(1 << 30), ConnectionLimits::default());
    let (Connection { socket, .. }, _peer) = pipelined(&endpoint, 1, count).await;
    let asked_at_writes = Arc::<Mutex<Vec<usize>>>::default();
    let socket = Watched { socket, service, asked_at_writes: Arc::clone(&asked_at_writes) };
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let (mut connection, _handle) = Connection::new(socket, addr, addr, &endpoint);
    let polled = futures_util::poll!(std::future::poll_fn(|context| connection.poll_run(context)));
    assert!(polled.is_pending());
    let mut asked = asked_at_writes.lock().unwrap().clone();
    // The pipe takes little at once.
    asked.dedup();
    asked
}

#[tokio::test]
async fn answers_leave_before_all_that_was_read_is_worked_on() {
    assert_eq!(asked_at_writes(12).await, [8, 12]);
    assert_eq!(asked_at_writes(1).await, [1]);
}

#[tokio::test]
async fn answers_nobody_reads_stay_within_the_budget() {
    let service = Arc::new(Sample { answer_bytes: 100_000, ..Sample::default() });
    let budget = MemoryBudget::new(1_000_000);
    let limits = ConnectionLimits { unwritten_max_bytes: usize::MAX, ..ConnectionLimits::default() };
    let endpoint = endpoint(&service, &budget, limits);
    // As much as the requests is all the pipe takes of the answers.
    let (first, _peer) = pipelined(&endpoint, 1, 100).await;
    let (second, _peer) = pipelined(&endpoint, 1, 100).await;
    let mut connections = [first, second];
    for (connection, asked) in connections.iter_mut().zip([100, 200]) {
        while service.asked.lock().unwrap().len() < asked {
            assert!(
                futures_util::poll!(std::future::poll_fn(|context| connection.poll_run(context)))
                    .is_pending()
            );
        }
    }
    let held: usize = connections.iter().map(Connection::held_bytes).sum();
    assert!((900_000..1_000_000 + 4 * LARGE_ANSWER_BYTES).contains(&held), "{held}");
}
