//! What convolution, depthwise and dense layers share: weights, bias, requantisation, residual.

use super::{check_clamp, check_entries};
use crate::numerics::{Clamp, MAX_REQUANT_SHIFT};
use crate::size::product;
use crate::{Dtype, KernelError, Layout, TensorSpec, WeightBits};

/// Weights and requantisation of an accumulating step:
/// `y = clamp((acc * m_c [+ residual * residual_multiplier]) >> shift)` with
/// `acc = bias_c + sum(w * q)` (docs/numerics.md, "Requantisation").
#[derive(Clone, Copy, Debug)]
pub struct Accumulate<'a> {
    /// Packed weights.
    pub weights: &'a [u8],
    /// How they are packed.
    pub layout: Layout,
    /// Width of a weight.
    pub weight_bits: WeightBits,
    /// Bias of each output channel; holds zero points and the rounding term.
    pub bias: &'a [i32],
    /// Multiplier of each output channel, at least 1.
    pub multipliers: &'a [i32],
    /// Shift of the 64-bit product.
    pub shift: u8,
    /// Limits of the result.
    pub clamp: Clamp,
    /// Multiplier of a residual operand; only looked at when there is one.
    pub residual_multiplier: i32,
}

/// Packed weights that an operator asks for.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    /// `None` when they are too many.
    pub(crate) bytes: Option<usize>,
    /// Whether they are words.
    pub(crate) words: bool,
}

impl Packed {
    /// Layout `rows`: `count` rows of `len` weights.
    pub(crate) fn rows(bits: WeightBits, count: usize, len: usize) -> Self {
        Self { bytes: product(bits.row_bytes(len), count), words: false }
    }
}

impl Accumulate<'_> {
    /// No constants: enough to ask an operator for what may be written in place, and with the right layout
    /// and width for its scratch.
    pub const NONE: Self = Self {
        weights: &[],
        layout: Layout::Rows,
        weight_bits: WeightBits::W8,
        bias: &[],
        multipliers: &[],
        shift: 0,
        clamp: Clamp { lo: 0, hi: 0 },
        residual_multiplier: 0,
    };

    /// The same weights as rows: for layout `words`, and for steps whose weights are in rows in every layout.
    pub(crate) const fn rows(self) -> Self {
        Self { layout: Layout::Rows, ..self }
    }

    /// Checks types, constants and the residual against the bytes of packed weights that the operator asks for, words
    /// where they are in blocks of layout `dsp`. The operands themselves are checked.
    pub(crate) fn fits(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
        weights: Packed,
    ) -> Result<(), KernelError> {
        if x.dtype == Dtype::I16 {
            return Err(KernelError::UnsupportedType);
        }
        if residual.is_some_and(|residual| residual.dims != y.dims) {
            return Err(KernelError::InvalidShape);
        }
        check_entries(self.weights.len(), weights.bytes.ok_or(KernelError::InvalidShape)?)?;
        if weights.words && self.weights.as_ptr().addr() & 3 != 0 {
            return Err(KernelError::InvalidAlignment);
        }
        let channels = usize::from(y.dims.c);
        check_entries(self.bias.len(), channels)?;
        check_entries(self.multipliers.len(), channels)?;
        if self.shift > MAX_REQUANT_SHIFT {
            return Err(KernelError::InvalidShift { shift: self.shift });
        }
        check_clamp(self.clamp, y.dtype)
    }
}
