//! The keys of the connecting side of the network.
//!
//! Invariant: one declaration a key, in the order of the Java fields; nothing else names a key.

use super::Effect::{Honoured, Inert, Refused};
use super::MAX_INT;
use super::object::config_object;
use super::reasons::{NETTY, NO_SCAN, ONE_MARK, PER_CONNECTION, SOCKS, TLS, UNUSED};

config_object! {
    /// Configuration of connections to other servers (`NettyClientConfig`).
    pub struct NettyClientConfig(machine) {
        /// Threads that decode and encode.
        "clientWorkerThreads" client_worker_threads: i32 = 4, Inert(NETTY);
        /// Threads for callbacks.
        "clientCallbackExecutorThreads" client_callback_executor_threads: i32 = machine.cores, Inert(NETTY);
        /// Requests without reply under way.
        "clientOnewaySemaphoreValue" client_oneway_semaphore_value: i32 = 65_535, Inert(PER_CONNECTION), range(1, MAX_INT);
        /// Requests with reply under way.
        "clientAsyncSemaphoreValue" client_async_semaphore_value: i32 = 65_535, Inert(PER_CONNECTION), range(1, MAX_INT);
        /// Milliseconds a connection may take to open.
        "connectTimeoutMillis" connect_timeout_millis: i32 = 3000, Honoured, range(1, MAX_INT);
        /// Milliseconds between two checks of a channel.
        "channelNotActiveInterval" channel_not_active_interval: i64 = 60_000, Inert(NETTY);
        /// Whether NameServers are probed for availability.
        "isScanAvailableNameSrv" is_scan_available_name_srv: bool = true, Inert(NO_SCAN), set_as("scanAvailableNameSrv");
        /// Seconds of silence after which a connection is closed.
        "clientChannelMaxIdleTimeSeconds" client_channel_max_idle_time_seconds: i32 = 120, Honoured, range(1, MAX_INT);
        /// Bytes of a socket's send buffer, 0 for the kernel's choice.
        "clientSocketSndBufSize" client_socket_snd_buf_size: i32 = 0, Honoured, range(0, MAX_INT);
        /// Bytes of a socket's receive buffer, 0 for the kernel's choice.
        "clientSocketRcvBufSize" client_socket_rcv_buf_size: i32 = 0, Honoured, range(0, MAX_INT);
        /// Whether Netty pools its buffers.
        "clientPooledByteBufAllocatorEnable" client_pooled_byte_buf_allocator_enable: bool = false, Inert(NETTY);
        /// Whether a request without answer closes its connection.
        "clientCloseSocketIfTimeout" client_close_socket_if_timeout: bool = true, Honoured;
        /// Whether connections to other servers are encrypted.
        "useTLS" use_tls: bool = false, Refused(TLS), fixed();
        /// SOCKS proxies, as JSON.
        "socksProxyConfig" socks_proxy_config: String = "{}".to_owned(), Refused(SOCKS), fixed();
        /// Unsent bytes at which a connection counts as blocked, 0 for the default.
        "writeBufferHighWaterMark" write_buffer_high_water_mark: i32 = 0, Honoured, range(0, MAX_INT);
        /// Unsent bytes at which it no longer does, 0 for the default.
        "writeBufferLowWaterMark" write_buffer_low_water_mark: i32 = 0, Inert(ONE_MARK), range(0, MAX_INT);
        /// Whether callbacks run on the thread that read the answer.
        "disableCallbackExecutor" disable_callback_executor: bool = false, Inert(NETTY);
        /// Whether Netty goes without a group of workers.
        "disableNettyWorkerGroup" disable_netty_worker_group: bool = false, Inert(NETTY);
        /// Seconds between two attempts to connect.
        "maxReconnectIntervalTimeSeconds" max_reconnect_interval_time_seconds: i64 = 60, Inert(UNUSED);
        /// Whether a server that says `GO_AWAY` is connected to anew.
        "enableReconnectForGoAway" enable_reconnect_for_go_away: bool = true, Honoured;
    }
}
