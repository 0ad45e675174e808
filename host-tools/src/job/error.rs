//! What can be wrong with a job.

use std::path::PathBuf;

/// Error of reading or completing a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The job file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a value of the wrong type.
    #[error("{}:{line}: {message}", path.display())]
    Toml {
        /// The job file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key that does not exist.
    #[error("{}:{line}: unknown key `{key}`{section}; {hint}", path.display())]
    UnknownKey {
        /// The job file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// ` in [section]`, or nothing at the top.
        section: String,
        /// The nearest key, or all.
        hint: String,
    },
    /// A value that is not allowed, or a missing one.
    #[error("`{key}`: {what}")]
    Value {
        /// Key with its section.
        key: String,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// A data SPEC is wrong.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
}

impl JobError {
    /// A [`JobError::Value`].
    pub(crate) fn value(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Value { key: key.into(), what: what.into() }
    }
}
