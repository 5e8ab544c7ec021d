//! The NameServer's own settings.

use std::sync::Arc;

use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetNamesrvConfig, UpdateNamesrvConfig},
    response_code::ResponseCode,
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
        let code = match &error {
            ConfigChangeError::Forbidden(key) => {
                tracing::warn!(key, "configuration update refused");
                ResponseCode::NO_PERMISSION
            }
            ConfigChangeError::Io(error) => {
                tracing::error!(%error, "configuration cannot be stored");
                ResponseCode::SYSTEM_ERROR
            }
            ConfigChangeError::Text(_) | ConfigChangeError::Value(_) => ResponseCode::SYSTEM_ERROR,
        };
        Self::new(code, error.to_string())
    }
}

impl Processor<UpdateNamesrvConfig> for ConfigProcessor {
    async fn process(&self, incoming: Incoming<UpdateNamesrvConfig>) -> ReplyResult<UpdateNamesrvConfig> {
        if !incoming.body.is_empty() {
            self.config.update(&incoming.body).await?;
        }
        Ok(Reply::success())
    }
}

impl Processor<GetNamesrvConfig> for ConfigProcessor {
    async fn process(&self, _: Incoming<GetNamesrvConfig>) -> ReplyResult<GetNamesrvConfig> {
        Ok(Reply::success().with_body(self.config.text().into_bytes()))
    }
}
