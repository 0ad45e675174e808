//! What is needed to make a model file again, and to see that it is the same.

use serde::{Deserialize, Serialize};

/// Where a model file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproduce {
    /// Command that runs the job again, from the folder of the report.
    pub command: String,
    /// Program and version.
    pub made_by: String,
    /// Seed of the job.
    pub seed: u64,
    /// The complete job, as in `job.toml`.
    pub job: String,
    /// What went in and what came out.
    pub hashes: Vec<Hash>,
}

/// SHA-256 of a file or of samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash {
    /// The file's name, or which samples.
    pub name: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}
