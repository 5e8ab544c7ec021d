//! `updateTopicList`.

use common::{fastjson, topic::TopicConfig};
use remoting::{
    body::admin::CreateTopicListRequestBody, header::NoHeader, request::UpdateAndCreateTopicList,
};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
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
    for addr in context.chosen_brokers(Reach::Masters).await? {
        context.remote.ask::<UpdateAndCreateTopicList>(&addr, NoHeader {}, body.clone()).await?;
        context.say(
            format!("submit batch of topic config to {addr} success, please check the result later.\n"),
            &[("brokerAddr", &addr)],
        );
    }
    Ok(())
}
