//! What this build links of the kernels, by cargo features: all of them by default.
//!
//! The checks of the operators refuse what is not linked. Behind them a match on [`WeightBits::linked`],
//! [`Layout::linked`] or [`Dtype::linked`] is a match on the value itself, without code for what cannot come.

use crate::arch::supports;
use crate::{Dtype, KernelError, Layout, TensorSpec, WeightBits};

/// A core whose own tier is that of the DSP extension.
const DSP: bool = cfg!(all(dsp, not(mve)));
/// Portable kernels of operators with weights; without a tier of its own a core has no others.
pub(crate) const PORTABLE: bool = cfg!(feature = "portable") || !cfg!(dsp);
/// On a core with the DSP extension, but without Helium: results that its products do not finish, and weights without their biases.
pub(crate) const WIDE: bool = cfg!(feature = "wide") || !DSP;
/// On such a core, or one with Helium: depthwise kernels of stride 2.
pub(crate) const STRIDE2: bool = cfg!(feature = "stride2") || !cfg!(dsp);
/// On such a core: depthwise kernels of 5x5 taps.
pub(crate) const FIVE: bool = cfg!(feature = "five") || !DSP;
/// On a core without the DSP extension: kernels of its own. Other cores have better ones, and run files for it on the
/// portable kernels.
pub(crate) const WORDS: bool = cfg!(all(not(dsp), feature = "words"));
/// Second operands of operators with weights.
pub(crate) const RESIDUAL: bool = cfg!(feature = "residual");

const W2: bool = cfg!(feature = "w2");
const W4: bool = cfg!(feature = "w4");
const W8: bool = cfg!(feature = "w8");
const U4: bool = cfg!(feature = "u4");
/// Activations of 16 bits.
pub(crate) const I16: bool = cfg!(feature = "i16");

impl WeightBits {
    /// Itself where it is linked, else a width that is.
    #[inline(always)]
    pub(crate) const fn linked(self) -> Self {
        match self {
            Self::W2 if W2 => Self::W2,
            Self::W4 if W4 => Self::W4,
            _ if W8 => Self::W8,
            _ if W4 => Self::W4,
            _ => Self::W2,
        }
    }
}

impl Layout {
    /// Itself where this build has kernels for it, else a layout that it has kernels for.
    #[inline(always)]
    pub(crate) const fn linked(self) -> Self {
        match self {
            Self::Rows if supports(Self::Rows) => Self::Rows,
            Self::Words if supports(Self::Words) => Self::Words,
            Self::Mve if supports(Self::Mve) => Self::Mve,
            _ if supports(Self::Dsp) => Self::Dsp,
            _ if supports(Self::Mve) => Self::Mve,
            _ => Self::Rows,
        }
    }
}

impl Dtype {
    /// Itself where it is linked, else bytes, which always are.
    #[inline(always)]
    pub(crate) const fn linked(self) -> Self {
        match self {
            Self::U4 if U4 => Self::U4,
            Self::I16 if I16 => Self::I16,
            _ => Self::I8,
        }
    }

    /// Whether elements are bytes.
    #[inline(always)]
    pub(crate) const fn is_bytes(self) -> bool {
        matches!(self.linked(), Self::I8)
    }
}

/// Checks that what an operator needs is linked.
pub(crate) fn need(linked: bool) -> Result<(), KernelError> {
    if linked { Ok(()) } else { Err(KernelError::UnsupportedByBuild) }
}

/// Checks that an operator with these weights and operands is linked; `tier` says that it needs no portable kernel.
pub(crate) fn check(bits: WeightBits, residual: Option<&TensorSpec>, tier: bool) -> Result<(), KernelError> {
    let operands = RESIDUAL || residual.is_none();
    need(bits == bits.linked() && operands && (PORTABLE || tier))
}
