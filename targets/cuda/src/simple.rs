//! Launches of steps without weights.

use bytemuck::Zeroable;
use kernels::op::{Add, AveragePool, Concat, MaxPool, PoolGeometry, Rescale, Table, Window};
use kernels::{Dtype, KernelError, TensorSpec};

use crate::accumulate::{Target, Tensor};
use crate::launch::{Launch, Memory};
use crate::params::{
    AddParams, Args, ConcatParams, MAX_PARTS, NOTHING, PoolParams, RescaleParams, TableParams, WindowParams,
};
use crate::source::Module;

/// Number of a storage type in `platform.cuh`.
pub(crate) fn dtype(dtype: Dtype) -> i32 {
    match dtype {
        Dtype::U4 => 0,
        Dtype::I8 => 1,
        Dtype::I16 => 2,
    }
}

/// Pixels of all images.
pub(crate) fn pixels(batch: usize, spec: &TensorSpec) -> i32 {
    let (h, w, _) = spec.dims.hwc();
    (batch * h * w) as i32
}

/// Channels that a thread takes: a vector where every pixel is whole vectors.
pub(crate) fn lanes(channels: i32) -> i32 {
    if channels % 8 == 0 { 8 } else { 2 }
}

/// A kernel whose threads take `lanes` channels of a pixel each.
pub(crate) fn elementwise(name: &str, lanes: i32, pixels: i32, channels: i32, args: Args) -> Launch {
    let work = i64::from(pixels) * i64::from((channels + lanes - 1) / lanes);
    Launch {
        module: Module::Simple,
        kernel: format!("{name}_{lanes}"),
        grid: work.unsigned_abs().div_ceil(256) as u32,
        threads: 256,
        shared: 0,
        args,
    }
}

/// Residual addition.
///
/// # Errors
/// Those of [`Add::check`].
pub fn add(target: Target, op: &Add, a: Tensor, b: Tensor, y: Tensor) -> Result<Launch, KernelError> {
    op.check(&a.spec, &b.spec, &y.spec)?;
    let params = AddParams {
        a: a.at,
        b: b.at,
        y: y.at,
        pixels: pixels(target.batch, &y.spec),
        channels: y.spec.dims.c.into(),
        a_type: dtype(a.spec.dtype),
        b_type: dtype(b.spec.dtype),
        y_type: dtype(y.spec.dtype),
        a_multiplier: op.a_multiplier.into(),
        b_multiplier: op.b_multiplier.into(),
        offset: op.offset,
        shift: op.shift.into(),
        lo: op.clamp.lo.into(),
        hi: op.clamp.hi.into(),
        unused: 0,
    };
    Ok(elementwise("add", lanes(params.channels), params.pixels, params.channels, Args::Add(params)))
}

/// Change of scale.
///
/// # Errors
/// Those of [`Rescale::check`].
pub fn rescale(
    memory: &mut Memory,
    target: Target,
    op: &Rescale,
    x: Tensor,
    y: Tensor,
) -> Result<Launch, KernelError> {
    op.check(&x.spec, &y.spec)?;
    let params = RescaleParams {
        x: x.at,
        y: y.at,
        multipliers: memory.words(op.multipliers, 1),
        offsets: memory.words(op.offsets, 1),
        pixels: pixels(target.batch, &y.spec),
        channels: y.spec.dims.c.into(),
        x_type: dtype(x.spec.dtype),
        y_type: dtype(y.spec.dtype),
        per_channel: (op.multipliers.len() > 1).into(),
        shift: op.shift.into(),
        lo: op.clamp.lo.into(),
        hi: op.clamp.hi.into(),
    };
    Ok(elementwise("rescale", lanes(params.channels), params.pixels, params.channels, Args::Rescale(params)))
}

/// Table.
///
/// # Errors
/// Those of [`Table::check`].
pub fn table(
    memory: &mut Memory,
    target: Target,
    op: &Table,
    x: Tensor,
    y: Tensor,
) -> Result<Launch, KernelError> {
    op.check(&x.spec, &y.spec)?;
    let params = TableParams {
        x: x.at,
        y: y.at,
        entries: memory.constant(op.entries),
        pixels: pixels(target.batch, &y.spec),
        channels: y.spec.dims.c.into(),
        x_type: dtype(x.spec.dtype),
        y_type: dtype(y.spec.dtype),
    };
    Ok(elementwise("table", lanes(params.channels), params.pixels, params.channels, Args::Table(params)))
}

/// Concatenation of all parts, whose `first` channels follow each other.
///
/// # Errors
/// Those of [`Concat::check`].
pub fn concat(target: Target, parts: &[(Concat, Tensor)], y: Tensor) -> Result<Launch, KernelError> {
    let mut params = ConcatParams { x: [NOTHING; MAX_PARTS], y: y.at, ..ConcatParams::zeroed() };
    for (i, (op, x)) in parts.iter().enumerate() {
        op.check(&x.spec, &y.spec)?;
        if i >= MAX_PARTS {
            return Err(KernelError::InvalidShape);
        }
        params.x[i] = x.at;
        params.first[i] = op.first.into();
        params.first[i + 1] = i32::from(op.first) + i32::from(x.spec.dims.c);
        params.kind[i] = dtype(x.spec.dtype);
        params.multiplier[i] = op.multiplier;
        params.offset[i] = op.offset;
        (params.shift, params.lo, params.hi) = (op.shift.into(), op.clamp.lo.into(), op.clamp.hi.into());
    }
    params.parts = parts.len() as i32;
    params.pixels = pixels(target.batch, &y.spec);
    params.channels = y.spec.dims.c.into();
    params.y_type = dtype(y.spec.dtype);
    Ok(elementwise("concat", 2, params.pixels, params.channels, Args::Concat(params)))
}

fn windows(target: Target, geometry: &PoolGeometry, x: Tensor, y: Tensor) -> PoolParams {
    let (from, to) = (x.spec.dims, y.spec.dims);
    PoolParams {
        x: x.at,
        y: y.at,
        multipliers: NOTHING,
        offsets: NOTHING,
        pixels: pixels(target.batch, &y.spec),
        channels: to.c.into(),
        x_type: dtype(x.spec.dtype),
        y_type: dtype(y.spec.dtype),
        x_zero: x.spec.zero.into(),
        in_h: from.h.into(),
        in_w: from.w.into(),
        out_h: to.h.into(),
        out_w: to.w.into(),
        kernel: geometry.kernel.map(i32::from),
        stride: geometry.stride.map(i32::from),
        pad: geometry.pad.map(i32::from),
        ..PoolParams::zeroed()
    }
}

/// Maximum pooling.
///
/// # Errors
/// Those of [`MaxPool::check`].
pub fn max_pool(target: Target, op: &MaxPool, x: Tensor, y: Tensor) -> Result<Launch, KernelError> {
    op.check(&x.spec, &y.spec)?;
    let mut params = windows(target, &op.geometry, x, y);
    (params.lo, params.hi) = (op.clamp.lo.into(), op.clamp.hi.into());
    Ok(elementwise("max_pool", lanes(params.channels), params.pixels, params.channels, Args::Pool(params)))
}

/// Average pooling.
///
/// # Errors
/// Those of [`AveragePool::check`].
pub fn average_pool(
    memory: &mut Memory,
    target: Target,
    op: &AveragePool,
    x: Tensor,
    y: Tensor,
) -> Result<Launch, KernelError> {
    op.check(&x.spec, &y.spec)?;
    let mut params = windows(target, &op.geometry, x, y);
    params.multipliers = memory.words(op.multipliers, 1);
    params.offsets = memory.words(op.offsets, 1);
    params.entries = op.multipliers.len() as i32;
    params.shift = op.shift.into();
    (params.lo, params.hi) = (op.clamp.lo.into(), op.clamp.hi.into());
    Ok(elementwise(
        "average_pool",
        lanes(params.channels),
        params.pixels,
        params.channels,
        Args::Pool(params),
    ))
}

/// Strided crop with padding.
///
/// # Errors
/// Those of [`Window::check`].
pub fn window(target: Target, op: &Window, x: Tensor, y: Tensor) -> Result<Launch, KernelError> {
    op.check(&x.spec, &y.spec)?;
    let (from, to) = (x.spec.dims, y.spec.dims);
    let params = WindowParams {
        x: x.at,
        y: y.at,
        pixels: pixels(target.batch, &y.spec),
        kind: dtype(x.spec.dtype),
        in_h: from.h.into(),
        in_w: from.w.into(),
        in_c: from.c.into(),
        out_h: to.h.into(),
        out_w: to.w.into(),
        out_c: to.c.into(),
        offset: op.offset.map(i32::from),
        stride: op.stride.map(i32::from),
        fill: op.fill.into(),
    };
    Ok(elementwise("window", 2, params.pixels, params.out_c, Args::Window(params)))
}
