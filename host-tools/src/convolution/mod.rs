//! Convolutions in f32 and their gradients, channels last, for training on the processor.
//!
//! One loop serves all: `plan` says which values of a zero-padded image every pixel reads, `gather` keeps a few pixels times
//! a few vectors of output channels in registers and reads on (forward, gradient of the input); `weights` keeps a few rows
//! of the weights and goes through the pixels (gradient of the weights). Nothing is copied but the padded image. `depthwise`
//! does the same for one input channel per output channel. Vectors are those of the processor that runs it.
//!
//! Every sum is in an order that only the geometry gives: results are the same bits with any number of threads. Sums of
//! integers below 2^24 are exact.

mod batch;
mod depthwise;
mod frame;
mod gather;
mod geometry;
mod plan;
mod simd;
mod weights;

#[cfg(test)]
mod tests;

pub(crate) use geometry::Geometry;
use plan::Plan;
use pulp::Arch;

/// `y`, the convolution of `x` with `w`.
///
/// # Shapes
/// `x` `[batch, input]`, `w` `[output channels, kernel, input channels / groups]`, `y` `[batch, output]`.
///
/// # Panics
/// Where a length differs from that of the geometry.
pub(crate) fn forward(g: &Geometry, x: &[f32], w: &[f32], y: &mut [f32]) {
    forward_on(Arch::new(), g, x, w, y);
}

/// `gx`, the gradient of the input, of the gradient of the output `gy`. Shapes and panics as in [`forward`].
pub(crate) fn input_gradient(g: &Geometry, gy: &[f32], w: &[f32], gx: &mut [f32]) {
    input_gradient_on(Arch::new(), g, gy, w, gx);
}

/// `gw`, the gradient of the weights, of the gradient of the output `gy`. Shapes and panics as in [`forward`].
pub(crate) fn weight_gradient(g: &Geometry, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    weight_gradient_on(Arch::new(), g, x, gy, gw);
}

fn forward_on(arch: Arch, g: &Geometry, x: &[f32], w: &[f32], y: &mut [f32]) {
    g.check(x.len(), w.len(), y.len());
    let plan = Plan::forward(g);
    if g.is_depthwise() {
        depthwise::run(arch, &plan, g, x, w, y);
    } else {
        let (inputs, outputs) = (g.group_inputs(), g.group_outputs());
        let weight = |group: usize, output: usize, place, input: usize| {
            w[g.weight_at(group * outputs + output, place) + input]
        };
        gather::run(arch, &plan, [g.groups, inputs, outputs], x, weight, y);
    }
}

fn input_gradient_on(arch: Arch, g: &Geometry, gy: &[f32], w: &[f32], gx: &mut [f32]) {
    g.check(gx.len(), w.len(), gy.len());
    let plan = Plan::input_gradient(g);
    if g.is_depthwise() {
        depthwise::run(arch, &plan, g, gy, w, gx);
    } else {
        let (inputs, outputs) = (g.group_inputs(), g.group_outputs());
        let weight = |group: usize, input: usize, place, output: usize| {
            w[g.weight_at(group * outputs + output, place) + input]
        };
        gather::run(arch, &plan, [g.groups, outputs, inputs], gy, weight, gx);
    }
}

fn weight_gradient_on(arch: Arch, g: &Geometry, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    g.check(x.len(), gw.len(), gy.len());
    let plan = Plan::forward(g);
    if g.is_depthwise() {
        depthwise::weight_gradient(arch, &plan, g, x, gy, gw);
    } else {
        weights::gradient(arch, &plan, g, x, gy, gw);
    }
}
