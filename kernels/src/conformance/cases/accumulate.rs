//! Weights, biases, multipliers and shifts of convolution, depthwise convolution and dense layer.

use super::shape::{MAX_CHANNELS, bad_clamp, clamp, retyped};
use crate::conformance::arena::{Arena, Place};
use crate::conformance::rng::Rng;
use crate::layout::dsp::Blocks;
use crate::layout::mve;
use crate::numerics::Clamp;
use crate::op::{Accumulate, Overlap};
use crate::{Dtype, KernelError, Layout, TensorSpec, WeightBits};

/// Most weights of a case.
pub(super) const MAX_WEIGHTS: usize = 4096;

/// Most words of the same weights in blocks: a weight may be a kernel row of its own.
const MAX_BLOCK_WORDS: usize = MAX_WEIGHTS + 512;

/// Rows of weights, and the blocks that the tier packs them in, if it does.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub(super) rows: usize,
    pub(super) row_len: usize,
    pub(super) blocks: Option<Blocks>,
    layout: Layout,
}

impl Packing {
    /// The packing for a tier that wants `layout`.
    pub(super) fn new(layout: Layout, rows: usize, row_len: usize, blocks: Option<Blocks>) -> Self {
        let blocks = blocks.filter(|_| matches!(layout, Layout::Dsp | Layout::Mve));
        Self { rows, row_len, blocks, layout }
    }
}

/// Constants of an accumulating step.
pub(super) struct Constants {
    weights: [u8; MAX_WEIGHTS],
    weight_bytes: usize,
    /// The same weights in the tier's layout.
    blocks: [u32; MAX_BLOCK_WORDS],
    block_bytes: usize,
    weight_bits: WeightBits,
    bias: [i32; MAX_CHANNELS],
    multipliers: [i32; MAX_CHANNELS],
    channels: usize,
    shift: u8,
    clamp: Clamp,
    residual_multiplier: i32,
}

impl Constants {
    pub(super) fn new(rng: &mut Rng, y: &TensorSpec, packing: Packing) -> Self {
        let Packing { rows, row_len, blocks, layout } = packing;
        let weight_bits = rng.pick(&[WeightBits::W2, WeightBits::W4, WeightBits::W8]);
        let mut case = Self {
            weights: [0; MAX_WEIGHTS],
            weight_bytes: rows * weight_bits.row_bytes(row_len),
            weight_bits,
            blocks: [0; MAX_BLOCK_WORDS],
            block_bytes: 0,
            bias: [0; MAX_CHANNELS],
            multipliers: [0; MAX_CHANNELS],
            channels: usize::from(y.dims.c),
            shift: 32,
            clamp: clamp(rng, y.dtype),
            residual_multiplier: 0,
        };
        case.draw_weights(rng);
        if rng.one_in(2) {
            case.draw_likely(rng)
        } else {
            case.draw_any(rng)
        }
        if let Some(blocks) = blocks {
            let (weights, bias) = (&case.weights[..case.weight_bytes], &case.bias[..case.channels]);
            if layout == Layout::Mve {
                mve::pack(weights, weight_bits, (rows, row_len), |byte| {
                    let place = 8 * (case.block_bytes % 4);
                    case.blocks[case.block_bytes / 4] |= u32::from_le(u32::from(byte) << place);
                    case.block_bytes += 1;
                });
            } else {
                Blocks { bits: weight_bits, ..blocks }.pack(weights, bias, |word| {
                    case.blocks[case.block_bytes / 4] = word.to_le();
                    case.block_bytes += 4;
                });
            }
        }
        case
    }

    /// Unused bits behind a row are set as well: no kernel may look at them.
    fn draw_weights(&mut self, rng: &mut Rng) {
        let lowest = match self.weight_bits {
            WeightBits::W2 => 0xaa,
            WeightBits::W4 => 0x88,
            WeightBits::W8 => 0x80,
        };
        let extremes = [lowest, !lowest];
        let kind = rng.below(8);
        for byte in &mut self.weights[..self.weight_bytes] {
            *byte = match kind {
                0 | 1 => extremes[kind as usize],
                2 => rng.pick(&extremes),
                _ => rng.next() as u8,
            };
        }
    }

    /// Constants as a network has them: most results are inside the limits.
    fn draw_likely(&mut self, rng: &mut Rng) {
        self.shift = if rng.one_in(2) { 32 } else { rng.between(16, 46) as u8 };
        let shift = i32::from(self.shift);
        for c in 0..self.channels {
            self.bias[c] = rng.between(-3000, 3000);
            let log2 = rng.between(shift - 16, (shift - 2).min(30));
            self.multipliers[c] = 1 << log2 | rng.below(1 << log2) as i32;
        }
        self.residual_multiplier = 1 << rng.between((shift - 6).min(26), (shift - 2).min(30));
    }

    /// Anything that `check` accepts.
    fn draw_any(&mut self, rng: &mut Rng) {
        let any = rng.below(63) as u8;
        self.shift = rng.pick(&[0, 1, 31, 32, 33, 61, 62, any]);
        for c in 0..self.channels {
            self.bias[c] = rng.word();
            self.multipliers[c] = rng.word();
        }
        self.residual_multiplier = rng.word();
    }

    /// As the tier under test gets them; `layout` is the tier's.
    pub(super) fn accumulate(&self, layout: Layout) -> Accumulate<'_> {
        if self.block_bytes == 0 {
            return Accumulate { layout, ..self.rows() };
        }
        // SAFETY: any word is four bytes.
        #[allow(unsafe_code)]
        let (_, bytes, _) = unsafe { self.blocks.align_to::<u8>() };
        Accumulate { weights: &bytes[..self.block_bytes], layout, ..self.rows() }
    }

    /// As the reference reads them.
    pub(super) fn rows(&self) -> Accumulate<'_> {
        Accumulate {
            weights: &self.weights[..self.weight_bytes],
            layout: Layout::Rows,
            weight_bits: self.weight_bits,
            bias: &self.bias[..self.channels],
            multipliers: &self.multipliers[..self.channels],
            shift: self.shift,
            clamp: self.clamp,
            residual_multiplier: self.residual_multiplier,
        }
    }
}

/// Makes one constant wrong; the error that follows.
pub(super) fn spoil(rng: &mut Rng, op: &mut Accumulate, y: Dtype) -> KernelError {
    fn shorten<T>(slice: &mut &[T]) -> KernelError {
        let need = slice.len() as u32;
        *slice = &slice[1..];
        KernelError::InvalidConstants { need, have: need - 1 }
    }
    match rng.below(5) {
        0 => shorten(&mut op.weights),
        1 => shorten(&mut op.bias),
        2 => shorten(&mut op.multipliers),
        3 => {
            op.shift = rng.size(63, 255) as u8;
            KernelError::InvalidShift { shift: op.shift }
        }
        _ => {
            op.clamp = bad_clamp(rng, y);
            KernelError::InvalidClamp
        }
    }
}

/// Where the tensors of a step lie.
pub(super) struct Placement {
    pub(super) x: Place,
    pub(super) residual: Option<Place>,
    pub(super) y: Place,
    /// Bytes from the input to a result over it.
    pub(super) distance: Option<i32>,
}

/// An input, and a residual or none; the result over the input, over the residual, or apart.
pub(super) fn placement(
    rng: &mut Rng,
    arena: &mut Arena,
    (x, y): (TensorSpec, TensorSpec),
    over_input: Overlap,
    over_residual: impl Fn(&TensorSpec) -> Overlap,
) -> Placement {
    let (x, over) = arena.overlapping(rng, x, y, over_input);
    let distance = over.map(|y| y.behind(&x));
    let allows = |spec: &TensorSpec, distance| over_residual(spec).allows(distance);
    let residual = rng.one_in(2).then(|| match distance {
        Some(distance) if rng.one_in(4) && allows(&x.spec, distance) => x,
        _ => {
            let spec = retyped(rng, y);
            arena.operand(rng, spec)
        }
    });
    let y = match (over, residual) {
        (Some(y), _) => y,
        (_, Some(residual)) if rng.one_in(2) && allows(&residual.spec, 0) => residual.over(y),
        _ => arena.place(rng, y),
    };
    Placement { x, residual, y, distance }
}
