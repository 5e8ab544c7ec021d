//! Control of cold data: thresholds of groups, and how the system reads ahead.

use std::sync::Arc;

use common::properties::Properties;
use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        GetColdDataFlowCtrInfo, RemoveColdDataFlowCtrConfig, SetCommitlogReadMode,
        UpdateColdDataFlowCtrConfig,
    },
    router::Processor,
};
use store::{mapped_file::ReadMode, message_store::MessageStore};

use super::topics::invalid;
use crate::cold_reads::ColdReads;

/// Modes as the operating system numbers them (`MADV_NORMAL`, `MADV_RANDOM`).
const NORMAL: i32 = 0;
const RANDOM: i32 = 1;

/// Serves operators who spare the disk.
pub struct ColdDataAdmin {
    pub(crate) cold_reads: Arc<ColdReads>,
    pub(crate) store: Arc<MessageStore>,
}

impl Processor<UpdateColdDataFlowCtrConfig> for ColdDataAdmin {
    async fn process(
        &self,
        incoming: Incoming<UpdateColdDataFlowCtrConfig>,
    ) -> ReplyResult<UpdateColdDataFlowCtrConfig> {
        let thresholds = Properties::parse(&incoming.body)
            .map_err(|_| Refusal::system_error("string2Properties error"))?;
        for entry in thresholds.effective() {
            let bytes = entry.value.parse();
            // As in RocketMQ one that cannot be read does not keep the others away.
            if !bytes.is_ok_and(|bytes| self.cold_reads.set_threshold(&entry.key, bytes)) {
                tracing::warn!(group = entry.key, value = entry.value, "threshold for cold data not taken");
            }
        }
        Ok(Reply::success())
    }
}

impl Processor<RemoveColdDataFlowCtrConfig> for ColdDataAdmin {
    async fn process(
        &self,
        incoming: Incoming<RemoveColdDataFlowCtrConfig>,
    ) -> ReplyResult<RemoveColdDataFlowCtrConfig> {
        self.cold_reads.remove_threshold(&String::from_utf8_lossy(&incoming.body));
        Ok(Reply::success())
    }
}

impl Processor<GetColdDataFlowCtrInfo> for ColdDataAdmin {
    async fn process(&self, _: Incoming<GetColdDataFlowCtrInfo>) -> ReplyResult<GetColdDataFlowCtrInfo> {
        Ok(Reply::success().with_body(self.cold_reads.info()))
    }
}

impl Processor<SetCommitlogReadMode> for ColdDataAdmin {
    async fn process(&self, incoming: Incoming<SetCommitlogReadMode>) -> ReplyResult<SetCommitlogReadMode> {
        let mode = incoming.header.read_ahead_mode.as_deref().and_then(|mode| mode.parse::<i32>().ok());
        let mode = mode.ok_or_else(|| Refusal::system_error("set commitlog readahead mode failed"))?;
        let read_mode = match mode {
            NORMAL => ReadMode::Ahead,
            RANDOM => ReadMode::Random,
            _ => return Err(invalid("set commitlog readahead mode param value error".to_owned())),
        };
        self.store.set_read_mode(read_mode);
        Ok(Reply::success().with_remark(format!("set commitlog readahead mode success, mode: {mode}")))
    }
}
