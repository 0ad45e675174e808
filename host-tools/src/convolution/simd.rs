//! Vectors of channels: loads and stores that may be cut short, and how many vectors are worked on together.

use pulp::{Arch, Simd, WithSimd};

/// Vectors of channels that are worked on together.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    /// First channel.
    pub(super) channel: usize,
    /// Channels, at most two vectors.
    pub(super) channels: usize,
}

/// Channels in blocks of two vectors; at the end one vector or a part of it.
pub(super) fn lanes(channels: usize, width: usize) -> impl Iterator<Item = Lane> {
    let mut channel = 0;
    std::iter::from_fn(move || {
        let left = channels - channel;
        let channels = if left >= 2 * width { 2 * width } else { left.min(width) };
        let lane = Lane { channel, channels };
        channel += channels;
        (channels > 0).then_some(lane)
    })
}

/// Values of a vector of `arch`.
pub(super) fn width(arch: Arch) -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    arch.dispatch(Width)
}

/// The first `V` vectors of `from`; where `V` is 1 it may be shorter, and is followed by zeros.
#[inline(always)]
pub(super) fn load<S: Simd, const V: usize>(simd: S, from: &[f32]) -> [S::f32s; V] {
    if V == 1 && from.len() < S::F32_LANES {
        return [simd.partial_load_f32s(from); V];
    }
    let vectors = S::as_simd_f32s(&from[..V * S::F32_LANES]).0;
    std::array::from_fn(|v| vectors[v])
}

/// Writes `vectors` to the start of `to`; where `V` is 1, cut to its length.
#[inline(always)]
pub(super) fn store<S: Simd, const V: usize>(simd: S, to: &mut [f32], vectors: [S::f32s; V]) {
    if V == 1 && to.len() < S::F32_LANES {
        return simd.partial_store_f32s(to, vectors[0]);
    }
    let to = S::as_mut_simd_f32s(&mut to[..V * S::F32_LANES]).0;
    to.copy_from_slice(&vectors);
}
