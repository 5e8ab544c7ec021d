//! Files that commands read and write.

use std::{fs, path::Path};

use common::fastjson;
use serde::de::DeserializeOwned;

use crate::error::AdminError;

/// Reads a JSON array that has at least one item.
pub(crate) fn read_list<T: DeserializeOwned>(path: &str) -> Result<Vec<T>, AdminError> {
    let list: Vec<T> = fastjson::from_slice(&read(path)?)
        .map_err(|error| AdminError::Failed(format!("{path} is no list of configurations: {error}")))?;
    if list.is_empty() {
        return Err(AdminError::Failed(format!("{path} holds an empty list, nothing was done")));
    }
    Ok(list)
}

/// Reads a file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, AdminError> {
    fs::read(path).map_err(|source| AdminError::File { path: path.into(), source })
}

/// Writes a file, its directory included.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), AdminError> {
    let failed = |source| AdminError::File { path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
