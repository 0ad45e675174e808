//! Weights as a board's kernels stream them: the constants of a network anew, in another layout.

use std::fmt;

use kernels::arch::{armv7em, mve as helium, words};
use kernels::layout::dsp::{Blocks, CONV_CHANNELS, DENSE_CHANNELS};
use kernels::layout::mve;
use kernels::op::{Accumulate, AveragePool, Depthwise, Geometry, MaxPool, PoolGeometry, Rescale};
use kernels::{Dtype, WeightBits};
use runtime::format::{AccumulateRef, Layout, Op, Region, Step, Taps};

use super::constants::Constants;
use super::emit::Network;

impl Network {
    /// Packs weights that lie in rows in another layout; gives the layout that they have then: rows that are
    /// too long for blocks stay, and all others with them.
    pub(super) fn repack(&mut self, layout: Layout) -> Layout {
        let long = |step: &Step| blocks(&step.op).is_some_and(|blocks| !fits(&blocks, layout));
        if layout == Layout::Words {
            // Rows as they are.
            return layout;
        }
        if layout == Layout::Rows || self.steps.iter().any(long) {
            return Layout::Rows;
        }
        let rows = std::mem::take(&mut self.constants).into_bytes();
        let mut constants = Constants::default();
        for (step, info) in self.steps.iter_mut().zip(&mut self.infos) {
            let before = constants.weight_bytes();
            repack_step(step, &rows, &mut constants, layout);
            info.weight_bytes = constants.weight_bytes() - before;
        }
        constants.bytes(&[]);
        self.constants = constants;
        layout
    }
}

fn repack_step(step: &mut Step, rows: &[u8], constants: &mut Constants, layout: Layout) {
    let at = |region: Region| &rows[region.offset as usize..][..region.bytes as usize];
    let words = |constants: &mut Constants, offset: u32, entries: u16| {
        constants.bytes(at(Region { offset, bytes: u32::from(entries) * 4 })).offset
    };
    let channels = step.output.dims[2];
    let blocks = blocks(&step.op);
    match &mut step.op {
        Op::Conv2d { accumulate, .. } | Op::Depthwise { accumulate, .. } | Op::Dense { accumulate, .. } => {
            let weights = at(accumulate.weights);
            accumulate.weights = match blocks {
                Some(blocks) => {
                    let bias = biases(rows, accumulate, channels);
                    constants.packed_weights(&packed(&blocks, weights, &bias, layout))
                }
                None => constants.packed_weights(weights),
            };
            accumulate.bias = words(constants, accumulate.bias, channels);
            accumulate.multipliers = words(constants, accumulate.multipliers, channels);
        }
        Op::AveragePool { entries, multipliers, offsets, .. }
        | Op::Rescale { entries, multipliers, offsets, .. } => {
            *multipliers = words(constants, *multipliers, *entries);
            *offsets = words(constants, *offsets, *entries);
        }
        Op::Table { entries, .. } => *entries = constants.bytes(at(*entries)),
        Op::MaxPool { .. } | Op::Add { .. } | Op::Concat { .. } | Op::Window { .. } => {}
    }
}

/// The blocks of a step's weights, where they are in blocks.
fn blocks(op: &Op) -> Option<Blocks> {
    match op {
        Op::Conv2d { taps, groups: 1, group_inputs, group_outputs, accumulate, .. } => Some(Blocks {
            bits: accumulate.width.into(),
            rows: usize::from(*group_outputs),
            kernel_rows: usize::from(taps.kernel[0]),
            row_len: usize::from(taps.kernel[1]) * usize::from(*group_inputs),
            channels: CONV_CHANNELS,
        }),
        Op::Dense { x, accumulate } => {
            let bits = WeightBits::from(accumulate.width);
            let row_len = x.dims.map(usize::from).iter().product();
            let rows = accumulate.weights.bytes as usize / bits.row_bytes(row_len);
            Some(Blocks { bits, rows, kernel_rows: 1, row_len, channels: DENSE_CHANNELS })
        }
        _ => None,
    }
}

/// Whether rows are short enough for the blocks of a layout.
fn fits(blocks: &Blocks, layout: Layout) -> bool {
    match layout {
        Layout::Rows | Layout::Words => true,
        Layout::Dsp => blocks.fits(),
        Layout::Mve => blocks.kernel_rows * blocks.row_len <= mve::MAX_ROW,
    }
}

/// Rows of weights with their biases as blocks.
fn packed(blocks: &Blocks, weights: &[u8], bias: &[i32], layout: Layout) -> Vec<u8> {
    let mut bytes = Vec::new();
    if layout == Layout::Mve {
        let row_len = blocks.kernel_rows * blocks.row_len;
        mve::pack(weights, blocks.bits, (blocks.rows, row_len), |byte| bytes.push(byte));
        return bytes;
    }
    blocks.pack(weights, bias, |word| bytes.extend(word.to_le_bytes()));
    bytes
}

/// Biases of a step's channels; as many as there are in `constants`.
fn biases(constants: &[u8], accumulate: &AccumulateRef, channels: u16) -> Vec<i32> {
    let bytes = constants.get(accumulate.bias as usize..).unwrap_or(&[]);
    let words = bytes.as_chunks::<4>().0.iter().take(channels.into());
    words.map(|bytes| i32::from_le_bytes(*bytes)).collect()
}

/// What a step runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Name of the tier.
    pub tier: &'static str,
    /// Results go through sums in memory, because products do not store results of this type, at this shift, with
    /// this residual or of weights that do not hold their biases.
    pub sums: bool,
}

impl Kernel {
    const GENERIC: Self = Self { tier: "generic", sums: false };

    fn own(tier: &'static str) -> Self {
        Self { tier, sums: false }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.tier, if self.sums { "+sums" } else { "" }))
    }
}

/// What a step runs on where weights have this layout; `constants` is the CONST section. Layout `Words` is that of several
/// cores: it says what all of them have, not what Armv6-M and Armv7-M have of their own for 4- and 2-bit weights.
pub fn kernel(step: &Step, layout: Layout, constants: &[u8]) -> Kernel {
    let own = match layout {
        Layout::Rows => return Kernel::GENERIC,
        Layout::Dsp => "armv7em",
        Layout::Mve => "mve",
        Layout::Words => "words",
    };
    let y = step.output.spec();
    let taken = match &step.op {
        Op::Conv2d { groups, .. } => (*groups == 1).then_some(own),
        Op::Dense { x, accumulate } if layout == Layout::Words => {
            let bytes = Dtype::from(x.dtype) == Dtype::I8;
            (bytes && WeightBits::from(accumulate.width) == WeightBits::W8).then_some(own)
        }
        Op::Dense { .. } => Some(own),
        Op::Depthwise { x, taps, accumulate } => {
            let Taps { kernel, stride, dilation, pad } = *taps;
            let geometry = Geometry { kernel, stride, dilation, pad };
            let bias = biases(constants, accumulate, step.output.dims[2]);
            let accumulate = Accumulate { bias: &bias, ..operator(accumulate, layout) };
            let (op, x, residual) = (Depthwise { geometry, accumulate }, x.spec(), residual(step).is_some());
            let takes = match layout {
                Layout::Words => words::takes_depthwise(&op, &x, &y),
                Layout::Mve => helium::takes_depthwise(&op, residual, &x, &y),
                _ => armv7em::takes_depthwise(&op, residual, &x, &y),
            };
            takes.then_some(own)
        }
        // Cores with Helium have the DSP extension too.
        Op::Add { a, b, .. } if layout != Layout::Words => {
            armv7em::takes_add(&a.spec(), &b.spec(), &y).then_some("armv7em")
        }
        Op::AveragePool { x, pool, shift, clamp, .. } if layout != Layout::Words => {
            let geometry = PoolGeometry { kernel: pool.kernel, stride: pool.stride, pad: pool.pad };
            let (shift, clamp) = (*shift, (*clamp).into());
            let op = AveragePool { geometry, multipliers: &[], offsets: &[], shift, clamp };
            armv7em::takes_average_pool(&op, &x.spec(), &y).then_some("armv7em")
        }
        Op::MaxPool { x, pool, clamp } if layout != Layout::Words => {
            let geometry = PoolGeometry { kernel: pool.kernel, stride: pool.stride, pad: pool.pad };
            let op = MaxPool { geometry, clamp: (*clamp).into() };
            armv7em::takes_max_pool(&op, &x.spec()).then_some("armv7em")
        }
        Op::Rescale { x, entries, shift, clamp, .. } if layout != Layout::Words => {
            let entries = vec![0; usize::from(*entries)];
            let op =
                Rescale { multipliers: &entries, offsets: &entries, shift: *shift, clamp: (*clamp).into() };
            armv7em::takes_rescale(&op, &x.spec(), &y).then_some("armv7em")
        }
        _ => None,
    };
    let Some(tier) = taken else { return Kernel::GENERIC };
    Kernel { sums: !stores(step, layout, constants), ..Kernel::own(tier) }
}

/// Whether the products of a step that its layout's kernels take store its results; true of steps without products.
fn stores(step: &Step, layout: Layout, constants: &[u8]) -> bool {
    let (Op::Conv2d { accumulate, .. } | Op::Dense { accumulate, .. }) = &step.op else { return true };
    let (op, residual, y) = (operator(accumulate, layout), residual(step), step.output.spec().dtype);
    match (layout, &step.op) {
        (Layout::Mve, _) => helium::stores(&op, residual, y),
        (Layout::Words, _) => words::stores(&op, residual.is_some(), y),
        (_, op_of) => {
            // Weights that do not hold their biases begin with a 0.
            let folded = constants.get(accumulate.weights.offset as usize) != Some(&0);
            folded
                && match op_of {
                    Op::Dense { .. } => armv7em::stores_dense(&op, residual.is_some(), y),
                    _ => armv7em::stores_conv2d(&op, residual, y),
                }
        }
    }
}

/// Width and shift, without constants.
fn operator(accumulate: &AccumulateRef, layout: Layout) -> Accumulate<'static> {
    let weight_bits = accumulate.width.into();
    Accumulate { layout: layout.into(), weight_bits, shift: accumulate.shift, ..Accumulate::NONE }
}

fn residual(step: &Step) -> Option<Dtype> {
    step.op.accumulate().and_then(|accumulate| accumulate.residual).map(|r| r.operand.dtype.into())
}

#[cfg(test)]
mod tests {
    use runtime::format::{ActivationType, ClampRef, Operand, PoolRef, ResidualRef, WeightWidth};

    use super::*;

    fn operand(dtype: ActivationType) -> Operand {
        Operand { offset: 0, dims: [8, 8, 16], dtype, zero: 0 }
    }

    fn step(op: Op) -> Step {
        let scratch = Region { offset: 0, bytes: 0 };
        Step { op, output: operand(ActivationType::I8), scratch }
    }

    /// A 1x1 or a depthwise convolution, or one of two groups.
    fn convolution(kernel: u8, groups: Option<u16>, shift: u8) -> Step {
        let x = operand(ActivationType::I8);
        let pad = kernel / 2;
        let taps = Taps { kernel: [kernel; 2], stride: [1, 1], dilation: [1, 1], pad: [pad; 2] };
        let accumulate = AccumulateRef {
            weights: Region { offset: 64, bytes: 0 },
            width: WeightWidth::W8,
            bias: 0,
            multipliers: 0,
            shift,
            clamp: ClampRef { lo: -128, hi: 127 },
            residual: None,
        };
        step(match groups {
            None => Op::Depthwise { x, taps, accumulate },
            Some(groups) => {
                let each = 16 / groups;
                Op::Conv2d { x, taps, groups, group_inputs: each, group_outputs: each, accumulate }
            }
        })
    }

    fn add(dtype: ActivationType) -> Step {
        let (a, b, clamp) = (operand(dtype), operand(dtype), ClampRef { lo: -128, hi: 127 });
        step(Op::Add { a, b, a_multiplier: 1, b_multiplier: 1, offset: 0, shift: 1, clamp })
    }

    fn max_pool(dtype: ActivationType) -> Step {
        let pool = PoolRef { kernel: [2, 2], stride: [2, 2], pad: [0, 0] };
        let (lo, hi) = if dtype == ActivationType::U4 { (0, 15) } else { (-128, 127) };
        step(Op::MaxPool { x: operand(dtype), pool, clamp: ClampRef { lo, hi } })
    }

    const LAYOUTS: [Layout; 4] = [Layout::Rows, Layout::Dsp, Layout::Mve, Layout::Words];

    #[test]
    fn a_step_that_the_layouts_kernels_do_not_take_is_generic() {
        let tiers = |step: &Step| LAYOUTS.map(|layout| kernel(step, layout, &[0; 64]).tier);
        let own = ["generic", "armv7em", "mve", "words"];
        assert_eq!(tiers(&convolution(1, Some(1), 40)), own);
        assert_eq!(tiers(&convolution(1, Some(2), 40)), ["generic"; 4]);
        assert_eq!(tiers(&convolution(3, None, 32)), own);
        assert_eq!(tiers(&convolution(3, None, 33)), ["generic", "generic", "mve", "words"]);
        assert_eq!(tiers(&convolution(3, None, 1)), ["generic", "generic", "generic", "words"]);
        assert_eq!(tiers(&convolution(7, None, 32)), ["generic"; 4]);
        assert_eq!(tiers(&convolution(5, None, 32)), ["generic", "armv7em", "generic", "words"]);
        assert_eq!(tiers(&add(ActivationType::I8)), ["generic", "armv7em", "armv7em", "generic"]);
        assert_eq!(tiers(&add(ActivationType::I16)), ["generic"; 4]);
        for dtype in [ActivationType::I8, ActivationType::U4] {
            assert_eq!(tiers(&max_pool(dtype)), ["generic", "armv7em", "armv7em", "generic"]);
        }
        assert_eq!(tiers(&max_pool(ActivationType::I16)), ["generic"; 4]);
    }

    #[test]
    fn results_that_products_do_not_store_go_through_sums() {
        let sums = |step: &Step, constants: &[u8]| {
            LAYOUTS.map(|layout| kernel(step, layout, constants).to_string().ends_with("+sums"))
        };
        let usual = convolution(1, Some(1), 32);
        assert_eq!(sums(&usual, &[1; 65]), [false; 4]);
        // Biases apart.
        assert_eq!(sums(&usual, &[0; 65]), [false, true, false, false]);
        assert_eq!(sums(&convolution(1, Some(1), 33), &[1; 65]), [false; 4]);
        assert_eq!(sums(&convolution(1, Some(1), 20), &[1; 65]), [false, true, false, true]);
        assert_eq!(sums(&convolution(1, Some(1), 1), &[1; 65]), [false, true, true, true]);
        assert_eq!(sums(&convolution(3, None, 32), &[0; 65]), [false; 4]);
        let with = |dtype| {
            let mut step = convolution(1, Some(1), 32);
            if let Op::Conv2d { accumulate, .. } = &mut step.op {
                accumulate.residual = Some(ResidualRef { operand: operand(dtype), multiplier: 1 });
            }
            step
        };
        assert_eq!(sums(&with(ActivationType::I8), &[1; 65]), [false, false, false, true]);
        assert_eq!(sums(&with(ActivationType::U4), &[1; 65]), [false, true, true, true]);
    }
}
