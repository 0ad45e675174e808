//! Builds the emulator's plugin with the host's C compiler.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::CountError;

/// The plugin as a shared library in the target folder; built anew, because that takes a fraction of a second.
///
/// # Errors
/// No compiler, or one that failed.
pub(super) fn build() -> Result<PathBuf, CountError> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| package.join("../target"), PathBuf::from);
    let folder = target.join("mcu");
    fs::create_dir_all(&folder).map_err(CountError::file("create", &folder))?;
    let folder = fs::canonicalize(&folder).map_err(CountError::file("find", &folder))?;
    let library = folder.join("count.so");
    // Renamed, so that an emulator that has the old file open keeps it; a name of its own, so that builds at the
    // same time do not meet.
    let fresh = tempfile::Builder::new().prefix("count-").suffix(".so").tempfile_in(&folder);
    let fresh = fresh.map_err(CountError::file("write to", &folder))?.into_temp_path();
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", "-o"]);
    let output = compiler.arg(&fresh).arg(package.join("plugin/count.c")).output();
    let output = output.map_err(|error| CountError::Plugin { log: error.to_string() })?;
    if !output.status.success() {
        return Err(CountError::Plugin { log: String::from_utf8_lossy(&output.stderr).into_owned() });
    }
    fresh.persist(&library).map_err(|error| CountError::file("replace", &library)(error.error))?;
    Ok(library)
}
