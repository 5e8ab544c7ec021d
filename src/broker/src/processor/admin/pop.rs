//! What operators and slaves ask about POP: `GET_ALL_MESSAGE_REQUEST_MODE`, `POP_ROLLBACK`.

use std::sync::Arc;

use remoting::{
    reply::{Incoming, Reply, ReplyResult},
    request::{GetAllMessageRequestMode, PopRollback},
    router::Processor,
};

use crate::assignment::request_mode::MessageRequestModeManager;

/// Answers about POP.
pub struct PopAdmin {
    pub(crate) modes: Arc<MessageRequestModeManager>,
}

impl Processor<GetAllMessageRequestMode> for PopAdmin {
    async fn process(&self, _: Incoming<GetAllMessageRequestMode>) -> ReplyResult<GetAllMessageRequestMode> {
        Ok(Reply::success().with_body(self.modes.encode()))
    }
}

impl Processor<PopRollback> for PopAdmin {
    /// Moves what a key-value store holds of POP to the file store: all of it is there already.
    async fn process(&self, _: Incoming<PopRollback>) -> ReplyResult<PopRollback> {
        Ok(Reply::success())
    }
}
