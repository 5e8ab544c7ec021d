//! `wipeWritePerm` and `addWritePerm`.

use bytes::Bytes;
use client::nameserver::{NameServerError, PerServer};
use remoting::{
    command::Response,
    headers::broker::{AddWritePermOfBrokerRequestHeader, WipeWritePermOfBrokerRequestHeader},
    request::{AddWritePermOfBroker, WipeWritePermOfBroker},
};

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    output,
    remote::LIMIT,
    report::Report,
};

const BROKER: Opt = Opt::value("b", "brokerName", "broker name").required();

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "wipeWritePerm",
        Category::NameServer,
        "Wipe write perm of broker in all name server you defined in the -n param.",
        &[BROKER],
        |context| Box::pin(wipe(context)),
    )
    .harm("stops producers from sending to a broker, until addWritePerm"),
    Spec::new(
        "addWritePerm",
        Category::NameServer,
        "Add write perm of broker in all name server you defined in the -n param.",
        &[BROKER],
        |context| Box::pin(add(context)),
    ),
];

async fn wipe(context: &Context) -> Result<(), AdminError> {
    let name = context.need("brokerName")?;
    let header = WipeWritePermOfBrokerRequestHeader { broker_name: name.to_owned() };
    let answers = context.remote.names.ask_all::<WipeWritePermOfBroker>(header, Bytes::new(), LIMIT).await;
    let count =
        |answer: &Response| answer.header::<WipeWritePermOfBroker>().map(|header| header.wipe_topic_count);
    tell(context, "wipe", name, answers, |answer| Ok(count(answer)?))
}

async fn add(context: &Context) -> Result<(), AdminError> {
    let name = context.need("brokerName")?;
    let header = AddWritePermOfBrokerRequestHeader { broker_name: name.to_owned() };
    let answers = context.remote.names.ask_all::<AddWritePermOfBroker>(header, Bytes::new(), LIMIT).await;
    let count =
        |answer: &Response| answer.header::<AddWritePermOfBroker>().map(|header| header.add_topic_count);
    tell(context, "add", name, answers, |answer| Ok(count(answer)?))
}

fn tell(
    context: &Context,
    verb: &str,
    name: &str,
    answers: PerServer<Response>,
    count: impl Fn(&Response) -> Result<i32, NameServerError>,
) -> Result<(), AdminError> {
    if answers.is_empty() {
        return Err(NameServerError::NoAddress.into());
    }
    let (asked, mut failed) = (answers.len(), 0);
    for (addr, answer) in answers {
        let mut report = Report::new();
        report.field("namesrvAddr", &addr).field("brokerName", name);
        let said = format!("{verb} write perm of broker[{name}] in name server[{addr}]");
        match answer.and_then(|answer| count(&answer)) {
            Ok(topics) => {
                report.text(format_args!("{said} OK, {topics}\n")).field("topics", topics);
                context.out.emit(report);
            }
            Err(error) => {
                failed += 1;
                report.text(format_args!("{said} Failed\n")).field("error", error.to_string());
                context.out.emit(report);
                output::complain(context.spec.name, &error.into());
            }
        }
    }
    if failed > 0 {
        Err(AdminError::Failed(format!("{failed} of {asked} NameServers failed")))
    } else {
        Ok(())
    }
}
