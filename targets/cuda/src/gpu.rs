//! A GPU: found, its kernels loaded, graphs of launches, times.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cudarc::driver::sys::{CUevent_flags, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{
    CudaContext, CudaGraph, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig,
    PushKernelArg, result, sys,
};
use cudarc::nvrtc::Ptx;
use runtime::Model;

use crate::cache::Cache;
use crate::compile::compile;
use crate::launch::Launch;
use crate::params::{
    AccumulateParams, AddParams, Args, ConcatParams, PoolParams, RescaleParams, TableParams, WindowParams,
};
use crate::plan::MOST_BYTES;
use crate::source::Module;
use crate::{CudaError, Device, Plan, Runner};

/// The oldest driver, as the version of CUDA that it was made for.
const OLDEST_DRIVER: (i32, i32) = (12, 0);
/// The oldest architecture with integer tensor cores for bytes and nibbles.
const OLDEST: u32 = 75;

// SAFETY: plain structures of integers, `repr(C)` as the kernels declare them.
unsafe impl cudarc::driver::DeviceRepr for AccumulateParams {}
// SAFETY: as above.
unsafe impl cudarc::driver::DeviceRepr for AddParams {}
// SAFETY: as above.
unsafe impl cudarc::driver::DeviceRepr for RescaleParams {}
// SAFETY: as above.
unsafe impl cudarc::driver::DeviceRepr for TableParams {}
// SAFETY: as above.
unsafe impl cudarc::driver::DeviceRepr for ConcatParams {}
// SAFETY: as above.
unsafe impl cudarc::driver::DeviceRepr for PoolParams {}
// SAFETY: as above.
unsafe impl cudarc::driver::DeviceRepr for WindowParams {}

/// An NVIDIA GPU, ready for models.
pub struct Gpu {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    name: String,
    arch: u32,
    multiprocessors: u32,
    clock_khz: u32,
    driver: (i32, i32),
    cache: Cache,
    modules: RefCell<BTreeMap<Module, Arc<CudaModule>>>,
    choices: RefCell<BTreeMap<String, String>>,
}

impl Gpu {
    /// Opens GPU number `index`.
    ///
    /// # Errors
    /// [`CudaError::NoDriver`], [`CudaError::OldDriver`], [`CudaError::NoDevice`], [`CudaError::TooOld`],
    /// [`CudaError::Driver`].
    pub fn open(index: usize) -> Result<Self, CudaError> {
        // SAFETY: loading the driver runs its initialisers, which touch nothing of ours.
        if !unsafe { sys::is_culib_present() } {
            return Err(CudaError::NoDriver);
        }
        let driver = driver_version()?;
        if driver < OLDEST_DRIVER {
            let (major, minor) = driver;
            return Err(CudaError::OldDriver { major, minor });
        }
        result::init().map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => CudaError::NoDevice { index, count: 0 },
            sys::CUresult::CUDA_ERROR_STUB_LIBRARY => CudaError::NoDriver,
            _ => failed("initialising the driver")(error),
        })?;
        let count = CudaContext::device_count().map_err(failed("counting GPUs"))? as usize;
        if index >= count {
            return Err(CudaError::NoDevice { index, count });
        }
        let context = CudaContext::new(index).map_err(failed("opening the GPU"))?;
        let name = context.name().map_err(failed("asking for the GPU's name"))?;
        let (major, minor) = context.compute_capability().map_err(failed("asking for the architecture"))?;
        let arch = (major * 10 + minor) as u32;
        if arch < OLDEST {
            return Err(CudaError::TooOld { name, major, minor });
        }
        let attribute = |which| context.attribute(which).map_err(failed("asking for an attribute"));
        use sys::CUdevice_attribute_enum as Attribute;
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32;
        let clock_khz = attribute(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)? as u32;
        // SAFETY: everything here is on one stream, so there is nothing to wait for between streams.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(failed("making a stream"))?;
        let cache = Cache::of(&name, arch);
        let choices = RefCell::new(cache.choices());
        let modules = RefCell::default();
        Ok(Self { context, stream, name, arch, multiprocessors, clock_khz, driver, cache, modules, choices })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Highest clock.
    pub fn clock_khz(&self) -> u32 {
        self.clock_khz
    }

    /// Version of CUDA that the driver knows.
    pub fn driver(&self) -> (i32, i32) {
        self.driver
    }

    /// Bytes that are free.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn free_bytes(&self) -> Result<u64, CudaError> {
        let (free, _) = self.context.mem_get_info().map_err(failed("asking for free memory"))?;
        Ok(free as u64)
    }

    /// The largest batch up to `wanted` that fits, given the plan of a single image; at least 1.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn batch_that_fits(&self, single: &Plan, wanted: usize) -> Result<usize, CudaError> {
        // A tenth stays free for the driver's own needs.
        let room = (self.free_bytes()? / 10 * 9).saturating_sub(single.fixed_bytes());
        let largest = single.steps.iter().map(|step| step.output_bytes).max().unwrap_or(1);
        let largest = largest.max(single.input_bytes).max(1) as u64;
        let fits = (room / single.memory.activation_bytes().max(1)).min(MOST_BYTES / largest);
        Ok(wanted.min(fits as usize).max(1))
    }

    /// Waits for everything that was started.
    ///
    /// # Errors
    /// [`CudaError::Driver`]: what a kernel did wrong comes out here.
    pub fn wait(&self) -> Result<(), CudaError> {
        self.stream.synchronize().map_err(failed("waiting for the GPU"))
    }

    /// The fastest of a step's kernels: measured once for a shape, then remembered, also on disk.
    ///
    /// # Errors
    /// [`CudaError::Driver`], [`CudaError::Cache`].
    ///
    /// # Safety
    /// As [`Device::sequence`].
    unsafe fn choose(&self, candidates: &[Launch]) -> Result<usize, CudaError> {
        let key = shape_key(candidates);
        let known = self.choices.borrow().get(&key).cloned();
        if let Some(at) = known.and_then(|name| candidates.iter().position(|c| c.label() == name)) {
            return Ok(at);
        }
        let mut best = (f64::INFINITY, 0);
        for (at, candidate) in candidates.iter().enumerate() {
            // SAFETY: the caller's promise.
            let ms = unsafe { self.milliseconds(std::slice::from_ref(candidate), 3, 10)? }[1];
            if ms < best.0 {
                best = (ms, at);
            }
        }
        self.choices.borrow_mut().insert(key, candidates[best.1].label());
        self.cache.set_choices(&self.choices.borrow())?;
        Ok(best.1)
    }

    /// Times of one run of the launches: quartiles of `samples` measurements of `runs` runs each, after one to warm up.
    ///
    /// # Safety
    /// As [`Device::sequence`].
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    unsafe fn milliseconds(
        &self,
        launches: &[Launch],
        samples: usize,
        runs: usize,
    ) -> Result<[f64; 3], CudaError> {
        // SAFETY: the caller's promise.
        let graph = unsafe { self.sequence(launches.to_vec())? };
        self.times(samples, runs, || self.launch_graph(&graph))
    }

    /// Quartiles of the time of what `start` starts.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn times(
        &self,
        samples: usize,
        runs: usize,
        start: impl Fn() -> Result<(), CudaError>,
    ) -> Result<[f64; 3], CudaError> {
        let event = || {
            let flags = Some(CUevent_flags::CU_EVENT_DEFAULT);
            self.context.new_event(flags).map_err(failed("making an event"))
        };
        let (first, last) = (event()?, event()?);
        start()?;
        let mut times = Vec::with_capacity(samples);
        for _ in 0..samples {
            first.record(&self.stream).map_err(failed("recording an event"))?;
            for _ in 0..runs {
                start()?;
            }
            last.record(&self.stream).map_err(failed("recording an event"))?;
            let ms = first.elapsed_ms(&last).map_err(failed("measuring"))?;
            times.push(f64::from(ms) / runs as f64);
        }
        times.sort_by(f64::total_cmp);
        Ok([1, 2, 3].map(|quarter| times[(samples - 1) * quarter / 4]))
    }

    fn launch_graph(&self, graph: &Option<CudaGraph>) -> Result<(), CudaError> {
        graph.as_ref().map_or(Ok(()), |graph| graph.launch().map_err(failed("launching a graph")))
    }

    fn launch(&self, launch: &Launch) -> Result<(), CudaError> {
        let modules = self.modules.borrow();
        let module = modules.get(&launch.module).ok_or_else(|| CudaError::Driver {
            what: format!("launching {}", launch.kernel),
            message: "its module is not loaded".into(),
        })?;
        let function = module.load_function(&launch.kernel).map_err(failed("finding a kernel"))?;
        let config = LaunchConfig {
            grid_dim: (launch.grid, 1, 1),
            block_dim: (launch.threads, 1, 1),
            shared_mem_bytes: launch.shared,
        };
        let mut builder = self.stream.launch_builder(&function);
        match &launch.args {
            Args::Accumulate(p) => builder.arg(p),
            Args::Add(p) => builder.arg(p),
            Args::Rescale(p) => builder.arg(p),
            Args::Table(p) => builder.arg(p),
            Args::Concat(p) => builder.arg(p),
            Args::Pool(p) => builder.arg(p),
            Args::Window(p) => builder.arg(p),
        };
        // SAFETY: the kernel takes this one structure; its addresses are the promise of whoever made the launch.
        unsafe { builder.launch(config) }.map_err(failed(&format!("launching {}", launch.kernel)))?;
        Ok(())
    }
}

impl<'g> Runner<'g, Gpu> {
    /// Makes a model ready, with the kernels that are the fastest for its shapes.
    ///
    /// # Errors
    /// See [`CudaError`].
    pub fn fastest(gpu: &'g Gpu, model: &Model, batch: usize) -> Result<Self, CudaError> {
        // SAFETY: candidates are bound to the runner's memory, which is reserved by then.
        Self::new(gpu, model, batch, |gpu, candidates| unsafe { gpu.choose(candidates) })
    }

    /// Quartiles of one step's time, on whatever its operands hold.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn step_milliseconds(&self, step: usize, samples: usize, runs: usize) -> Result<[f64; 3], CudaError> {
        // SAFETY: the launch is bound to this runner's memory.
        unsafe { self.device().milliseconds(&self.launches()[step..=step], samples, runs) }
    }
}

impl Device for Gpu {
    type Memory = CudaSlice<u8>;
    type Sequence = Option<CudaGraph>;

    fn arch(&self) -> u32 {
        self.arch
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn load(&self, modules: &BTreeSet<Module>) -> Result<(), CudaError> {
        for &module in modules {
            if self.modules.borrow().contains_key(&module) {
                continue;
            }
            let code = self.cache.code(module, || compile(module, self.arch))?;
            let loaded =
                self.context.load_module(Ptx::from_binary(code)).map_err(failed("loading kernels"))?;
            self.modules.borrow_mut().insert(module, loaded);
        }
        Ok(())
    }

    fn reserve(&self, bytes: u64, batch: usize) -> Result<CudaSlice<u8>, CudaError> {
        let free = self.free_bytes()?;
        if bytes > free {
            return Err(CudaError::Memory { batch, need: bytes, free });
        }
        self.stream.alloc_zeros(bytes as usize).map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => CudaError::Memory { batch, need: bytes, free },
            _ => failed("reserving memory")(error),
        })
    }

    fn address(&self, memory: &CudaSlice<u8>) -> u64 {
        memory.device_ptr(&self.stream).0
    }

    fn write(&self, memory: &mut CudaSlice<u8>, at: u64, bytes: &[u8]) -> Result<(), CudaError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut to = memory.slice_mut(at as usize..at as usize + bytes.len());
        self.stream.memcpy_htod(bytes, &mut to).map_err(failed("copying to the GPU"))
    }

    fn read(&self, memory: &CudaSlice<u8>, at: u64, bytes: &mut [u8]) -> Result<(), CudaError> {
        let from = memory.slice(at as usize..at as usize + bytes.len());
        self.stream.memcpy_dtoh(&from, bytes).map_err(failed("copying from the GPU"))?;
        self.wait()
    }

    unsafe fn sequence(&self, launches: Vec<Launch>) -> Result<Option<CudaGraph>, CudaError> {
        // A kernel is loaded on its first launch, which must not be a recorded one; a wrong launch fails here, by name.
        launches.iter().try_for_each(|launch| self.launch(launch))?;
        self.wait()?;
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.stream.begin_capture(mode).map_err(failed("recording a graph"))?;
        let launched = launches.iter().try_for_each(|launch| self.launch(launch));
        // The recording ends whatever happened.
        let graph = self.stream.end_capture(CUgraphInstantiate_flags(0));
        launched?;
        graph.map_err(failed("making a graph"))
    }

    unsafe fn run(&self, sequence: &Option<CudaGraph>) -> Result<(), CudaError> {
        self.launch_graph(sequence)
    }
}

fn driver_version() -> Result<(i32, i32), CudaError> {
    let mut version = 0;
    // SAFETY: the driver is loaded, and writes one integer.
    let code = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    code.result().map_err(failed("asking for the driver's version"))?;
    Ok((version / 1000, version % 1000 / 10))
}

fn failed(what: &str) -> impl FnOnce(DriverError) -> CudaError {
    let what = what.to_owned();
    move |error| {
        let name =
            error.error_name().map_or_else(|_| format!("{:?}", error.0), |n| n.to_string_lossy().into());
        let text = error.error_string().map_or_else(|_| String::new(), |t| t.to_string_lossy().into());
        CudaError::Driver { what, message: format!("{name}, {text}") }
    }
}

/// What the speed of a step's kernels depends on.
fn shape_key(candidates: &[Launch]) -> String {
    let Some(Launch { kernel, args: Args::Accumulate(p), .. }) = candidates.first() else {
        return candidates.first().map_or_else(String::new, Launch::label);
    };
    format!(
        "{kernel} {} pixels {}x{}x{} to {} kernel {:?} stride {:?} type {} residual {}",
        p.pixels,
        p.in_h,
        p.in_w,
        p.in_c,
        p.channels,
        p.kernel,
        p.stride,
        p.y_type,
        if p.residual == 0 { "none".into() } else { p.residual_type.to_string() },
    )
}
