//! Why a model does not load or run.

use core::fmt;

use kernels::KernelError;

use crate::linked::OPERATORS;

/// Why bytes are no model, or a model does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError {
    /// Shorter than a header, or than the length that the header states.
    InvalidLength {
        /// Bytes needed.
        need: u32,
        /// Bytes there are.
        have: u32,
    },
    /// The first four bytes are not `HAWK`.
    InvalidMagic,
    /// The file's address is not a multiple of 4.
    InvalidAlignment,
    /// A format that this runtime does not read.
    UnsupportedVersion {
        /// Version of the file.
        found: u16,
    },
    /// The file asks for a newer runtime.
    UnsupportedRuntime {
        /// Runtime version needed.
        need: u16,
    },
    /// The bytes are damaged.
    InvalidCrc {
        /// CRC in the header.
        stated: u32,
        /// CRC of the bytes.
        computed: u32,
    },
    /// A section is missing, lies outside the file or is not aligned.
    InvalidSection {
        /// Kind of section.
        kind: u32,
    },
    /// GRAPH does not decode.
    InvalidGraph {
        /// Step at which decoding failed.
        step: u32,
    },
    /// The golden vectors do not match the graph.
    InvalidGolden,
    /// A step's arguments contradict each other.
    InvalidStep {
        /// Index of the step.
        step: u32,
        /// What is wrong.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        error: KernelError,
    },
    /// A step names constants outside CONST, or a multiplier that is not positive.
    InvalidConstant {
        /// Index of the step.
        step: u32,
    },
    /// A step's tensor lies outside the arena.
    InvalidOffset {
        /// Index of the step.
        step: u32,
    },
    /// A step's tensors overlap in a way that its operator does not allow.
    InvalidOverlap {
        /// Index of the step.
        step: u32,
    },
    /// Network input or output lies outside the arena or is not what the steps use.
    InvalidInterface,
    /// The weights are packed for a kernel tier that this build does not have.
    UnsupportedLayout {
        /// Tag of the layout.
        layout: u8,
    },
    /// The firmware was built without an operator: it needs the cargo feature of that name.
    UnsupportedOperator {
        /// Index of the step.
        step: u32,
        /// Its tag (docs/format.md).
        operator: u8,
    },
    /// The arena is too small.
    ArenaTooSmall {
        /// Bytes needed.
        need: u32,
        /// Bytes there are.
        have: u32,
    },
    /// The arena's address is not a multiple of 16.
    ArenaMisaligned,
}

/// Why a step did not run. It cannot happen with a model that loaded: inference is written without panics,
/// so that what is impossible still has an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[repr(u32)] // Results are moved in words, not in bytes.
pub enum RunError {
    /// The step does not decode.
    InvalidGraph,
    /// A constant or tensor lies outside its memory.
    InvalidOffset,
    /// The kernel refuses its arguments.
    InvalidStep(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] KernelError),
}

/// What a self-test found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelfTestError {
    /// The file holds no golden vectors.
    NoVectors,
    /// The model does not fit the arena.
    Load(LoadError),
    /// A step did not run.
    Run(RunError),
    /// A step's output differs from the golden one.
    Mismatch {
        /// Golden vector.
        vector: u32,
        /// Step; the number of steps stands for the network's output.
        step: u32,
        /// CRC-32 in the file.
        expected: u32,
        /// CRC-32 computed here.
        got: u32,
    },
}

impl From<KernelError> for RunError {
    fn from(error: KernelError) -> Self {
        Self::InvalidStep(error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidLength { need, have } => write!(f, "model: {need} bytes needed, {have} there"),
            Self::InvalidMagic => f.write_str("not a model file"),
            Self::InvalidAlignment => f.write_str("the model's address is not a multiple of 4"),
            Self::UnsupportedVersion { found } => write!(f, "format version {found} is not supported"),
            Self::UnsupportedRuntime { need } => write!(f, "runtime version {need} needed"),
            Self::InvalidCrc { stated, computed } => {
                write!(f, "damaged: CRC {computed:08x} where {stated:08x} is stated")
            }
            Self::InvalidSection { kind } => write!(f, "section {kind} is missing or misplaced"),
            Self::InvalidGraph { step } => write!(f, "step {step} does not decode"),
            Self::InvalidGolden => f.write_str("golden vectors do not match the graph"),
            Self::InvalidStep { step, error } => write!(f, "step {step}: {error}"),
            Self::InvalidConstant { step } => {
                write!(f, "step {step}: constants outside the file, or a multiplier below 1")
            }
            Self::InvalidOffset { step } => write!(f, "step {step}: tensor outside the arena"),
            Self::InvalidOverlap { step } => write!(f, "step {step}: tensors overlap"),
            Self::InvalidInterface => f.write_str("network input or output is not what the steps use"),
            Self::UnsupportedLayout { layout } => write!(f, "weight layout {layout} is not supported"),
            Self::UnsupportedOperator { step, operator } => {
                let name = OPERATORS.get(usize::from(*operator)).copied().unwrap_or("?");
                write!(f, "step {step}: built without `{name}`; add that feature to sparrowhawk-runtime")
            }
            Self::ArenaTooSmall { need, have } => write!(f, "arena: {need} bytes needed, {have} there"),
            Self::ArenaMisaligned => f.write_str("the arena's address is not a multiple of 16"),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidGraph => f.write_str("step does not decode"),
            Self::InvalidOffset => f.write_str("constant or tensor outside its memory"),
            Self::InvalidStep(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for SelfTestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVectors => f.write_str("the file holds no golden vectors"),
            Self::Load(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
            Self::Mismatch { vector, step, expected, got } => {
                write!(f, "vector {vector}, step {step}: CRC {got:08x}, expected {expected:08x}")
            }
        }
    }
}

impl core::error::Error for LoadError {}
impl core::error::Error for RunError {}
impl core::error::Error for SelfTestError {}
