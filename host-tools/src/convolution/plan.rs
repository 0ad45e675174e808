//! Which values every pixel reads: a convolution and the gradient of its input, both as sums over a padded image.
//!
//! A pixel of the result is `sum over taps of frame[pixel.from + tap.from ..] * weights[tap]`. The frame is the image with
//! zeros around it, so nothing is tested while summing. The gradient of the input reads the gradient of the output in the
//! same way; with a stride, pixels that meet different taps of the kernel make different phases.

use super::frame::Frame;
use super::geometry::Geometry;

/// A convolution as sums over frames.
pub(super) struct Plan {
    pub(super) frame: Frame,
    pub(super) phases: Vec<Phase>,
    /// Values of a result image.
    pub(super) result_len: usize,
    /// Images that are worked on together: small images are joined, so that there are pixels to work on side by side.
    pub(super) block: usize,
    /// Images of a task, a multiple of `block`. Never depends on the number of threads: sums over the batch are split here.
    pub(super) task: usize,
}

/// Pixels that meet the same taps.
pub(super) struct Phase {
    /// The pixels of `block` images, image by image.
    pub(super) pixels: Vec<Pixel>,
    pub(super) taps: Vec<Tap>,
}

/// Where a pixel reads in the frames of a block and where its channels are in the results of a block.
#[derive(Clone, Copy)]
pub(super) struct Pixel {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A place of the kernel, `[kh, kw]`, and the values from the start of a pixel to the channels below it.
#[derive(Clone, Copy)]
pub(super) struct Tap {
    pub(super) from: usize,
    pub(super) place: [usize; 2],
}

/// Contiguous values that a pixel reads: the channels of one tap or of several that touch.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) len: usize,
}

/// Pixels and taps of one axis, in rows or columns of the frame and of the result.
struct Axis {
    pixels: Vec<(usize, usize)>,
    /// `(from, place)`, by rising `from`.
    taps: Vec<(usize, usize)>,
}

impl Plan {
    /// The plan of the convolution: images are inputs, results are outputs.
    pub(super) fn forward(g: &Geometry) -> Self {
        let size = [0, 1].map(|a| {
            let read = (g.output[a].max(1) - 1) * g.stride[a] + (g.kernel[a] - 1) * g.dilation[a] + 1;
            read.max(g.pad[a] + g.input[a])
        });
        let axes = [0, 1].map(|a| {
            vec![Axis {
                pixels: (0..g.output[a]).map(|o| (o * g.stride[a], o)).collect(),
                taps: (0..g.kernel[a]).map(|k| (k * g.dilation[a], k)).collect(),
            }]
        });
        Self::new(g, Frame::new(g.input, g.pad, size), axes, g.output)
    }

    /// The plan of the gradient of the input: images are gradients of the output, results gradients of the input.
    ///
    /// Input `i` meets tap `k` of output `o` where `i + pad = o * stride + k * dilation`. With `r` the remainder of both
    /// sides by the stride, `o = (i + pad - r) / stride - (k * dilation - r) / stride`: the first term is the pixel's, the
    /// second the tap's.
    pub(super) fn input_gradient(g: &Geometry) -> Self {
        let before = [0, 1].map(|a| (g.kernel[a] - 1) * g.dilation[a] / g.stride[a]);
        let size = [0, 1].map(|a| {
            let last = (g.input[a].max(1) - 1 + g.pad[a]) / g.stride[a];
            before[a] + g.output[a].max(last + 1)
        });
        let axes = [0, 1].map(|a| {
            let stride = g.stride[a];
            let phase = |r: usize| Axis {
                pixels: (0..g.input[a])
                    .filter(|i| (i + g.pad[a]) % stride == r)
                    .map(|i| ((i + g.pad[a]) / stride, i))
                    .collect(),
                taps: (0..g.kernel[a])
                    .rev()
                    .filter(|k| k * g.dilation[a] % stride == r)
                    .map(|k| (before[a] - k * g.dilation[a] / stride, k))
                    .collect(),
            };
            (0..stride).map(phase).collect()
        });
        Self::new(g, Frame::new(g.output, before, size), axes, g.input)
    }

    fn new(g: &Geometry, frame: Frame, axes: [Vec<Axis>; 2], result: [usize; 3]) -> Self {
        /// Pixels of a block: enough to hide the start and the end of a tile.
        const BLOCK_PIXELS: usize = 64;
        /// Images of a task: few, so that threads share a batch evenly, but enough to pay for a partial sum.
        const TASK_IMAGES: usize = 8;
        let [height, width, channels] = result;
        let result_len = height * width * channels;
        let block = BLOCK_PIXELS.div_ceil((g.output[0] * g.output[1]).max(1)).min(g.batch.max(1));
        let [row, column] = frame.strides();
        let mut phases = Vec::new();
        for rows in &axes[0] {
            for columns in &axes[1] {
                let mut pixels = Vec::with_capacity(block * rows.pixels.len() * columns.pixels.len());
                for n in 0..block {
                    for (y_from, y) in &rows.pixels {
                        for (x_from, x) in &columns.pixels {
                            let from = n * frame.len() + y_from * row + x_from * column;
                            let to = n * result_len + (y * width + x) * channels;
                            pixels.push(Pixel { from, to });
                        }
                    }
                }
                let taps = (rows.taps.iter())
                    .flat_map(|r| columns.taps.iter().map(move |c| (r, c)))
                    .map(|(r, c)| Tap { from: r.0 * row + c.0 * column, place: [r.1, c.1] })
                    .collect();
                phases.push(Phase { pixels, taps });
            }
        }
        Self { frame, phases, result_len, block, task: TASK_IMAGES.next_multiple_of(block) }
    }
}

impl Phase {
    /// The pixels of the first `images` of `block` images.
    pub(super) fn pixels(&self, images: usize, block: usize) -> &[Pixel] {
        &self.pixels[..self.pixels.len() / block * images]
    }

    /// What a pixel reads of `channels` at each tap. The order of the values is that of the taps.
    pub(super) fn runs(&self, channels: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for tap in &self.taps {
            match runs.last_mut() {
                Some(run) if run.from + run.len == tap.from => run.len += channels,
                _ => runs.push(Run { from: tap.from, len: channels }),
            }
        }
        runs
    }
}
