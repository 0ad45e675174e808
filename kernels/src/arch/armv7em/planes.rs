//! One channel of a depthwise 3x3 convolution over a plane of 16-bit rows.

use core::cell::Cell;

/// Words of a plane's row. There are three lengths, because the kernel's loads have constant offsets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Narrow,
    Middle,
    Wide,
}

impl Class {
    /// The shortest row of at least `words` words.
    pub(super) fn new(words: usize) -> Option<Self> {
        [Self::Narrow, Self::Middle, Self::Wide].into_iter().find(|class| words <= class.stride())
    }

    /// Words of a row.
    pub(super) const fn stride(self) -> usize {
        match self {
            Self::Narrow => 8,
            Self::Middle => 32,
            Self::Wide => 64,
        }
    }

    /// Rows of a plane: memory against rows that are widened twice.
    pub(super) const fn rows(self) -> usize {
        match self {
            Self::Narrow => 16,
            Self::Middle | Self::Wide => 5,
        }
    }
}

/// A channel's plane and where its results go.
pub(super) struct Channel<'a> {
    pub(super) class: Class,
    /// Of the convolution: 1 or 2.
    pub(super) stride: usize,
    pub(super) plane: &'a [Cell<u32>],
    /// `(w0, w1), (w1, w2)` of each kernel row.
    pub(super) weights: [u32; 6],
    pub(super) bias: i32,
    pub(super) multiplier: i32,
    /// Bytes from the first result on.
    pub(super) out: &'a [Cell<u8>],
    /// Bytes between two results.
    pub(super) step: usize,
    pub(super) rows: usize,
    /// Results of a row.
    pub(super) columns: usize,
}

impl Channel<'_> {
    /// Writes the results if plane and output are large enough, requantised at shift 32 to bytes.
    #[inline(always)]
    pub(super) fn run(&self) {
        let row_words = ((self.columns + 1) >> 1) * self.stride + 1;
        let plane_rows = (self.rows - 1) * self.stride + 3;
        let last = (self.rows * self.columns - 1) * self.step;
        if row_words <= self.class.stride()
            && plane_rows * self.class.stride() <= self.plane.len()
            && last < self.out.len()
        {
            imp::channel(self);
        }
    }
}

#[cfg(dsp)]
use super::planes_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use super::Channel;
    use crate::arch::armv7em::simd::{smlabt, smlad, smlatb, smmul, ssat8};

    pub(super) fn channel(channel: &Channel) {
        let width = channel.class.stride();
        let word = |row: usize, i: usize| channel.plane.get(row * width + i).map_or(0, |cell| cell.get());
        for i in 0..channel.rows * channel.columns {
            let (oy, ox) = (i / channel.columns, i % channel.columns);
            let column = ox * channel.stride;
            let mut acc = channel.bias;
            for (ky, [low, high]) in channel.weights.as_chunks::<2>().0.iter().enumerate() {
                let row = oy * channel.stride + ky;
                let (a, b) = (word(row, column >> 1), word(row, (column >> 1) + 1));
                acc = if column & 1 == 0 {
                    smlabt(b, *high, smlad(a, *low, acc))
                } else {
                    smlad(b, *high, smlatb(a, *low, acc))
                };
            }
            if let Some(cell) = channel.out.get(i * channel.step) {
                cell.set(ssat8(smmul(acc, channel.multiplier)) as u8);
            }
        }
    }
}
