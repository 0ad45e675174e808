//! Steps without weights.

use std::sync::Arc;

use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Int, Tensor};
use kernels::Dtype;
use runtime::format::{ClampRef, Op, Operand, PoolRef, Region};

use super::Pass;
use super::site::Site;
use crate::lower::StepInfo;
use crate::train::TrainError;
use crate::train::operations::{self, Geometry, Integers};

/// Constants of a 32-bit rescale: multipliers and rounding terms as the file has them.
struct Rescale<'r> {
    multipliers: &'r [i32],
    offsets: &'r [i32],
    shift: u8,
}

impl Pass<'_> {
    pub(super) fn simple(
        &mut self,
        op: &Op,
        output: &Operand,
        info: &StepInfo,
    ) -> Result<Tensor<4>, TrainError> {
        let site =
            |clamp: ClampRef| Site { output, clamp, clip: info.clip, integers: None, residual_gain: 0.0 };
        match op {
            Op::Rescale { x, entries, multipliers, offsets, shift, clamp } => {
                let multipliers = self.words(*multipliers, (*entries).into())?;
                let offsets = self.words(*offsets, (*entries).into())?;
                let constants = Rescale { multipliers: &multipliers, offsets: &offsets, shift: *shift };
                let input = self.operand(x)?;
                Ok(self.rescale(input, x.zero.into(), &constants, site(*clamp)))
            }
            Op::Add { a, b, a_multiplier, b_multiplier, offset, shift, clamp } => {
                let zeros = [(a, *a_multiplier), (b, *b_multiplier)];
                let zeros = zeros.map(|(x, m)| i64::from(x.zero) * i64::from(m)).iter().sum::<i64>();
                let r = i64::from(*offset) + zeros;
                let unit = 2f32.powi((*shift).into());
                let integers = Integers {
                    multipliers: vec![(*a_multiplier).into()],
                    offsets: vec![r],
                    residual: (*b_multiplier).into(),
                    shift: (*shift).into(),
                };
                let gain = self.row(vec![f32::from(*a_multiplier) / unit]);
                let shift_term = self.row(vec![before_rounding(r, *shift)]);
                let residual_gain = f32::from(*b_multiplier) / unit;
                let site = Site { integers: Some(integers), residual_gain, ..site(*clamp) };
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                Ok(self.quantize(a, Some(b), gain, shift_term, site))
            }
            Op::AveragePool { x, pool, entries, multipliers, offsets, shift, clamp } => {
                let multipliers = self.words(*multipliers, (*entries).into())?;
                let offsets = self.words(*offsets, (*entries).into())?;
                let constants = Rescale { multipliers: &multipliers, offsets: &offsets, shift: *shift };
                self.average(x, pool, &constants, site(*clamp))
            }
            Op::Concat { parts, shift, clamp } => {
                let parts = parts
                    .iter()
                    .map(|part| {
                        let (multipliers, offsets) = ([part.multiplier], [part.offset]);
                        let constants =
                            Rescale { multipliers: &multipliers, offsets: &offsets, shift: *shift };
                        let input = self.operand(&part.operand)?;
                        Ok(self.rescale(input, part.operand.zero.into(), &constants, site(*clamp)))
                    })
                    .collect::<Result<Vec<_>, TrainError>>()?;
                Ok(Tensor::cat(parts, 3))
            }
            Op::MaxPool { x, pool, clamp } => {
                let [h, w, c] = output.dims.map(usize::from);
                let zero = f32::from(x.zero);
                let y = self.max_pool(self.operand(x)?, pool, [h, w]);
                let y = y.reshape([self.batch, h, w, c]);
                Ok(y.clamp(f32::from(clamp.lo) - zero, f32::from(clamp.hi) - zero))
            }
            Op::Table { x, entries } => self.table(x, entries, output, info),
            Op::Window { x, offset, stride, fill } => {
                let fill = f32::from(*fill) - f32::from(output.zero);
                let strides = [usize::from(stride[0]), usize::from(stride[1]), 1];
                let mut y = self.operand(x)?;
                for axis in 0..3 {
                    let length = usize::from(output.dims[axis]);
                    y = self.window(y, axis + 1, offset[axis].into(), strides[axis], length, fill);
                }
                Ok(y)
            }
            Op::Conv2d { .. } | Op::Depthwise { .. } | Op::Dense { .. } => Err(TrainError::Damaged),
        }
    }

    /// `(x * m + r) >> shift` of an operand with this zero point.
    fn rescale(&mut self, x: Tensor<4>, zero: i64, constants: &Rescale, site: Site) -> Tensor<4> {
        let entries = constants.multipliers.iter().zip(constants.offsets);
        let offsets: Vec<i64> = entries.map(|(&m, &r)| i64::from(r) + zero * i64::from(m)).collect();
        let unit = 2f32.powi(constants.shift.into());
        let gain = self.row(constants.multipliers.iter().map(|&m| m as f32 / unit).collect());
        let shift = self.row(offsets.iter().map(|&r| before_rounding(r, constants.shift)).collect());
        let integers = Integers {
            multipliers: constants.multipliers.iter().map(|&m| m.into()).collect(),
            offsets,
            residual: 0,
            shift: constants.shift.into(),
        };
        self.quantize(x, None, gain, shift, Site { integers: Some(integers), ..site })
    }

    /// Sums of windows by a convolution with ones. Windows of different tap counts have different constants; each
    /// count is computed everywhere and kept where it holds.
    fn average(
        &mut self,
        x: &Operand,
        pool: &PoolRef,
        constants: &Rescale,
        site: Site,
    ) -> Result<Tensor<4>, TrainError> {
        let output = site.output.dims.map(usize::from);
        let input = x.dims.map(usize::from);
        let kernel = pool.kernel.map(usize::from);
        let channels = input[2];
        let geometry = Arc::new(Geometry {
            batch: self.batch,
            input,
            output,
            kernel,
            stride: pool.stride.map(usize::from),
            dilation: [1, 1],
            pad: pool.pad.map(usize::from),
            groups: channels,
        });
        let taps = kernel[0] * kernel[1];
        let ones = Tensor::<4>::ones([channels, kernel[0], kernel[1], 1], self.device);
        let sums = operations::convolution(self.operand(x)?, ones, geometry.clone());
        let zero = i64::from(x.zero);
        if let ([m], [r]) = (constants.multipliers, constants.offsets) {
            let one = Rescale { multipliers: &[*m], offsets: &[*r], shift: constants.shift };
            return Ok(self.rescale(sums, zero * taps as i64, &one, site));
        }
        let counts = counts(&geometry);
        let mut y: Option<Tensor<4>> = None;
        for (index, (&m, &r)) in constants.multipliers.iter().zip(constants.offsets).enumerate() {
            let count = index + 1;
            if !counts.contains(&count) {
                continue;
            }
            let one = Rescale { multipliers: &[m], offsets: &[r], shift: constants.shift };
            let site = Site { integers: None, ..site };
            let part = self.rescale(sums.clone(), zero * count as i64, &one, site);
            let mask = counts.iter().map(|&c| f32::from(u8::from(c == count))).collect();
            let part = part * self.row(mask).reshape([1, output[0], output[1], 1]);
            y = Some(y.map_or(part.clone(), |y| y + part));
        }
        y.ok_or(TrainError::Damaged)
    }

    fn max_pool(&self, x: Tensor<4>, pool: &PoolRef, [h, w]: [usize; 2]) -> Tensor<4> {
        let [_, rows, columns, _] = x.dims();
        let [kh, kw] = pool.kernel.map(usize::from);
        let [sh, sw] = pool.stride.map(usize::from);
        let [top, left] = pool.pad.map(usize::from);
        let bottom = ((h - 1) * sh + kh).saturating_sub(top + rows);
        let right = ((w - 1) * sw + kw).saturating_sub(left + columns);
        let mut options = MaxPoolOptions::new([kh, kw]).with_stride([sh, sw]);
        options.padding = [(top, bottom), (left, right)];
        let y = max_pool2d(x.permute([0, 3, 1, 2]), options);
        // Rows and columns that no window reaches, where the output was cut short.
        let [n, c, ..] = y.dims();
        y.slice([0..n, 0..c, 0..h, 0..w]).permute([0, 2, 3, 1])
    }

    /// A function by table; its gradient is the function's slope between the neighbouring integers.
    fn table(
        &self,
        x: &Operand,
        entries: &Region,
        output: &Operand,
        info: &StepInfo,
    ) -> Result<Tensor<4>, TrainError> {
        let start = entries.offset as usize;
        let bytes = self.constants.get(start..start + entries.bytes as usize).ok_or(TrainError::Damaged)?;
        let (x_lo, _) = Dtype::from(x.dtype).range();
        let signed = Dtype::from(output.dtype) == Dtype::I8;
        let zero = f32::from(output.zero);
        let values: Vec<f32> =
            bytes.iter().map(|&b| if signed { f32::from(b as i8) } else { f32::from(b) } - zero).collect();
        let last = values.len().saturating_sub(1);
        let slopes = (0..values.len()).map(|i| {
            let (before, after) = (i.saturating_sub(1), (i + 1).min(last));
            (values[after] - values[before]) / (after - before).max(1) as f32
        });
        let slopes = self.row(slopes.collect());
        let values = self.row(values);
        let input = self.operand(x)?;
        let dims = input.dims();
        let first = f32::from(x.zero) - x_lo as f32;
        let index: Tensor<1, Int> = input.clone().detach().add_scalar(first).flatten::<1>(0, 3).int();
        let pick = |entries: Tensor<1>| entries.select(0, index.clone()).reshape(dims);
        let y = pick(values) + pick(slopes) * (input.clone() - input.detach());
        let [h, w, c] = output.dims.map(usize::from);
        if dims != [self.batch, h, w, c] {
            return Err(TrainError::Unsupported { step: info.name.clone(), what: "a reshaping table" });
        }
        Ok(y)
    }

    /// Elements `offset, offset + stride, …` of one axis, `fill` outside.
    fn window(
        &self,
        x: Tensor<4>,
        axis: usize,
        offset: isize,
        stride: usize,
        length: usize,
        fill: f32,
    ) -> Tensor<4> {
        let have = x.dims()[axis] as isize;
        let at = |i: usize| offset + (i * stride) as isize;
        let inside: Vec<usize> = (0..length).filter(|&i| (0..have).contains(&at(i))).collect();
        if inside.len() == length && stride == 1 && offset == 0 && length as isize == have {
            return x;
        }
        let mut dims = x.dims();
        let before = (0..length).take_while(|&i| at(i) < 0).count();
        let after = length - before - inside.len();
        let indices = self.indices(inside.iter().map(|&i| at(i) as i32).collect());
        let mut padding = |count: usize| {
            dims[axis] = count;
            Tensor::<4>::full(dims, fill, self.device)
        };
        let mut parts = Vec::new();
        if before > 0 {
            parts.push(padding(before));
        }
        if !inside.is_empty() {
            parts.push(x.select(axis, indices));
        }
        if after > 0 {
            parts.push(padding(after));
        }
        Tensor::cat(parts, axis)
    }
}

/// The real number that `>> shift` floors, half a step before it.
fn before_rounding(r: i64, shift: u8) -> f32 {
    (r as f64 / 2f64.powi(shift.into()) - 0.5) as f32
}

/// Taps inside the input, by output pixel.
fn counts(geometry: &Geometry) -> Vec<usize> {
    let along = |axis: usize, o: usize| {
        let first = (o * geometry.stride[axis]) as isize - geometry.pad[axis] as isize;
        let inside = |k: &usize| (0..geometry.input[axis] as isize).contains(&(first + *k as isize));
        (0..geometry.kernel[axis]).filter(inside).count()
    };
    let [h, w, _] = geometry.output;
    (0..h).flat_map(|y| (0..w).map(move |x| (y, x))).map(|(y, x)| along(0, y) * along(1, x)).collect()
}
