//! Convolution, depthwise and dense layers.

use kernels::{Dtype, WeightBits};
use runtime::format::{AccumulateRef, Op, Operand, ResidualRef, Taps};

use super::{Emitter, StepInfo, bytes, clamp};
use crate::graph::Conv;
use crate::lower::LowerError;
use crate::lower::layer::{Layer, LayerOp};
use crate::lower::scale::{Dyadic, dyadic};
use crate::lower::weights::{Channel, Context, quantize_channel};

impl Emitter<'_> {
    pub(super) fn accumulate(
        &mut self,
        index: usize,
        layer: &Layer,
        bits: WeightBits,
        scales: &[f64],
    ) -> Result<(), LowerError> {
        let x = self.main_operand(index, layer.inputs[0])?;
        let residual = layer.residual.map(|value| self.operand(value)).transpose()?;
        let y = self.result(layer)?;
        let context = Context {
            bits,
            rule: self.rule,
            x: self.params(&x),
            x_range: Dtype::from(x.dtype).range(),
            y: self.params(&y),
            residual: residual.map(|r| self.params(&r)),
        };
        let (weight, bias) = match &layer.op {
            LayerOp::Conv(conv) => (&conv.weight, &conv.bias),
            LayerOp::Dense(dense) => (&dense.weight, &dense.bias),
            _ => return Ok(()),
        };
        let row = weight.len() / bias.len().max(1);
        let channels = weight
            .chunks_exact(row)
            .zip(bias)
            .enumerate()
            .map(|(channel, (w, &b))| {
                quantize_channel(w, b, scales.get(channel).copied(), &context)
                    .ok_or_else(|| LowerError::Overflow { layer: layer.name.clone(), channel })
            })
            .collect::<Result<Vec<Channel>, _>>()?;
        let mut info = StepInfo::plain(layer.name.clone());
        info.weight_bits = bits.bits();
        info.accumulator_bound = channels.iter().map(|c| c.bound).max().unwrap_or(0);
        let before = self.network.constants.weight_bytes();
        let accumulate = self.constants(layer, &channels, bits, residual, &y)?;
        info.weight_bytes = self.network.constants.weight_bytes() - before;
        info.clip = layer.clip;
        info.channels = channels;
        let [h, w, _] = y.dims.map(u64::from);
        info.macs = h * w * weight.len() as u64;
        let op = match &layer.op {
            LayerOp::Conv(conv) => convolution(layer, conv, x, accumulate)?,
            _ => Op::Dense { x, accumulate },
        };
        self.push(op, y, info);
        Ok(())
    }

    fn constants(
        &mut self,
        layer: &Layer,
        channels: &[Channel],
        bits: WeightBits,
        residual: Option<Operand>,
        y: &Operand,
    ) -> Result<AccumulateRef, LowerError> {
        let residual_factor = residual.map(|r| self.params(&r).scale / self.params(y).scale);
        let factors: Vec<f64> = channels.iter().map(|c| c.factor).chain(residual_factor).collect();
        let Some(Dyadic { mut multipliers, shift }) = dyadic(&factors) else {
            return Err(LowerError::Scale { layer: layer.name.clone() });
        };
        let residual = residual.map(|operand| {
            let multiplier = multipliers.pop().unwrap_or(0);
            ResidualRef { operand, multiplier }
        });
        let bias: Vec<i32> = channels.iter().map(|c| c.bias).collect();
        let rows: Vec<Vec<i8>> = channels.iter().map(|c| c.weights.clone()).collect();
        let depthwise = matches!(&layer.op, LayerOp::Conv(conv) if is_depthwise(conv));
        let rows = if depthwise { transpose(&rows) } else { rows };
        Ok(AccumulateRef {
            weights: self.network.constants.weights(&rows, bits),
            width: bits.into(),
            bias: self.network.constants.words(&bias),
            multipliers: self.network.constants.words(&multipliers),
            shift,
            clamp: clamp(layer.clip, y, self.params(y)),
            residual,
        })
    }
}

fn is_depthwise(conv: &Conv) -> bool {
    let taps = conv.kernel[0] * conv.kernel[1];
    conv.groups > 1 && conv.groups == conv.cout && conv.weight.len() == conv.cout * taps
}

fn convolution(layer: &Layer, conv: &Conv, x: Operand, accumulate: AccumulateRef) -> Result<Op, LowerError> {
    let taps = Taps {
        kernel: bytes(layer, "kernel", conv.kernel)?,
        stride: bytes(layer, "stride", conv.stride)?,
        dilation: bytes(layer, "dilation", conv.dilation)?,
        pad: bytes(layer, "padding", [conv.padding.top, conv.padding.left])?,
    };
    if is_depthwise(conv) {
        return Ok(Op::Depthwise { x, taps, accumulate });
    }
    let per_group = |channels: usize| (channels / conv.groups) as u16;
    let [_, _, inputs] = x.dims.map(usize::from);
    Ok(Op::Conv2d {
        x,
        taps,
        groups: conv.groups as u16,
        group_inputs: per_group(inputs),
        group_outputs: per_group(conv.cout),
        accumulate,
    })
}

/// Output-channel-major rows as tap-major rows.
fn transpose(rows: &[Vec<i8>]) -> Vec<Vec<i8>> {
    let taps = rows.first().map_or(0, Vec::len);
    (0..taps).map(|tap| rows.iter().map(|row| row[tap]).collect()).collect()
}
