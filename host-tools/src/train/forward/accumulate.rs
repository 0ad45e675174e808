//! Convolution, depthwise and dense steps: weights on their grid with straight-through gradients, BatchNorm
//! folded or live.

use std::sync::Arc;

use burn::tensor::Tensor;
use kernels::WeightBits;
use runtime::format::{AccumulateRef, Op, Operand, Taps};

use super::site::Site;
use super::{BatchStatistics, Clipping, Pass, width};
use crate::lower::{StepInfo, WeightRule, rule_scale};
use crate::train::TrainError;
use crate::train::operations::{self, Geometry, Integers};

/// Taps of a dense layer.
const POINT: Taps = Taps { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };

impl Pass<'_> {
    pub(super) fn accumulate(
        &mut self,
        op: &Op,
        output: &Operand,
        info: &StepInfo,
    ) -> Result<Tensor<4>, TrainError> {
        let (x, taps, groups, accumulate) = match op {
            Op::Conv2d { x, taps, groups, accumulate, .. } => (x, *taps, usize::from(*groups), accumulate),
            Op::Depthwise { x, taps, accumulate } => (x, *taps, usize::from(x.dims[2]), accumulate),
            Op::Dense { x, accumulate } => (x, POINT, 1, accumulate),
            _ => return Err(TrainError::Damaged),
        };
        let layer = self.layer;
        self.layer += 1;
        let mut input = self.operand(x)?;
        if matches!(op, Op::Dense { .. }) {
            let values = input.dims().iter().skip(1).product();
            input = input.reshape([self.batch, 1, 1, values]);
        }
        let [_, h, w, c] = input.dims();
        let geometry = Arc::new(Geometry {
            batch: self.batch,
            input: [h, w, c],
            output: output.dims.map(usize::from),
            kernel: taps.kernel.map(usize::from),
            stride: taps.stride.map(usize::from),
            dilation: taps.dilation.map(usize::from),
            pad: taps.pad.map(usize::from),
            groups,
        });
        let live = self.mode.live_norms.then(|| self.parameters.unfolded(self.leaves, layer)).flatten();
        match live {
            Some(unfolded) => self.live(layer, input, x, geometry, unfolded, accumulate, output, info),
            None => self.folded(layer, input, x, geometry, accumulate, output, info),
        }
    }

    /// With the runtime's integers.
    #[expect(clippy::too_many_arguments, reason = "one step's parts")]
    fn folded(
        &mut self,
        layer: usize,
        input: Tensor<4>,
        x: &Operand,
        geometry: Arc<Geometry>,
        accumulate: &AccumulateRef,
        output: &Operand,
        info: &StepInfo,
    ) -> Result<Tensor<4>, TrainError> {
        let folded = self.parameters.folded(self.leaves, layer);
        let integers: Vec<f32> =
            info.channels.iter().flat_map(|channel| channel.weights.iter().map(|&w| f32::from(w))).collect();
        let scales: Vec<f32> = info.channels.iter().map(|channel| channel.scale as f32).collect();
        let learned = self.parameters.weight_scale(self.leaves, layer);
        let weight = self.straight_through(folded.weight, integers, scales, learned, width(info));
        let acc = operations::convolution(input, weight.reshape(weight_dims(&geometry)), geometry);

        let params = self.params(output);
        let channels = info.channels.len();
        let multipliers = self.words(accumulate.multipliers, channels)?;
        let residual = accumulate.residual.as_ref();
        let residual_zero = residual.map_or(0, |r| i64::from(r.operand.zero) * i64::from(r.multiplier));
        let zero = i64::from(x.zero);
        let offsets = info.channels.iter().zip(&multipliers).map(|(channel, &m)| {
            let taps: i64 = channel.weights.iter().map(|&w| i64::from(w)).sum();
            (i64::from(channel.bias) + zero * taps) * i64::from(m) + residual_zero
        });
        let integers = Integers {
            offsets: offsets.collect(),
            multipliers: multipliers.iter().map(|&m| m.into()).collect(),
            residual: residual.map_or(0, |r| r.multiplier.into()),
            shift: accumulate.shift.into(),
        };
        let gain = self.row(info.channels.iter().map(|channel| channel.factor as f32).collect());
        let shift = folded.bias.div_scalar(params.scale as f32).add_scalar(params.zero_point);
        let b = residual.map(|r| self.operand(&r.operand)).transpose()?;
        let site = self.site(output, accumulate, info, Some(integers));
        Ok(self.quantize(acc, b, gain, shift, site))
    }

    /// With the statistics of this batch: the weights are quantised before BatchNorm (HAWQ's first phase).
    #[expect(clippy::too_many_arguments, reason = "one step's parts")]
    fn live(
        &mut self,
        layer: usize,
        input: Tensor<4>,
        x: &Operand,
        geometry: Arc<Geometry>,
        unfolded: crate::train::parameters::Unfolded,
        accumulate: &AccumulateRef,
        output: &Operand,
        info: &StepInfo,
    ) -> Result<Tensor<4>, TrainError> {
        let statistics = self.parameters.statistics[layer].as_ref().ok_or(TrainError::Damaged)?;
        let [_, k] = unfolded.weight.dims();
        let data = unfolded.weight.clone().into_data();
        let values = data.as_slice::<f32>().map_err(|_| TrainError::Damaged)?;
        let bits = width(info);
        let scales: Vec<f32> = values
            .chunks_exact(k)
            .map(|row| rule_scale(row, bits, WeightRule::Auto).max(f64::from(f32::MIN_POSITIVE)) as f32)
            .collect();
        let (lo, hi) = range(bits);
        let rows = values.chunks_exact(k).zip(&scales);
        let integers = rows
            .flat_map(|(row, s)| row.iter().map(move |w| (w / s).round_ties_even().clamp(lo, hi)))
            .collect();
        let weight = self.straight_through(unfolded.weight, integers, scales.clone(), None, bits);
        let acc = operations::convolution(input, weight.reshape(weight_dims(&geometry)), geometry);

        let channels = scales.len();
        let over = |sums: Tensor<4>| -> Tensor<1> { sums.mean_dims(&[0, 1, 2]).reshape([channels]) };
        let mean = over(acc.clone());
        let centred = acc.clone() - mean.clone().reshape([1, 1, 1, channels]);
        let var = over(centred.clone() * centred);
        let input_scale = self.params(x).scale;
        let factors = self.row(scales.iter().map(|&s| (f64::from(s) * input_scale) as f32).collect());
        let params = self.params(output);
        let deviation = (var.clone() * factors.clone() * factors.clone() + statistics.epsilon).sqrt();
        let gain = unfolded.gamma * factors.clone() / deviation / params.scale as f32;
        let shift = unfolded.beta / params.scale as f32 - mean.clone() * gain.clone();
        let shift = shift.add_scalar(params.zero_point);
        self.statistics.push(BatchStatistics {
            layer,
            mean: mean.detach() * factors.clone(),
            var: var.detach() * factors.clone() * factors,
        });
        let b = accumulate.residual.as_ref().map(|r| self.operand(&r.operand)).transpose()?;
        let site = self.site(output, accumulate, info, None);
        Ok(self.quantize(acc, b, gain, shift, site))
    }

    fn site<'s>(
        &self,
        output: &'s Operand,
        accumulate: &AccumulateRef,
        info: &StepInfo,
        integers: Option<Integers>,
    ) -> Site<'s> {
        let scale = self.params(output).scale;
        let residual = accumulate.residual.as_ref();
        Site {
            output,
            clamp: accumulate.clamp,
            clip: info.clip,
            integers,
            residual_gain: residual.map_or(0.0, |r| self.params(&r.operand).scale / scale) as f32,
        }
    }

    /// `integers` as a tensor whose gradient passes to `weight`, and to its learned scale as of Esser et al. 2020.
    ///
    /// Every added term is a difference of equal numbers, so the values stay the integers exactly.
    fn straight_through(
        &self,
        weight: Tensor<2>,
        integers: Vec<f32>,
        scales: Vec<f32>,
        learned: Option<Tensor<1>>,
        bits: WeightBits,
    ) -> Tensor<2> {
        let [rows, k] = weight.dims();
        let (lo, hi) = range(bits);
        let integers = self.row(integers).reshape([rows, k]);
        let Some(learned) = learned else {
            let ratio = weight / self.row(scales).reshape([rows, 1]);
            let passed = self.masked(ratio, lo, hi);
            return integers + (passed.clone() - passed.detach());
        };
        let factor = 1.0 / (k as f32 * hi.max(1.0)).sqrt();
        let scale = learned.clone().mul_scalar(factor) + learned.detach().mul_scalar(1.0 - factor);
        let scale = scale.reshape([rows, 1]);
        let passed = self.masked(weight / scale.clone(), lo, hi);
        let relative = scale.clone() / scale.detach() - 1.0;
        integers.clone() + (passed.clone() - passed.detach()) + integers * relative
    }

    fn masked(&self, ratio: Tensor<2>, lo: f32, hi: f32) -> Tensor<2> {
        if self.mode.clipping == Clipping::Open {
            return ratio;
        }
        let detached = ratio.clone().detach();
        let outside = detached.clone().lower_elem(lo).bool_or(detached.greater_elem(hi));
        ratio.mask_fill(outside, 0.0)
    }
}

fn weight_dims(geometry: &Geometry) -> [usize; 4] {
    let [kh, kw] = geometry.kernel;
    [geometry.output[2], kh, kw, geometry.input[2] / geometry.groups]
}

/// Smallest and largest integer of a weight.
fn range(bits: WeightBits) -> (f32, f32) {
    let (lo, hi) = bits.range();
    (lo as f32, hi as f32)
}
