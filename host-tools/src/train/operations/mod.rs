//! The two operations of training that decide its speed and its exactness, as an extension of burn's backends:
//! convolution in the runtime's layout, and requantisation with straight-through gradients. Everything else of
//! training is burn's own tensor arithmetic.

mod autodiff;
mod flex;
mod plain;
mod portable;
mod quantize;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

#[cfg(any(feature = "train-cuda", feature = "train-wgpu"))]
use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

pub(crate) use crate::convolution::Geometry;
pub(super) use rule::{Integers, Rule};

/// The operations themselves, differentiable or not.
#[backend_extension(Flex, Cube: cfg(any(feature = "train-cuda", feature = "train-wgpu")), Autodiff)]
pub(super) trait Operations: burn::backend::Backend {
    /// `y[n, oh, ow, co]`: convolution of `x [n, h, w, ci]` with `weight [co, kh, kw, ci / groups]`.
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Arc<Geometry>,
    ) -> FloatTensor<Self>;

    /// The integers of `a * gain + shift` on the rule's grid, minus its zero point; same shape as `a`.
    fn quantize(
        a: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        rule: Arc<Rule>,
    ) -> FloatTensor<Self>;

    /// The integers of `a * gain + b * rule.residual_gain + shift`, minus the zero point.
    fn quantize_sum(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        rule: Arc<Rule>,
    ) -> FloatTensor<Self>;
}

/// What a backend computes for the operations and their gradients; the defaults are in burn's own operations.
pub(super) trait Kernels: burn::backend::Backend {
    /// See [`Operations::convolution`].
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: &Geometry) -> FloatTensor<Self> {
        portable::convolve::<Self>(x, weight, geometry)
    }

    /// Gradient of [`Kernels::convolve`] with respect to `x`.
    fn convolve_input(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: &Geometry,
    ) -> FloatTensor<Self> {
        portable::convolve_input::<Self>(gradient, weight, geometry)
    }

    /// Gradient of [`Kernels::convolve`] with respect to the weight.
    fn convolve_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: &Geometry,
    ) -> FloatTensor<Self> {
        portable::convolve_weight::<Self>(x, gradient, geometry)
    }

    /// See [`Operations::quantize_sum`].
    fn requantize(inputs: &Inputs<Self>, rule: &Rule) -> FloatTensor<Self> {
        portable::requantize::<Self>(inputs, rule)
    }

    /// Gradients of [`Kernels::requantize`].
    fn requantize_gradients(
        gradient: FloatTensor<Self>,
        inputs: &Inputs<Self>,
        rule: &Rule,
        gain: bool,
    ) -> Gradients<Self> {
        portable::gradients::<Self>(gradient, inputs, rule, gain)
    }
}

/// Operands of a requantisation.
#[derive(Clone, Debug)]
pub(super) struct Inputs<B: burn::backend::Backend> {
    /// Accumulators, `[.., c]`.
    pub a: FloatTensor<B>,
    /// Second operand of a sum, of the same shape.
    pub b: Option<FloatTensor<B>>,
    /// Factor from an accumulator to steps of the result, `[c]` or `[1]`.
    pub gain: FloatTensor<B>,
    /// Addend in steps of the result, zero point included, `[c]` or `[1]`.
    pub shift: FloatTensor<B>,
    /// Scale of the result, `[1]`.
    pub scale: FloatTensor<B>,
}

/// Gradients with respect to [`Inputs`].
#[derive(Debug)]
pub(super) struct Gradients<B: burn::backend::Backend> {
    /// With respect to `a`.
    pub a: FloatTensor<B>,
    /// With respect to `b`.
    pub b: Option<FloatTensor<B>>,
    /// With respect to `gain`, if asked for.
    pub gain: Option<FloatTensor<B>>,
    /// With respect to `shift`.
    pub shift: FloatTensor<B>,
    /// With respect to `scale`, times the rule's factor (Esser et al. 2020, section 2.2).
    pub scale: FloatTensor<B>,
}

/// Shape of a convolution's weight: `[co, kh, kw, ci / groups]`.
fn weight_shape(geometry: &Geometry) -> [usize; 4] {
    let [kh, kw] = geometry.kernel;
    [geometry.output[2], kh, kw, geometry.input[2] / geometry.groups]
}

/// See [`Operations::convolution`].
pub(super) fn convolution(x: Tensor<4>, weight: Tensor<4>, geometry: Arc<Geometry>) -> Tensor<4> {
    let y = <Dispatch as Operations>::convolution(x.into_dispatch(), weight.into_dispatch(), geometry);
    Tensor::from_dispatch(y)
}

/// See [`Operations::quantize`] and, with `b`, [`Operations::quantize_sum`].
pub(super) fn quantize(
    a: Tensor<4>,
    b: Option<Tensor<4>>,
    [gain, shift, scale]: [Tensor<1>; 3],
    rule: Arc<Rule>,
) -> Tensor<4> {
    let (a, gain, shift) = (a.into_dispatch(), gain.into_dispatch(), shift.into_dispatch());
    let scale = scale.into_dispatch();
    Tensor::from_dispatch(match b {
        Some(b) => <Dispatch as Operations>::quantize_sum(a, b.into_dispatch(), gain, shift, scale, rule),
        None => <Dispatch as Operations>::quantize(a, gain, shift, scale, rule),
    })
}
