//! Lists of topics, and registering and deleting a single one.

use std::sync::Arc;

use common::fastjson;
use remoting::{
    body::{route::TopicRouteData, topic_list::TopicList},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        DeleteTopicInNamesrv, GetAllTopicListFromNameserver, GetHasUnitSubTopicList,
        GetHasUnitSubUnunitTopicList, GetSystemTopicListFromNs, GetTopicsByCluster, GetUnitTopicList,
        RegisterTopicInNamesrv, Request,
    },
    router::Processor,
};

use crate::{
    config::ConfigCell,
    route::{RouteInfoManager, TopicKind},
};

/// Answers the requests about topics other than their routes.
pub(crate) struct TopicProcessor {
    routes: Arc<RouteInfoManager>,
    config: Arc<ConfigCell>,
}

impl TopicProcessor {
    pub(crate) fn new(routes: Arc<RouteInfoManager>, config: Arc<ConfigCell>) -> Self {
        Self { routes, config }
    }

    /// Lists topics by cluster or kind if an operator has not switched that off.
    fn list<R: Request>(&self, list: impl FnOnce(&RouteInfoManager) -> TopicList) -> ReplyResult<R> {
        if !self.config.current().namesrv.enable_topic_list {
            return Err(Refusal::system_error("disable"));
        }
        Ok(Reply::success().with_body(list(&self.routes).encode()))
    }
}

impl Processor<GetAllTopicListFromNameserver> for TopicProcessor {
    async fn process(
        &self,
        _: Incoming<GetAllTopicListFromNameserver>,
    ) -> ReplyResult<GetAllTopicListFromNameserver> {
        if !self.config.current().namesrv.enable_all_topic_list {
            return Err(Refusal::system_error("disable"));
        }
        Ok(Reply::success().with_body(self.routes.all_topics().encode()))
    }
}

impl Processor<GetTopicsByCluster> for TopicProcessor {
    async fn process(&self, incoming: Incoming<GetTopicsByCluster>) -> ReplyResult<GetTopicsByCluster> {
        self.list(|routes| routes.topics_of_cluster(&incoming.header.cluster))
    }
}

impl Processor<GetSystemTopicListFromNs> for TopicProcessor {
    async fn process(&self, _: Incoming<GetSystemTopicListFromNs>) -> ReplyResult<GetSystemTopicListFromNs> {
        Ok(Reply::success().with_body(self.routes.system_topics().encode()))
    }
}

impl Processor<GetUnitTopicList> for TopicProcessor {
    async fn process(&self, _: Incoming<GetUnitTopicList>) -> ReplyResult<GetUnitTopicList> {
        self.list(|routes| routes.unit_topics(TopicKind::Unit))
    }
}

impl Processor<GetHasUnitSubTopicList> for TopicProcessor {
    async fn process(&self, _: Incoming<GetHasUnitSubTopicList>) -> ReplyResult<GetHasUnitSubTopicList> {
        self.list(|routes| routes.unit_topics(TopicKind::UnitSub))
    }
}

impl Processor<GetHasUnitSubUnunitTopicList> for TopicProcessor {
    async fn process(
        &self,
        _: Incoming<GetHasUnitSubUnunitTopicList>,
    ) -> ReplyResult<GetHasUnitSubUnunitTopicList> {
        self.list(|routes| routes.unit_topics(TopicKind::UnitSubUnUnit))
    }
}

impl Processor<RegisterTopicInNamesrv> for TopicProcessor {
    async fn process(
        &self,
        incoming: Incoming<RegisterTopicInNamesrv>,
    ) -> ReplyResult<RegisterTopicInNamesrv> {
        if !incoming.body.is_empty() {
            let route = fastjson::from_slice::<TopicRouteData>(&incoming.body);
            let route = route.map_err(|error| Refusal::system_error(error.to_string()))?;
            if !route.queue_datas.is_empty() {
                self.routes.register_topic(&incoming.header.topic, &route.queue_datas);
            }
        }
        Ok(Reply::success())
    }
}

impl Processor<DeleteTopicInNamesrv> for TopicProcessor {
    async fn process(&self, incoming: Incoming<DeleteTopicInNamesrv>) -> ReplyResult<DeleteTopicInNamesrv> {
        let header = &incoming.header;
        let cluster_name = header.cluster_name.as_deref().filter(|name| !name.is_empty());
        self.routes.delete_topic(&header.topic, cluster_name);
        Ok(Reply::success())
    }
}
