//! Ends of transactions: `END_TRANSACTION` and `RESUME_CHECK_HALF_MESSAGE`.

use std::sync::Arc;

use message::{message_id, sys_flag};
use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{EndTransaction, ResumeCheckHalfMessage},
    router::Processor,
};

use crate::transaction::{NO_REMARK, TransactionalMessageService};

/// Takes the decisions of producers, and operators' wish that they be asked again.
pub struct EndTransactionProcessor {
    pub(crate) transactions: Arc<TransactionalMessageService>,
}

impl Processor<EndTransaction> for EndTransactionProcessor {
    async fn process(&self, incoming: Incoming<EndTransaction>) -> ReplyResult<EndTransaction> {
        let decision = &incoming.header;
        match decision.commit_or_rollback {
            sys_flag::TRANSACTION_COMMIT => self.transactions.commit(decision).await?,
            sys_flag::TRANSACTION_ROLLBACK => {
                self.transactions.rollback(decision).await?;
                return Ok(Reply::success().with_remark(NO_REMARK));
            }
            // Not decided yet. RocketMQ leaves this without an answer, which producers do not wait for.
            undecided => tracing::debug!(
                undecided,
                group = decision.producer_group,
                uniq_key = decision.msg_id,
                "transaction stays undecided"
            ),
        }
        Ok(Reply::success())
    }
}

impl Processor<ResumeCheckHalfMessage> for EndTransactionProcessor {
    async fn process(
        &self,
        incoming: Incoming<ResumeCheckHalfMessage>,
    ) -> ReplyResult<ResumeCheckHalfMessage> {
        let id = incoming.header.msg_id.as_deref().and_then(message_id::decode);
        let (_, phy_offset) = id.ok_or_else(|| {
            Refusal::system_error(
                "Exception was thrown when putting message back to RMQ_SYS_TRANS_HALF_TOPIC.",
            )
        })?;
        self.transactions.resume_check(phy_offset).await?;
        Ok(Reply::success())
    }
}
