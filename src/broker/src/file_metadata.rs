//! The broker's tables in the store's `config` directory.

use std::io;

use store::config_files::{ConfigFileError, ConfigFiles, Growth};

use crate::metadata::{MetadataError, MetadataStore};

/// [`MetadataStore`] over the files of a store.
#[derive(Debug)]
pub struct FileMetadata(pub ConfigFiles);

impl MetadataStore for FileMetadata {
    fn load(&self, name: &str, valid: &dyn Fn(&str) -> bool) -> Result<Option<String>, MetadataError> {
        let parse = |text: &str| {
            if valid(text) { Ok(text.to_owned()) } else { Err("content is not readable".to_owned()) }
        };
        self.0.load_with(name, parse).map_err(|error| failed(name, error))
    }

    fn save(&self, name: &str, content: &str) -> Result<(), MetadataError> {
        self.0.save(name, content).map_err(|error| failed(name, error))
    }

    fn grow(&self, name: &str, growth: &Growth<'_>) -> Result<bool, MetadataError> {
        self.0.grow(name, growth).map_err(|error| failed(name, error))
    }

    fn settle(&self, name: &str) -> Result<(), MetadataError> {
        self.0.settle(name).map_err(|error| failed(name, error))
    }
}

fn failed(name: &str, error: ConfigFileError) -> MetadataError {
    let name = name.to_owned();
    match error {
        ConfigFileError::Io { error, .. } => MetadataError::Io { name, source: error },
        ConfigFileError::Damaged { .. } => MetadataError::Damaged { name, problem: error.to_string() },
        ConfigFileError::Empty { .. } => {
            MetadataError::Io { name, source: io::Error::other(error.to_string()) }
        }
    }
}
