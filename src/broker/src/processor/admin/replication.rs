//! What a broker without slaves answers about them: `GET_BROKER_HA_STATUS`, `RESET_MASTER_FLUSH_OFFSET`,
//! `NOTIFY_MIN_BROKER_ID_CHANGE`, `GET_BROKER_EPOCH_CACHE`.

use std::sync::Arc;

use common::fastjson;
use remoting::{
    body::admin::HaRuntimeInfo,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetBrokerEpochCache, GetBrokerHaStatus, NotifyMinBrokerIdChange, ResetMasterFlushOffset},
    router::Processor,
};
use store::message_store::MessageStore;

/// A master alone.
pub struct ReplicationAdmin {
    pub(crate) store: Arc<MessageStore>,
}

impl Processor<GetBrokerHaStatus> for ReplicationAdmin {
    async fn process(&self, _: Incoming<GetBrokerHaStatus>) -> ReplyResult<GetBrokerHaStatus> {
        let info = HaRuntimeInfo {
            master: true,
            master_commit_log_max_offset: self.store.max_phy_offset(),
            ..HaRuntimeInfo::default()
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&info)))
    }
}

/// Only slaves have such an offset; a master is content, as in RocketMQ.
impl Processor<ResetMasterFlushOffset> for ReplicationAdmin {
    async fn process(&self, _: Incoming<ResetMasterFlushOffset>) -> ReplyResult<ResetMasterFlushOffset> {
        Ok(Reply::success())
    }
}

/// Only a slave acts on it, which may have to stand in for its master.
impl Processor<NotifyMinBrokerIdChange> for ReplicationAdmin {
    async fn process(&self, _: Incoming<NotifyMinBrokerIdChange>) -> ReplyResult<NotifyMinBrokerIdChange> {
        Ok(Reply::success())
    }
}

impl Processor<GetBrokerEpochCache> for ReplicationAdmin {
    async fn process(&self, _: Incoming<GetBrokerEpochCache>) -> ReplyResult<GetBrokerEpochCache> {
        Err(Refusal::system_error("this request only for controllerMode "))
    }
}

#[cfg(test)]
mod tests {
    use remoting::header::NoHeader;

    use super::*;
    use crate::processor::admin::testing::{Fixture, incoming, text};

    #[tokio::test]
    async fn a_master_alone_says_so() {
        let fixture = Fixture::new();
        fixture.store_messages("T", 0, 1);
        let admin = ReplicationAdmin { store: Arc::clone(&fixture.store) };
        let reply: Reply<GetBrokerHaStatus> =
            admin.process(incoming::<GetBrokerHaStatus>(NoHeader {}, "")).await.unwrap();
        let end = fixture.store.max_phy_offset();
        assert_eq!(
            text(&reply),
            format!(
                concat!(
                    r#"{{"haClientRuntimeInfo":{{"activated":false,"lastReadTimestamp":0,"lastWriteTimestamp":0,"#,
                    r#""masterFlushOffset":0,"maxOffset":0,"transferredByteInSecond":0}},"haConnectionInfo":[],"#,
                    r#""inSyncSlaveNums":0,"master":true,"masterCommitLogMaxOffset":{}}}"#
                ),
                end
            )
        );
    }
}
