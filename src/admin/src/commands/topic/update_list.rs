//! `updateTopicList`.

use common::{fastjson, topic::TopicConfig};
use remoting::{body::admin::CreateTopicListRequestBody, request::UpdateAndCreateTopicList};

use crate::{
    command::{Category, Opt, Spec},
    commands::{
        batch,
        options::{broker_addr, cluster_name},
    },
    context::Context,
    error::AdminError,
    file,
};

pub(super) const SPEC: Spec = Spec::new(
    "updateTopicList",
    Category::Topic,
    "create or update topic in batch",
    &[
        broker_addr("create topic to which broker").choice(),
        cluster_name("create topic to which cluster").choice(),
        Opt::value(
            "f",
            "filename",
            "Path to a file with list of org.apache.rocketmq.common.TopicConfig in json format",
        )
        .required(),
    ],
    |context| Box::pin(update_list(context)),
);

async fn update_list(context: &Context) -> Result<(), AdminError> {
    let topic_config_list: Vec<TopicConfig> = file::read_list(context.need("filename")?)?;
    let body = fastjson::to_vec(&CreateTopicListRequestBody { topic_config_list });
    batch::submit::<UpdateAndCreateTopicList>(context, body, "topic").await
}
