//! Channels of a depthwise 3x3 convolution over planes of 16-bit rows.

use core::cell::Cell;

use super::GROUP;
use crate::linked;

/// Rows and columns of the kernel.
pub(super) const TAPS: usize = 3;

/// `(w0, w1), (w1, w2)` of each kernel row, for each channel of a group.
pub(super) type Pairs = [[[u32; 2]; GROUP]; TAPS];

/// Words of a plane's row. There are three lengths, because the kernel's loads have constant offsets.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Narrow = 8,
    Middle = 32,
    Wide = 64,
}

impl Class {
    /// The shortest row of at least `words` words.
    pub(super) fn new(words: usize) -> Option<Self> {
        [Self::Narrow, Self::Middle, Self::Wide].into_iter().find(|class| words <= class.stride())
    }

    /// Itself where its kernels are linked, else the one whose always are.
    #[inline(always)]
    pub(super) const fn linked(self) -> Self {
        if linked::LONG_ROWS { self } else { Self::Narrow }
    }

    /// Words of a row.
    pub(super) const fn stride(self) -> usize {
        self as usize
    }

    /// Rows of a plane for an input of `all` rows, padding included: memory against rows that are widened twice.
    pub(super) fn rows(self, all: usize) -> usize {
        match self {
            Self::Narrow if all <= 16 => all,
            Self::Narrow => 11,
            Self::Middle | Self::Wide => all.min(5),
        }
    }
}

/// Planes of neighbouring channels and where their results go.
pub(super) struct Group<'a> {
    pub(super) class: Class,
    /// Of the convolution: 1 or 2.
    pub(super) stride: usize,
    pub(super) planes: &'a [Cell<u32>],
    pub(super) plane_words: usize,
    pub(super) channels: usize,
    pub(super) weights: &'a Pairs,
    pub(super) bias: &'a [i32],
    /// Base-2 logarithm of a factor that the weights have, and the bias has not.
    pub(super) scale: u32,
    pub(super) multipliers: &'a [i32],
    /// Bytes from the first channel's first result on.
    pub(super) out: &'a [Cell<u8>],
    /// Bytes between two results.
    pub(super) step: usize,
    pub(super) rows: usize,
    /// Results of a row.
    pub(super) columns: usize,
}

impl Group<'_> {
    /// Writes the results if planes and output are large enough, requantised at shift 32 to bytes.
    #[inline(always)]
    pub(super) fn run(&self) {
        let row_words = ((self.columns + 1) >> 1) * self.stride + 1;
        let plane_rows = (self.rows - 1) * self.stride + 3;
        let channels = self.channels;
        let behind = channels.saturating_sub(1);
        let last = (self.rows * self.columns - 1) * self.step + behind;
        if channels > 0
            && channels <= GROUP
            && channels <= self.bias.len()
            && channels <= self.multipliers.len()
            && row_words <= self.class.stride()
            && behind * self.plane_words + plane_rows * self.class.stride() <= self.planes.len()
            && last < self.out.len()
        {
            imp::group(self);
        }
    }
}

#[cfg(dsp)]
use super::planes_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use super::Group;
    use crate::arch::armv7em::simd::{smlabt, smlad, smlatb, smmul, ssat8};

    pub(super) fn group(group: &Group) {
        (0..group.channels).for_each(|c| channel(group, c));
    }

    fn channel(group: &Group, c: usize) {
        let plane = group.planes.get(c * group.plane_words..).unwrap_or(&[]);
        let width = group.class.stride();
        let word = |row: usize, i: usize| plane.get(row * width + i).map_or(0, |cell| cell.get());
        let bias = group.bias.get(c).copied().unwrap_or(0) << group.scale;
        let multiplier = group.multipliers.get(c).copied().unwrap_or(0);
        for i in 0..group.rows * group.columns {
            let (oy, ox) = (i / group.columns, i % group.columns);
            let column = ox * group.stride;
            let mut acc = bias;
            for (ky, weights) in group.weights.iter().enumerate() {
                let [low, high] = weights.get(c).copied().unwrap_or_default();
                let row = oy * group.stride + ky;
                let (a, b) = (word(row, column >> 1), word(row, (column >> 1) + 1));
                acc = if column & 1 == 0 {
                    smlabt(b, high, smlad(a, low, acc))
                } else {
                    smlad(b, high, smlatb(a, low, acc))
                };
            }
            if let Some(cell) = group.out.get(i * group.step + c) {
                cell.set(ssat8(smmul(acc, multiplier)) as u8);
            }
        }
    }
}
