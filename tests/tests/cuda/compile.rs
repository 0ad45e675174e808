//! NVRTC compiles every module for every architecture that is supported. No GPU is needed.
//!
//! `cargo xtask setup` installs the compiler, a PyPI package, into `target/nvrtc`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cuda::cache::Cache;
use cuda::compile::compile;
use cuda::resources::{Resources, resources};
use cuda::source::Module;

/// T4 and RTX 20, A100, RTX 30, L4 and RTX 40, H100. Compiling takes seconds: the tests share what it gives.
static ARCHITECTURES: [(u32, LazyLock<PathBuf>); 5] = [
    (75, LazyLock::new(|| compiled(75))),
    (80, LazyLock::new(|| compiled(80))),
    (86, LazyLock::new(|| compiled(86))),
    (89, LazyLock::new(|| compiled(89))),
    (90, LazyLock::new(|| compiled(90))),
];

/// Most bytes of a thread's local memory: room for a few registers. Sums of a tile, which take 64 B and more, must be in
/// registers.
const MOST_LOCAL_BYTES: u32 = 48;

/// A new cache folder of a user with the machine code of all modules.
fn compiled(arch: u32) -> PathBuf {
    let caches = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("code-{arch}"));
    let _ = std::fs::remove_dir_all(&caches);
    let cache = Cache::at(Some(kept(&caches)), "", arch);
    for module in Module::all() {
        let code = cache.code(module, || compile(module, arch)).unwrap_or_else(|error| panic!("{error}"));
        let kernels = resources(&code).unwrap_or_else(|| panic!("{module} for sm_{arch}: no machine code"));
        assert!(!kernels.is_empty(), "{module} for sm_{arch}: no kernels");
        for kernel in kernels {
            let Resources { kernel, local_bytes, .. } = kernel;
            assert!(
                local_bytes <= MOST_LOCAL_BYTES,
                "{kernel} on sm_{arch}: {local_bytes} B of local memory"
            );
        }
    }
    caches
}

/// The cache folder of an architecture.
pub(crate) fn caches(arch: u32) -> &'static Path {
    let found = ARCHITECTURES.iter().find(|(known, _)| *known == arch);
    found.unwrap_or_else(|| panic!("sm_{arch} is not supported")).1.as_path()
}

/// Where a process with this cache folder keeps its files.
pub(crate) fn kept(caches: &Path) -> PathBuf {
    caches.join("sparrowhawk/cuda")
}

#[test]
fn every_module_compiles_for_every_architecture() {
    // A thread for each architecture uses what cores there are.
    std::thread::scope(|scope| {
        for (arch, _) in &ARCHITECTURES {
            scope.spawn(|| assert!(caches(*arch).is_dir()));
        }
    });
}
