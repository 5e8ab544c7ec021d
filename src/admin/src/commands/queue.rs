//! `queryCq`.

use bytes::Bytes;
use client::routes::addr_of;
use common::fastjson;
use remoting::{headers::consumer::QueryConsumeQueueRequestHeader, request::QueryConsumeQueue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::TOPIC;
use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    java,
    remote::LIMIT,
    report::Report,
};

pub(super) const SPECS: &[Spec] = &[Spec::new(
    "queryCq",
    Category::Queue,
    "Query cq command.",
    &[
        TOPIC,
        Opt::value("q", "queue", "queue num, ie. 1").required(),
        Opt::value("i", "index", "start queue index.").required(),
        Opt::value("c", "count", "how many."),
        Opt::value("b", "broker", "broker addr."),
        Opt::value("g", "consumer", "consumer group."),
    ],
    |context| Box::pin(query(context)),
)];

/// `QueryConsumeQueueResponseBody`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    filter_data: Option<String>,
    max_queue_index: i64,
    min_queue_index: i64,
    queue_data: Option<Vec<Unit>>,
    subscription_data: Option<Value>,
}

/// `ConsumeQueueData`: a unit of the queue.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Unit {
    bit_map: Option<String>,
    eval: bool,
    extend_data_json: Option<String>,
    msg: Option<String>,
    physic_offset: i64,
    physic_size: i32,
    tags_code: i64,
}

const LINE: &str = "======================================\n";

async fn query(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let index: i64 = context.number("index")?.unwrap_or(0);
    let addr = if let Some(addr) = context.get("broker").filter(|addr| !addr.is_empty()) {
        addr.to_owned()
    } else {
        let route = context.remote.route(topic).await?;
        let addr = route.broker_datas.first().and_then(addr_of).map(str::to_owned);
        addr.ok_or_else(|| AdminError::Failed("No topic route data!".to_owned()))?
    };
    let header = QueryConsumeQueueRequestHeader {
        topic: Some(topic.to_owned()),
        queue_id: context.number("queue")?,
        index: Some(index),
        count: Some(context.number("count")?.unwrap_or(10)),
        consumer_group: context.get("consumer").map(str::to_owned),
    };
    let asked = context.remote.brokers.body::<QueryConsumeQueue, _>(&addr, header, Bytes::new(), LIMIT);
    let answer: Answer = asked.await?;
    let mut report = Report::new();
    if let Some(subscription) = &answer.subscription_data {
        let shown = fastjson::to_vec_pretty(subscription);
        report.text(format_args!("Subscription data: \n{}\n{LINE}", String::from_utf8_lossy(&shown)));
    }
    if let Some(filter) = &answer.filter_data {
        report.text(format_args!("Filter data: \n{filter}\n{LINE}"));
    }
    let (max, min) = (answer.max_queue_index, answer.min_queue_index);
    report.text(format_args!("Queue data: \nmax: {max}, min: {min}\n{LINE}"));
    for (at, unit) in (index..).zip(answer.queue_data.iter().flatten()) {
        report.text(format_args!("idx: {at}\n{}\n{LINE}", as_java_shows(unit)));
    }
    report.field("max", max).field("min", min).field("units", answer.queue_data);
    report.field("subscription", answer.subscription_data).field("filter", answer.filter_data);
    context.out.emit(report);
    Ok(())
}

fn as_java_shows(unit: &Unit) -> String {
    format!(
        "ConsumeQueueData{{physicOffset={}, physicSize={}, tagsCode={}, extendDataJson='{}', bitMap='{}', \
         eval={}, msg='{}'}}",
        unit.physic_offset,
        unit.physic_size,
        unit.tags_code,
        java::or_null(unit.extend_data_json.as_ref()),
        java::or_null(unit.bit_map.as_ref()),
        unit.eval,
        java::or_null(unit.msg.as_ref()),
    )
}
