//! Where accumulators become integers: the rule of one step, with the real numbers that gradients need.

use std::sync::Arc;

use burn::tensor::Tensor;
use kernels::Dtype;
use runtime::format::{ClampRef, Operand};

use super::Pass;
use crate::train::operations::{self, Integers, Rule};

/// Which results let gradients pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clipping {
    /// Those that neither the grid nor the network's own clip limits.
    Masked,
    /// Those that the network's own clip does not limit (HAWQ: gradients flow through saturation).
    Open,
}

/// One requantisation.
pub(super) struct Site<'s> {
    /// The result.
    pub output: &'s Operand,
    /// Its limits as integers.
    pub clamp: ClampRef,
    /// Its limits as real numbers.
    pub clip: (f64, f64),
    /// The runtime's integers; `None` for real arithmetic.
    pub integers: Option<Integers>,
    /// Real factor of the second operand.
    pub residual_gain: f32,
}

impl Pass<'_> {
    /// `clamp(a * gain + b * residual_gain + shift)` on the result's grid.
    pub(super) fn quantize(
        &mut self,
        a: Tensor<4>,
        b: Option<Tensor<4>>,
        gain: Tensor<1>,
        shift: Tensor<1>,
        site: Site,
    ) -> Tensor<4> {
        let params = self.params(site.output);
        let zero = f64::from(params.zero_point);
        let (lo, hi) = Dtype::from(site.output.dtype).range();
        let real = |limit: f64| limit / params.scale + zero;
        let (mut from, mut to) = (real(site.clip.0), real(site.clip.1));
        if self.mode.clipping == Clipping::Masked {
            (from, to) = (from.max(f64::from(lo) - 0.5), to.min(f64::from(hi) + 0.5));
        }
        let grid = self.network.tensors[site.output.offset as usize].grid;
        let learned = grid.and_then(|key| self.parameters.activation_scale(self.leaves, key));
        let elements: usize = a.dims().iter().skip(1).product();
        let positive = f64::from(hi) - zero;
        // Esser et al. 2020, section 2.2: 1 / sqrt(N Q_P).
        let scale_factor =
            if learned.is_some() { 1.0 / (elements as f64 * positive.max(1.0)).sqrt() } else { 0.0 };
        let scale = learned.unwrap_or_else(|| self.row(vec![params.scale as f32]));
        self.watch(&a, b.as_ref(), &gain, &shift, &site);
        let rule = Rule {
            integers: site.integers,
            residual_gain: site.residual_gain,
            clamp: (site.clamp.lo.into(), site.clamp.hi.into()),
            zero: params.zero_point,
            pass: (from as f32, to as f32),
            scale_factor: scale_factor as f32,
        };
        operations::quantize(a, b, [gain, shift, scale], Arc::new(rule))
    }
}
