//! Shapes, storage types and views of activations: NHWC, batch 1, each pixel's channels packed from a byte on.

use core::cell::Cell;

use crate::KernelError;
use crate::size::product;

/// Storage type of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// Unsigned nibble 0..=15, two in a byte, low nibble first; any zero point in range.
    U4,
    /// -128..=127; any zero point in range.
    I8,
    /// -32768..=32767, little endian; zero point 0.
    I16,
}

impl Dtype {
    /// Smallest and largest value.
    pub const fn range(self) -> (i32, i32) {
        match self.linked() {
            Self::U4 => (0, 15),
            Self::I8 => (-128, 127),
            Self::I16 => (-32_768, 32_767),
        }
    }

    /// Bits of one element.
    pub const fn bits(self) -> u32 {
        match self.linked() {
            Self::U4 => 4,
            Self::I8 => 8,
            Self::I16 => 16,
        }
    }

    /// Bytes of `channels` packed elements.
    pub const fn bytes(self, channels: usize) -> usize {
        match self.linked() {
            Self::U4 => (channels >> 1) + (channels & 1),
            Self::I8 => channels,
            Self::I16 => channels << 1,
        }
    }
}

/// Height, width, channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Rows.
    pub h: u16,
    /// Columns.
    pub w: u16,
    /// Channels.
    pub c: u16,
}

impl Dims {
    /// Rows, columns, channels as indices.
    #[inline(always)]
    pub const fn hwc(self) -> (usize, usize, usize) {
        (self.h as usize, self.w as usize, self.c as usize)
    }
}

/// Shape, type and zero point of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Height, width, channels.
    pub dims: Dims,
    /// Storage type.
    pub dtype: Dtype,
    /// Integer that stands for real 0.
    pub zero: i16,
}

impl TensorSpec {
    /// Bytes of one pixel.
    #[inline(always)]
    pub const fn pixel_bytes(&self) -> usize {
        self.dtype.bytes(self.dims.c as usize)
    }

    /// Bytes of the tensor; `None` when a dimension is zero or the size is beyond a gibibyte.
    #[inline(always)]
    pub const fn bytes(&self) -> Option<u32> {
        // 16 by 16 bits cannot overflow a 32-bit `usize`.
        let pixels = self.dims.h as usize * self.dims.w as usize;
        match product(pixels, self.pixel_bytes()) {
            None | Some(0) => None,
            Some(bytes) => Some(bytes as u32),
        }
    }

    /// Checks size and zero point.
    ///
    /// # Errors
    /// [`KernelError::InvalidShape`], [`KernelError::InvalidZeroPoint`], and [`KernelError::UnsupportedByBuild`].
    #[inline(never)]
    pub const fn check(&self) -> Result<u32, KernelError> {
        self.checked()
    }

    /// The same, for the start of a step.
    #[inline(always)]
    const fn checked(&self) -> Result<u32, KernelError> {
        if self.dtype as u8 != self.dtype.linked() as u8 {
            return Err(KernelError::UnsupportedByBuild);
        }
        let (lo, hi) = self.dtype.range();
        let zero = self.zero as i32;
        if zero < lo || zero > hi || (zero != 0 && matches!(self.dtype.linked(), Dtype::I16)) {
            return Err(KernelError::InvalidZeroPoint);
        }
        match self.bytes() {
            Some(bytes) => Ok(bytes),
            None => Err(KernelError::InvalidShape),
        }
    }
}

/// A view of an activation's bytes. Views may overlap: see each operator for when that is right.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    spec: TensorSpec,
    data: &'a [Cell<u8>],
}

impl<'a> Tensor<'a> {
    /// A view of exactly the bytes that `spec` needs.
    ///
    /// # Errors
    /// Those of [`TensorSpec::check`], and [`KernelError::InvalidLength`].
    pub fn new(spec: TensorSpec, data: &'a [Cell<u8>]) -> Result<Self, KernelError> {
        let need = spec.check()?;
        if need as usize != data.len() {
            return Err(KernelError::InvalidLength { need, have: data.len() as u32 });
        }
        Ok(Self { spec, data })
    }

    /// A view of the bytes that `spec` needs, from byte `start` of `memory` on.
    ///
    /// # Errors
    /// Those of [`TensorSpec::check`], and [`KernelError::InvalidLength`] where `memory` ends before.
    pub fn within(spec: TensorSpec, memory: &'a [Cell<u8>], start: usize) -> Result<Self, KernelError> {
        let need = spec.checked()?;
        let behind = memory.len().saturating_sub(start);
        // A tensor has less than 2^31 bytes: the sum does not overflow where `start` lies inside.
        match memory.get(start..start.wrapping_add(need as usize)) {
            Some(data) => Ok(Self { spec, data }),
            None => Err(KernelError::InvalidLength { need, have: behind as u32 }),
        }
    }

    /// Shape, type and zero point.
    #[inline(always)]
    pub fn spec(&self) -> TensorSpec {
        self.spec
    }

    /// All bytes.
    #[inline(always)]
    pub fn cells(&self) -> &'a [Cell<u8>] {
        self.data
    }

    /// Bytes of row `h`; empty outside.
    #[inline(always)]
    pub fn row(&self, h: usize) -> &'a [Cell<u8>] {
        let (rows, columns, _) = self.spec.dims.hwc();
        if h >= rows {
            return &[];
        }
        let bytes = self.spec.pixel_bytes() * columns;
        self.data.get(h * bytes..h * bytes + bytes).unwrap_or(&[])
    }

    /// Bytes of pixel `(h, w)`; empty outside.
    #[inline(always)]
    pub fn pixel(&self, h: usize, w: usize) -> &'a [Cell<u8>] {
        let (rows, columns, _) = self.spec.dims.hwc();
        if h >= rows || w >= columns {
            return &[];
        }
        let bytes = self.spec.pixel_bytes();
        let start = (h * columns + w) * bytes;
        self.data.get(start..start + bytes).unwrap_or(&[])
    }

    /// Element `(h, w, c)`; 0 outside.
    #[inline(always)]
    pub fn get(&self, h: usize, w: usize, c: usize) -> i32 {
        read(self.pixel(h, w), self.spec.dtype, c)
    }

    /// Stores element `(h, w, c)`; nothing outside. The unused nibble of an odd channel count becomes 0.
    #[inline(always)]
    pub fn set(&self, h: usize, w: usize, c: usize, value: i32) {
        write(self.pixel(h, w), self.spec.dtype, self.spec.dims.c as usize, c, value);
    }
}

/// Element `c` of a packed pixel; 0 outside.
#[inline(always)]
pub fn read(pixel: &[Cell<u8>], dtype: Dtype, c: usize) -> i32 {
    let byte = |i: usize| pixel.get(i).map_or(0, Cell::get);
    match dtype.linked() {
        Dtype::U4 => i32::from((byte(c >> 1) >> ((c & 1) << 2)) & 15),
        Dtype::I8 => i32::from(byte(c) as i8),
        Dtype::I16 => i32::from(i16::from_le_bytes([byte(c << 1), byte((c << 1) + 1)])),
    }
}

/// Stores element `c` of a packed pixel of `channels` elements; nothing outside.
#[inline(always)]
pub fn write(pixel: &[Cell<u8>], dtype: Dtype, channels: usize, c: usize, value: i32) {
    let put = |i: usize, byte: u8| {
        if let Some(cell) = pixel.get(i) {
            cell.set(byte);
        }
    };
    match dtype.linked() {
        Dtype::U4 => {
            let value = value as u8 & 15;
            let old = pixel.get(c >> 1).map_or(0, Cell::get);
            if c & 1 == 1 {
                put(c >> 1, (old & 15) | (value << 4));
            } else if c + 1 == channels {
                put(c >> 1, value);
            } else {
                put(c >> 1, (old & 0xf0) | value);
            }
        }
        Dtype::I8 => put(c, value as u8),
        Dtype::I16 => {
            let [low, high] = (value as i16).to_le_bytes();
            put(c << 1, low);
            put((c << 1) + 1, high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_survive_storage_and_the_odd_nibble_is_cleared() {
        for dtype in [Dtype::U4, Dtype::I8, Dtype::I16] {
            let spec = TensorSpec { dims: Dims { h: 2, w: 3, c: 5 }, dtype, zero: 0 };
            let mut bytes = [0xffu8; 60];
            let need = spec.bytes().unwrap() as usize;
            let cells = Cell::from_mut(&mut bytes[..need]).as_slice_of_cells();
            let tensor = Tensor::new(spec, cells).unwrap();
            let value = |i: usize| if dtype == Dtype::U4 { (i % 16) as i32 } else { i as i32 * 3 - 50 };
            for i in 0..30 {
                tensor.set(i / 15, i / 5 % 3, i % 5, value(i));
            }
            for i in 0..30 {
                assert_eq!(tensor.get(i / 15, i / 5 % 3, i % 5), value(i));
            }
            if dtype == Dtype::U4 {
                assert_eq!(tensor.pixel(1, 2)[2].get() >> 4, 0);
            }
        }
    }

    #[test]
    fn nothing_lies_outside() {
        let spec = TensorSpec { dims: Dims { h: 2, w: 3, c: 1 }, dtype: Dtype::I8, zero: 0 };
        let mut bytes = [7; 6];
        let tensor = Tensor::new(spec, Cell::from_mut(&mut bytes[..]).as_slice_of_cells()).unwrap();
        for (h, w) in [(0, 3), (2, 0), (usize::MAX, 0), (0, usize::MAX)] {
            assert!(tensor.pixel(h, w).is_empty());
            assert_eq!(tensor.get(h, w, 0), 0);
        }
        assert!(tensor.row(2).is_empty() && tensor.row(usize::MAX).is_empty());
    }

    #[test]
    fn sizes_and_zero_points_are_checked() {
        let spec = TensorSpec { dims: Dims { h: 65_535, w: 65_535, c: 2 }, dtype: Dtype::I8, zero: 0 };
        assert_eq!(spec.check(), Err(KernelError::InvalidShape));
        let spec = TensorSpec { dims: Dims { h: 1, w: 1, c: 2 }, dtype: Dtype::U4, zero: 16 };
        assert_eq!(spec.check(), Err(KernelError::InvalidZeroPoint));
        let spec = TensorSpec { dims: Dims { h: 1, w: 1, c: 2 }, dtype: Dtype::I16, zero: 1 };
        assert_eq!(spec.check(), Err(KernelError::InvalidZeroPoint));
    }
}
