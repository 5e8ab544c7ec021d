//! Transactions: half messages, their decisions, and the checks of those nobody decides
//! (`org.apache.rocketmq.broker.transaction`).
//!
//! ```text
//! half message   RMQ_SYS_TRANS_HALF_TOPIC/0     real topic and queue in REAL_TOPIC and REAL_QID
//! final message  its real topic                 sysFlag COMMIT, prepared offset = physical offset of the half message
//! op message     RMQ_SYS_TRANS_OP_HALF_TOPIC/0  tag "d", body "12,15,": half queue offsets that are decided
//! offsets of CID_RMQ_SYS_TRANS                  below them, half and op messages are dealt with
//! ```
//!
//! All of that is RocketMQ's, and a directory can go back and forth between the two brokers. What is added is one small
//! file of our own ([`checkpoint`]); without it more of the log is read at the next start, and checks count from the
//! beginning.
//!
//! **Nothing is decided twice.** [`table::TransactionTable`] knows every undecided half message. A decision claims it
//! there, appends the final message or the op message, and marks it decided, without giving up control in between; a
//! second decision finds it claimed or gone. RocketMQ delivers a repeated commit again.
//!
//! **No decision is lost.** Of a rollback the op message is written before the answer. Of a commit the final message is
//! the record: op messages are collected (`transactionOpBatchInterval`), and what a crash takes of them is found again
//! at the next start, by the prepared offsets of the final messages in the log behind [`checkpoint`]'s mark. RocketMQ
//! checks such transactions again and delivers them twice.
//! Offsets and mark only move past what is flushed, so that a power cut, which may shorten the log, never leaves them
//! ahead of it. What it takes of an unflushed log is lost as any message is that was acknowledged with `ASYNC_FLUSH`; a
//! decision lost so with its half message kept is asked for again.
//! Unavoidable is one case: a half message that is given up is copied to `TRANS_CHECK_MAX_TIME_TOPIC`, and a crash
//! between that copy and its op message gives it up again.
//!
//! **Checks write nothing.** RocketMQ appends a half message anew whenever it is checked or immune, to count the checks
//! and to move its offset on, so that unanswered transactions grow the log. Here a half message stays where it is; how
//! often it was checked is kept in memory and in the checkpoint. The price is that the offsets cannot pass the oldest
//! undecided half message, so that a start, of this broker or of Java's, reads the op messages behind it again: by default
//! those of the last eight minutes. Copies that Java's broker has made are understood.

mod check;
mod checkpoint;
mod decide;
mod half;
mod metrics;
mod op;
mod recovery;
mod service;
mod table;

#[cfg(test)]
mod tests;

pub use check::TransactionalMessageCheckService;
pub(crate) use decide::NO_REMARK;
pub use service::TransactionalMessageService;
