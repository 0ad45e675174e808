//! The emulated GPU: a shared library of all kernels, built by the system's C++ compiler. It is a driver as well.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use cuda::source::{CONV, Family, Module};
use cuda::{CudaError, Device, Launch};

/// Where the kernels' sources are.
const KERNELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels/cuda");

/// A GPU's instructions on a processor.
pub(crate) struct Emulated {
    arch: u32,
    folder: PathBuf,
    // The emulation keeps its block in global variables.
    library: Mutex<libloading::Library>,
    allocate: AllocateFunction,
    release: ReleaseFunction,
}

/// Turing: small multiplications, no asynchronous copies.
pub(crate) static TURING: LazyLock<Emulated> = LazyLock::new(|| Emulated::build(75));
/// Ampere: the code of Ada and Hopper too, and every family of kernels is used.
static AMPERE: LazyLock<Emulated> = LazyLock::new(|| Emulated::build(80));

/// One for each way in which the source was written.
pub(crate) static DEVICES: [&LazyLock<Emulated>; 2] = [&TURING, &AMPERE];

type LaunchFunction = unsafe extern "C" fn(*const c_char, u32, u32, u32, *const c_void, u64) -> c_int;
type AllocateFunction = unsafe extern "C" fn(u64) -> u64;
type ReleaseFunction = unsafe extern "C" fn(u64);

impl Emulated {
    fn build(arch: u32) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sm_{arch}"));
        std::fs::create_dir_all(&folder).expect("the target folder is writable");
        let families = Family::ALL.map(|family| format!("#define FAMILY_{}\n", family.name().to_uppercase()));
        let (source, library) = (folder.join("kernels.cpp"), folder.join("libcuda.so.1"));
        let text = format!(
            "#define EMULATE\n#define ARCH {arch}0\n{}{}#include \"{}\"\n\
             #include \"emulate/driver.h\"\n",
            families.concat(),
            Module::Simple.text(),
            CONV.0
        );
        std::fs::write(&source, text).expect("the target folder is writable");
        compile(&source, &library);
        // SAFETY: the library is the one just built; its initialisers only fill a table.
        let library = unsafe { libloading::Library::new(&library) }.expect("the library was just built");
        // SAFETY: the library exports these functions with these types.
        let (allocate, release) = unsafe {
            (
                *library.get::<AllocateFunction>(b"emulate_allocate\0").expect("is exported"),
                *library.get::<ReleaseFunction>(b"emulate_release\0").expect("is exported"),
            )
        };
        Self { arch, folder, library: Mutex::new(library), allocate, release }
    }

    /// Where its driver is, for another process.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a process finds a driver that is not emulated.
    pub(crate) fn system_has_a_driver() -> bool {
        // SAFETY: loading a driver runs its initialisers, which touch nothing of ours.
        unsafe { libloading::Library::new("libcuda.so.1") }.is_ok()
    }
}

fn compile(source: &Path, library: &Path) {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let output = Command::new(&compiler)
        .args(["-std=c++17", "-O1", "-fwrapv", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"])
        .args(["-Wno-unknown-pragmas", "-U_FORTIFY_SOURCE", "-fvisibility=hidden", "-I", KERNELS, "-o"])
        .args([library, source])
        .output()
        .expect("a C++ compiler is needed: apt-get install g++, or name one in CXX");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Memory of the emulated GPU; the kernels write to it behind the compiler's back.
pub(crate) struct Bytes {
    address: u64,
    len: usize,
    release: ReleaseFunction,
}

impl Bytes {
    fn at(&self, at: u64, count: usize) -> &[Cell<u8>] {
        // SAFETY: so many bytes were reserved there, and nobody else has them until this is dropped.
        let all = unsafe { std::slice::from_raw_parts(self.address as *const Cell<u8>, self.len) };
        &all[at as usize..][..count]
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: it was reserved by the same library, which is never unloaded.
        unsafe { (self.release)(self.address) };
    }
}

impl Device for Emulated {
    type Memory = Bytes;
    type Sequence = Vec<Launch>;

    fn arch(&self) -> u32 {
        self.arch
    }

    /// Those of the emulated driver.
    fn multiprocessors(&self) -> u32 {
        40
    }

    fn load(&self, _: &BTreeSet<Module>) -> Result<(), CudaError> {
        Ok(())
    }

    fn reserve(&self, bytes: u64, _: usize) -> Result<Bytes, CudaError> {
        // SAFETY: it only reserves.
        let address = unsafe { (self.allocate)(bytes) };
        assert_ne!(address, 0, "no memory");
        Ok(Bytes { address, len: bytes as usize, release: self.release })
    }

    fn address(&self, memory: &Bytes) -> u64 {
        memory.address
    }

    fn write(&self, memory: &mut Bytes, at: u64, bytes: &[u8]) -> Result<(), CudaError> {
        memory.at(at, bytes.len()).iter().zip(bytes).for_each(|(cell, &byte)| cell.set(byte));
        Ok(())
    }

    fn read(&self, memory: &Bytes, at: u64, bytes: &mut [u8]) -> Result<(), CudaError> {
        memory.at(at, bytes.len()).iter().zip(bytes).for_each(|(cell, byte)| *byte = cell.get());
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
