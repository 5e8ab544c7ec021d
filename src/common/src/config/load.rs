//! Applies properties to the configuration objects of one process.
//!
//! A key is set in every object that has it. Nothing is taken over half: all errors are told together.

use std::{collections::HashMap, net::IpAddr};

use super::known::KnownKeys;
use super::secrets::redact;
use super::{ConfigError, ConfigObject, Effect, Finding, FindingKind, KeySpec, NettyServerConfig, Origin};
use crate::properties::Properties;

/// One key and its value, with where they come from.
#[derive(Debug, Clone, Copy)]
struct Setting<'a> {
    origin: Origin,
    key: &'a str,
    value: &'a str,
}

/// Applies a file and then the overrides.
pub(super) fn apply_all(
    objects: &mut [&mut dyn ConfigObject],
    known: &[KnownKeys],
    source: &Properties,
    overrides: &[(String, String)],
    findings: &mut Vec<Finding>,
    errors: &mut Vec<ConfigError>,
) {
    let last: HashMap<&str, usize> =
        source.entries().iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
    for entry in source.entries() {
        let (origin, key) = (Origin::Line(entry.line), entry.key.as_str());
        match last.get(key) {
            Some(&by_line) if by_line != entry.line => {
                let kind = FindingKind::Repeated { by_line };
                findings.push(Finding { origin, key: key.to_owned(), kind });
            }
            _ => {
                let setting = Setting { origin, key, value: &entry.value };
                errors.extend(apply(objects, known, setting, findings).err());
            }
        }
    }
    for (key, value) in overrides {
        let setting = Setting { origin: Origin::Override, key, value };
        errors.extend(apply(objects, known, setting, findings).err());
    }
}

/// Where a key got its value; defaults that can be wrong come from the environment.
pub(super) fn origin_of(key: &str, source: &Properties, overrides: &[(String, String)]) -> Origin {
    let overridden = overrides.iter().any(|(other, _)| other == key);
    let line = source.entries().iter().rfind(|entry| entry.key == key).map(|entry| entry.line);
    match line {
        _ if overridden => Origin::Override,
        Some(line) => Origin::Line(line),
        None => Origin::Environment,
    }
}

/// The listing of `GET_*_CONFIG`: the keys of all objects, of a key they share the last object's value,
/// then what only the file has.
pub(super) fn listing(objects: &[&dyn ConfigObject], source: &Properties) -> Vec<(String, String)> {
    let mut listing: Vec<(String, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (key, value) in objects.iter().flat_map(|object| object.entries()) {
        if let Some(listed) = places.get(key).and_then(|place| listing.get_mut(*place)) {
            listed.1 = value;
        } else {
            places.insert(key.to_owned(), listing.len());
            listing.push((key.to_owned(), value));
        }
    }
    let own: Vec<&str> = objects.iter().flat_map(|object| object.keys()).map(|spec| spec.set_as).collect();
    let foreign = source.effective().filter(|entry| !own.contains(&entry.key.as_str()));
    listing.extend(foreign.map(|entry| (entry.key.clone(), entry.value.clone())));
    listing
}

/// The part of a listing RocketMQ counts as important.
pub(super) fn important(objects: &[&dyn ConfigObject]) -> Vec<(String, String)> {
    let specs = objects.iter().flat_map(|object| object.keys().iter().map(move |spec| (object, spec)));
    specs
        .filter(|(_, spec)| spec.is_important)
        .filter_map(|(object, spec)| Some((spec.key.to_owned(), object.get(spec.key)?)))
        .collect()
}

/// Refuses texts that cannot be what their keys stand for; `origin` says where they were set.
pub(super) fn check_server_texts(
    server: &NettyServerConfig,
    origin: impl Fn(&str) -> Origin,
) -> Result<(), ConfigError> {
    let host = server.bind_address.trim();
    let is_numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_numeric && host.parse::<IpAddr>().is_err() {
        let problem = "it is an IP address or the name of a host";
        return Err(malformed(&origin, "bindAddress", host, problem));
    }
    Ok(())
}

/// A value of the right type that says nothing sensible.
pub(super) fn malformed(
    origin: impl Fn(&str) -> Origin,
    key: &str,
    value: &str,
    problem: &'static str,
) -> ConfigError {
    ConfigError::Malformed { origin: origin(key), key: key.to_owned(), value: value.to_owned(), problem }
}

/// Reads a configuration file.
pub fn read(path: &std::path::Path) -> Result<Properties, ConfigError> {
    let bytes =
        std::fs::read(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    Ok(Properties::parse(&bytes)?)
}

/// Sets one key in all objects and says what there is to say about it.
fn apply(
    objects: &mut [&mut dyn ConfigObject],
    known: &[KnownKeys],
    setting: Setting<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), ConfigError> {
    let mut reports = Vec::new();
    let mut is_known = false;
    for object in objects.iter_mut() {
        for spec in object.keys().iter().filter(|spec| spec.set_as == setting.key) {
            is_known = true;
            reports.push(apply_to(&mut **object, spec, setting)?);
        }
    }
    if let Some(group) = known.iter().find(|group| group.keys.contains(&setting.key)).filter(|_| !is_known) {
        is_known = true;
        reports.push(Some(FindingKind::NoEffect { why: group.why }));
    }
    if !is_known {
        let own: Vec<_> = objects.iter().map(|object| object.keys()).collect();
        let nearest = nearest_key(&own, known, setting.key);
        reports.push(Some(FindingKind::UnknownKey { nearest }));
    }
    // A key of several objects counts as honoured when one of them honours it.
    if reports.iter().all(Option::is_some)
        && let Some(kind) = reports.into_iter().flatten().next()
    {
        findings.push(Finding { origin: setting.origin, key: setting.key.to_owned(), kind });
    }
    Ok(())
}

fn apply_to(
    object: &mut dyn ConfigObject,
    spec: &KeySpec,
    setting: Setting<'_>,
) -> Result<Option<FindingKind>, ConfigError> {
    let Setting { origin, key, value } = setting;
    if let (true, Effect::Inert(why)) = (spec.is_read_only, spec.effect) {
        return Ok(Some(FindingKind::NoEffect { why }));
    }
    let before = object.get(spec.key);
    if let Err(wrong) = object.set(spec.key, value) {
        let value = redact(key, value).to_owned();
        return Err(ConfigError::WrongType { origin, key: key.to_owned(), value, expected: wrong.expected });
    }
    let after = object.get(spec.key);
    check_range(spec, after.as_deref(), setting)?;
    // Only changes count: a file that spells out the defaults asks for nothing.
    if before == after {
        return Ok(None);
    }
    match spec.effect {
        Effect::Honoured => Ok(None),
        Effect::Inert(why) => Ok(Some(FindingKind::NoEffect { why })),
        Effect::Refused(why) => {
            let value = redact(key, value).to_owned();
            Err(ConfigError::Refused { origin, key: key.to_owned(), value, why })
        }
    }
}

fn check_range(spec: &KeySpec, value: Option<&str>, setting: Setting<'_>) -> Result<(), ConfigError> {
    let Some((min, max)) = spec.range else { return Ok(()) };
    let Some(value) = value.and_then(|value| value.parse::<i64>().ok()) else { return Ok(()) };
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange { origin: setting.origin, key: setting.key.to_owned(), value, min, max })
}

/// The known key most like an unknown one, if few enough letters differ.
pub(super) fn nearest_key(
    own: &[&'static [KeySpec]],
    known: &[KnownKeys],
    key: &str,
) -> Option<&'static str> {
    let specs = || own.iter().copied().flatten();
    // A key as RocketMQ lists it is not always the key it is set by.
    if let Some(listed) = specs().find(|spec| spec.key == key) {
        return Some(listed.set_as);
    }
    let wanted = key.to_ascii_lowercase();
    let own = specs().filter(|spec| !spec.is_read_only).map(|spec| spec.set_as);
    let foreign = known.iter().flat_map(|group| group.keys.iter().copied());
    own.chain(foreign)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (key.len() / 4).clamp(1, 5))
        .map(|(_, candidate)| candidate)
}
