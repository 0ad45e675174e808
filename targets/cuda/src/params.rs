//! Launch parameters, field for field the structures of `kernels/cuda`.
//!
//! Before [`Args::bind`] a pointer is an offset: into the activations, or with [`CONSTANT`] or [`WORKSPACE`] set into those.

use bytemuck::{Pod, Zeroable};

/// Marks an offset into the constants.
pub const CONSTANT: u64 = 1 << 63;

/// Marks an offset into the workspace.
pub const WORKSPACE: u64 = 1 << 62;

/// No tensor.
pub const NOTHING: u64 = u64::MAX;

/// Addresses of the memories that a network has on a device.
#[derive(Clone, Copy, Debug)]
pub struct Bases {
    /// First byte of the constants.
    pub constants: u64,
    /// First byte of the activations.
    pub activations: u64,
    /// First byte of the workspace.
    pub workspace: u64,
}

impl Bases {
    fn resolve(self, pointer: &mut u64) {
        *pointer = match *pointer {
            NOTHING => 0,
            offset if offset & CONSTANT != 0 => self.constants + (offset & !CONSTANT),
            offset if offset & WORKSPACE != 0 => self.workspace + (offset & !WORKSPACE),
            offset => self.activations + offset,
        };
    }
}

/// `AccumulateParams` of `accumulate.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct AccumulateParams {
    pub x: u64,
    pub residual: u64,
    pub y: u64,
    pub weights: u64,
    pub bias: u64,
    pub multipliers: u64,
    pub taps: u64,
    pub padding: u64,
    pub partial: u64,
    pub arrivals: u64,
    pub pixels: i32,
    pub channels: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub in_c: i32,
    pub out_h: i32,
    pub out_w: i32,
    pub x_type: i32,
    pub x_zero: i32,
    pub residual_type: i32,
    pub y_type: i32,
    pub kernel: [i32; 2],
    pub stride: [i32; 2],
    pub dilation: [i32; 2],
    pub pad: [i32; 2],
    pub group_inputs: i32,
    pub group_outputs: i32,
    pub slabs: i32,
    pub octets: i32,
    pub row_bytes: i32,
    pub splits: i32,
    pub split_slabs: i32,
    pub residual_multiplier: i32,
    pub shift: i32,
    pub lo: i32,
    pub hi: i32,
}

/// `AddParams` of `elementwise.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct AddParams {
    pub a: u64,
    pub b: u64,
    pub y: u64,
    pub pixels: i32,
    pub channels: i32,
    pub a_type: i32,
    pub b_type: i32,
    pub y_type: i32,
    pub a_multiplier: i32,
    pub b_multiplier: i32,
    pub offset: i32,
    pub shift: i32,
    pub lo: i32,
    pub hi: i32,
    pub unused: i32,
}

/// `RescaleParams` of `elementwise.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct RescaleParams {
    pub x: u64,
    pub y: u64,
    pub multipliers: u64,
    pub offsets: u64,
    pub pixels: i32,
    pub channels: i32,
    pub x_type: i32,
    pub y_type: i32,
    pub per_channel: i32,
    pub shift: i32,
    pub lo: i32,
    pub hi: i32,
}

/// `TableParams` of `elementwise.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct TableParams {
    pub x: u64,
    pub y: u64,
    pub entries: u64,
    pub pixels: i32,
    pub channels: i32,
    pub x_type: i32,
    pub y_type: i32,
}

/// Most parts of a concatenation.
pub const MAX_PARTS: usize = 8;

/// `ConcatParams` of `elementwise.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct ConcatParams {
    pub x: [u64; MAX_PARTS],
    pub y: u64,
    pub first: [i32; MAX_PARTS + 1],
    pub kind: [i32; MAX_PARTS],
    pub multiplier: [i32; MAX_PARTS],
    pub offset: [i32; MAX_PARTS],
    pub parts: i32,
    pub pixels: i32,
    pub channels: i32,
    pub y_type: i32,
    pub shift: i32,
    pub lo: i32,
    pub hi: i32,
}

/// `PoolParams` of `windows.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct PoolParams {
    pub x: u64,
    pub y: u64,
    pub multipliers: u64,
    pub offsets: u64,
    pub pixels: i32,
    pub channels: i32,
    pub x_type: i32,
    pub y_type: i32,
    pub x_zero: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub out_h: i32,
    pub out_w: i32,
    pub kernel: [i32; 2],
    pub stride: [i32; 2],
    pub pad: [i32; 2],
    pub entries: i32,
    pub shift: i32,
    pub lo: i32,
    pub hi: i32,
    pub unused: i32,
}

/// `WindowParams` of `windows.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[expect(missing_docs, reason = "fields are those of the C++ structure")]
pub struct WindowParams {
    pub x: u64,
    pub y: u64,
    pub pixels: i32,
    pub kind: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub in_c: i32,
    pub out_h: i32,
    pub out_w: i32,
    pub out_c: i32,
    pub offset: [i32; 3],
    pub stride: [i32; 2],
    pub fill: i32,
}

/// The one structure that a launch passes.
#[derive(Clone, Copy, Debug)]
pub enum Args {
    /// Convolution, depthwise, dense.
    Accumulate(AccumulateParams),
    /// Residual addition.
    Add(AddParams),
    /// Change of scale.
    Rescale(RescaleParams),
    /// Table.
    Table(TableParams),
    /// Concatenation.
    Concat(ConcatParams),
    /// Pooling.
    Pool(PoolParams),
    /// Crop.
    Window(WindowParams),
}

impl Args {
    /// Offsets become addresses.
    #[must_use]
    pub fn bind(mut self, bases: Bases) -> Self {
        let all = |pointers: &mut [&mut u64]| pointers.iter_mut().for_each(|p| bases.resolve(p));
        match &mut self {
            Self::Accumulate(p) => all(&mut [
                &mut p.x,
                &mut p.residual,
                &mut p.y,
                &mut p.weights,
                &mut p.bias,
                &mut p.multipliers,
                &mut p.taps,
                &mut p.padding,
                &mut p.partial,
                &mut p.arrivals,
            ]),
            Self::Add(p) => all(&mut [&mut p.a, &mut p.b, &mut p.y]),
            Self::Rescale(p) => all(&mut [&mut p.x, &mut p.y, &mut p.multipliers, &mut p.offsets]),
            Self::Table(p) => all(&mut [&mut p.x, &mut p.y, &mut p.entries]),
            Self::Concat(p) => {
                p.x.iter_mut().for_each(|x| bases.resolve(x));
                bases.resolve(&mut p.y);
            }
            Self::Pool(p) => all(&mut [&mut p.x, &mut p.y, &mut p.multipliers, &mut p.offsets]),
            Self::Window(p) => all(&mut [&mut p.x, &mut p.y]),
        }
        self
    }

    /// The structure's bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Accumulate(p) => bytemuck::bytes_of(p),
            Self::Add(p) => bytemuck::bytes_of(p),
            Self::Rescale(p) => bytemuck::bytes_of(p),
            Self::Table(p) => bytemuck::bytes_of(p),
            Self::Concat(p) => bytemuck::bytes_of(p),
            Self::Pool(p) => bytemuck::bytes_of(p),
            Self::Window(p) => bytemuck::bytes_of(p),
        }
    }
}
