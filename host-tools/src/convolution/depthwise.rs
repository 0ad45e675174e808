//! Depthwise convolutions: a vector of channels times a few pixels (forward, gradient of the input) or a few taps
//! (gradient of the weights) stays in registers.

use super::geometry::Geometry;
use super::plan::{Pixel, Plan, Tap};
use super::simd::{self, Lane};
use pulp::{Arch, Simd, WithSimd};

/// Runs the plan with the weights `w`.
pub(super) fn run(arch: Arch, plan: &Plan, g: &Geometry, images: &[f32], w: &[f32], results: &mut [f32]) {
    let channels = g.groups;
    let weights: Vec<Vec<f32>> = (plan.phases.iter())
        .map(|phase| {
            let taps = phase.taps.iter();
            taps.flat_map(|tap| (0..channels).map(|c| w[g.weight_at(c, tap.place)])).collect()
        })
        .collect();
    plan.for_each_block(images, results, &|frames, count, results| {
        for (phase, weights) in plan.phases.iter().zip(&weights) {
            let pixels = phase.pixels(count, plan.block);
            arch.dispatch(Forward { channels, taps: &phase.taps, pixels, weights, frames, results });
        }
    });
}

/// The gradient of the weights; `plan` is that of the forward pass.
pub(super) fn weight_gradient(arch: Arch, plan: &Plan, g: &Geometry, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let Some(phase) = plan.phases.first() else { return };
    let channels = g.groups;
    let sums = plan.sum_over_batch(x, gy, phase.taps.len() * channels, &|frames, count, gy, sums| {
        let pixels = phase.pixels(count, plan.block);
        arch.dispatch(Gradient { channels, taps: &phase.taps, pixels, frames, gy, sums });
    });
    for (tap, sums) in phase.taps.iter().zip(sums.chunks_exact(channels)) {
        for (channel, sum) in sums.iter().enumerate() {
            gw[g.weight_at(channel, tap.place)] = *sum;
        }
    }
}

struct Forward<'a> {
    channels: usize,
    taps: &'a [Tap],
    pixels: &'a [Pixel],
    /// `[taps, channels]`.
    weights: &'a [f32],
    frames: &'a [f32],
    results: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for lane in simd::lanes(self.channels, S::F32_LANES) {
            if lane.channels > S::F32_LANES {
                self.lane::<S, 4, 2>(simd, lane);
            } else {
                self.lane::<S, 8, 1>(simd, lane);
            }
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn lane<S: Simd, const P: usize, const V: usize>(&mut self, simd: S, Lane { channel, channels }: Lane) {
        for pixels in self.pixels.chunks(P) {
            // A tile that is cut short sums its last pixel several times.
            let from: [_; P] = std::array::from_fn(|p| pixels[p.min(pixels.len() - 1)].from + channel);
            let mut sums = [[simd.splat_f32s(0.0); V]; P];
            for (tap, weights) in self.taps.iter().zip(self.weights.chunks_exact(self.channels)) {
                let weights = simd::load::<S, V>(simd, &weights[channel..][..channels]);
                for (sums, from) in sums.iter_mut().zip(from) {
                    let values = simd::load::<S, V>(simd, &self.frames[from + tap.from..][..channels]);
                    for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
                        *sum = simd.mul_add_e_f32s(value, weight, *sum);
                    }
                }
            }
            for (pixel, sums) in pixels.iter().zip(sums) {
                simd::store(simd, &mut self.results[pixel.to + channel..][..channels], sums);
            }
        }
    }
}

/// Adds the products of the pixels of a block to `sums`, `[taps, channels]`.
struct Gradient<'a> {
    channels: usize,
    taps: &'a [Tap],
    pixels: &'a [Pixel],
    frames: &'a [f32],
    gy: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let many = S::REGISTER_COUNT >= 32;
        for lane in simd::lanes(self.channels, S::F32_LANES) {
            let mut tap = 0;
            while tap < self.taps.len() {
                tap += match (lane.channels > S::F32_LANES, self.taps.len() - tap) {
                    (true, 9..) if many => self.tile::<S, 9, 2>(simd, tap, lane),
                    (true, 3..) => self.tile::<S, 3, 2>(simd, tap, lane),
                    (true, _) => self.tile::<S, 1, 2>(simd, tap, lane),
                    (false, 9..) => self.tile::<S, 9, 1>(simd, tap, lane),
                    (false, 3..) => self.tile::<S, 3, 1>(simd, tap, lane),
                    (false, _) => self.tile::<S, 1, 1>(simd, tap, lane),
                };
            }
        }
    }
}

impl Gradient<'_> {
    /// Adds the sums of `T` taps; `T`.
    #[inline(always)]
    fn tile<S: Simd, const T: usize, const V: usize>(&mut self, simd: S, tap: usize, lane: Lane) -> usize {
        let Lane { channel, channels } = lane;
        let taps: [_; T] = std::array::from_fn(|t| self.taps[tap + t].from + channel);
        let mut sums = [[simd.splat_f32s(0.0); V]; T];
        for pixel in self.pixels {
            let gradients = simd::load::<S, V>(simd, &self.gy[pixel.to + channel..][..channels]);
            for (sums, tap) in sums.iter_mut().zip(taps) {
                let values = simd::load::<S, V>(simd, &self.frames[pixel.from + tap..][..channels]);
                for ((sum, value), gradient) in sums.iter_mut().zip(values).zip(gradients) {
                    *sum = simd.mul_add_e_f32s(value, gradient, *sum);
                }
            }
        }
        for (t, sums) in sums.into_iter().enumerate() {
            let to = &mut self.sums[(tap + t) * self.channels + channel..][..channels];
            let before = simd::load::<S, V>(simd, to);
            simd::store(simd, to, std::array::from_fn::<_, V, _>(|v| simd.add_f32s(before[v], sums[v])));
        }
        T
    }
}
