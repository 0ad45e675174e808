//! Builds the firmware of a board, once per process; cargo decides whether anything is stale.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Board, BoardError, Packing, Toolchain, process};

const BINARY: &str = "sparrowhawk-firmware";
const PRODUCT: &str = "product";
/// A first build compiles `core`, on a machine that may be busy.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Which firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Image {
    /// What `audit` and `size` look at.
    Product,
    /// With markers around the steps.
    Count,
    /// With the conformance cases of the kernels.
    Conformance,
}

static BUILT: Mutex<BTreeMap<(&'static str, Image), PathBuf>> = Mutex::new(BTreeMap::new());

/// The linked firmware of this board, built if it has to be. Silent unless that fails.
///
/// # Errors
/// No sources, no toolchain, or a build that failed, with its log.
pub fn build(board: &'static Board) -> Result<PathBuf, BoardError> {
    build_image(board, Image::Product)
}

/// One of the linked firmwares of this board.
///
/// # Errors
/// Those of [`build`].
pub fn build_image(board: &'static Board, image: Image) -> Result<PathBuf, BoardError> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(&(board.name, image)).filter(|path| path.is_file()) {
        return Ok(path.clone());
    }
    let path = build_now(board, image)?;
    built.insert((board.name, image), path.clone());
    Ok(path)
}

fn repository() -> Result<PathBuf, BoardError> {
    let here = env::current_dir().map_err(BoardError::io("cannot read the current folder"))?;
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(built_from.parent())
        .find(|folder| folder.join("targets/firmware/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or(BoardError::NoSources)
}

/// Folder of the firmware's sources.
pub(super) fn sources() -> Result<PathBuf, BoardError> {
    Ok(repository()?.join("targets/firmware"))
}

/// The linked firmware of one model and nothing else: `needs` are the features of `sparrowhawk-runtime` that it links.
///
/// # Errors
/// Those of [`build`].
pub fn build_product(board: &'static Board, model: &Path, needs: &[&str]) -> Result<PathBuf, BoardError> {
    let model = std::path::absolute(model).map_err(BoardError::file("find", model))?;
    link(board, PRODUCT, &format!("{}-product", board.name), |command| {
        let features: Vec<String> = needs.iter().map(|need| format!("runtime/{need}")).collect();
        command.args(["--bin", PRODUCT, "--no-default-features", "--features"]);
        command.arg(format!("{PRODUCT},{}", features.join(",")));
        command.env("SPARROWHAWK_MODEL", &model);
    })
}

fn build_now(board: &'static Board, image: Image) -> Result<PathBuf, BoardError> {
    let name = match image {
        Image::Product => board.name.to_owned(),
        Image::Count => format!("{}-count", board.name),
        Image::Conformance => format!("{}-conformance", board.name),
    };
    link(board, BINARY, &name, |command| {
        command.args(["--bin", BINARY]);
        if board.small {
            command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s");
        }
        let mut features = match image {
            Image::Product => vec![],
            Image::Count => vec!["count"],
            Image::Conformance => vec!["conformance"],
        };
        if board.packing == Packing::Rows {
            command.arg("--no-default-features");
            features.extend(["runtime/every-operator", "runtime/rows"]);
        }
        command.arg("--features").arg(features.join(","));
    })
}

/// Builds one program for a board; gives its copy under `name`.
fn link(
    board: &'static Board,
    program: &str,
    name: &str,
    choose: impl FnOnce(&mut Command),
) -> Result<PathBuf, BoardError> {
    let repository = repository()?;
    let sources = sources()?;
    let target_folder =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from);
    let folder = std::path::absolute(target_folder.join("firmware"))
        .map_err(BoardError::io("cannot find the target folder"))?;
    fs::create_dir_all(&folder).map_err(BoardError::file("create", &folder))?;

    // Boards of one target share cargo's output file, so build and copy are one critical section.
    let lock_path = folder.join("lock");
    let lock = File::create(&lock_path).map_err(BoardError::file("create", &lock_path))?;
    lock.lock().map_err(BoardError::file("lock", &lock_path))?;

    let toolchain = Toolchain::detect(board.target, &sources)?;
    let mut command = toolchain.build_command(board);
    command.current_dir(&sources).arg("--quiet").arg("--locked");
    command.env("CARGO_TARGET_DIR", &folder).env("SPARROWHAWK_BOARD", board.name);
    choose(&mut command);
    let done = process::finish(&mut command, BUILD_LIMIT).map_err(BoardError::io("cannot start cargo"))?;
    if !done.success {
        return Err(BoardError::Build { board: board.name, log: done.stderr });
    }
    let linked = folder.join(board.target).join("release").join(program);
    let path = folder.join(format!("{name}.elf"));
    let fresh = folder.join(format!("{name}.elf.new"));
    // Renamed, so that an emulator that is reading the old file keeps it.
    fs::copy(&linked, &fresh).map_err(BoardError::file("copy", &linked))?;
    fs::rename(&fresh, &path).map_err(BoardError::file("replace", &path))?;
    Ok(path)
}
