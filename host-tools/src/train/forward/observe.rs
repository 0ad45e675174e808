//! Ranges of results before they are rounded, for scales that follow the data instead of a gradient.

use burn::tensor::Tensor;

use super::Pass;
use super::site::Site;
use crate::calibrate::Grid;
use crate::graph::ValueId;

/// Which ranges a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Watch {
    /// None.
    Nothing,
    /// Smallest and largest value.
    Extremes,
    /// The values that this share of all, in per cent, lies below and above.
    Percentile(f64),
}

/// Range of one tensor in one batch, in real numbers, within the network's own clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Observed {
    /// The value and its grid.
    pub key: (ValueId, Grid),
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// Values that a percentile is taken of, at most: enough for the 99.99th.
const SAMPLE: usize = 1 << 18;

impl Pass<'_> {
    pub(super) fn watch(
        &mut self,
        a: &Tensor<4>,
        b: Option<&Tensor<4>>,
        gain: &Tensor<1>,
        shift: &Tensor<1>,
        site: &Site,
    ) {
        let tensor = &self.network.tensors[site.output.offset as usize];
        let (Some(key), false) = (tensor.grid, self.mode.watch == Watch::Nothing) else { return };
        let row = |entries: &Tensor<1>| {
            let length = entries.dims()[0];
            entries.clone().detach().reshape([1, 1, 1, length])
        };
        let mut steps = a.clone().detach() * row(gain) + row(shift);
        if let Some(b) = b {
            steps = steps + b.clone().detach().mul_scalar(site.residual_gain);
        }
        let zero = f64::from(tensor.params.zero_point);
        let real =
            |step: f32| ((f64::from(step) - zero) * tensor.params.scale).clamp(site.clip.0, site.clip.1);
        let ends = match self.mode.watch {
            Watch::Percentile(percentile) => percentiles(steps, percentile),
            _ => scalar(steps.clone().min()).zip(scalar(steps.max())),
        };
        if let Some((lo, hi)) = ends {
            self.observed.push(Observed { key, lo: real(lo), hi: real(hi) });
        }
    }
}

fn scalar(tensor: Tensor<1>) -> Option<f32> {
    tensor.into_data().as_slice::<f32>().ok().and_then(|values| values.first().copied())
}

fn percentiles(steps: Tensor<4>, percentile: f64) -> Option<(f32, f32)> {
    let data = steps.into_data();
    let values = data.as_slice::<f32>().ok()?;
    let stride = values.len().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f32> = values.iter().copied().step_by(stride).collect();
    let last = sample.len().checked_sub(1)?;
    let rank = ((last as f64 * percentile / 100.0).round() as usize).min(last);
    let hi = *sample.select_nth_unstable_by(rank, f32::total_cmp).1;
    let lo = *sample.select_nth_unstable_by(last - rank, f32::total_cmp).1;
    Some((lo, hi))
}
