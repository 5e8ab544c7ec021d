//! `dumpCompactionLog`.

use client::stored_message::decode_one;

use super::text::as_json;
use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    file, java,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "dumpCompactionLog",
    Category::Message,
    "Parse compaction log to message.",
    &[Opt::value("f", "file", "to dump file name").required()],
    |context| Box::pin(async { dump(context) }),
);

fn dump(context: &Context) -> Result<(), AdminError> {
    let bytes = file::read(context.need("file")?)?;
    let mut rest = bytes.as_slice();
    // What follows the last record is not written yet.
    while let Ok(message) = decode_one(rest) {
        if context.out.is_closed() {
            break;
        }
        let mut report = Report::new();
        report
            .text(format_args!("{}\n", java::message(&message, None)))
            .field("message", as_json(&message, None));
        context.out.emit(report);
        rest = rest.get(message.store_size..).unwrap_or_default();
    }
    Ok(())
}
