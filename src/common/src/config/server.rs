//! The keys of the listening side of the network.
//!
//! Invariant: one declaration a key, in the order of the Java fields; nothing else names a key.

use super::Effect::{Honoured, Inert};
use super::MAX_INT;
use super::object::config_object;
use super::reasons::{NETTY, ONE_MARK, PER_CONNECTION};

config_object! {
    /// Configuration of a server socket and its connections (`NettyServerConfig`).
    pub struct NettyServerConfig(machine) {
        /// Address that is bound.
        "bindAddress" bind_address: String = "0.0.0.0".to_owned(), Honoured, fixed();
        /// Port that is bound; 10911 for a broker and 9876 for a NameServer unless set.
        "listenPort" listen_port: i32 = 0, Honoured, range(0, 65_535), fixed();
        /// Threads that decode and encode.
        "serverWorkerThreads" server_worker_threads: i32 = 8, Inert(NETTY);
        /// Threads for callbacks.
        "serverCallbackExecutorThreads" server_callback_executor_threads: i32 = 0, Inert(NETTY);
        /// Threads that poll sockets.
        "serverSelectorThreads" server_selector_threads: i32 = 3, Inert(NETTY);
        /// Requests without reply the server has under way to clients.
        "serverOnewaySemaphoreValue" server_oneway_semaphore_value: i32 = 256, Inert(PER_CONNECTION), range(1, MAX_INT);
        /// Requests with reply the server has under way to clients.
        "serverAsyncSemaphoreValue" server_async_semaphore_value: i32 = 64, Inert(PER_CONNECTION), range(1, MAX_INT);
        /// Seconds of silence after which a connection is closed.
        "serverChannelMaxIdleTimeSeconds" server_channel_max_idle_time_seconds: i32 = 120, Honoured, range(1, MAX_INT);
        /// Bytes of a socket's send buffer, 0 for the kernel's choice.
        "serverSocketSndBufSize" server_socket_snd_buf_size: i32 = 0, Honoured, range(0, MAX_INT);
        /// Bytes of a socket's receive buffer, 0 for the kernel's choice.
        "serverSocketRcvBufSize" server_socket_rcv_buf_size: i32 = 0, Honoured, range(0, MAX_INT);
        /// Unsent bytes at which a connection counts as blocked, 0 for the default.
        "writeBufferHighWaterMark" write_buffer_high_water_mark: i32 = 0, Honoured, range(0, MAX_INT);
        /// Unsent bytes at which it no longer does, 0 for the default.
        "writeBufferLowWaterMark" write_buffer_low_water_mark: i32 = 0, Inert(ONE_MARK), range(0, MAX_INT);
        /// Connections that may wait to be accepted.
        "serverSocketBacklog" server_socket_backlog: i32 = 1024, Honoured, range(1, MAX_INT);
        /// Whether Netty has a group of workers.
        "serverNettyWorkerGroupEnable" server_netty_worker_group_enable: bool = true, Inert(NETTY);
        /// Whether Netty pools its buffers.
        "serverPooledByteBufAllocatorEnable" server_pooled_byte_buf_allocator_enable: bool = true, Inert(NETTY);
        /// Whether clients are asked to go elsewhere before the server closes.
        "enableShutdownGracefully" enable_shutdown_gracefully: bool = false, Honoured;
        /// Seconds they are given.
        "shutdownWaitTimeSeconds" shutdown_wait_time_seconds: i32 = 30, Honoured, range(0, MAX_INT);
        /// Whether Netty polls through its own epoll binding.
        "useEpollNativeSelector" use_epoll_native_selector: bool = false, Inert(NETTY);
    }
}
