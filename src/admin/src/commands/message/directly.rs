//! Having a consumer take a message now (`CONSUME_MESSAGE_DIRECTLY`).

use bytes::Bytes;
use remoting::{
    headers::consumer::ConsumeMessageDirectlyResultRequestHeader, request::ConsumeMessageDirectly,
};
use serde::{Deserialize, Serialize};

use crate::{context::Context, error::AdminError, java, report::Report, running_info};

/// `ConsumeMessageDirectlyResult`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Outcome {
    auto_commit: bool,
    consume_result: Option<String>,
    order: bool,
    remark: Option<String>,
    spent_time_mills: i64,
}

/// Has a member of a group consume a message and tells what came of it.
pub(super) async fn consume(
    context: &Context,
    group: &str,
    client_id: &str,
    topic: &str,
    msg_id: &str,
) -> Result<(), AdminError> {
    let info = context.remote.running_info(group, client_id, false).await?;
    if !running_info::is_push(&info) {
        return Err(AdminError::Failed(format!(
            "this {client_id} client is not push consumer ,not support direct push"
        )));
    }
    let message = context.remote.find(context.get("cluster"), topic, msg_id, context.now()).await?;
    let header = ConsumeMessageDirectlyResultRequestHeader {
        consumer_group: group.to_owned(),
        client_id: Some(client_id.to_owned()),
        msg_id: Some(message.offset_msg_id()),
        topic: Some(topic.to_owned()),
        ..ConsumeMessageDirectlyResultRequestHeader::default()
    };
    let addr = message.store_host.to_string();
    let asked = context.remote.brokers.body::<ConsumeMessageDirectly, _>(
        &addr,
        header,
        Bytes::new(),
        crate::remote::LIMIT,
    );
    let outcome: Outcome = asked.await?;
    let mut report = Report::new();
    report.text(format_args!(
        "ConsumeMessageDirectlyResult [order={}, autoCommit={}, consumeResult={}, remark={}, spentTimeMills={}]",
        outcome.order,
        outcome.auto_commit,
        java::or_null(outcome.consume_result.as_ref()),
        java::or_null(outcome.remark.as_ref()),
        outcome.spent_time_mills
    ));
    report.field("msgId", msg_id).field("clientId", client_id).field("result", outcome);
    context.out.emit(report);
    Ok(())
}
