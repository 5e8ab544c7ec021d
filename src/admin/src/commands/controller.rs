//! Controllers, and containers of brokers: only requests, whoever answers them.

use bytes::Bytes;
use client::broker::BrokerError;
use common::fastjson;
use remoting::{
    body::route::BrokerMemberGroup,
    header::NoHeader,
    headers::{
        broker::{AddBrokerRequestHeader, RemoveBrokerRequestHeader},
        controller::{
            CleanControllerBrokerDataRequestHeader, ElectMasterRequestHeader, GetMetaDataResponseHeader,
        },
    },
    request::{
        AddBroker, CleanBrokerData, ControllerElectMaster, ControllerGetMetadataInfo, GetControllerConfig,
        RemoveBroker, UpdateControllerConfig,
    },
};

use crate::{
    command::{Category, Opt, Spec},
    configuration,
    context::Context,
    error::AdminError,
    java,
    remote::LIMIT,
    report::Report,
};

const ADDRESS: Opt = Opt::value("a", "controllerAddress", "the address of controller").required();
const ADDRESSES: Opt =
    Opt::value("a", "controllerAddress", "Controller address list, eg: 192.168.0.1:9878;192.168.0.2:9878")
        .required();
const BROKER_NAME: Opt =
    Opt::value("bn", "brokerName", "The broker name of the replicas that require to be manipulated")
        .required();
const CONTAINER: Opt = Opt::value("c", "brokerContainerAddr", "Broker container address").required();

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "addBroker",
        Category::Container,
        "Add a broker to specified container.",
        &[CONTAINER, Opt::value("b", "brokerConfigPath", "Broker config path").required()],
        |context| Box::pin(add_broker(context)),
    ),
    Spec::new(
        "removeBroker",
        Category::Container,
        "Remove a broker from specified container.",
        &[
            CONTAINER,
            Opt::value(
                "b",
                "brokerIdentity",
                "Information to identify a broker: clusterName:brokerName:brokerId(dLedgerId for dLedger)",
            )
            .required(),
        ],
        |context| Box::pin(remove_broker(context)),
    )
    .harm("stops a broker"),
    Spec::new(
        "getControllerMetaData",
        Category::Controller,
        "Get controller cluster's metadata.",
        &[ADDRESS],
        |context| Box::pin(meta_data(context)),
    ),
    Spec::new(
        "getControllerConfig",
        Category::Controller,
        "Get controller config.",
        &[ADDRESSES],
        |context| Box::pin(get_config(context)),
    ),
    Spec::new(
        "updateControllerConfig",
        Category::Controller,
        "Update controller config.",
        &[
            ADDRESSES,
            Opt::value("k", "key", "config key").required(),
            Opt::value("v", "value", "config value").required(),
        ],
        |context| Box::pin(update_config(context)),
    ),
    Spec::new(
        "electMaster",
        Category::Controller,
        "Re-elect the specified broker as master.",
        &[
            ADDRESS,
            Opt::value("b", "brokerId", "The id of the broker which requires to become master").required(),
            BROKER_NAME,
            Opt::value("c", "clusterName", "the clusterName of broker").required(),
        ],
        |context| Box::pin(elect_master(context)),
    )
    .harm("makes another broker of the group the master"),
    Spec::new(
        "cleanBrokerMetadata",
        Category::Controller,
        "Clean metadata of broker on controller.",
        &[
            ADDRESS,
            Opt::value(
                "b",
                "brokerControllerIdsToClean",
                "The brokerController id list which requires to clean metadata. eg: 1;2;3, means that clean \
                 broker-1, broker-2 and broker-3",
            ),
            BROKER_NAME,
            Opt::value("c", "clusterName", "The clusterName of broker"),
            Opt::flag("l", "cleanLivingBroker", "Whether clean up living brokers,default value is false"),
        ],
        |context| Box::pin(clean_metadata(context)),
    )
    .harm("has the controller forget brokers"),
];

async fn add_broker(context: &Context) -> Result<(), AdminError> {
    let addr = context.need("brokerContainerAddr")?;
    let header = AddBrokerRequestHeader { config_path: Some(context.need("brokerConfigPath")?.to_owned()) };
    context.remote.brokers.ask::<AddBroker>(addr, header, Bytes::new(), LIMIT * 4).await?;
    context.say(format!("add broker to {addr} success\n"), &[("brokerContainerAddr", addr)]);
    Ok(())
}

async fn remove_broker(context: &Context) -> Result<(), AdminError> {
    let (addr, identity) = (context.need("brokerContainerAddr")?, context.need("brokerIdentity")?);
    let parts: Vec<_> = identity.split(':').map(str::trim).collect();
    let wrong =
        || context.usage(format!("--brokerIdentity is not clusterName:brokerName:brokerId: {identity}"));
    let [cluster, name, id] = parts.as_slice() else { return Err(wrong()) };
    let broker_id: i64 = id.parse().ok().filter(|id| *id >= 0).ok_or_else(wrong)?;
    let header = RemoveBrokerRequestHeader {
        broker_name: (*name).to_owned(),
        broker_cluster_name: (*cluster).to_owned(),
        broker_id,
    };
    context.remote.brokers.ask::<RemoveBroker>(addr, header, Bytes::new(), LIMIT * 4).await?;
    context.say(
        format!("remove broker from {addr} success\n"),
        &[("brokerContainerAddr", addr), ("brokerIdentity", identity)],
    );
    Ok(())
}

/// What a controller says of its group.
pub(super) async fn meta_data_of(
    context: &Context,
    addr: &str,
) -> Result<GetMetaDataResponseHeader, BrokerError> {
    let brokers = &context.remote.brokers;
    brokers.header::<ControllerGetMetadataInfo>(addr, NoHeader {}, Bytes::new(), LIMIT).await
}

/// Address of the controller that leads the group.
pub(super) async fn leader_of(context: &Context, addr: &str) -> Result<String, AdminError> {
    let leader = meta_data_of(context, addr).await?.controller_leader_address;
    leader.ok_or_else(|| AdminError::Missing {
        what: format!("controller {addr} knows no leader"),
        advice: "check that most controllers of the group run",
    })
}

async fn meta_data(context: &Context) -> Result<(), AdminError> {
    let data = meta_data_of(context, context.need("controllerAddress")?).await?;
    let mut report = Report::new();
    report.text(format_args!(
        "\n#ControllerGroup\t{}\n#ControllerLeaderId\t{}\n#ControllerLeaderAddress\t{}",
        java::or_null(data.group.as_ref()),
        java::or_null(data.controller_leader_id.as_ref()),
        java::or_null(data.controller_leader_address.as_ref()),
    ));
    let peers: Vec<_> =
        data.peers.iter().flat_map(|peers| peers.split(';')).filter(|peer| !peer.is_empty()).collect();
    for peer in &peers {
        report.text(format_args!("\n#Peer:\t{peer}"));
    }
    report.text("\n").field("group", &data.group).field("leaderId", &data.controller_leader_id);
    report.field("leaderAddress", &data.controller_leader_address).field("peers", peers);
    context.out.emit(report);
    Ok(())
}

fn addresses(context: &Context) -> Result<Vec<&str>, AdminError> {
    Ok(context.need("controllerAddress")?.split(';').filter(|addr| !addr.is_empty()).collect())
}

async fn get_config(context: &Context) -> Result<(), AdminError> {
    for addr in addresses(context)? {
        let response = context.remote.ask::<GetControllerConfig>(addr, NoHeader {}, Bytes::new()).await?;
        let mut report = Report::new();
        report.text(format_args!("============{addr}============\n")).field("controllerAddress", addr);
        configuration::show(&mut report, &configuration::read(addr, &response.body)?);
        context.out.emit(report);
    }
    Ok(())
}

async fn update_config(context: &Context) -> Result<(), AdminError> {
    let (key, value) = (context.need("key")?, context.need("value")?);
    let addrs = addresses(context)?;
    for addr in &addrs {
        let body = configuration::entry(key, value);
        context.remote.ask::<UpdateControllerConfig>(addr, NoHeader {}, body).await?;
    }
    let mut report = Report::new();
    report.text(format_args!("update controller config success![{}]\n{key} : {value}\n", addrs.join(", ")));
    report.field("controllerAddresses", addrs).field("key", key).field("value", value);
    context.out.emit(report);
    Ok(())
}

async fn elect_master(context: &Context) -> Result<(), AdminError> {
    let (cluster, name) = (context.need("clusterName")?, context.need("brokerName")?);
    let leader = leader_of(context, context.need("controllerAddress")?).await?;
    let header = ElectMasterRequestHeader {
        cluster_name: cluster.to_owned(),
        broker_name: name.to_owned(),
        broker_id: context.number("brokerId")?.unwrap_or(-1),
        designate_elect: true,
        invoke_time: Some(context.now()),
    };
    let response = context.remote.ask::<ControllerElectMaster>(&leader, header, Bytes::new()).await?;
    let elected = response
        .header::<ControllerElectMaster>()
        .map_err(|source| BrokerError::Header { addr: leader.clone(), source })?;
    let members: BrokerMemberGroup = fastjson::from_slice(&response.body).unwrap_or_default();
    let mut report = Report::new();
    report.text(format_args!(
        "\n#ClusterName\t{cluster}\n#BrokerName\t{name}\n#BrokerMasterAddr\t{}\n#MasterEpoch\t{}\n\
         #SyncStateSetEpoch\t{}\n",
        java::or_null(elected.master_address.as_ref()),
        java::or_null(elected.master_epoch),
        java::or_null(elected.sync_state_set_epoch),
    ));
    for (id, addr) in &members.broker_addrs {
        report.text(format_args!("\t#Broker\t{id}\t{addr}\n"));
    }
    report.field("masterAddress", elected.master_address).field("masterEpoch", elected.master_epoch);
    report
        .field("syncStateSetEpoch", elected.sync_state_set_epoch)
        .field("brokerAddrs", members.broker_addrs);
    context.out.emit(report);
    Ok(())
}

async fn clean_metadata(context: &Context) -> Result<(), AdminError> {
    let name = context.need("brokerName")?;
    let ids = context.get("brokerControllerIdsToClean");
    if ids.is_some_and(|ids| ids.split(';').any(|id| id.parse::<i64>().is_err())) {
        return Err(context.usage("--brokerControllerIdsToClean is not a list of numbers such as 1;2;3"));
    }
    let is_clean_living_broker = context.has("cleanLivingBroker");
    if !is_clean_living_broker && context.get("clusterName").is_none_or(str::is_empty) {
        return Err(context.usage("cleanLivingBroker option is false, clusterName option can not be empty."));
    }
    let leader = leader_of(context, context.need("controllerAddress")?).await?;
    let header = CleanControllerBrokerDataRequestHeader {
        cluster_name: context.get("clusterName").map(str::to_owned),
        broker_name: name.to_owned(),
        broker_controller_ids_to_clean: ids.map(str::to_owned),
        is_clean_living_broker,
        invoke_time: Some(context.now()),
    };
    context.remote.ask::<CleanBrokerData>(&leader, header, Bytes::new()).await?;
    context.say(
        format!("clear broker {name} metadata from controller success! \n"),
        &[("brokerName", name), ("controllerAddress", &leader)],
    );
    Ok(())
}
