//! NVRTC: from the embedded source to machine code of one architecture. It needs no GPU and no driver.

use std::ffi::{CString, c_char};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::OnceLock;

use cudarc::nvrtc::sys;

use crate::CudaError;
use crate::source::{CONV, FILES, Module};

/// Names a folder with `libnvrtc.so.12`, where the system has none.
pub const FOLDER_VARIABLE: &str = "SPARROWHAWK_NVRTC";

/// Where `cargo xtask setup` puts the PyPI package.
const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/nvrtc");

/// Machine code of a module for compute capability `arch` (75 for 7.5).
///
/// # Errors
/// [`CudaError::NoCompiler`], [`CudaError::Compile`].
pub fn compile(module: Module, arch: u32) -> Result<Vec<u8>, CudaError> {
    find_compiler()?;
    let program = Program::new(&module.text())?;
    let options = [format!("--gpu-architecture=sm_{arch}"), "--std=c++17".into()];
    let options: Vec<CString> = options.iter().map(|option| text(option)).collect();
    let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
    // SAFETY: the program is alive, and the options are as many C strings as said.
    let result = unsafe { sys::nvrtcCompileProgram(program.0, pointers.len() as i32, pointers.as_ptr()) };
    if result != sys::nvrtcResult::NVRTC_SUCCESS {
        return Err(CudaError::Compile { module: module.to_string(), arch, log: program.log() });
    }
    program.code()
}

/// Makes sure that NVRTC is loaded: the system's, or the one of a PyPI package.
fn find_compiler() -> Result<(), CudaError> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    // SAFETY: loading NVRTC runs its initialisers, which touch nothing of ours.
    let found = *FOUND.get_or_init(|| preload() || unsafe { sys::is_culib_present() });
    if found { Ok(()) } else { Err(CudaError::NoCompiler) }
}

/// Loads NVRTC by its path. A later search by name then finds the loaded library.
fn preload() -> bool {
    folders().iter().any(|folder| {
        // SAFETY: as above.
        let library = unsafe { libloading::Library::new(folder.join("libnvrtc.so.12")) };
        library.map(std::mem::forget).is_ok()
    })
}

fn folders() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        return vec![folder.into()];
    }
    let pythons = std::fs::read_dir(Path::new(VENV).join("lib")).into_iter().flatten().flatten();
    pythons.map(|python| python.path().join("site-packages/nvidia/cuda_nvrtc/lib")).collect()
}

/// A C string; the sources and options have no zeros inside.
fn text(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

struct Program(sys::nvrtcProgram);

impl Program {
    fn new(source: &str) -> Result<Self, CudaError> {
        let source = text(source);
        let files: Vec<(CString, CString)> =
            FILES.iter().chain([&CONV]).map(|(name, content)| (text(name), text(content))).collect();
        let contents: Vec<*const c_char> = files.iter().map(|(_, content)| content.as_ptr()).collect();
        let names: Vec<*const c_char> = files.iter().map(|(name, _)| name.as_ptr()).collect();
        let mut program = ptr::null_mut();
        // SAFETY: every pointer is a C string that lives until the call returns, and there are as many as said.
        let result = unsafe {
            sys::nvrtcCreateProgram(
                &raw mut program,
                source.as_ptr(),
                c"sparrowhawk.cu".as_ptr(),
                files.len() as i32,
                contents.as_ptr(),
                names.as_ptr(),
            )
        };
        check("creating a program", result)?;
        Ok(Self(program))
    }

    fn log(&self) -> String {
        let mut bytes = 0;
        // SAFETY: the program is alive, and the buffer has the size that was asked for.
        let log = unsafe {
            sys::nvrtcGetProgramLogSize(self.0, &raw mut bytes);
            let mut log = vec![0u8; bytes];
            sys::nvrtcGetProgramLog(self.0, log.as_mut_ptr().cast());
            log
        };
        String::from_utf8_lossy(&log).trim_end_matches('\0').to_owned()
    }

    fn code(&self) -> Result<Vec<u8>, CudaError> {
        let mut bytes = 0;
        // SAFETY: the program is alive.
        check("asking for the size of the code", unsafe { sys::nvrtcGetCUBINSize(self.0, &raw mut bytes) })?;
        let mut code = vec![0u8; bytes];
        // SAFETY: the buffer has the size that was asked for.
        check("asking for the code", unsafe { sys::nvrtcGetCUBIN(self.0, code.as_mut_ptr().cast()) })?;
        Ok(code)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program is alive, and nobody uses it after this.
        unsafe { sys::nvrtcDestroyProgram(&raw mut self.0) };
    }
}

fn check(what: &str, result: sys::nvrtcResult) -> Result<(), CudaError> {
    match result {
        sys::nvrtcResult::NVRTC_SUCCESS => Ok(()),
        code => Err(CudaError::Driver { what: format!("NVRTC, {what}"), message: format!("{code:?}") }),
    }
}
