//! A kernel tier as the conformance cases see it: one function per operator.

use core::cell::Cell;

use crate::op::{Add, AveragePool, Concat, Conv2d, Dense, Depthwise, MaxPool, Rescale, Table, Window};
use crate::{KernelError, Layout, Tensor, arch, generic};

type Answer = Result<(), KernelError>;

/// The kernels under test; signatures are those of [`generic`].
#[derive(Clone, Copy, Debug)]
#[allow(clippy::type_complexity, reason = "the signatures are the point")]
pub struct Tier {
    /// Name for reports.
    pub name: &'static str,
    /// How the tier wants its weights.
    pub layout: Layout,
    /// See [`generic::conv2d`].
    pub conv2d: fn(&Tensor, Option<&Tensor>, &Conv2d, &[Cell<u8>], &Tensor) -> Answer,
    /// See [`generic::depthwise`].
    pub depthwise: fn(&Tensor, Option<&Tensor>, &Depthwise, &[Cell<u8>], &Tensor) -> Answer,
    /// See [`generic::dense`].
    pub dense: fn(&Tensor, Option<&Tensor>, &Dense, &[Cell<u8>], &Tensor) -> Answer,
    /// See [`generic::max_pool`].
    pub max_pool: fn(&Tensor, &MaxPool, &Tensor) -> Answer,
    /// See [`generic::average_pool`].
    pub average_pool: fn(&Tensor, &AveragePool, &Tensor) -> Answer,
    /// See [`generic::add`].
    pub add: fn(&Tensor, &Tensor, &Add, &Tensor) -> Answer,
    /// See [`generic::rescale`].
    pub rescale: fn(&Tensor, &Rescale, &Tensor) -> Answer,
    /// See [`generic::table`].
    pub table: fn(&Tensor, &Table, &Tensor) -> Answer,
    /// See [`generic::concat`].
    pub concat: fn(&Tensor, &Concat, &Tensor) -> Answer,
    /// See [`generic::window`].
    pub window: fn(&Tensor, &Window, &Tensor) -> Answer,
    /// See [`generic::argmax`].
    pub argmax: fn(&Tensor) -> usize,
}

/// The portable tier. Another tier overrides what it has: `Tier { conv2d: dsp::conv2d, ..GENERIC }`.
pub const GENERIC: Tier = Tier {
    name: "generic",
    layout: Layout::Rows,
    conv2d: generic::conv2d,
    depthwise: generic::depthwise,
    dense: generic::dense,
    max_pool: generic::max_pool,
    average_pool: generic::average_pool,
    add: generic::add,
    rescale: generic::rescale,
    table: generic::table,
    concat: generic::concat,
    window: generic::window,
    argmax: generic::argmax,
};

/// Cores with the DSP extension, and their kernels by portable arithmetic elsewhere.
pub const ARMV7EM: Tier = Tier {
    name: "armv7em",
    layout: Layout::Dsp,
    conv2d: arch::conv2d,
    depthwise: arch::depthwise,
    dense: arch::dense,
    add: arch::armv7em::add,
    max_pool: arch::armv7em::max_pool,
    average_pool: arch::armv7em::average_pool,
    rescale: arch::armv7em::rescale,
    ..GENERIC
};

/// Cores with Helium, and their kernels by portable arithmetic elsewhere.
pub const MVE: Tier = Tier {
    name: "mve",
    layout: Layout::Mve,
    conv2d: arch::conv2d,
    depthwise: arch::depthwise,
    dense: arch::dense,
    add: arch::armv7em::add,
    max_pool: arch::armv7em::max_pool,
    average_pool: arch::armv7em::average_pool,
    rescale: arch::armv7em::rescale,
    ..GENERIC
};

/// Cores without the DSP extension, and their kernels by portable arithmetic elsewhere.
pub const WORDS: Tier = Tier {
    name: "words",
    layout: Layout::Words,
    conv2d: arch::conv2d,
    depthwise: arch::depthwise,
    dense: arch::dense,
    ..GENERIC
};

/// The tier of the core that this is built for.
pub const NATIVE: Tier = if cfg!(mve) {
    MVE
} else if cfg!(dsp) {
    ARMV7EM
} else {
    WORDS
};

/// An operator of a [`Tier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Convolution.
    Conv2d,
    /// Depthwise convolution.
    Depthwise,
    /// Fully connected layer.
    Dense,
    /// Maximum pooling.
    MaxPool,
    /// Average pooling.
    AveragePool,
    /// Residual addition.
    Add,
    /// Change of scale or width.
    Rescale,
    /// Table look-up.
    Table,
    /// Concatenation.
    Concat,
    /// Strided crop with padding.
    Window,
    /// Index of the largest element.
    Argmax,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 11] = [
        Self::Conv2d,
        Self::Depthwise,
        Self::Dense,
        Self::MaxPool,
        Self::AveragePool,
        Self::Add,
        Self::Rescale,
        Self::Table,
        Self::Concat,
        Self::Window,
        Self::Argmax,
    ];

    /// Name for reports: that of the kernel function.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv2d => "conv2d",
            Self::Depthwise => "depthwise",
            Self::Dense => "dense",
            Self::MaxPool => "max_pool",
            Self::AveragePool => "average_pool",
            Self::Add => "add",
            Self::Rescale => "rescale",
            Self::Table => "table",
            Self::Concat => "concat",
            Self::Window => "window",
            Self::Argmax => "argmax",
        }
    }
}
