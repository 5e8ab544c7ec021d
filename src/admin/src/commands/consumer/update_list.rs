//! `updateSubGroupList`.

use common::{fastjson, group::SubscriptionGroupConfig};
use remoting::{body::admin::SubscriptionGroupList, request::UpdateAndCreateSubscriptiongroupList};

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
    "updateSubGroupList",
    Category::Consumer,
    "Update or create subscription group in batch",
    &[
        broker_addr("create groups to which broker").choice(),
        cluster_name("create groups to which cluster").choice(),
        Opt::value(
            "f",
            "filename",
            "Path to a file with a list of org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig \
             in json format",
        )
        .required(),
    ],
    |context| Box::pin(update_list(context)),
);

async fn update_list(context: &Context) -> Result<(), AdminError> {
    let group_config_list: Vec<SubscriptionGroupConfig> = file::read_list(context.need("filename")?)?;
    let body = fastjson::to_vec(&SubscriptionGroupList { group_config_list });
    let what = if context.get("brokerAddr").is_some() { "group" } else { "subscription group" };
    batch::submit::<UpdateAndCreateSubscriptiongroupList>(context, body, what).await
}
