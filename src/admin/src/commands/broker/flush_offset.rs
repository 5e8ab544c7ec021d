//! `resetMasterFlushOffset`.

use bytes::Bytes;
use remoting::{headers::broker::ResetMasterFlushOffsetHeader, request::ResetMasterFlushOffset};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::broker_addr,
    context::Context,
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "resetMasterFlushOffset",
    Category::Broker,
    "Reset master flush offset in slave.",
    &[
        broker_addr("which broker to reset").required(),
        Opt::value("o", "offset", "the offset to reset at").required(),
    ],
    |context| Box::pin(reset(context)),
);

async fn reset(context: &Context) -> Result<(), AdminError> {
    let (addr, offset) = (context.need("brokerAddr")?, context.number::<i64>("offset")?.unwrap_or(0));
    let header = ResetMasterFlushOffsetHeader { master_flush_offset: offset };
    context.remote.ask::<ResetMasterFlushOffset>(addr, header, Bytes::new()).await?;
    context.say(
        format!("reset master flush offset to {offset} success\n"),
        &[("brokerAddr", addr), ("offset", &offset.to_string())],
    );
    Ok(())
}
