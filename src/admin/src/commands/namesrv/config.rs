//! `getNamesrvConfig` and `updateNamesrvConfig`.

use bytes::Bytes;
use client::nameserver::NameServerError;
use remoting::{
    header::NoHeader,
    request::{GetNamesrvConfig, UpdateNamesrvConfig},
};

use crate::{
    command::{Category, Opt, Spec},
    configuration,
    context::Context,
    error::AdminError,
    remote::LIMIT,
    report::Report,
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new("getNamesrvConfig", Category::NameServer, "Get configs of name server.", &[], |context| {
        Box::pin(get(context))
    }),
    Spec::new(
        "updateNamesrvConfig",
        Category::NameServer,
        "Update configs of name server.",
        &[
            Opt::value("k", "key", "config key").required(),
            Opt::value("v", "value", "config value").required(),
        ],
        |context| Box::pin(update(context)),
    ),
];

async fn get(context: &Context) -> Result<(), AdminError> {
    let answers = context.remote.names.ask_all::<GetNamesrvConfig>(NoHeader {}, Bytes::new(), LIMIT).await;
    if answers.is_empty() {
        return Err(NameServerError::NoAddress.into());
    }
    for (addr, answer) in answers {
        let config = configuration::read(&addr, &answer?.body)?;
        let mut report = Report::new();
        report.text(format_args!("============{addr}============\n")).field("namesrvAddr", &addr);
        configuration::show(&mut report, &config);
        context.out.emit(report);
    }
    Ok(())
}

async fn update(context: &Context) -> Result<(), AdminError> {
    let (key, value) = (context.need("key")?, context.need("value")?);
    let body = configuration::entry(key, value);
    let answers = context.remote.names.ask_all::<UpdateNamesrvConfig>(NoHeader {}, body.into(), LIMIT).await;
    if answers.is_empty() {
        return Err(NameServerError::NoAddress.into());
    }
    answers.into_iter().try_for_each(|(_, answer)| answer.map(drop))?;
    let addrs = context.remote.names.addrs();
    let mut report = Report::new();
    report.text(format_args!("update name server config success![{}]\n{key} : {value}\n", addrs.join(", ")));
    report.field("namesrvAddrs", &*addrs).field("key", key).field("value", value);
    context.out.emit(report);
    Ok(())
}
