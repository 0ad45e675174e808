//! Gradient of the weights: few values that a pixel reads times one or two vectors of output channels stay in registers
//! while all pixels of a block are read.

use super::geometry::Geometry;
use super::plan::{Pixel, Plan, Run};
use super::simd::{self, Lane};
use pulp::{Arch, Simd, WithSimd};

/// The gradient of the weights of any convolution; `plan` is that of the forward pass.
pub(super) fn gradient(arch: Arch, plan: &Plan, g: &Geometry, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let Some(phase) = plan.phases.first() else { return };
    let (inputs, outputs) = (g.group_inputs(), g.group_outputs());
    let reads = phase.taps.len() * inputs;
    let row = outputs.next_multiple_of(simd::width(arch));
    let runs = phase.runs(inputs);
    let sums = plan.sum_over_batch(x, gy, g.groups * reads * row, &|frames, count, gy, sums| {
        let pixels = phase.pixels(count, plan.block);
        for (group, sums) in sums.chunks_exact_mut(reads * row).enumerate() {
            let (frames, gy) = (&frames[group * inputs..], &gy[group * outputs..]);
            arch.dispatch(Block { runs: &runs, outputs, row, pixels, frames, gy, sums });
        }
    });
    for group in 0..g.groups {
        for (t, tap) in phase.taps.iter().enumerate() {
            for output in 0..outputs {
                let to = &mut gw[g.weight_at(group * outputs + output, tap.place)..][..inputs];
                let from = &sums[(group * reads + t * inputs) * row + output..];
                for (to, from) in to.iter_mut().zip(from.iter().step_by(row)) {
                    *to = *from;
                }
            }
        }
    }
}

/// Adds the products of the pixels of a block to `sums`, `[reads, row]`.
struct Block<'a> {
    runs: &'a [Run],
    outputs: usize,
    row: usize,
    pixels: &'a [Pixel],
    frames: &'a [f32],
    gy: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for lane in simd::lanes(self.outputs, S::F32_LANES) {
            let mut read = 0;
            for run in self.runs {
                let mut at = 0;
                while at < run.len {
                    let place = Place { from: run.from + at, read: read + at, lane };
                    at += self.widest(simd, place, run.len - at);
                }
                read += run.len;
            }
        }
    }
}

/// Where a tile of sums starts: in the frame of a pixel, in the reads of a pixel, and its output channels.
#[derive(Clone, Copy)]
struct Place {
    from: usize,
    read: usize,
    lane: Lane,
}

impl Block<'_> {
    /// The tile with the most reads that fits the registers and `left`; its reads.
    #[inline(always)]
    fn widest<S: Simd>(&mut self, simd: S, place: Place, left: usize) -> usize {
        let many = S::REGISTER_COUNT >= 32;
        match (place.lane.channels > S::F32_LANES, left) {
            (true, 12..) if many => self.tile::<S, 12, 2>(simd, place),
            (true, 6..) => self.tile::<S, 6, 2>(simd, place),
            (true, 3..) => self.tile::<S, 3, 2>(simd, place),
            (true, _) => self.tile::<S, 1, 2>(simd, place),
            (false, 24..) if many => self.tile::<S, 24, 1>(simd, place),
            (false, 9..) => self.tile::<S, 9, 1>(simd, place),
            (false, 4..) => self.tile::<S, 4, 1>(simd, place),
            (false, _) => self.tile::<S, 1, 1>(simd, place),
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, place: Place) -> usize {
        let Lane { channel, channels } = place.lane;
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for pixel in self.pixels {
            let gradients = simd::load::<S, V>(simd, &self.gy[pixel.to + channel..][..channels]);
            let reads = &self.frames[pixel.from + place.from..][..R];
            for (sums, read) in sums.iter_mut().zip(reads) {
                let read = simd.splat_f32s(*read);
                for (sum, gradient) in sums.iter_mut().zip(gradients) {
                    *sum = simd.mul_add_e_f32s(read, gradient, *sum);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let to = &mut self.sums[(place.read + r) * self.row + channel..][..V * S::F32_LANES];
            for (to, sum) in S::as_mut_simd_f32s(to).0.iter_mut().zip(sums) {
                *to = simd.add_f32s(*to, sum);
            }
        }
        R
    }
}
