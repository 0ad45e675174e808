//! What need not be found out twice: machine code by source, and the fastest kernel by shape, in the user's cache folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::CudaError;
use crate::source::{Family, Module};

/// Files of one GPU in the cache folder.
pub struct Cache {
    /// None where the user has no cache folder.
    folder: Option<PathBuf>,
    gpu: String,
    arch: u32,
}

impl Cache {
    /// The cache of a GPU: `$XDG_CACHE_HOME/sparrowhawk/cuda`, or that folder in `~/.cache`.
    pub fn of(gpu: &str, arch: u32) -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        Self::at(caches.map(|caches| caches.join("sparrowhawk/cuda")), gpu, arch)
    }

    /// A cache in a folder.
    pub fn at(folder: Option<PathBuf>, gpu: &str, arch: u32) -> Self {
        let gpu = gpu.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
        Self { folder, gpu: gpu.collect(), arch }
    }

    /// Machine code of a module: from the cache, or made and put there.
    ///
    /// # Errors
    /// Those of `make`, and [`CudaError::Cache`].
    pub fn code(
        &self,
        module: Module,
        make: impl FnOnce() -> Result<Vec<u8>, CudaError>,
    ) -> Result<Vec<u8>, CudaError> {
        let name = format!("{module}-{}-sm{}.cubin", module.hash(), self.arch);
        let Some(path) = self.path(&name) else { return make() };
        if let Ok(code) = std::fs::read(&path) {
            return Ok(code);
        }
        let code = make()?;
        write(path, &code)?;
        Ok(code)
    }

    /// Names of the fastest kernels by shape; none where nothing was measured or the file is damaged.
    pub fn choices(&self) -> BTreeMap<String, String> {
        let bytes = self.path(&self.choices_name()).and_then(|path| std::fs::read(path).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps the choices.
    ///
    /// # Errors
    /// [`CudaError::Cache`].
    pub fn set_choices(&self, choices: &BTreeMap<String, String>) -> Result<(), CudaError> {
        let Some(path) = self.path(&self.choices_name()) else { return Ok(()) };
        let json = serde_json::to_vec_pretty(choices).unwrap_or_default();
        write(path, &json)
    }

    /// Another source is another speed.
    fn choices_name(&self) -> String {
        format!("{}-{}.json", self.gpu, Module::Conv(Family::Bytes).hash())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}

/// Writes a file whole or not at all: another process may read it.
fn write(path: PathBuf, bytes: &[u8]) -> Result<(), CudaError> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let done = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&partial, bytes))
        .and_then(|()| std::fs::rename(&partial, &path));
    done.map_err(|source| CudaError::Cache { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(Some(folder.path().join("new")), "NVIDIA T4", 75);
        let made = cache.code(Module::Simple, || Ok(vec![1, 2, 3])).unwrap();
        assert_eq!(made, [1, 2, 3]);
        let again = cache.code(Module::Simple, || Err(CudaError::NoCompiler)).unwrap();
        assert_eq!(again, [1, 2, 3]);
        let other = Cache::at(Some(folder.path().join("new")), "NVIDIA T4", 80);
        assert!(other.code(Module::Simple, || Err(CudaError::NoCompiler)).is_err());

        assert!(cache.choices().is_empty());
        let choices = BTreeMap::from([("shape".to_owned(), "kernel".to_owned())]);
        cache.set_choices(&choices).unwrap();
        assert_eq!(cache.choices(), choices);
        assert!(Cache::at(Some(folder.path().join("new")), "NVIDIA A100", 80).choices().is_empty());
    }

    #[test]
    fn nothing_is_kept_without_a_folder() {
        let cache = Cache::at(None, "NVIDIA T4", 75);
        assert_eq!(cache.code(Module::Simple, || Ok(vec![7])).unwrap(), [7]);
        assert!(cache.set_choices(&BTreeMap::new()).is_ok());
    }
}
