//! `updateKvConfig` and `deleteKvConfig`.

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
};

const NAMESPACE: Opt = Opt::value("s", "namespace", "set the namespace").required();
const KEY: Opt = Opt::value("k", "key", "set the key name").required();

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "updateKvConfig",
        Category::NameServer,
        "Create or update KV config.",
        &[NAMESPACE, KEY, Opt::value("v", "value", "set the key value").required()],
        |context| Box::pin(update(context)),
    ),
    Spec::new("deleteKvConfig", Category::NameServer, "Delete KV config.", &[NAMESPACE, KEY], |context| {
        Box::pin(delete(context))
    })
    .harm("deletes a value from all NameServers"),
];

async fn update(context: &Context) -> Result<(), AdminError> {
    let (namespace, key, value) = (context.need("namespace")?, context.need("key")?, context.need("value")?);
    context.remote.put_kv(namespace, key, value).await?;
    context.say(
        "create or update kv config to namespace success.\n".to_owned(),
        &[("namespace", namespace), ("key", key), ("value", value)],
    );
    Ok(())
}

async fn delete(context: &Context) -> Result<(), AdminError> {
    let (namespace, key) = (context.need("namespace")?, context.need("key")?);
    context.remote.delete_kv(namespace, key).await?;
    context.say(
        "delete kv config from namespace success.\n".to_owned(),
        &[("namespace", namespace), ("key", key)],
    );
    Ok(())
}
