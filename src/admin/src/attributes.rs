//! Alterations of attributes as operators write them: `+a=b,+c=d,-e` (`AttributeParser`).

use std::collections::BTreeMap;

use crate::error::AdminError;

/// The alterations by name, signs included; a removal has an empty value.
pub(crate) fn parse(alterations: &str) -> Result<BTreeMap<String, String>, AdminError> {
    let mut attributes = BTreeMap::new();
    for alteration in alterations.split(',').filter(|alteration| !alteration.is_empty()) {
        let (key, value) = match alteration.split_once('=') {
            Some((key, value)) if key.starts_with('+') => (key, value),
            Some((key, _)) => {
                return Err(AdminError::Usage(format!(
                    "add/alter attribute format is wrong: {key}, want +key=value"
                )));
            }
            None if alteration.starts_with('-') => (alteration, ""),
            None => {
                return Err(AdminError::Usage(format!(
                    "delete attribute format is wrong: {alteration}, want -key"
                )));
            }
        };
        if attributes.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(AdminError::Usage(format!("key duplication: {key}")));
        }
    }
    Ok(attributes)
}

/// The alterations as they travel (`AttributeParser.parseToString`).
pub(crate) fn to_text(attributes: &BTreeMap<String, String>) -> String {
    let parts: Vec<_> = attributes
        .iter()
        .map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key}={value}") })
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alterations_are_read_and_written() {
        let attributes = parse("+message.type=FIFO,-old").unwrap();
        assert_eq!(to_text(&attributes), "+message.type=FIFO,-old");
        assert!(parse("a=b").is_err() && parse("+a").is_err() && parse("+a=1,+a=2").is_err());
    }
}
