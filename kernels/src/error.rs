//! Why a kernel refuses its arguments.

use core::fmt;

/// Why a kernel refuses its arguments. `Invalid…` means that the arguments contradict each other,
/// `Unsupported…` that no kernel is made for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)] // Results are moved in words, not in bytes.
pub enum KernelError {
    /// A view's bytes are not as many as its shape and type need.
    InvalidLength {
        /// Bytes that the shape needs.
        need: u32,
        /// Bytes that there are.
        have: u32,
    },
    /// The shapes of operands and result contradict each other or the operator.
    InvalidShape,
    /// Weights, biases, multipliers or tables are not as many as the shape needs.
    InvalidConstants {
        /// Entries or bytes needed.
        need: u32,
        /// Entries or bytes there are.
        have: u32,
    },
    /// A shift lies outside its range.
    InvalidShift {
        /// The shift.
        shift: u8,
    },
    /// The clamp is empty or outside the result's type.
    InvalidClamp,
    /// A zero point lies outside its type.
    InvalidZeroPoint,
    /// Stride, dilation, kernel or group count is zero, or the groups do not divide the channels.
    InvalidGeometry,
    /// The scratch memory is too small.
    InvalidScratch {
        /// Bytes needed.
        need: u32,
        /// Bytes there are.
        have: u32,
    },
    /// Weights in blocks do not start on a multiple of 4.
    InvalidAlignment,
    /// The operator does not take this storage type in this place.
    UnsupportedType,
    /// The kernel does not read weights of this layout.
    UnsupportedLayout,
    /// The build leaves out what this needs: a cargo feature of this crate.
    UnsupportedByBuild,
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidLength { need, have } => write!(f, "tensor needs {need} bytes, has {have}"),
            Self::InvalidShape => f.write_str("shapes contradict each other"),
            Self::InvalidConstants { need, have } => write!(f, "constants: {need} needed, {have} there"),
            Self::InvalidShift { shift } => write!(f, "shift {shift} is out of range"),
            Self::InvalidClamp => f.write_str("clamp is empty or outside the type"),
            Self::InvalidZeroPoint => f.write_str("zero point is outside the type"),
            Self::InvalidGeometry => f.write_str("kernel, stride, dilation or groups make no sense"),
            Self::InvalidScratch { need, have } => write!(f, "scratch: {need} bytes needed, {have} there"),
            Self::InvalidAlignment => f.write_str("weights are not aligned to words"),
            Self::UnsupportedLayout => f.write_str("no kernel for this weight layout"),
            Self::UnsupportedByBuild => f.write_str("the kernel for this was left out of the build"),
            Self::UnsupportedType => f.write_str("no kernel for this storage type"),
        }
    }
}

impl core::error::Error for KernelError {}
