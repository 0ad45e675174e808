//! How a kernel differs from the reference.

use core::fmt;

use super::Op;
use crate::KernelError;

/// A case in which a kernel differs from the reference; [`super::run_case`] runs it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The operator.
    pub op: Op,
    /// The case.
    pub case: u32,
    /// What differs.
    pub fault: Fault,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An element of the result.
    Element {
        /// Index in (h, w, c) order.
        index: u32,
        /// Element of the reference.
        expected: i32,
        /// Element of the kernel.
        got: i32,
    },
    /// A byte that is no element of the result: outside the views, or the unused nibble of a pixel.
    Byte {
        /// Offset in the case's memory.
        offset: u32,
        /// What should be there.
        expected: u8,
        /// What is there.
        got: u8,
    },
    /// The kernel's answer.
    Answer {
        /// Answer that `check` documents.
        expected: Result<(), KernelError>,
        /// Answer of the kernel.
        got: Result<(), KernelError>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} case {}: {}", self.op.name(), self.case, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element { index, expected, got } => {
                write!(f, "element {index} should be {expected}, is {got}")
            }
            Self::Byte { offset, expected, got } => {
                write!(f, "byte {offset} should be {expected:#04x}, is {got:#04x}")
            }
            Self::Answer { expected, got } => write!(f, "should answer {expected:?}, answers {got:?}"),
        }
    }
}

impl core::error::Error for Mismatch {}
