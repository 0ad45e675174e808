//! Weights as a board's kernels stream them: the constants of a network anew, in another layout.

use kernels::arch::{armv7em, mve as helium, words};
use kernels::layout::dsp::{Blocks, CONV_CHANNELS, DENSE_CHANNELS};
use kernels::layout::mve;
use kernels::op::{Accumulate, Depthwise, Geometry};
use kernels::{Dtype, WeightBits};
use runtime::format::{AccumulateRef, Layout, Op, Operand, Region, Step, Taps};

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

/// Name of the tier that a step runs on where weights have this layout; `constants` is the CONST section.
pub fn tier(step: &Step, layout: Layout, constants: &[u8]) -> &'static str {
    let own = match layout {
        Layout::Rows => return "generic",
        Layout::Dsp => "armv7em",
        Layout::Mve => "mve",
        Layout::Words => return words_tier(step),
    };
    let bytes = |operand: &Operand| Dtype::from(operand.dtype) == Dtype::I8;
    let (fast, name) = match &step.op {
        Op::Conv2d { groups, .. } => (*groups == 1, own),
        Op::Dense { .. } => (true, own),
        Op::Depthwise { x, taps, accumulate } => {
            let Taps { kernel, stride, dilation, pad } = *taps;
            let geometry = Geometry { kernel, stride, dilation, pad };
            let bias = biases(constants, accumulate, step.output.dims[2]);
            let (layout, shift) = (layout.into(), accumulate.shift);
            let op = Depthwise {
                geometry,
                accumulate: Accumulate { layout, shift, bias: &bias, ..Accumulate::NONE },
            };
            let (x, y) = (x.spec(), step.output.spec());
            let takes = if own == "mve" { helium::takes_depthwise } else { armv7em::takes_depthwise };
            (takes(&op, accumulate.residual.is_some(), &x, &y), own)
        }
        // Cores with Helium have the DSP extension too.
        Op::Add { a, b, .. } => ([a, b, &step.output].into_iter().all(bytes), "armv7em"),
        Op::AveragePool { x, .. } => ([x, &step.output].into_iter().all(bytes), "armv7em"),
        _ => (false, own),
    };
    if fast { name } else { "generic" }
}

fn words_tier(step: &Step) -> &'static str {
    let bytes = |operand: &Operand| Dtype::from(operand.dtype) == Dtype::I8;
    let fast = match &step.op {
        Op::Conv2d { groups, .. } => *groups == 1,
        Op::Dense { x, accumulate } => bytes(x) && WeightBits::from(accumulate.width) == WeightBits::W8,
        Op::Depthwise { x, taps, .. } => {
            let Taps { kernel, stride, dilation, pad } = *taps;
            let geometry = Geometry { kernel, stride, dilation, pad };
            let accumulate = Accumulate { layout: kernels::Layout::Words, ..Accumulate::NONE };
            words::takes_depthwise(&Depthwise { geometry, accumulate }, &x.spec(), &step.output.spec())
        }
        _ => false,
    };
    if fast { "words" } else { "generic" }
}

#[cfg(test)]
mod tests {
    use runtime::format::{ActivationType, ClampRef, WeightWidth};

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

    #[test]
    fn a_step_that_the_layouts_kernels_do_not_take_is_generic() {
        let tiers = |step: &Step| {
            [Layout::Rows, Layout::Dsp, Layout::Mve, Layout::Words].map(|layout| tier(step, layout, &[0; 64]))
        };
        let own = ["generic", "armv7em", "mve", "words"];
        assert_eq!(tiers(&convolution(1, Some(1), 40)), own);
        assert_eq!(tiers(&convolution(1, Some(2), 40)), ["generic"; 4]);
        assert_eq!(tiers(&convolution(3, None, 32)), own);
        assert_eq!(tiers(&convolution(3, None, 33)), ["generic", "generic", "mve", "words"]);
        assert_eq!(tiers(&convolution(3, None, 1)), ["generic", "generic", "generic", "words"]);
        assert_eq!(tiers(&convolution(7, None, 32)), ["generic"; 4]);
        assert_eq!(tiers(&convolution(5, None, 32)), ["generic", "generic", "generic", "words"]);
        assert_eq!(tiers(&add(ActivationType::I8)), ["generic", "armv7em", "armv7em", "generic"]);
        assert_eq!(tiers(&add(ActivationType::I16)), ["generic"; 4]);
    }
}
