//! `updateStaticTopic` and `remappingStaticTopic`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use common::fastjson;
use remoting::{
    body::route::ClusterInfo,
    headers::topic::{CreateTopicRequestHeader, GetTopicConfigRequestHeader},
    request::{GetTopicConfig, UpdateAndCreateStaticTopic},
    response_code::ResponseCode,
};

use super::moving;
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    file,
    remote::config::topic_header,
    report::Report,
    static_topic::{BrokerConfig, Plan},
};

const CLUSTERS: Opt =
    Opt::value("c", "clusters", "remapping static topic to clusters, comma separated").choice();
const BROKERS: Opt =
    Opt::value("b", "brokers", "remapping static topic to brokers, comma separated").choice();
const MAP_FILE: Opt = Opt::value("mf", "mapFile", "The mapping data file name");
const FORCE: Opt = Opt::value("fr", "forceReplace", "Force replace the old mapping");

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "updateStaticTopic",
        Category::Topic,
        "Update or create static topic, which has fixed number of queues.",
        &[
            CLUSTERS,
            BROKERS,
            TOPIC,
            Opt::value("qn", "totalQueueNum", "total queue num").required(),
            MAP_FILE,
            FORCE,
        ],
        |context| Box::pin(update(context)),
    )
    .note(FROM_FILE),
    Spec::new(
        "remappingStaticTopic",
        Category::Topic,
        "Remapping static topic.",
        &[CLUSTERS, BROKERS, TOPIC, MAP_FILE, FORCE],
        |context| Box::pin(remap(context)),
    )
    .note(FROM_FILE),
];

const FROM_FILE: &str = "With --mapFile the mapping in the file is put in force, e.g. one of those the command wrote before a change.";

async fn update(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let info = context.remote.cluster_info().await?;
    let mut plan = if let Some(plan) = from_file(context, topic)? {
        plan
    } else {
        let mut targets = targets(context, &info)?;
        let old = current(context, topic, &info).await?;
        keep(context, &old, "old", "before")?;
        targets.extend(old.broker_config_map.keys().cloned());
        let count = context.number("totalQueueNum")?.unwrap_or(0);
        let new = old.grown(count, &targets, context.now())?;
        keep(context, &new, "new", "after")?;
        new
    };
    plan.complete(&neighbours(&info, plan.broker_config_map.keys()));
    let masters = masters(&info, &plan)?;
    for (broker, config) in &plan.broker_config_map {
        create(context, &masters, broker, config, false).await?;
    }
    Ok(())
}

async fn remap(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let info = context.remote.cluster_info().await?;
    let from_file = from_file(context, topic)?;
    let is_force = from_file.is_some() && context.is_true("forceReplace") == Some(true);
    let mut plan = if let Some(plan) = from_file {
        plan
    } else {
        let targets = targets(context, &info)?;
        let old = current(context, topic, &info).await?;
        if old.broker_config_map.is_empty() {
            return Err(AdminError::Failed("No topic route to do the remapping".to_owned()));
        }
        keep(context, &old, "old", "before")?;
        let new = old.moved(&targets, context.now())?;
        // RocketMQ's words for both files.
        keep(context, &new, "old", "after")?;
        new
    };
    plan.complete(&neighbours(&info, plan.broker_config_map.keys()));
    let masters = masters(&info, &plan)?;
    moving::put_in_force(context, &mut plan, &masters, is_force).await
}

fn from_file(context: &Context, topic: &str) -> Result<Option<Plan>, AdminError> {
    let Some(path) = context.get("mapFile") else { return Ok(None) };
    let plan: Plan = fastjson::from_slice(&file::read(path)?)
        .map_err(|error| AdminError::Failed(format!("{path} is no mapping: {error}")))?;
    plan.check(topic)?;
    Ok(Some(plan))
}

/// The brokers that are to have queues.
fn targets(context: &Context, info: &ClusterInfo) -> Result<BTreeSet<String>, AdminError> {
    let split = |text: &str| -> Vec<String> { text.split(',').map(|part| part.trim().to_owned()).collect() };
    let targets: BTreeSet<String> = match (context.get("brokers"), context.get("clusters")) {
        (Some(brokers), _) => split(brokers).into_iter().collect(),
        (None, Some(clusters)) => {
            let known = split(clusters).into_iter().filter_map(|name| info.cluster_addr_table.get(&name));
            known.flatten().cloned().collect()
        }
        (None, None) => BTreeSet::new(),
    };
    if targets.is_empty() {
        return Err(AdminError::Failed("Find none brokers, do nothing".to_owned()));
    }
    if let Some(absent) = targets.iter().find(|name| !info.broker_addr_table.contains_key(*name)) {
        return Err(AdminError::Failed(format!("Can't find addr for broker {absent}")));
    }
    Ok(targets)
}

/// What all brokers know of the topic (`examineTopicConfigAll`).
async fn current(context: &Context, topic: &str, info: &ClusterInfo) -> Result<Plan, AdminError> {
    let mut configs = BTreeMap::new();
    for (broker, group) in &info.broker_addr_table {
        let Some(addr) = group.master_addr() else { continue };
        let header = GetTopicConfigRequestHeader { topic: topic.to_owned(), lo: Some(true) };
        match context.remote.body::<GetTopicConfig, BrokerConfig>(addr, header).await {
            Ok(config) => drop(configs.insert(broker.clone(), config)),
            Err(error) if error.code() == Some(ResponseCode::TOPIC_NOT_EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Plan::current(topic, configs, context.now())
}

/// Writes a plan to a file, from which it can be put in force again.
fn keep(context: &Context, plan: &Plan, which: &str, suffix: &str) -> Result<(), AdminError> {
    let name = format!("{}-{}.{suffix}", plan.topic, plan.epoch);
    let path = std::env::temp_dir().join(name);
    file::write(Path::new(&path), &fastjson::to_vec(plan))?;
    let mut report = Report::new();
    let shown = path.display().to_string();
    report.text(format_args!("The {which} mapping data is written to file {shown}\n"));
    report.field("file", shown).field("plan", plan);
    context.out.emit(report);
    Ok(())
}

/// All brokers of the clusters those brokers are in.
fn neighbours<'a>(info: &ClusterInfo, brokers: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let brokers: BTreeSet<_> = brokers.collect();
    let clusters = info.cluster_addr_table.values();
    clusters.filter(|names| names.iter().any(|name| brokers.contains(name))).flatten().cloned().collect()
}

/// The masters of all brokers of a plan, by name; every one has to be there.
fn masters(info: &ClusterInfo, plan: &Plan) -> Result<BTreeMap<String, String>, AdminError> {
    let master = |name: &String| {
        let addr = info.broker_addr_table.get(name).and_then(|group| group.master_addr());
        let addr = addr.ok_or_else(|| AdminError::Failed(format!("Can't find addr for broker {name}")))?;
        Ok((name.clone(), addr.to_owned()))
    };
    plan.broker_config_map.keys().map(master).collect()
}

/// Tells a broker what it is to know (`createStaticTopic`).
pub(super) async fn create(
    context: &Context,
    masters: &BTreeMap<String, String>,
    broker: &str,
    config: &BrokerConfig,
    force: bool,
) -> Result<(), AdminError> {
    let addr = masters.get(broker).map(String::as_str).unwrap_or_default();
    let header = CreateTopicRequestHeader { attributes: None, force, ..topic_header(&config.topic) };
    let body = fastjson::to_vec(config.mapping(broker)?);
    context.remote.ask::<UpdateAndCreateStaticTopic>(addr, header, body).await?;
    Ok(())
}
