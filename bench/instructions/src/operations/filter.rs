//! What a subscription asks of every message.

use filter::{sql::SqlExpression, tag::TagExpression};
use message::hash::tags_code;

use crate::{meter::Meter, samples};

const SQL: &str =
    "TAGS in ('created', 'paid') and amount between 10 and 500 and (region = 'EU' or region is null)";

pub(super) fn tags(meter: &Meter) {
    let filter = TagExpression::parse("cancelled || created || paid").expect("an expression").filter();
    let code = tags_code(Some(samples::TAG));
    meter.measure(|| code, |code| assert!(filter.matches(code), "the tag is among them"));
}

pub(super) fn sql(meter: &Meter) {
    let mut properties = samples::properties();
    properties.push("amount", "42");
    properties.push("region", "EU");
    let properties = properties.into_bytes();
    let expression = SqlExpression::parse(SQL).expect("an expression");
    meter.measure(|| &properties, |properties| assert_eq!(expression.evaluate(properties), Ok(Some(true))));
}

pub(super) fn compile_sql(meter: &Meter) {
    meter.measure(|| SQL, |text| SqlExpression::parse(text).expect("an expression"));
}
