//! The NameServer's own settings.

use std::sync::Arc;

use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetNamesrvConfig, UpdateNamesrvConfig},
    router::Processor,
};

use crate::config::{ConfigCell, ConfigChangeError};

/// Answers `UPDATE_NAMESRV_CONFIG` and `GET_NAMESRV_CONFIG`.
pub(crate) struct ConfigProcessor {
    config: Arc<ConfigCell>,
}

impl ConfigProcessor {
    pub(crate) fn new(config: Arc<ConfigCell>) -> Self {
        Self { config }
    }
}

impl From<ConfigChangeError> for Refusal {
    fn from(error: ConfigChangeError) -> Self {
        match &error {
            ConfigChangeError::Refused(refused) => refused.into(),
            ConfigChangeError::Io(_) => Self::system_error(error.to_string()),
        }
    }
}

impl Processor<UpdateNamesrvConfig> for ConfigProcessor {
    async fn process(&self, incoming: Incoming<UpdateNamesrvConfig>) -> ReplyResult<UpdateNamesrvConfig> {
        if incoming.body.is_empty() {
            return Ok(Reply::success());
        }
        let caller = incoming.peer.peer_addr();
        match self.config.update(&incoming.body).await {
            Ok(changes) => {
                let changes = changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                tracing::info!(%caller, changes, "configuration updated");
                Ok(Reply::success())
            }
            Err(error) => {
                tracing::warn!(%caller, %error, "configuration update refused");
                Err(error.into())
            }
        }
    }
}

impl Processor<GetNamesrvConfig> for ConfigProcessor {
    async fn process(&self, _: Incoming<GetNamesrvConfig>) -> ReplyResult<GetNamesrvConfig> {
        Ok(Reply::success().with_body(self.config.text().into_bytes()))
    }
}
