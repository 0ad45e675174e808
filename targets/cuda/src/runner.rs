//! A model on a device: constants uploaded once, batches in, outputs and CRCs of every step out.

use std::collections::BTreeSet;

use runtime::{Model, trace};

use crate::CudaError;
use crate::accumulate::Target;
use crate::launch::{Launch, Memory};
use crate::params::{Bases, CONSTANT};
use crate::plan::Plan;
use crate::source::Module;

/// Something that runs the kernels: a GPU, or its emulation in tests.
pub trait Device {
    /// Bytes on the device.
    type Memory;
    /// Launches that were made ready to run again and again.
    type Sequence;

    /// Compute capability, 75 for 7.5.
    fn arch(&self) -> u32;

    /// Multiprocessors.
    fn multiprocessors(&self) -> u32;

    /// Compiles and loads modules.
    ///
    /// # Errors
    /// See [`CudaError`].
    fn load(&self, modules: &BTreeSet<Module>) -> Result<(), CudaError>;

    /// Reserves bytes for a batch of this size.
    ///
    /// # Errors
    /// [`CudaError::Memory`].
    fn reserve(&self, bytes: u64, batch: usize) -> Result<Self::Memory, CudaError>;

    /// Address of the first byte.
    fn address(&self, memory: &Self::Memory) -> u64;

    /// Copies to the device.
    ///
    /// # Errors
    /// See [`CudaError`].
    fn write(&self, memory: &mut Self::Memory, at: u64, bytes: &[u8]) -> Result<(), CudaError>;

    /// Copies from the device, after everything that was launched.
    ///
    /// # Errors
    /// See [`CudaError`].
    fn read(&self, memory: &Self::Memory, at: u64, bytes: &mut [u8]) -> Result<(), CudaError>;

    /// Makes launches ready.
    ///
    /// # Safety
    /// Every address must point at memory of this device that the kernel may use as it does.
    ///
    /// # Errors
    /// See [`CudaError`].
    unsafe fn sequence(&self, launches: Vec<Launch>) -> Result<Self::Sequence, CudaError>;

    /// Starts a sequence.
    ///
    /// # Safety
    /// The memory of the sequence must still be there.
    ///
    /// # Errors
    /// See [`CudaError`].
    unsafe fn run(&self, sequence: &Self::Sequence) -> Result<(), CudaError>;
}

/// What one input gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// CRC-32 of every step's output.
    pub crcs: Vec<u32>,
    /// Packed output.
    pub output: Vec<u8>,
}

/// A model on a device, for batches of one size.
pub struct Runner<'d, D: Device> {
    device: &'d D,
    plan: Plan,
    batch: usize,
    // Kept for their addresses, which the sequence holds.
    _constants: D::Memory,
    _workspace: D::Memory,
    activations: D::Memory,
    launches: Vec<Launch>,
    sequence: D::Sequence,
}

impl<'d, D: Device> Runner<'d, D> {
    /// Makes a model ready for batches of `batch` images. `choose` is given the candidates of every step, ready to
    /// run, and says which one to take.
    ///
    /// # Errors
    /// See [`CudaError`].
    pub fn new(
        device: &'d D,
        model: &Model,
        batch: usize,
        mut choose: impl FnMut(&D, &[Launch]) -> Result<usize, CudaError>,
    ) -> Result<Self, CudaError> {
        let plan = Plan::new(model, Target::of(device, batch))?;
        device.load(&plan.steps.iter().flat_map(|s| s.candidates.iter().map(|l| l.module)).collect())?;
        let mut constants = device.reserve(plan.memory.constants.len().max(1) as u64, batch)?;
        device.write(&mut constants, 0, &plan.memory.constants)?;
        let activations = device.reserve(plan.memory.activation_bytes(), batch)?;
        let mut workspace = device.reserve(plan.memory.workspace_bytes(), batch)?;
        device.write(&mut workspace, 0, &[0; Memory::counter_bytes() as usize])?;
        let bases = Bases {
            constants: device.address(&constants),
            activations: device.address(&activations),
            workspace: device.address(&workspace),
        };
        let mut launches = Vec::new();
        for step in &plan.steps {
            let bind = |launch: &Launch| Launch { args: launch.args.bind(bases), ..launch.clone() };
            let mut candidates: Vec<Launch> = step.candidates.iter().map(bind).collect();
            let choice = if candidates.len() > 1 { choose(device, &candidates)? } else { 0 };
            launches.push(candidates.swap_remove(choice));
        }
        // SAFETY: the plan's pointers lie inside the three memories, which live as long as the sequence.
        let sequence = unsafe { device.sequence(launches.clone())? };
        Ok(Self {
            device,
            plan,
            batch,
            _constants: constants,
            _workspace: workspace,
            activations,
            launches,
            sequence,
        })
    }

    /// The device.
    pub fn device(&self) -> &'d D {
        self.device
    }

    /// Images at a time.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The launches, one for each step.
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }

    /// Starts the network on whatever the input holds.
    ///
    /// # Errors
    /// See [`CudaError`].
    pub fn start(&self) -> Result<(), CudaError> {
        // SAFETY: all memories are fields of this.
        unsafe { self.device.run(&self.sequence) }
    }

    /// Packed outputs of packed inputs, in batches. `done` is told how many images are finished.
    ///
    /// # Errors
    /// See [`CudaError`].
    pub fn outputs<I: AsRef<[u8]>>(
        &mut self,
        inputs: &[I],
        mut done: impl FnMut(usize),
    ) -> Result<Vec<Vec<u8>>, CudaError> {
        let mut outputs = Vec::with_capacity(inputs.len());
        for images in inputs.chunks(self.batch) {
            self.run_batch(images)?;
            outputs.extend(self.step_output(self.plan.steps.len() - 1, images.len())?);
            done(images.len());
        }
        Ok(outputs)
    }

    /// Outputs and CRCs of every step of packed inputs, in batches.
    ///
    /// # Errors
    /// See [`CudaError`].
    pub fn traces<I: AsRef<[u8]>>(&mut self, inputs: &[I]) -> Result<Vec<Trace>, CudaError> {
        let mut traces = Vec::with_capacity(inputs.len());
        for images in inputs.chunks(self.batch) {
            self.run_batch(images)?;
            let start = traces.len();
            traces.resize(start + images.len(), Trace { crcs: Vec::new(), output: Vec::new() });
            for step in 0..self.plan.steps.len() {
                let outputs = self.step_output(step, images.len())?;
                for (trace, output) in traces[start..].iter_mut().zip(outputs) {
                    trace.crcs.push(trace::crc32(&output));
                    trace.output = output;
                }
            }
        }
        Ok(traces)
    }

    /// Runs up to a batch of images.
    fn run_batch<I: AsRef<[u8]>>(&mut self, images: &[I]) -> Result<(), CudaError> {
        let need = self.plan.input_bytes;
        let mut bytes = Vec::with_capacity(need * images.len());
        for image in images.iter().map(AsRef::as_ref) {
            if image.len() != need {
                return Err(CudaError::Input { need, have: image.len() });
            }
            bytes.extend_from_slice(image);
        }
        self.device.write(&mut self.activations, offset(self.plan.input), &bytes)?;
        self.start()
    }

    /// What a step left for the first `images` images of the batch.
    fn step_output(&self, step: usize, images: usize) -> Result<Vec<Vec<u8>>, CudaError> {
        let step = &self.plan.steps[step];
        let mut bytes = vec![0; step.output_bytes * images];
        self.device.read(&self.activations, offset(step.output), &mut bytes)?;
        Ok(bytes.chunks(step.output_bytes).map(<[u8]>::to_vec).collect())
    }
}

fn offset(pointer: u64) -> u64 {
    pointer & !CONSTANT
}
