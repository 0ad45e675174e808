//! The three passes against nested loops, on every vector width of this processor, exactly: all values are small integers.

use super::{Geometry, forward_on, input_gradient_on, weight_gradient_on};
use proptest::prelude::*;
use pulp::Arch;

/// Calls `term(x, w, y)`, indices of values that meet, for every product of the convolution.
fn products(g: &Geometry, mut term: impl FnMut(usize, usize, usize)) {
    let [height, width, inputs] = g.input;
    let [out_height, out_width, outputs] = g.output;
    let (group_inputs, group_outputs) = (inputs / g.groups, outputs / g.groups);
    for n in 0..g.batch {
        for oh in 0..out_height {
            for ow in 0..out_width {
                for kh in 0..g.kernel[0] {
                    for kw in 0..g.kernel[1] {
                        let ih = (oh * g.stride[0] + kh * g.dilation[0]).wrapping_sub(g.pad[0]);
                        let iw = (ow * g.stride[1] + kw * g.dilation[1]).wrapping_sub(g.pad[1]);
                        if ih >= height || iw >= width {
                            continue;
                        }
                        for co in 0..outputs {
                            for ci in 0..group_inputs {
                                let c = co / group_outputs * group_inputs + ci;
                                term(
                                    ((n * height + ih) * width + iw) * inputs + c,
                                    ((co * g.kernel[0] + kh) * g.kernel[1] + kw) * group_inputs + ci,
                                    ((n * out_height + oh) * out_width + ow) * outputs + co,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every vector width that this processor has.
fn architectures() -> Vec<Arch> {
    #[cfg(target_arch = "x86_64")]
    {
        let v3 = pulp::x86::V3::try_new().map(Arch::V3);
        let v4 = pulp::x86::V4::try_new().map(Arch::V4);
        [Some(Arch::Scalar), v3, v4].into_iter().flatten().collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![Arch::new()]
}

/// `len` integers of -127 to 127.
fn integers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) % 255) as f32 - 127.0
    };
    (0..len).map(|_| next()).collect()
}

struct Case {
    x: Vec<f32>,
    w: Vec<f32>,
    gy: Vec<f32>,
}

impl Case {
    fn new(g: &Geometry) -> Self {
        let lens = [g.batch * g.input_len(), g.weight_len(), g.batch * g.output_len()];
        Self { x: integers(lens[0], 1), w: integers(lens[1], 2), gy: integers(lens[2], 3) }
    }
}

type Pass = Vec<f32>;

/// Output, gradient of the input, gradient of the weights.
fn expected(g: &Geometry, case: &Case) -> [Pass; 3] {
    let [mut y, mut gx, mut gw] = [case.gy.len(), case.x.len(), case.w.len()].map(|len| vec![0i64; len]);
    let [x, w, gy] = [&case.x, &case.w, &case.gy].map(|v| v.iter().map(|v| *v as i64).collect::<Vec<_>>());
    products(g, |ix, iw, iy| {
        y[iy] += x[ix] * w[iw];
        gx[ix] += gy[iy] * w[iw];
        gw[iw] += x[ix] * gy[iy];
    });
    [y, gx, gw].map(|sums| {
        assert!(sums.iter().all(|sum| sum.abs() < 1 << 24), "the sums must be exact in f32");
        sums.into_iter().map(|sum| sum as f32).collect()
    })
}

fn computed(arch: Arch, g: &Geometry, case: &Case) -> [Pass; 3] {
    // Every value must be written.
    let [mut y, mut gx, mut gw] = [case.gy.len(), case.x.len(), case.w.len()].map(|len| vec![f32::NAN; len]);
    forward_on(arch, g, &case.x, &case.w, &mut y);
    input_gradient_on(arch, g, &case.gy, &case.w, &mut gx);
    weight_gradient_on(arch, g, &case.x, &case.gy, &mut gw);
    [y, gx, gw]
}

fn check(g: &Geometry) {
    let case = Case::new(g);
    let expected = expected(g, &case);
    for arch in architectures() {
        let computed = computed(arch, g, &case);
        for (pass, (computed, expected)) in
            ["forward", "input gradient", "weight gradient"].iter().zip(computed.iter().zip(&expected))
        {
            assert!(computed == expected, "{pass} on {arch:?} of {g:?}");
        }
    }
}

prop_compose! {
    fn geometries()(
        batch in 1usize..12,
        output in [1usize..6, 1usize..6],
        kernel in [1usize..5, 1usize..5],
        stride in [1usize..4, 1usize..4],
        dilation in [1usize..3, 1usize..3],
        pad in [0usize..4, 0usize..4],
        end in [-3isize..3, -3isize..3],
        groups in 1usize..4,
        channels in prop_oneof![
            (1usize..5, 1usize..40),
            (1usize..40, 1usize..5),
            Just((1, 1)),
        ],
        depthwise in prop_oneof![3 => Just(None), 1 => (1usize..40).prop_map(Some)],
    ) -> Geometry {
        let (groups, channels) = depthwise.map_or((groups, channels), |c| (c, (1, 1)));
        // The images end before, at or after the last tap.
        let size = [0, 1].map(|a| {
            let read = (output[a] - 1) * stride[a] + (kernel[a] - 1) * dilation[a] + 1;
            (read as isize - pad[a] as isize + end[a]).max(1) as usize
        });
        Geometry {
            batch,
            input: [size[0], size[1], groups * channels.0],
            output: [output[0], output[1], groups * channels.1],
            kernel, stride, dilation, pad, groups,
        }
    }
}

proptest! {
    #[test]
    fn passes_equal_nested_loops(g in geometries()) {
        check(&g);
    }
}

/// A square kernel with padding on all sides, as most networks have it.
fn square(
    batch: usize,
    size: usize,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Geometry {
    let out = size.div_ceil(stride);
    Geometry {
        batch,
        input: [size, size, channels[0]],
        output: [out, out, channels[1]],
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [kernel / 2; 2],
        groups,
    }
}

#[test]
fn layers_of_networks() {
    check(&square(3, 16, [3, 16], 3, 1, 1));
    check(&square(3, 9, [32, 48], 3, 2, 1));
    check(&square(2, 8, [64, 64], 1, 1, 1));
    check(&square(70, 1, [64, 10], 1, 1, 1));
    check(&square(5, 7, [33, 33], 5, 1, 33));
    check(&square(5, 6, [64, 64], 3, 2, 64));
}

#[test]
fn empty_batches_and_images() {
    check(&square(0, 4, [3, 5], 3, 1, 1));
    check(&Geometry { input: [0, 4, 3], output: [1, 4, 5], ..square(2, 4, [3, 5], 3, 1, 1) });
    check(&Geometry { output: [0, 4, 4], ..square(2, 4, [4, 4], 3, 1, 4) });
}

#[test]
fn results_are_the_same_bits_with_any_number_of_threads() {
    let g = square(40, 6, [8, 24], 3, 1, 1);
    // Values whose sums depend on their order.
    let rough = |v: &Vec<f32>| v.iter().map(|v| v / 3.0).collect();
    let case = Case::new(&g);
    let case = Case { x: rough(&case.x), w: rough(&case.w), gy: rough(&case.gy) };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| computed(Arch::new(), &g, &case))
            .map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
    };
    let one = on(1);
    assert!([2, 3, 7].into_iter().all(|threads| on(threads) == one));
}
