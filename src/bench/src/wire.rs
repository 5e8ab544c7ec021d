//! A socket of the generator: one write for all requests of a turn, one read for whatever answers there are.

use std::{io, time::Duration};

use bytes::BytesMut;
use remoting::codec::{Frame, FrameError, split_frame};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::pacer::Alarm;

const CONNECT_MAX: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 256 * 1024;
const READ_MIN_BYTES: usize = 16 * 1024;

/// Why a connection is of no use any more.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// Nobody listens there.
    #[error("cannot connect to {addr}: {error}")]
    Connect {
        /// `host:port`.
        addr: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// The server closed it.
    #[error("the server closed the connection")]
    Closed,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came was no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    input: BytesMut,
    /// Requests to be written.
    pub(crate) out: Vec<u8>,
    written: usize,
}

impl Wire {
    /// Connects to `addr` (`host:port`).
    pub(crate) async fn connect(addr: &str) -> Result<Self, WireError> {
        let connected = timeout(CONNECT_MAX, TcpStream::connect(addr)).await;
        let failed = |error| WireError::Connect { addr: addr.to_owned(), error };
        let stream = connected.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        Self::accepted(stream)
    }

    /// A connection that is there.
    pub(crate) fn accepted(stream: TcpStream) -> Result<Self, WireError> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: BytesMut::new(), out: Vec::new(), written: 0 })
    }

    /// Writes what there is and waits until something was read, more could be written, or the alarm rings.
    pub(crate) async fn turn(
        &mut self,
        alarm: Option<(&Alarm, Duration, Duration)>,
    ) -> Result<(), WireError> {
        self.write_now()?;
        if self.input.capacity() - self.input.len() < READ_MIN_BYTES {
            self.input.reserve(READ_BYTES);
        }
        let unwritten = self.out.get(self.written..).unwrap_or_default();
        let (mut reader, mut writer) = self.stream.split();
        let ring = async {
            match alarm {
                Some((alarm, moment, now)) => alarm.wait(moment, now).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            read = reader.read_buf(&mut self.input) => if read? == 0 { Err(WireError::Closed) } else { Ok(()) },
            wrote = writer.write(unwritten), if !unwritten.is_empty() => {
                self.written += wrote?;
                Ok(())
            }
            rung = ring, if alarm.is_some() => Ok(rung?),
        }
    }

    fn write_now(&mut self) -> Result<(), WireError> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// The next frame that was read as a whole.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        split_frame(&mut self.input)
    }
}
