//! Constants of a depthwise 3x3 convolution, four channels at a time: weights of any width as words of two channels.

use core::mem::MaybeUninit;

use super::GROUP;
use crate::WeightBits;

/// Rows and columns of the kernel.
pub(super) const TAPS: usize = 3;
/// Channels of a word.
pub(super) const LANES: usize = 2;

/// Constants of two channels in the order in which the instructions read them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Pair {
    pub(super) first_bias: u32,
    /// Kernel rows: the weights of both channels behind the second bias, or behind the bytes from the row before.
    pub(super) rows: [[u32; 1 + TAPS]; TAPS],
    pub(super) multipliers: [u32; LANES],
}

/// Constants of four channels.
pub(super) type Pairs = [Pair; GROUP / LANES];

/// What channels are multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Constants<'a> {
    /// Packed weights of all channels for each tap, `step` bytes apart.
    pub(super) weights: &'a [u8],
    pub(super) step: usize,
    pub(super) bits: WeightBits,
    pub(super) bias: &'a [i32],
    pub(super) multipliers: &'a [i32],
    /// Base-2 logarithm of a factor for weights and bias.
    pub(super) scale: u32,
    /// Bytes between two rows of pixels.
    pub(super) pitch: usize,
}

#[cfg(dsp)]
use super::pairs_asm as imp;

pub(super) use imp::Source;

impl<'a> Source<'a> {
    /// Those of four channels from `first` on, which are there; a multiple of four.
    #[inline(always)]
    pub(super) fn pairs<'b>(&self, first: usize, room: &'b mut MaybeUninit<Pairs>) -> &'b Pairs {
        imp::pairs(self, first, room)
    }
}

#[cfg(not(dsp))]
mod imp {
    use core::mem::MaybeUninit;

    use super::{Constants, LANES, Pair, Pairs, TAPS};
    use crate::arch::armv7em::GROUP;
    use crate::arch::armv7em::four::unpack;
    use crate::arch::armv7em::simd::{sxtb16, sxtb16_ror8};

    /// [`Constants`], ready to be taken.
    pub(in super::super) struct Source<'a>(Constants<'a>);

    impl<'a> Source<'a> {
        pub(in super::super) fn new(constants: &Constants<'a>) -> Self {
            Self(*constants)
        }
    }

    pub(super) fn pairs<'b>(
        Source(constants): &Source,
        first: usize,
        room: &'b mut MaybeUninit<Pairs>,
    ) -> &'b Pairs {
        // Products fit their lanes; what the lower one moves beyond it is its sign.
        let mask = !(((1 << constants.scale) - 1) << 16);
        let mut taps = [[0; GROUP]; TAPS * TAPS];
        unpack(constants, first, &mut taps);
        room.write([0, 1].map(|c| {
            let lanes = |values: &[i32]| {
                [0, LANES].map(|lane| values.get(first + c + lane).map_or(0, |&value| value as u32))
            };
            let mut rows = [[constants.pitch as u32; 1 + TAPS]; TAPS];
            for (word, four) in rows.iter_mut().flat_map(|row| row.iter_mut().skip(1)).zip(taps) {
                let four = u32::from_le_bytes(four);
                let weights = if c == 0 { sxtb16(four) } else { sxtb16_ror8(four) };
                *word = (weights << constants.scale) & mask;
            }
            let first_bias;
            [first_bias, rows[0][0]] = lanes(constants.bias).map(|bias| bias << constants.scale);
            Pair { first_bias, rows, multipliers: lanes(constants.multipliers) }
        }))
    }
}
