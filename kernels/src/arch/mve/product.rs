//! Dense products of columns of bytes with weights in layout [`mve`](crate::layout::mve), the same by
//! instructions ([`product_asm`](super::product_asm)) and by portable arithmetic.

use core::cell::Cell;

use crate::WeightBits;
use crate::layout::mve::{CHANNELS, LANES, block_bytes, vectors};
use crate::numerics::Clamp;
use crate::op::Accumulate;

/// Pixels of a convolution's strip.
pub(super) const PIXELS: usize = 2;

/// Sums of a block: those of each pixel together; of a dense layer's pair of blocks, those of each block.
pub(super) const SUMS: usize = PIXELS * CHANNELS;

/// What becomes of sums with their bias.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    /// Requantised to signed bytes.
    Bytes {
        /// Of the channels.
        multipliers: &'a [i32],
        /// Limits of the result.
        clamp: Clamp,
        /// `None` where the product's high word is the result: shift 32 and no residual.
        wide: Option<Wide>,
    },
    /// As they are, [`SUMS`] for each block or pair of blocks.
    Accumulators(&'a [Cell<i32>]),
}

/// A result of two words.
#[derive(Clone, Copy)]
pub(super) struct Wide {
    /// At least [`MIN_SHIFT`](super::MIN_SHIFT).
    pub(super) shift: u8,
    pub(super) residual_multiplier: i32,
}

impl<'a> End<'a> {
    /// Bytes of all channels, with a residual operand or none; only where [`stores`](super::stores) allows it.
    #[inline(always)]
    pub(super) fn bytes(accumulate: &Accumulate<'a>, residual: bool) -> Self {
        let Accumulate { multipliers, clamp, shift, residual_multiplier, .. } = *accumulate;
        let wide = (shift != 32 || residual).then_some(Wide { shift, residual_multiplier });
        Self::Bytes { multipliers, clamp, wide }
    }

    /// Groups of `channels` channels, or of [`SUMS`] accumulators, that there is room for.
    #[inline(always)]
    fn room(&self, channels: usize) -> usize {
        match self {
            Self::Bytes { multipliers, .. } => multipliers.len() >> channels.trailing_zeros(),
            Self::Accumulators(raw) => raw.len() >> SUMS.trailing_zeros(),
        }
    }
}

/// Bytes of two pixels. A dense layer has one, twice.
pub(super) type Pixels<'a> = [&'a [Cell<u8>]; PIXELS];

/// Weights and biases, and what becomes of the sums: the same for all pixels of a step.
pub(super) struct Products<'a> {
    pub(super) bits: WeightBits,
    pub(super) vectors: usize,
    /// The blocks one behind the other.
    pub(super) weights: &'a [u8],
    /// Of the channels, whole groups.
    pub(super) bias: &'a [i32],
    pub(super) end: End<'a>,
    /// Blocks, or pairs of them, that weights, biases and `end` have; 0 for nothing to do.
    pub(super) groups: usize,
}

impl Products<'_> {
    /// Whether `groups` of `channels` channels fit what bytes are stored to and read from.
    #[inline(always)]
    fn fit(&self, channels: usize, y: &Pixels, residual: Option<&Pixels>) -> bool {
        let bytes = self.groups * channels;
        let fit = |pixels: &Pixels| pixels.iter().all(|pixel| bytes <= pixel.len());
        match self.end {
            End::Bytes { wide: None, .. } => fit(y),
            End::Bytes { .. } => fit(y) && residual.is_none_or(fit),
            End::Accumulators(_) => true,
        }
    }
}

/// Products of two pixels with blocks of channels.
pub(super) struct Strip<'a> {
    products: Products<'a>,
    /// Bytes of a column.
    column: usize,
    ready: imp::Ready,
}

impl<'a> Strip<'a> {
    /// `weights` and `bias` are those of the first channel on. Whole blocks, at most `blocks`.
    pub(super) fn new(
        (bits, row_len): (WeightBits, usize),
        weights: &'a [u8],
        bias: &'a [i32],
        end: End<'a>,
        blocks: usize,
    ) -> Self {
        let vectors = vectors(row_len);
        let blocks = blocks.min(bias.len() >> 2).min(end.room(CHANNELS));
        let known = vectors > 0 && block_bytes(bits, row_len) * blocks <= weights.len();
        let products = Products { bits, vectors, weights, bias, end, groups: if known { blocks } else { 0 } };
        Self { ready: imp::Ready::new(&products), products, column: vectors * LANES }
    }

    /// Stores results of two pixels to `y`, which may lie over `residual`. Columns have whole vectors; what lies behind
    /// their inputs does not matter.
    #[inline(always)]
    pub(super) fn run(&mut self, columns: Pixels, y: Pixels, residual: Option<Pixels>) {
        let products = &self.products;
        let known = columns.iter().all(|column| column.len() >= self.column);
        if known && products.groups > 0 && products.fit(CHANNELS, &y, residual.as_ref()) {
            imp::strip(products, &mut self.ready, columns, y, residual);
        }
    }
}

/// Stores products of one input with pairs of blocks of channels to `y`, which may lie over `residual`: whole pairs, at
/// most `pairs`. `input` has whole vectors; `weights` and `bias` are those of the first channel on. A block that is
/// `single` makes a pair with itself.
#[inline(always)]
pub(super) fn dense<'a>(
    (bits, row_len): (WeightBits, usize),
    input: &[Cell<u8>],
    (weights, single, bias): (&'a [u8], bool, &'a [i32]),
    (end, pairs): (End<'a>, usize),
    y: &[Cell<u8>],
    residual: Option<&[Cell<u8>]>,
) {
    let (vectors, block) = (vectors(row_len), block_bytes(bits, row_len));
    let pairs =
        pairs.min(bias.len() >> 3).min(end.room(2 * CHANNELS)).min(if single { 1 } else { usize::MAX });
    let (stride, need) = if single { (0, block) } else { (block, 2 * block * pairs) };
    let products = Products { bits, vectors, weights, bias, end, groups: pairs };
    let (y, residual) = ([y; PIXELS], residual.map(|pixel| [pixel; PIXELS]));
    let known = vectors > 0 && vectors * LANES <= input.len() && need <= weights.len();
    if known && pairs > 0 && products.fit(2 * CHANNELS, &y, residual.as_ref()) {
        imp::dense(&products, (input, stride), y, residual);
    }
}

#[cfg(mve)]
use super::product_asm as imp;

#[cfg(not(mve))]
mod imp {
    //! The same sums by portable arithmetic.

    use core::cell::Cell;

    use super::{CHANNELS, End, LANES, PIXELS, Pixels, Products, SUMS, Wide};
    use crate::layout::mve::weight;
    use crate::numerics::requantize_terms;

    /// Nothing is made ready.
    pub(super) struct Ready;

    impl Ready {
        pub(super) fn new(_: &Products) -> Self {
            Self
        }
    }

    impl Products<'_> {
        /// The sum of channel `c`, which is `channel` of `block`.
        fn sum(&self, block: usize, channel: usize, column: &[Cell<u8>], c: usize) -> i32 {
            let block = self.weights.get(block..).unwrap_or(&[]);
            let bias = self.bias.get(c).copied().unwrap_or(0);
            column.iter().take(self.vectors * LANES).enumerate().fold(bias, |sum, (k, x)| {
                sum.wrapping_add(i32::from(x.get() as i8) * weight(block, self.bits, channel, k))
            })
        }

        /// What becomes of a sum, with that pixel of the residual operand.
        fn value(&self, c: usize, sum: i32, residual: Option<&[Cell<u8>]>) -> i32 {
            let End::Bytes { multipliers, clamp, wide } = self.end else { return sum };
            let multiplier = multipliers.get(c).copied().unwrap_or(0);
            let Some(Wide { shift, residual_multiplier }) = wide else {
                return requantize_terms(sum, multiplier, None, 32, clamp);
            };
            let byte = |pixel: &[Cell<u8>]| pixel.get(c).map_or(0, |byte| i32::from(byte.get() as i8));
            let other = residual.map(|pixel| (byte(pixel), residual_multiplier));
            requantize_terms(sum, multiplier, other, shift, clamp)
        }

        /// Stores it to the pixel, or at `place` of the accumulators.
        fn put(&self, place: usize, c: usize, pixel: &[Cell<u8>], value: i32) {
            match self.end {
                End::Bytes { .. } => {
                    if let Some(cell) = pixel.get(c) {
                        cell.set(value as u8);
                    }
                }
                End::Accumulators(raw) => {
                    if let Some(cell) = raw.get(place) {
                        cell.set(value);
                    }
                }
            }
        }
    }

    pub(super) fn strip(
        products: &Products,
        _: &mut Ready,
        columns: Pixels,
        y: Pixels,
        residual: Option<Pixels>,
    ) {
        let bytes = (products.vectors << 6) >> products.bits.log2_per_byte();
        for c in 0..products.groups * CHANNELS {
            let (block, channel) = (c >> 2, c & 3);
            // Both before either is stored: a last pixel alone is there twice, maybe over its residual operand.
            let values: [i32; PIXELS] = core::array::from_fn(|p| {
                let sum = products.sum(block * bytes, channel, columns[p], c);
                products.value(c, sum, residual.map(|pixels| pixels[p]))
            });
            for (p, value) in values.into_iter().enumerate() {
                products.put(block * SUMS + p * CHANNELS + channel, c, y[p], value);
            }
        }
    }

    pub(super) fn dense(
        products: &Products,
        (input, stride): (&[Cell<u8>], usize),
        y: Pixels,
        residual: Option<Pixels>,
    ) {
        for c in 0..products.groups * SUMS {
            let sum = products.sum((c >> 2) * stride, c & 3, input, c);
            let value = products.value(c, sum, residual.map(|pixels| pixels[0]));
            products.put(c, c, y[0], value);
        }
    }
}
