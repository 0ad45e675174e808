//! Convolutions and dense layers: linear in the operand and linear in the weights, so one product serves both.

use super::Site;
use crate::convolution::{self, Geometry};
use crate::graph::Op;

/// A convolution or dense layer.
#[derive(Clone, Copy, Debug)]
pub(in crate::sensitivity) struct Weighted<'a> {
    geometry: Geometry,
    /// Its weights, `[output channels, taps, input channels / groups]`.
    pub weight: &'a [f32],
}

impl<'a> Site<'a> {
    /// The layer, where the node is one with weights.
    pub(in crate::sensitivity) fn weighted(&self) -> Option<Weighted<'a>> {
        match &self.node.op {
            Op::Conv(op) => {
                let geometry = op.geometry(self.batch, self.operands[0].0, self.output);
                Some(Weighted { geometry, weight: &op.weight })
            }
            Op::Dense(op) => Some(Weighted { geometry: op.geometry(self.batch), weight: &op.weight }),
            _ => None,
        }
    }
}

impl Weighted<'_> {
    /// The product of an operand and any weights; writes all of `y`.
    pub(in crate::sensitivity) fn forward(&self, x: &[f32], weight: &[f32], y: &mut [f32]) {
        convolution::forward(&self.geometry, x, weight, y);
    }

    /// The gradient of the operand with any weights; writes all of `gx`.
    pub(in crate::sensitivity) fn input_gradient(&self, gy: &[f32], weight: &[f32], gx: &mut [f32]) {
        convolution::input_gradient(&self.geometry, gy, weight, gx);
    }

    /// The gradient of the weights; writes all of `gw`.
    pub(in crate::sensitivity) fn weight_gradient(&self, x: &[f32], gy: &[f32], gw: &mut [f32]) {
        convolution::weight_gradient(&self.geometry, x, gy, gw);
    }
}
