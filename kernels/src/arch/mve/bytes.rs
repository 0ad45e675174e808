//! Runs of bytes and nibbles, a vector at a time: copies, fills and what columns are made of.

use core::cell::Cell;

use crate::Tensor;

/// Bytes of a tensor from `start` on.
#[inline(always)]
pub(super) fn behind<'a>(tensor: &Tensor<'a>, start: usize) -> &'a [Cell<u8>] {
    tensor.cells().get(start..).unwrap_or(&[])
}

/// Copies `rows` pieces of `bytes` bytes, `pitch` apart, one behind the other into `out`; nothing where they do
/// not fit.
#[inline(always)]
pub(super) fn gather(source: &[Cell<u8>], pitch: usize, rows: usize, bytes: usize, out: &[Cell<u8>]) {
    let reach = rows.saturating_sub(1) * pitch + bytes;
    if rows > 0 && bytes > 0 && reach <= source.len() && rows * bytes <= out.len() {
        imp::gather(source, pitch, rows, bytes, out);
    }
}

/// Sets `count` bytes; gives those behind them.
#[inline(always)]
pub(super) fn fill(out: &[Cell<u8>], count: usize, value: u8) -> &[Cell<u8>] {
    let (now, behind) = out.split_at_checked(count).unwrap_or((out, &[]));
    if !now.is_empty() {
        imp::fill(now, value);
    }
    behind
}

/// Widens nibbles to bytes, as many as fit `out`.
#[inline(always)]
pub(super) fn unpack(nibbles: &[Cell<u8>], out: &[Cell<u8>]) {
    let pairs = nibbles.len().min(out.len() >> 1);
    if let Some(nibbles) = nibbles.get(..pairs).filter(|pairs| !pairs.is_empty()) {
        imp::unpack(nibbles, out);
    }
    if let (Some(last), Some(byte)) = (nibbles.get(pairs), out.get(2 * pairs)) {
        byte.set(last.get() & 15);
    }
}

#[cfg(mve)]
use super::bytes_asm as imp;

#[cfg(not(mve))]
mod imp {
    //! The same by portable arithmetic.

    use core::cell::Cell;

    pub(super) fn gather(source: &[Cell<u8>], pitch: usize, rows: usize, bytes: usize, out: &[Cell<u8>]) {
        for row in 0..rows {
            let source = source.get(row * pitch..).unwrap_or(&[]).iter().take(bytes);
            for (to, from) in out.get(row * bytes..).unwrap_or(&[]).iter().zip(source) {
                to.set(from.get());
            }
        }
    }

    pub(super) fn fill(out: &[Cell<u8>], value: u8) {
        out.iter().for_each(|cell| cell.set(value));
    }

    pub(super) fn unpack(nibbles: &[Cell<u8>], out: &[Cell<u8>]) {
        for (pair, byte) in out.as_chunks::<2>().0.iter().zip(nibbles) {
            pair[0].set(byte.get() & 15);
            pair[1].set(byte.get() >> 4);
        }
    }
}
