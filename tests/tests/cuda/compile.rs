//! NVRTC compiles every module for every architecture that is supported. No GPU is needed.
//!
//! `cargo xtask setup` installs the compiler, a PyPI package, into `target/nvrtc`.

use cuda::compile::compile;
use cuda::source::Module;

/// T4 and RTX 20, A100, RTX 30, L4 and RTX 40, H100.
const ARCHITECTURES: [u32; 5] = [75, 80, 86, 89, 90];

#[test]
fn every_module_compiles_for_every_architecture() {
    // The compiler takes seconds for a module; a thread for each architecture uses what cores there are.
    std::thread::scope(|scope| {
        for arch in ARCHITECTURES {
            scope.spawn(move || {
                for module in Module::all() {
                    let code = compile(module, arch).unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(code[..4], *b"\x7fELF", "{module} for sm_{arch}");
                }
            });
        }
    });
}
