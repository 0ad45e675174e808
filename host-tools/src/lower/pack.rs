//! Weights as a board's kernels stream them: the constants of a network anew, in another layout.

use kernels::WeightBits;
use kernels::layout::dsp::{Blocks, CONV_CHANNELS, DENSE_CHANNELS};
use kernels::layout::mve;
use runtime::format::{AccumulateRef, Layout, Op, Region, Step};

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
pub(super) fn biases(constants: &[u8], accumulate: &AccumulateRef, channels: u16) -> Vec<i32> {
    let bytes = constants.get(accumulate.bias as usize..).unwrap_or(&[]);
    let words = bytes.as_chunks::<4>().0.iter().take(channels.into());
    words.map(|bytes| i32::from_le_bytes(*bytes)).collect()
}
