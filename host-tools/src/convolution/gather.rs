//! Results of a plan: few pixels times one or two vectors of output channels stay in registers while all taps are read.
//!
//! Per value of a tap: one load for each vector of weights, one broadcast for each pixel, pixels times vectors
//! multiply-adds. Sixteen sums hide the latency of the multiply-add, and weights are read once for all pixels of a tile.

use super::plan::{Phase, Pixel, Plan, Run};
use super::simd::{self, Lane};
use pulp::{Arch, Simd, WithSimd};

/// Runs the plan with `weight(group, output channel, place, input channel)`; `channels` are groups, input channels and
/// output channels of a group.
pub(super) fn run(
    arch: Arch,
    plan: &Plan,
    [groups, inputs, outputs]: [usize; 3],
    images: &[f32],
    weight: impl Fn(usize, usize, [usize; 2], usize) -> f32,
    results: &mut [f32],
) {
    let width = simd::width(arch);
    let parts: Vec<Part> = (0..groups)
        .flat_map(|group| plan.phases.iter().map(move |phase| (group, phase)))
        .map(|(group, phase)| Part {
            phase,
            runs: phase.runs(inputs),
            inputs_at: group * inputs,
            outputs_at: group * outputs,
            outputs,
            weights: pack(phase, [inputs, outputs], width, |o, place, i| weight(group, o, place, i)),
        })
        .collect();
    plan.for_each_block(images, results, &|frames, count, results| {
        for part in &parts {
            let pixels = part.phase.pixels(count, plan.block);
            arch.dispatch(Block { part, pixels, frames, results });
        }
    });
}

/// A phase of one group.
struct Part<'a> {
    phase: &'a Phase,
    runs: Vec<Run>,
    inputs_at: usize,
    outputs_at: usize,
    outputs: usize,
    /// For each block of `simd::lanes`, for each value that a pixel reads, the weights of one or two vectors of outputs.
    weights: Vec<f32>,
}

fn pack(
    phase: &Phase,
    [inputs, outputs]: [usize; 2],
    width: usize,
    weight: impl Fn(usize, [usize; 2], usize) -> f32,
) -> Vec<f32> {
    let reads = phase.taps.len() * inputs;
    let mut packed = vec![0.0; reads * outputs.next_multiple_of(width)];
    for lane in simd::lanes(outputs, width) {
        let rows = packed[lane.channel * reads..].chunks_exact_mut(lane.channels.next_multiple_of(width));
        let values = phase.taps.iter().flat_map(|tap| (0..inputs).map(move |input| (tap.place, input)));
        for (row, (place, input)) in rows.zip(values) {
            for (o, to) in row.iter_mut().take(lane.channels).enumerate() {
                *to = weight(lane.channel + o, place, input);
            }
        }
    }
    packed
}

/// The pixels of a block of images.
struct Block<'a> {
    part: &'a Part<'a>,
    pixels: &'a [Pixel],
    frames: &'a [f32],
    results: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for lane in simd::lanes(self.part.outputs, S::F32_LANES) {
            // Sums, weights and a broadcast value fit the registers.
            match (lane.channels > S::F32_LANES, S::REGISTER_COUNT >= 32) {
                (true, true) => self.lane::<S, 8, 2>(simd, lane),
                (true, false) => self.lane::<S, 6, 2>(simd, lane),
                (false, _) => self.lane::<S, 8, 1>(simd, lane),
            }
        }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn lane<S: Simd, const P: usize, const V: usize>(&mut self, simd: S, lane: Lane) {
        let reads: usize = self.part.runs.iter().map(|run| run.len).sum();
        let weights = &self.part.weights[lane.channel * reads..][..reads * V * S::F32_LANES];
        let weights = S::as_simd_f32s(weights).0.as_chunks::<V>().0;
        let frames = &self.frames[self.part.inputs_at..];
        for pixels in self.pixels.chunks(P) {
            // A tile that is cut short sums its last pixel several times.
            let from = std::array::from_fn(|p| pixels[p.min(pixels.len() - 1)].from);
            let sums = tile::<S, P, V>(simd, frames, from, &self.part.runs, weights);
            for (pixel, sums) in pixels.iter().zip(sums) {
                let to = pixel.to + self.part.outputs_at + lane.channel;
                simd::store(simd, &mut self.results[to..][..lane.channels], sums);
            }
        }
    }
}

/// `sums[pixel] = sum over reads of frames[from[pixel] + read] * weights[read]`.
#[inline(always)]
fn tile<S: Simd, const P: usize, const V: usize>(
    simd: S,
    frames: &[f32],
    from: [usize; P],
    runs: &[Run],
    mut weights: &[[S::f32s; V]],
) -> [[S::f32s; V]; P] {
    let mut sums = [[simd.splat_f32s(0.0); V]; P];
    for run in runs {
        let (now, later) = weights.split_at(run.len);
        weights = later;
        // All of one length, which the compiler sees through `from_fn`: the loop below has no bounds checks.
        let rows: [_; P] = std::array::from_fn(|p| &frames[from[p] + run.from..][..now.len()]);
        for (k, weights) in now.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let value = simd.splat_f32s(row[k]);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(value, *weight, *sum);
                }
            }
        }
    }
    sums
}
