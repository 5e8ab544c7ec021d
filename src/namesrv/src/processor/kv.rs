//! Configuration by namespace and key.

use std::sync::Arc;

use remoting::{
    body::kv::KvTable,
    headers::broker::GetKVConfigResponseHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{DeleteKvConfig, GetKvConfig, GetKvlistByNamespace, PutKvConfig},
    response_code::ResponseCode,
    router::Processor,
};

use crate::kv::{KvChangeError, KvConfigManager};

/// Answers `PUT_KV_CONFIG`, `GET_KV_CONFIG`, `DELETE_KV_CONFIG` and `GET_KVLIST_BY_NAMESPACE`.
pub(crate) struct KvProcessor {
    kv: Arc<KvConfigManager>,
}

impl KvProcessor {
    pub(crate) fn new(kv: Arc<KvConfigManager>) -> Self {
        Self { kv }
    }
}

impl From<KvChangeError> for Refusal {
    fn from(error: KvChangeError) -> Self {
        if let KvChangeError::Io(error) = &error {
            tracing::error!(%error, "kv configuration cannot be stored");
        }
        Self::system_error(error.to_string())
    }
}

impl Processor<PutKvConfig> for KvProcessor {
    async fn process(&self, incoming: Incoming<PutKvConfig>) -> ReplyResult<PutKvConfig> {
        let header = incoming.header;
        self.kv.put(&header.namespace, &header.key, &header.value).await?;
        Ok(Reply::success())
    }
}

impl Processor<GetKvConfig> for KvProcessor {
    async fn process(&self, incoming: Incoming<GetKvConfig>) -> ReplyResult<GetKvConfig> {
        let header = incoming.header;
        let Some(value) = self.kv.get(&header.namespace, &header.key) else {
            let remark = format!("No config item, Namespace: {} Key: {}", header.namespace, header.key);
            return Err(Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark));
        };
        Ok(Reply::success().with_header(GetKVConfigResponseHeader { value: Some(value) }))
    }
}

impl Processor<DeleteKvConfig> for KvProcessor {
    async fn process(&self, incoming: Incoming<DeleteKvConfig>) -> ReplyResult<DeleteKvConfig> {
        self.kv.delete(&incoming.header.namespace, &incoming.header.key).await?;
        Ok(Reply::success())
    }
}

impl Processor<GetKvlistByNamespace> for KvProcessor {
    async fn process(&self, incoming: Incoming<GetKvlistByNamespace>) -> ReplyResult<GetKvlistByNamespace> {
        let namespace = &incoming.header.namespace;
        let Some(table) = self.kv.namespace(namespace) else {
            let remark = format!("No config item, Namespace: {namespace}");
            return Err(Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark));
        };
        Ok(Reply::success().with_body(KvTable { table }.encode()))
    }
}
