//! Handing lists to brokers as they are in a file.

use remoting::{header::NoHeader, request::Request};

use crate::{
    context::{Context, Reach},
    error::AdminError,
};

/// Sends `body` to all brokers that were chosen; `what` is in it.
pub(super) async fn submit<R: Request<Header = NoHeader>>(
    context: &Context,
    body: Vec<u8>,
    what: &str,
) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Masters).await? {
        context.remote.ask::<R>(&addr, NoHeader {}, body.clone()).await?;
        context.say(
            format!("submit batch of {what} config to {addr} success, please check the result later.\n"),
            &[("brokerAddr", &addr)],
        );
    }
    Ok(())
}
