//! Launches of accumulating steps: which kernels can do a convolution, and what each wants to read.

use bytemuck::Zeroable;
use kernels::op::{Accumulate, Conv2d, Dense, Depthwise, Geometry};
use kernels::{Dims, Dtype, KernelError, TensorSpec, WeightBits};

use crate::Device;
use crate::launch::{Launch, Memory};
use crate::params::{AccumulateParams, Args, NOTHING};
use crate::simple::{dtype, elementwise, lanes, pixels};
use crate::source::{Family, Module};
use crate::tiles;
use crate::weights::{CHANNEL_TILE, Matrix, slab_elements};

/// Most weights of a row whose sum of 64 times 2 bits or 16 times 4 bits by bytes cannot overflow:
/// 2^17 * 8 * 16 * 128 = 2^31.
const DEEPEST_WIDENED: usize = (1 << 17) - 1;

/// A row index that lies outside of every operand, `NOWHERE` of `operand.cuh` added or not.
const OUTSIDE: i32 = 1 << 29;

/// A tensor: its place and its shape.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    /// Pointer.
    pub at: u64,
    /// Shape, type, zero point.
    pub spec: TensorSpec,
}

/// What launches are made for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Compute capability, 75 for 7.5.
    pub arch: u32,
    /// Multiprocessors.
    pub multiprocessors: u32,
    /// Images at a time.
    pub batch: usize,
}

impl Target {
    /// A device with batches of one size.
    pub fn of(device: &impl Device, batch: usize) -> Self {
        Self { arch: device.arch(), multiprocessors: device.multiprocessors(), batch }
    }
}

/// Convolution without groups, all kernels that can do it; or the one for groups.
///
/// # Errors
/// Those of [`Conv2d::check`].
pub fn conv2d(
    memory: &mut Memory,
    target: Target,
    op: &Conv2d,
    x: Tensor,
    residual: Option<Tensor>,
    y: Tensor,
) -> Result<Vec<Launch>, KernelError> {
    op.check(&x.spec, residual.map(|r| r.spec).as_ref(), &y.spec)?;
    let len = op.geometry.taps() * usize::from(op.group_inputs);
    let blocks = (op.groups == 1).then(|| op.blocks());
    let matrix = Matrix::unpack(&op.accumulate, (usize::from(y.spec.dims.c), len), blocks)?;
    let mut params = common(memory, target, &op.accumulate, x, residual, y);
    set_geometry(&mut params, op.geometry);
    params.group_inputs = op.group_inputs.into();
    params.group_outputs = op.group_outputs.into();
    if op.groups == 1 {
        Ok(on_tensor_cores(memory, target, &matrix, op.accumulate.weight_bits, x.spec, params))
    } else {
        Ok(vec![direct(memory, &matrix, params)])
    }
}

/// Fully connected layer: a convolution with one window.
///
/// # Errors
/// Those of [`Dense::check`].
pub fn dense(
    memory: &mut Memory,
    target: Target,
    op: &Dense,
    x: Tensor,
    residual: Option<Tensor>,
    y: Tensor,
) -> Result<Vec<Launch>, KernelError> {
    op.check(&x.spec, residual.map(|r| r.spec).as_ref(), &y.spec)?;
    let Dims { h, w, c } = x.spec.dims;
    let len = usize::from(h) * usize::from(w) * usize::from(c);
    let rows = usize::from(y.spec.dims.c);
    let matrix = Matrix::unpack(&op.accumulate, (rows, len), Some(op.blocks(&x.spec, rows)))?;
    let mut params = common(memory, target, &op.accumulate, x, residual, y);
    let mut kernel = [i32::from(h), i32::from(w)];
    // Without an unused nibble the pixels are one row of elements, which is more often a multiple of a vector.
    if x.spec.dtype == Dtype::I8 || c % 2 == 0 {
        kernel = [1, 1];
        (params.in_h, params.in_w, params.in_c) = (1, 1, len as i32);
    }
    (params.kernel, params.stride, params.dilation) = (kernel, [1, 1], [1, 1]);
    params.group_inputs = params.in_c;
    params.group_outputs = params.channels;
    Ok(on_tensor_cores(memory, target, &matrix, op.accumulate.weight_bits, x.spec, params))
}

/// Depthwise convolution.
///
/// # Errors
/// Those of [`Depthwise::check`].
pub fn depthwise(
    memory: &mut Memory,
    target: Target,
    op: &Depthwise,
    x: Tensor,
    residual: Option<Tensor>,
    y: Tensor,
) -> Result<Vec<Launch>, KernelError> {
    op.check(&x.spec, residual.map(|r| r.spec).as_ref(), &y.spec)?;
    let matrix = Matrix::unpack(&op.accumulate, (op.geometry.taps(), y.spec.dims.c.into()), None)?;
    let mut params = common(memory, target, &op.accumulate, x, residual, y);
    set_geometry(&mut params, op.geometry);
    let (bytes, row_bytes) = matrix.bytes(8);
    params.weights = memory.constant(&bytes);
    params.row_bytes = row_bytes as i32;
    let lanes = lanes(params.channels);
    Ok(vec![elementwise("depthwise", lanes, params.pixels, params.channels, Args::Accumulate(params))])
}

fn common(
    memory: &mut Memory,
    target: Target,
    op: &Accumulate,
    x: Tensor,
    residual: Option<Tensor>,
    y: Tensor,
) -> AccumulateParams {
    let zero = x.spec.zero as u8;
    let padding = if x.spec.dtype == Dtype::U4 { zero | zero << 4 } else { zero };
    let (from, to) = (x.spec.dims, y.spec.dims);
    AccumulateParams {
        x: x.at,
        residual: residual.map_or(NOTHING, |r| r.at),
        y: y.at,
        bias: memory.words(op.bias, CHANNEL_TILE),
        multipliers: memory.words(op.multipliers, CHANNEL_TILE),
        padding: memory.constant(&[padding; 16]),
        taps: NOTHING,
        weights: NOTHING,
        pixels: pixels(target.batch, &y.spec),
        channels: to.c.into(),
        in_h: from.h.into(),
        in_w: from.w.into(),
        in_c: from.c.into(),
        out_h: to.h.into(),
        out_w: to.w.into(),
        x_type: dtype(x.spec.dtype),
        x_zero: x.spec.zero.into(),
        residual_type: residual.map_or(0, |r| dtype(r.spec.dtype)),
        y_type: dtype(y.spec.dtype),
        residual_multiplier: op.residual_multiplier,
        shift: op.shift.into(),
        lo: op.clamp.lo.into(),
        hi: op.clamp.hi.into(),
        ..AccumulateParams::zeroed()
    }
}

fn set_geometry(params: &mut AccumulateParams, geometry: Geometry) {
    params.kernel = geometry.kernel.map(i32::from);
    params.stride = geometry.stride.map(i32::from);
    params.dilation = geometry.dilation.map(i32::from);
    params.pad = geometry.pad.map(i32::from);
}

fn direct(memory: &mut Memory, matrix: &Matrix, mut params: AccumulateParams) -> Launch {
    let words = params.x_type == dtype(Dtype::I8) && params.group_inputs % 4 == 0;
    let (bytes, row_bytes) = matrix.bytes(4);
    params.weights = memory.constant(&bytes);
    params.row_bytes = row_bytes as i32;
    let work = i64::from(params.pixels) * i64::from((params.channels + 1) / 2);
    Launch {
        module: Module::Simple,
        kernel: if words { "direct_dp4a" } else { "direct_any" }.into(),
        grid: work.unsigned_abs().div_ceil(128) as u32,
        threads: 128,
        shared: 0,
        args: Args::Accumulate(params),
    }
}

/// The family that multiplies these with the least work.
fn family(arch: u32, dtype: Dtype, channels: usize, bits: WeightBits, len: usize) -> Family {
    match (dtype, bits) {
        (Dtype::I8, _) if !channels.is_multiple_of(16) => Family::Gather,
        (Dtype::I8, WeightBits::W4) if len <= DEEPEST_WIDENED => Family::BytesNibbles,
        (Dtype::I8, WeightBits::W2) if len <= DEEPEST_WIDENED => Family::BytesPairs,
        (Dtype::I8, _) => Family::Bytes,
        // From Hopper on there are no tensor cores for nibbles: the instruction became a subroutine.
        (_, WeightBits::W4 | WeightBits::W2) if channels.is_multiple_of(32) && arch < 90 => Family::Nibbles,
        _ if channels.is_multiple_of(16) => Family::Unpack,
        _ => Family::Gather,
    }
}

fn on_tensor_cores(
    memory: &mut Memory,
    target: Target,
    matrix: &Matrix,
    bits: WeightBits,
    x: TensorSpec,
    mut params: AccumulateParams,
) -> Vec<Launch> {
    let [kh, kw] = params.kernel;
    let channels = params.in_c as usize;
    let len = kh as usize * kw as usize * channels;
    let family = family(target.arch, x.dtype, channels, bits, len);
    params.weights = memory.constant(&matrix.fragments(family));
    params.slabs = Matrix::slabs(family, len) as i32;
    params.octets = Matrix::octets(params.channels as usize) as i32;
    params.taps = memory.constant(bytemuck::cast_slice(&taps(family, x.dtype, &params)));
    tiles::launches(memory, target, family, params)
}

/// One entry for each chunk of a slab, or for each element: byte from the window's first pixel, row, column, shift.
fn taps(family: Family, dtype: Dtype, params: &AccumulateParams) -> Vec<[i32; 4]> {
    let ([kh, kw], [dh, dw]) = (params.kernel, params.dilation);
    let channels = params.in_c as usize;
    let pixel_bytes = dtype.bytes(channels) as i32;
    let elements = slab_elements(family) * params.slabs as usize;
    let step = if family == Family::Gather { 1 } else { slab_elements(family) / 4 };
    let len = kh as usize * kw as usize * channels;
    let entry = |k: usize| {
        if k >= len {
            return [0, OUTSIDE, 0, 0];
        }
        let (tap, c) = ((k / channels) as i32, k % channels);
        let (row, column) = (tap / kw * dh, tap % kw * dw);
        let pixel = (row * params.in_w + column) * pixel_bytes;
        match dtype {
            Dtype::U4 => [pixel + (c / 2) as i32, row, column, (c % 2 * 4) as i32],
            _ => [pixel + c as i32, row, column, 0],
        }
    };
    (0..elements).step_by(step).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nibbles_are_multiplied_where_there_are_tensor_cores_for_them() {
        let of = |arch, channels, bits| family(arch, Dtype::U4, channels, bits, 9 * channels);
        for arch in [75, 80, 86, 89] {
            assert_eq!(of(arch, 64, WeightBits::W4), Family::Nibbles);
            assert_eq!(of(arch, 64, WeightBits::W2), Family::Nibbles);
            assert_eq!(of(arch, 64, WeightBits::W8), Family::Unpack);
            assert_eq!(of(arch, 48, WeightBits::W4), Family::Unpack);
        }
        assert_eq!(of(90, 64, WeightBits::W4), Family::Unpack);
        assert_eq!(of(90, 8, WeightBits::W4), Family::Gather);
    }

    #[test]
    fn widened_weights_are_not_so_deep_that_a_sum_overflows() {
        let of = |bits, len| family(75, Dtype::I8, 64, bits, len);
        assert_eq!(of(WeightBits::W4, DEEPEST_WIDENED), Family::BytesNibbles);
        assert_eq!(of(WeightBits::W4, DEEPEST_WIDENED + 1), Family::Bytes);
        assert_eq!(of(WeightBits::W2, DEEPEST_WIDENED), Family::BytesPairs);
        assert_eq!(of(WeightBits::W2, DEEPEST_WIDENED + 1), Family::Bytes);
        assert_eq!(family(75, Dtype::I8, 3, WeightBits::W2, 27), Family::Gather);
    }
}
