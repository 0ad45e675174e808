//! Every operator from the float graph to the integers: small random networks are folded, calibrated, lowered,
//! written and run, and must lie within [`error_bound`] of the float executor.

use std::cell::Cell;

use host_tools::calibrate::{Method, QuantParams};
use host_tools::graph::{Activation, BatchNorm, ChannelAffine, Executor, Op, Pool, PoolKind, Shape, Window};
use host_tools::integer::run_traced;
use host_tools::lower::{
    self, BitPlan, Folded, InputForm, LayerBits, Layers, Ranges, Recipe, Storage, WeightRule, WeightScales,
    fold,
};
use host_tools::train::{Source, TrainOptions, WeightScaling};
use kernels::{Dtype, Tensor, WeightBits};
use runtime::Model;
use sparrowhawk_tests::error_bound::error_bound;
use sparrowhawk_tests::float_net::{Net, POINT, SAME, Taps};
use sparrowhawk_tests::random::Random;
use sparrowhawk_tests::training::{assert_training_equals, file_of};

const SAMPLES: usize = 24;

/// Bits of a case.
#[derive(Clone, Copy)]
struct Bits {
    weights: WeightBits,
    activations: Dtype,
    residual: Dtype,
    output: Dtype,
}

const W8A8: Bits =
    Bits { weights: WeightBits::W8, activations: Dtype::I8, residual: Dtype::I8, output: Dtype::I8 };
const WIDE: Bits = Bits { output: Dtype::I16, ..W8A8 };
const W4A8: Bits = Bits { weights: WeightBits::W4, ..W8A8 };
const W4A4: Bits = Bits { activations: Dtype::U4, ..W4A8 };
const W2A4: Bits = Bits { weights: WeightBits::W2, ..W4A4 };
const RESIDUAL16: Bits = Bits { residual: Dtype::I16, ..W8A8 };

/// How samples enter.
#[derive(Clone, Copy, PartialEq)]
enum Input {
    Direct,
    PerChannel,
}

/// Lowers a network and holds its integers against the float network. `steps`: how many steps of an 8-bit
/// output (4-bit for 4-bit activations) the bound may be, so that no case is vacuous.
fn check(name: &str, net: &Net, bits: Bits, input: Input, steps: f64) {
    let float = &net.graph;
    let Folded { graph, norms, .. } = fold(float);
    let layers = Layers::of(&graph);
    let inner = LayerBits { weights: bits.weights, activations: bits.activations };
    let bit_plan = BitPlan::uniform(&layers, inner, inner, bits.residual, bits.output);

    let shape = graph.shape(graph.input);
    let mut random = Random::new(0x5eed);
    let stored: Vec<i8> = (0..SAMPLES * shape.len()).map(|_| random.byte() as i8).collect();
    let direct = QuantParams { scale: 2.0 / 128.0, zero_point: -9 };
    let (scales, zeros): (Vec<f64>, Vec<f64>) =
        (0..shape.c).map(|c| (0.02 / (1 + c) as f64, 3.25 * c as f64)).unzip();
    let real = |(i, &q): (usize, &i8)| match input {
        Input::Direct => direct.scale * f64::from(i32::from(q) - direct.zero_point),
        Input::PerChannel => scales[i % shape.c] * (f64::from(q) - zeros[i % shape.c]),
    };
    let samples: Vec<f32> = stored.iter().enumerate().map(|s| real(s) as f32).collect();

    let storage = Storage::assign(&graph, &layers, &bit_plan);
    let mut wanted = storage.calibrated(&layers);
    wanted.insert((graph.input, host_tools::calibrate::Grid::ACT8));
    let output = layers.root(graph.output);
    let mut ranges = Ranges::calibrate(&graph, &wanted, output, Method::MinMax, 8, &samples)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let form = match input {
        Input::Direct => {
            ranges.set(graph.input, Dtype::I8, direct);
            InputForm::Direct
        }
        Input::PerChannel => InputForm::PerChannel { scale: scales, zero: zeros },
    };
    let weights = WeightScales { rule: WeightRule::Max, scales: Vec::new() };
    let recipe = Recipe { bits: bit_plan, ranges, input: form, weights };
    let lowered = lower::lower(&graph, &layers, &recipe).unwrap_or_else(|error| panic!("{name}: {error}"));
    let file = file_of(lowered.clone());
    let model = Model::load(file.as_slice()).unwrap_or_else(|error| panic!("{name}: {error}"));

    let output = model.interface().output;
    let tensors = &lowered.network.tensors;
    let scale = output_scale(&model);
    assert!(tensors.iter().any(|t| (t.params.scale / scale - 1.0).abs() < 1e-6), "{name}: output scale");
    let errors = error_bound(&graph, &lowered, bits.weights, &samples);
    // The float network has roundings of its own, and the scale in the file has 31 bits.
    let bound = errors[graph.output.0] * 1.001 + 1e-4;
    let expected = Executor::new(float).run(&samples, SAMPLES).expect("the samples fit");
    let range = expected.iter().fold((0f32, 0f32), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let levels = if bits.activations == Dtype::U4 { 15.0 } else { 255.0 };
    let step = f64::from(range.1 - range.0) / levels;
    assert!(bound <= steps * step, "{name}: a bound of {:.1} steps proves nothing", bound / step);

    let mut worst = 0f64;
    for (input, expected) in
        stored.chunks_exact(shape.len()).zip(expected.chunks_exact(expected.len() / SAMPLES))
    {
        let input: Vec<u8> = input.iter().map(|&q| q as u8).collect();
        let traced = run_traced(&model, &input).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut bytes = traced.output;
        let cells = Cell::from_mut(bytes.as_mut_slice()).as_slice_of_cells();
        let tensor = Tensor::new(output.spec(), cells).expect("is the output");
        let [_, w, c] = output.dims.map(usize::from);
        for (i, &expected) in expected.iter().enumerate() {
            let q = tensor.get(i / (w * c), i / c % w, i % c) - i32::from(output.zero);
            worst = worst.max((scale * f64::from(q) - f64::from(expected)).abs());
        }
    }
    let source = Source { graph: &graph, layers: &layers, norms: &norms, recipe: &recipe };
    let bytes: Vec<u8> = stored.iter().map(|&q| q as u8).collect();
    let plain = TrainOptions { weight_scales: WeightScaling::Max, ..TrainOptions::default() };
    assert_training_equals(name, source, &plain, &bytes);
    println!("{name}: error {:.2} steps, bound {:.2}", worst / step, bound / step);
    assert!(worst <= bound, "{name}: error {worst}, bound {bound}, step {step}");
}

fn output_scale(model: &Model) -> f64 {
    let scale = model.interface().output_scale;
    f64::from(scale.mantissa) * 2f64.powi(-i32::from(scale.shift))
}

/// A network of one convolution, in four widths, with and without ReLU behind it.
fn check_conv(name: &str, shape: Shape, cout: usize, groups: usize, taps: Taps) {
    for (bits, levels, steps) in [(W8A8, 127, 2.0), (WIDE, 127, 2.0), (W4A8, 7, 2.0), (W2A4, 1, 8.0)] {
        for relu in [false, true] {
            let mut net = Net::new(shape, levels);
            let y = net.conv(net.input(), cout, groups, taps);
            if relu {
                net.like(RELU, y);
            }
            check(name, &net, bits, Input::Direct, steps);
        }
    }
}

const RELU: Op = Op::Activation(Activation::Clip { lo: 0.0, hi: f32::INFINITY });

fn pool(kind: PoolKind, taps: Taps) -> Op {
    Op::Pool(Pool { kind, kernel: taps.kernel, stride: taps.stride, padding: taps.pad() })
}

#[test]
fn convolutions() {
    let shape = Shape::new(7, 6, 4);
    let uneven = Taps { kernel: [3, 2], stride: [2, 1], dilation: [1, 1], padding: [1, 0, 2, 1] };
    let dilated = Taps { dilation: [2, 3], padding: [2, 3, 2, 3], ..SAME };
    check_conv("conv same", shape, 5, 1, SAME);
    check_conv("conv uneven", shape, 5, 1, uneven);
    check_conv("conv dilated", shape, 3, 1, dilated);
    check_conv("conv groups", shape, 6, 2, SAME);
    check_conv("conv point", shape, 3, 1, POINT);
    check_conv("conv point wider", shape, 9, 1, POINT);
    check_conv("conv on one channel", Shape::new(5, 5, 1), 3, 1, SAME);
}

#[test]
fn depthwise_convolutions() {
    let shape = Shape::new(6, 7, 5);
    let strided = Taps { kernel: [5, 3], stride: [2, 2], dilation: [1, 1], padding: [2, 1, 1, 0] };
    check_conv("depthwise same", shape, 5, 5, SAME);
    check_conv("depthwise strided", shape, 5, 5, strided);
    check_conv("depthwise wide", Shape::new(4, 4, 35), 35, 35, SAME);
    check_conv("depthwise doubled", shape, 10, 5, SAME);
}

#[test]
fn dense_layers() {
    for (bits, levels, steps) in [(W8A8, 127, 2.0), (WIDE, 127, 2.0), (W4A8, 7, 2.0), (W2A4, 1, 8.0)] {
        let mut net = Net::new(Shape::new(3, 2, 5), levels);
        net.dense(net.input(), 7);
        check("dense", &net, bits, Input::Direct, steps);
        let mut net = Net::new(Shape::new(3, 2, 4), levels);
        let x = net.conv(net.input(), 6, 1, POINT);
        let x = net.node(Op::Reshape, &[x], Shape::new(1, 1, 36));
        net.dense(x, 3);
        check("conv, reshape, dense", &net, bits, Input::Direct, 40.0);
    }
}

#[test]
fn pools() {
    let shape = Shape::new(7, 7, 3);
    let padded = Taps { stride: [2, 2], ..SAME };
    let inside = Taps { kernel: [2, 3], stride: [2, 2], ..POINT };
    let global = Taps { kernel: [7, 7], ..POINT };
    for kind in
        [PoolKind::Max, PoolKind::Average { count_padding: false }, PoolKind::Average { count_padding: true }]
    {
        for taps in [padded, inside, global] {
            for bits in [W8A8, WIDE] {
                let mut net = Net::new(shape, 127);
                let [h, w] = taps.output(shape);
                let x = net.node(pool(kind, taps), &[net.input()], Shape::new(h, w, 3));
                check("pool", &net, bits, Input::Direct, 3.0);
                net.like(Op::Activation(Activation::Clip { lo: -0.25, hi: 0.5 }), x);
                check("pool and clip", &net, bits, Input::Direct, 8.0);
            }
        }
    }
}

#[test]
fn sums() {
    for bits in [W8A8, RESIDUAL16, WIDE, Bits { residual: Dtype::I16, ..WIDE }] {
        for (name, groups, taps) in [("3x3", 1, SAME), ("1x1", 1, POINT), ("depthwise", 4, SAME)] {
            // The operand of the convolution is the residual too.
            let mut net = Net::new(Shape::new(5, 4, 4), 127);
            let x = net.input();
            let y = net.conv(x, 4, groups, taps);
            let sum = net.node(Op::Add, &[y, x], Shape::new(5, 4, 4));
            net.like(RELU, sum);
            check(&format!("x + {name}(x)"), &net, bits, Input::Direct, 4.0);
        }
        let mut net = Net::new(Shape::new(5, 4, 4), 127);
        let x = net.input();
        let (a, b) = (net.conv(x, 6, 1, SAME), net.conv(x, 6, 1, POINT));
        let (a, b) = (net.like(RELU, a), net.like(RELU, b));
        let sum = net.node(Op::Add, &[a, b], Shape::new(5, 4, 6));
        check("sum of clipped", &net, bits, Input::Direct, 5.0);
        let twice = net.node(Op::Add, &[sum, sum], Shape::new(5, 4, 6));
        net.conv(twice, 3, 1, POINT);
        check("x + x", &net, bits, Input::Direct, 60.0);
    }
}

#[test]
fn residual_networks_in_all_widths() {
    // The bound grows with the sums of weights on the way: it says nothing of deep networks in 4 bits.
    for (bits, levels, blocks, taps, steps) in [
        (W8A8, 127, 2, SAME, 45.0),
        (RESIDUAL16, 127, 2, SAME, 45.0),
        (W4A8, 7, 2, SAME, 45.0),
        (W4A4, 7, 1, POINT, 12.0),
        (Bits { residual: Dtype::I16, ..W4A4 }, 7, 1, POINT, 12.0),
        (W2A4, 1, 1, POINT, 12.0),
    ] {
        let mut net = Net::new(Shape::new(6, 6, 3), levels);
        let mut x = net.conv(net.input(), 5, 1, taps);
        for _ in 0..blocks {
            x = net.like(RELU, x);
            let y = net.conv(x, 5, 5, taps);
            let y = net.like(RELU, y);
            let y = net.conv(y, 5, 1, POINT);
            x = net.node(Op::Add, &[y, x], Shape::new(6, 6, 5));
        }
        check("residual blocks", &net, Bits { output: Dtype::I16, ..bits }, Input::Direct, steps);
    }
}

#[test]
fn concatenations_and_windows() {
    for bits in [W8A8, WIDE, Bits { activations: Dtype::U4, ..W8A8 }] {
        let shape = Shape::new(4, 5, 3);
        let mut net = Net::new(shape, 127);
        let x = net.input();
        let (a, b) = (net.conv(x, 3, 1, POINT), net.conv(x, 1, 1, SAME));
        let joined = net.node(Op::Concat, &[a, x, b, a], Shape::new(4, 5, 10));
        check("concat", &net, bits, Input::Direct, 5.0);
        net.conv(joined, 4, 1, POINT);
        check("concat, conv", &net, bits, Input::Direct, 30.0);

        for (offset, stride, fill, to) in [
            ([0, 0, 0], [2, 2], 0.0, Shape::new(2, 3, 3)),
            ([0, 0, -2], [2, 2], 0.0, Shape::new(2, 3, 7)),
            ([-1, 2, 1], [1, 1], -0.5, Shape::new(6, 3, 2)),
            ([-1, -1, 0], [1, 1], 0.5, Shape::new(6, 7, 3)),
        ] {
            let window = Op::Window(Window { offset, stride, fill });
            let mut net = Net::new(shape, 127);
            let y = net.conv(net.input(), 3, 1, POINT);
            let y = net.node(window.clone(), &[y], to);
            check("window", &net, bits, Input::Direct, 4.0);
            net.conv(y, 4, 1, POINT);
            check("window, conv", &net, bits, Input::Direct, 30.0);
        }
    }
}

#[test]
fn tables() {
    for function in [
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::HardSwish,
        Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Activation::LeakyRelu { slope: 0.1 },
        Activation::LeakyRelu { slope: -0.3 },
    ] {
        for bits in [W8A8, WIDE, RESIDUAL16, Bits { activations: Dtype::U4, ..W8A8 }] {
            let name = format!("{function:?}");
            let mut net = Net::new(Shape::new(3, 4, 3), 127);
            let y = net.like(Op::Activation(function), net.input());
            check(&name, &net, bits, Input::Direct, 3.0);
            let sum = net.node(Op::Add, &[y, net.input()], Shape::new(3, 4, 3));
            check(&format!("{name}, sum"), &net, bits, Input::Direct, 6.0);
            let y = net.conv(sum, 4, 1, POINT);
            net.like(Op::Activation(function), y);
            check(&format!("{name}, sum, conv, again"), &net, bits, Input::Direct, 60.0);
        }
    }
}

#[test]
fn affine_functions_and_clips() {
    for bits in [W8A8, WIDE] {
        let shape = Shape::new(3, 4, 3);
        let affine = ChannelAffine { scale: vec![-1.5, 0.0, 0.75], shift: vec![0.5, -1.0, 2.0] };
        let mut net = Net::new(shape, 127);
        let y = net.like(Op::ChannelAffine(affine), net.input());
        check("affine", &net, bits, Input::Direct, 3.0);
        net.like(Op::Activation(Activation::Clip { lo: -1.0, hi: 6.0 }), y);
        check("affine and clip", &net, bits, Input::Direct, 3.0);

        // Clips that nothing can take: on the input, on a value with another reader, behind a reshape.
        let mut net = Net::new(shape, 127);
        let x = net.like(Op::Activation(Activation::Clip { lo: -0.5, hi: 1.0 }), net.input());
        check("clip of the input", &net, bits, Input::Direct, 3.0);
        let a = net.conv(x, 3, 1, POINT);
        let b = net.like(RELU, a);
        let y = net.node(Op::Add, &[a, b], shape);
        let y = net.node(Op::Reshape, &[y], Shape::new(1, 12, 3));
        net.like(RELU, y);
        check("clips between", &net, bits, Input::Direct, 20.0);

        // An unbounded clip is nothing, also where its operand has another reader.
        let mut net = Net::new(shape, 127);
        let a = net.conv(net.input(), 3, 1, POINT);
        let nothing = Activation::Clip { lo: f32::NEG_INFINITY, hi: f32::INFINITY };
        let b = net.like(Op::Activation(nothing), a);
        net.node(Op::Add, &[a, b], shape);
        check("unbounded clip", &net, bits, Input::Direct, 6.0);
    }
}

#[test]
fn batch_normalisation_folds_or_stands_alone() {
    let norm = |c: usize| {
        Op::BatchNorm(BatchNorm {
            gamma: (0..c).map(|i| 0.5 + 0.25 * i as f32).collect(),
            beta: vec![0.25; c],
            mean: (0..c).map(|i| 0.1 * i as f32).collect(),
            var: vec![0.5; c],
            epsilon: 1e-3,
        })
    };
    let shape = Shape::new(5, 5, 3);
    let mut net = Net::new(shape, 127);
    let x = net.like(norm(3), net.input());
    let x = net.conv(x, 4, 1, SAME);
    let x = net.like(norm(4), x);
    let x = net.like(RELU, x);
    let x = net.node(
        pool(PoolKind::Max, Taps { kernel: [2, 2], stride: [2, 2], ..POINT }),
        &[x],
        Shape::new(2, 2, 4),
    );
    let x = net.like(norm(4), x);
    net.like(RELU, x);
    check("batch normalisation", &net, W8A8, Input::Direct, 20.0);
}

#[test]
fn reshapes_and_raw_inputs() {
    for bits in [W8A8, WIDE, RESIDUAL16] {
        let mut net = Net::new(Shape::new(4, 3, 2), 127);
        let x = net.conv(net.input(), 5, 1, SAME);
        net.node(Op::Reshape, &[x], Shape::new(1, 1, 60));
        check("reshape at the end", &net, bits, Input::Direct, 3.0);
        for input in [Input::Direct, Input::PerChannel] {
            let mut net = Net::new(Shape::new(4, 3, 2), 127);
            let x = net.node(pool(PoolKind::Max, POINT), &[net.input()], Shape::new(4, 3, 2));
            let y = net.conv(x, 2, 1, SAME);
            net.node(Op::Add, &[y, x], Shape::new(4, 3, 2));
            check("input, pool, sum", &net, bits, input, 6.0);
        }
    }
}
