//! The distances at which a result may share bytes with an operand, against a simulation of the order of work,
//! byte by byte.

use kernels::op::{Accumulate, Conv2d, Depthwise, Geometry, Overlap, PoolGeometry, elementwise};
use kernels::{Dims, Dtype, TensorSpec};
use proptest::prelude::*;

/// What a kernel may read and write at a time.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// All taps of a pixel, then its result.
    Pixel,
    /// All taps of a pixel until its result is written.
    Held,
    /// The taps of one channel, then its result.
    Channel,
}

/// Bytes that element `c` of a pixel touches.
fn bytes(spec: &TensorSpec, pixel: usize, c: usize) -> std::ops::Range<i32> {
    let start = pixel * spec.pixel_bytes();
    let element = match spec.dtype {
        Dtype::U4 => c / 2..c / 2 + 1,
        Dtype::I8 => c..c + 1,
        Dtype::I16 => 2 * c..2 * c + 2,
    };
    (start + element.start) as i32..(start + element.end) as i32
}

/// Whether no byte of `x` is written before its last read, with the result `distance` bytes behind `x`.
fn safe(
    geometry: &Geometry,
    x: &TensorSpec,
    y: &TensorSpec,
    (unit, descends): (Unit, bool),
    distance: i32,
) -> bool {
    let (rows, columns, channels) = x.dims.hwc();
    let (out_rows, out_columns, out_channels) = y.dims.hwc();
    let bytes_of = |spec: &TensorSpec| spec.bytes().unwrap() as i32;
    let mut written = vec![false; bytes_of(x) as usize];
    let mut pixels: Vec<usize> = (0..out_rows * out_columns).collect();
    if descends {
        pixels.reverse();
    }
    for q in pixels {
        let (oy, ox) = (q / out_columns, q % out_columns);
        let [kh, kw] = geometry.kernel.map(usize::from);
        let taps: Vec<usize> = (0..kh * kw)
            .filter_map(|tap| {
                let iy = geometry.row(oy, tap / kw, rows)?;
                Some(iy * columns + geometry.column(ox, tap % kw, columns)?)
            })
            .collect();
        let spoiled = |written: &[bool], channels: std::ops::Range<usize>| {
            let mut read = taps.iter().flat_map(|&tap| channels.clone().flat_map(move |c| bytes(x, tap, c)));
            // The half of a byte that is written keeps the other half.
            read.any(|at| written[at as usize])
        };
        if spoiled(&written, 0..channels) {
            return false;
        }
        for c in 0..out_channels {
            if unit == Unit::Channel && spoiled(&written, c..c + 1) {
                return false;
            }
            // A nibble shares its byte with the next one, which is still to be read.
            let half = y.dtype == Dtype::U4 && c % 2 == 0 && c + 1 < out_channels;
            for at in bytes(y, q, c).map(|at| at + distance) {
                if (0..bytes_of(x)).contains(&at) && !(half && x.dtype == Dtype::U4) {
                    written[at as usize] = true;
                }
            }
        }
        if unit == Unit::Held && spoiled(&written, 0..channels) {
            return false;
        }
    }
    true
}

fn spec(h: u16, w: u16, c: u16, dtype: Dtype) -> TensorSpec {
    TensorSpec { dims: Dims { h, w, c }, dtype, zero: 0 }
}

fn dtype() -> impl Strategy<Value = Dtype> {
    prop_oneof![Just(Dtype::U4), Just(Dtype::I8), Just(Dtype::I16)]
}

fn shape() -> impl Strategy<Value = TensorSpec> {
    (1..7u16, 1..7u16, 1..6u16, dtype()).prop_map(|(h, w, c, dtype)| spec(h, w, c, dtype))
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let pair = |range: std::ops::Range<u8>| [range.clone(), range];
    (pair(1..5), pair(1..4), pair(1..3), pair(0..5)).prop_map(|(kernel, stride, dilation, pad)| Geometry {
        kernel,
        stride,
        dilation,
        pad,
    })
}

/// Every distance at which the two share a byte.
fn distances(x: &TensorSpec, y: &TensorSpec) -> std::ops::Range<i32> {
    1 - y.bytes().unwrap() as i32..x.bytes().unwrap() as i32
}

fn conv(geometry: Geometry, groups: u16) -> Conv2d<'static> {
    Conv2d { geometry, groups, group_inputs: 1, group_outputs: 1, accumulate: Accumulate::NONE }
}

/// The result's shape without any padding below or to the right that the kernel does not reach.
fn natural(geometry: &Geometry, x: &TensorSpec, c: u16, dtype: Dtype) -> Option<TensorSpec> {
    let size = |axis: usize, size: u16| {
        let (kernel, pad) = (u16::from(geometry.kernel[axis]), u16::from(geometry.pad[axis]));
        Some((size + 2 * pad).checked_sub(kernel)? / u16::from(geometry.stride[axis]) + 1)
    };
    Some(spec(size(0, x.dims.h)?, size(1, x.dims.w)?, c, dtype))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn convolution(x in shape(), y in shape(), geometry in geometry(), groups in 1..3u16) {
        let op = conv(geometry, groups);
        let unit = if groups > 1 { Unit::Held } else { Unit::Pixel };
        let rule = op.over_input(&x, &y);
        for distance in distances(&x, &y).filter(|&distance| rule.allows(distance)) {
            prop_assert!(safe(&geometry, &x, &y, (unit, op.descends(&x, &y)), distance), "{distance}");
        }
    }

    #[test]
    fn windows_by_channel(x in shape(), y in shape(), geometry in geometry(), stays in any::<bool>()) {
        let y = TensorSpec { dims: Dims { c: x.dims.c, ..y.dims }, dtype: if stays { x.dtype } else { y.dtype }, ..y };
        let Geometry { kernel, stride, pad, .. } = geometry;
        let pool = PoolGeometry { kernel, stride, pad };
        let depthwise = Depthwise { geometry, accumulate: Accumulate::NONE };
        for distance in distances(&x, &y) {
            if pool.over_input(&x, &y).allows(distance) {
                prop_assert!(safe(&pool.taps(), &x, &y, (Unit::Channel, false), distance), "pool {distance}");
            }
            let ringless = depthwise.scratch_bytes(&x, &y, Some(distance)) == 0;
            if ringless && depthwise.over_input(&x, &y).allows(distance) {
                prop_assert!(safe(&geometry, &x, &y, (Unit::Channel, false), distance), "depthwise {distance}");
            }
        }
    }

    #[test]
    fn elements(x in shape(), dtype in dtype()) {
        let y = TensorSpec { dtype, ..x };
        let one = Geometry { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
        for distance in distances(&x, &y).filter(|&distance| elementwise(&x, &y).allows(distance)) {
            prop_assert!(safe(&one, &x, &y, (Unit::Channel, false), distance), "{distance}");
        }
    }

    /// No byte is given away: where a network's own shapes leave no tap unread, the rule ends where safety ends.
    #[test]
    fn the_rule_is_tight(x in shape(), c in 1..6u16, dtype in dtype(), geometry in geometry()) {
        let pad = [0, 1].map(|axis| geometry.pad[axis] % geometry.kernel[axis]);
        let geometry = Geometry { pad, dilation: [1, 1], ..geometry };
        let Some(y) = natural(&geometry, &x, c, dtype) else { return Ok(()) };
        let op = conv(geometry, 1);
        let descends = op.descends(&x, &y);
        // Nibbles may share a byte at a pixel's end.
        if descends || x.dtype == Dtype::U4 || y.dtype == Dtype::U4 {
            return Ok(());
        }
        for distance in distances(&x, &y).filter(|&distance| distance <= 0) {
            let safe = safe(&geometry, &x, &y, (Unit::Pixel, false), distance);
            prop_assert_eq!(op.over_input(&x, &y).allows(distance), safe, "{}", distance);
        }
    }
}

#[test]
fn the_nearest_distance_is_allowed_and_aligned() {
    for (rule, nearest) in [
        (Overlap::NEVER, None),
        (Overlap::SAME, Some(0)),
        (Overlap::up_to(3), Some(0)),
        (Overlap::up_to(-1), Some(-4)),
        (Overlap::up_to(-96), Some(-96)),
        (Overlap::from(0), Some(0)),
        (Overlap::from(5), Some(8)),
    ] {
        assert_eq!(rule.nearest(4), nearest);
    }
}

#[test]
fn a_larger_pointwise_result_starts_where_its_operand_starts() {
    let one = Geometry { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
    let op = conv(one, 1);
    let (x, y) = (spec(48, 48, 8, Dtype::I8), spec(48, 48, 16, Dtype::I8));
    assert!(op.descends(&x, &y));
    assert_eq!(op.over_input(&x, &y).nearest(4), Some(0));
}

#[test]
fn a_strided_convolution_runs_ahead_of_its_taps_by_less_than_a_row() {
    let geometry = Geometry { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pad: [0, 0] };
    let (x, y) = (spec(96, 96, 3, Dtype::I8), spec(48, 48, 8, Dtype::I8));
    let op = conv(geometry, 1);
    // 47 pixels of 8 bytes written, 94 of 3 bytes no longer needed.
    assert!(op.over_input(&x, &y).allows(-94) && !op.over_input(&x, &y).allows(-93));
}
