//! The emulated GPU: a shared library of all kernels, built by the system's C++ compiler.

use std::collections::BTreeSet;
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use cuda::source::Module;
use cuda::{CudaError, Device, Launch};

/// A GPU's instructions on a processor.
pub(crate) struct Emulated {
    arch: u32,
    // The emulation keeps its block in global variables.
    library: Mutex<libloading::Library>,
}

/// Turing: small multiplications, no asynchronous copies.
pub(crate) static TURING: LazyLock<Emulated> = LazyLock::new(|| Emulated::build(75, 750));
/// Ampere and Ada.
pub(crate) static AMPERE: LazyLock<Emulated> = LazyLock::new(|| Emulated::build(80, 800));
/// Hopper: as Ampere, with more kernels to choose from.
pub(crate) static HOPPER: LazyLock<Emulated> = LazyLock::new(|| Emulated::build(90, 900));

type LaunchFunction = unsafe extern "C" fn(*const c_char, u32, u32, u32, *const c_void, u64) -> c_int;

impl Emulated {
    fn build(arch: u32, number: u32) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let kernels = Path::new(crate::KERNELS);
        // One library of all modules: every family's definition first, then each file once.
        let mut lines: Vec<String> = Module::all()
            .flat_map(|module| module.text().lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        lines.sort_by_key(|line| line.starts_with("#include"));
        lines.dedup();
        let texts = lines.join("\n");
        let source = folder.join(format!("kernels-{number}.cpp"));
        std::fs::write(&source, format!("#define EMULATE\n{texts}\n"))
            .expect("the target folder is writable");
        let library = folder.join(format!("kernels-{number}.so"));
        compile(&source, kernels, number, &library);
        // SAFETY: the library is the one just built; its initialisers only fill a table.
        let library = unsafe { libloading::Library::new(&library) }.expect("the library was just built");
        Self { arch, library: Mutex::new(library) }
    }
}

fn compile(source: &Path, kernels: &Path, arch: u32, library: &PathBuf) {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let output = Command::new(&compiler)
        .args(["-std=c++17", "-O1", "-fwrapv", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"])
        .args(["-Wno-unknown-pragmas", "-U_FORTIFY_SOURCE", "-fvisibility=hidden"])
        .arg(format!("-DARCH={arch}"))
        .arg("-I")
        .arg(kernels)
        .arg("-o")
        .args([library, &source.to_path_buf()])
        .output()
        .expect("a C++ compiler is needed: apt-get install g++, or name one in CXX");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Memory of the emulated GPU, aligned as a GPU's.
pub(crate) struct Bytes {
    memory: Vec<Aligned>,
}

#[repr(C, align(256))]
#[derive(Clone)]
struct Aligned([u8; 256]);

impl Bytes {
    fn slice(&self) -> &[u8] {
        self.memory.as_flattened_bytes()
    }
}

trait Flattened {
    fn as_flattened_bytes(&self) -> &[u8];
}

impl Flattened for Vec<Aligned> {
    fn as_flattened_bytes(&self) -> &[u8] {
        // SAFETY: `Aligned` is bytes without padding.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), self.len() * 256) }
    }
}

impl Device for Emulated {
    type Memory = Bytes;
    type Sequence = Vec<Launch>;

    fn arch(&self) -> u32 {
        self.arch
    }

    fn load(&self, _: &BTreeSet<Module>) -> Result<(), CudaError> {
        Ok(())
    }

    fn reserve(&self, bytes: u64, _: usize) -> Result<Bytes, CudaError> {
        Ok(Bytes { memory: vec![Aligned([0xcc; 256]); (bytes as usize).div_ceil(256)] })
    }

    fn address(&self, memory: &Bytes) -> u64 {
        memory.memory.as_ptr() as u64
    }

    fn write(&self, memory: &mut Bytes, at: u64, bytes: &[u8]) -> Result<(), CudaError> {
        for (i, &byte) in bytes.iter().enumerate() {
            let at = at as usize + i;
            memory.memory[at / 256].0[at % 256] = byte;
        }
        Ok(())
    }

    fn read(&self, memory: &Bytes, at: u64, bytes: &mut [u8]) -> Result<(), CudaError> {
        bytes.copy_from_slice(&memory.slice()[at as usize..at as usize + bytes.len()]);
        Ok(())
    }

    unsafe fn sequence(&self, launches: Vec<Launch>) -> Result<Vec<Launch>, CudaError> {
        Ok(launches)
    }

    unsafe fn run(&self, launches: &Vec<Launch>) -> Result<(), CudaError> {
        let library = self.library.lock().expect("no test panics inside the emulation");
        // SAFETY: the library exports this function with this type.
        let run =
            unsafe { library.get::<LaunchFunction>(b"emulate_launch\0") }.expect("the library exports it");
        for launch in launches {
            let name = CString::new(launch.kernel.as_str()).expect("a kernel's name");
            let bytes = launch.args.bytes();
            // SAFETY: the caller's addresses are good, and the emulation checks the structure's size.
            let code = unsafe {
                run(
                    name.as_ptr(),
                    launch.grid,
                    launch.threads,
                    launch.shared,
                    bytes.as_ptr().cast(),
                    bytes.len() as u64,
                )
            };
            assert_eq!(code, 0, "{} does not fit its launch: {launch:?}", launch.kernel);
        }
        Ok(())
    }
}
