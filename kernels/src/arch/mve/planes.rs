//! Sixteen channels of a depthwise 3x3 convolution over blocks of four rows, the same by instructions and by
//! portable arithmetic. A block holds, for each of sixteen channels, the bytes of one column of the rows.

use core::cell::Cell;

use crate::WeightBits;
use crate::layout::mve::LANES;
use crate::numerics::Clamp;

/// Rows of a block.
pub(super) const ROWS: usize = 4;

/// Bytes of a block.
pub(super) const BLOCK: usize = ROWS * LANES;

/// Rows and columns of the kernel.
pub(super) const TAPS: usize = 3;

/// Columns of blocks for `columns` results: those of whole vectors of four, and the one that meets zero weights.
pub(super) const fn block_columns(columns: usize, stride: usize) -> usize {
    (((columns + 3) & !3) - 1) * stride + TAPS + 1
}

/// Makes blocks of four rows: of each the first `channels` bytes of `pixels` pixels, `steps` apart.
#[inline(always)]
pub(super) fn interleave(
    rows: [&[Cell<u8>]; ROWS],
    steps: [usize; ROWS],
    channels: usize,
    pixels: usize,
    out: &[Cell<u8>],
) {
    let inside = |(row, step): (&&[Cell<u8>], usize)| (pixels - 1) * step + channels <= row.len();
    if pixels > 0 && rows.iter().zip(steps).all(inside) && pixels * BLOCK <= out.len() {
        imp::interleave(rows, steps, channels, pixels, out);
    }
}

/// Makes a block for each kernel column, and a last one of zeros, of `channels` channels of packed weights: nine
/// rows `pitch` bytes apart.
#[inline(always)]
pub(super) fn weights(source: &[u8], pitch: usize, bits: WeightBits, channels: usize, out: &[Cell<u8>]) {
    let last = pitch * (TAPS * TAPS - 1) + bits.row_bytes(channels);
    if channels <= LANES && last <= source.len() && (TAPS + 1) * BLOCK <= out.len() {
        imp::weights(source, pitch, bits, channels, out);
    }
}

/// Results of one row of outputs, or of two for stride 1: what is the same for all rows.
pub(super) struct Group<'a> {
    pub(super) stride: usize,
    pub(super) planes: &'a [Cell<u8>],
    pub(super) weights: &'a [Cell<u8>],
    pub(super) bias: &'a [i32],
    pub(super) multipliers: &'a [i32],
    pub(super) channels: usize,
    /// Bytes between two results.
    pub(super) pitch: usize,
    /// At least [`MIN_SHIFT`](super::MIN_SHIFT).
    pub(super) shift: u8,
    pub(super) clamp: Clamp,
}

/// Rows of a group.
pub(super) struct Rows<'a> {
    group: Group<'a>,
    /// Results of a row for which there are blocks; 0 for none.
    most: usize,
    ready: imp::Ready,
}

impl<'a> Rows<'a> {
    /// Rows of at most `columns` results.
    pub(super) fn new(group: Group<'a>, columns: usize) -> Self {
        let known = block_columns(columns, group.stride) * BLOCK <= group.planes.len()
            && (TAPS + 1) * BLOCK <= group.weights.len()
            && (1..=LANES.min(group.bias.len()).min(group.multipliers.len())).contains(&group.channels);
        Self { ready: imp::Ready::new(&group), group, most: if known { columns } else { 0 } }
    }

    /// Writes `columns` results of each row, requantised to bytes, from the first one's place on; the same place twice where
    /// there is no second row.
    #[inline(always)]
    pub(super) fn run(&mut self, columns: usize, y: [&[Cell<u8>]; 2]) {
        let last = columns.wrapping_sub(1) * self.group.pitch + self.group.channels;
        if (1..=self.most).contains(&columns) && y.iter().all(|row| last <= row.len()) {
            imp::channels(&self.group, &mut self.ready, columns, y);
        }
    }
}

#[cfg(mve)]
use super::planes_asm as imp;

#[cfg(not(mve))]
mod imp {
    //! The same by portable arithmetic.

    use core::cell::Cell;

    use super::{BLOCK, Group, ROWS, TAPS};
    use crate::WeightBits;
    use crate::layout::unpack;
    use crate::numerics::requantize;

    /// Nothing is made ready.
    pub(super) struct Ready;

    impl Ready {
        pub(super) fn new(_: &Group) -> Self {
            Self
        }
    }

    fn put(out: &[Cell<u8>], column: usize, channel: usize, row: usize, byte: u8) {
        if let Some(cell) = out.get(column * BLOCK + channel * ROWS + row) {
            cell.set(byte);
        }
    }

    pub(super) fn interleave(
        rows: [&[Cell<u8>]; ROWS],
        steps: [usize; ROWS],
        channels: usize,
        pixels: usize,
        out: &[Cell<u8>],
    ) {
        for (row, (bytes, step)) in rows.into_iter().zip(steps).enumerate() {
            for column in 0..pixels {
                for channel in 0..channels {
                    put(out, column, channel, row, bytes.get(column * step + channel).map_or(0, Cell::get));
                }
            }
        }
    }

    pub(super) fn weights(source: &[u8], pitch: usize, bits: WeightBits, channels: usize, out: &[Cell<u8>]) {
        out.iter().take((TAPS + 1) * BLOCK).for_each(|cell| cell.set(0));
        for tap in 0..TAPS * TAPS {
            let row = source.get(tap * pitch..).unwrap_or(&[]);
            for channel in 0..channels {
                put(out, tap % TAPS, channel, tap / TAPS, unpack(row, bits, channel) as u8);
            }
        }
    }

    pub(super) fn channels(group: &Group, _: &mut Ready, columns: usize, y: [&[Cell<u8>]; 2]) {
        let stride = group.stride;
        let byte =
            |cells: &[Cell<u8>], at: usize| cells.get(at).map_or(0, |cell| i32::from(cell.get() as i8));
        let rows = if stride == 1 { 2 } else { 1 };
        // The second row first: where there is none it is the first one's place.
        for row in (0..rows).rev() {
            for c in 0..group.channels {
                for x in 0..columns {
                    let mut acc = group.bias.get(c).copied().unwrap_or(0);
                    for (ky, kx) in (0..TAPS * TAPS).map(|tap| (tap / TAPS, tap % TAPS)) {
                        let at = |column: usize, row: usize| column * BLOCK + c * ROWS + row;
                        let value = byte(group.planes, at(x * stride + kx, row + ky));
                        acc = acc.wrapping_add(value * byte(group.weights, at(kx, ky)));
                    }
                    let multiplier = group.multipliers.get(c).copied().unwrap_or(0);
                    if let Some(cell) = y.get(row).and_then(|row| row.get(x * group.pitch + c)) {
                        cell.set(requantize(acc, multiplier, group.shift, group.clamp) as u8);
                    }
                }
            }
        }
    }
}
