//! Small networks with every operator.

use crate::graph::{
    Activation, BatchNorm, ChannelAffine, Conv, Dense, Graph, Node, Op, Padding, Pool, PoolKind, Shape,
    ValueId, Window,
};
use crate::random::{Purpose, Random};
use crate::sensitivity::{Curvature, Objective};

/// A network in the making; its output is the last node's.
pub(super) struct Net {
    pub(super) graph: Graph,
    random: Random,
}

impl Net {
    pub(super) fn new(h: usize, w: usize, c: usize) -> Self {
        let input = ValueId(0);
        let mut graph = Graph { name: "net".into(), values: vec![], nodes: vec![], input, output: input };
        graph.add_value("x", Shape::new(h, w, c));
        Self { graph, random: Random::new(11, Purpose::Start, 0, 0) }
    }

    pub(super) fn node(&mut self, op: Op, inputs: &[ValueId], shape: Shape) -> ValueId {
        let name = format!("v{}", self.graph.values.len());
        let output = self.graph.add_value(name.clone(), shape);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        self.graph.output = output;
        output
    }

    pub(super) fn like(&mut self, op: Op, x: ValueId) -> ValueId {
        let shape = self.graph.shape(x);
        self.node(op, &[x], shape)
    }

    pub(super) fn integers(&mut self, len: usize, bound: u32) -> Vec<f32> {
        (0..len).map(|_| self.random.within(bound) as f32).collect()
    }

    /// A 3x3 convolution that keeps rows and columns, with a bias that is no integer: no sum is at a kink.
    pub(super) fn conv(&mut self, x: ValueId, cout: usize, groups: usize, stride: usize) -> ValueId {
        let shape = self.graph.shape(x);
        let weight = self.integers(cout * 9 * shape.c / groups, 1);
        let bias = vec![0.5; cout];
        let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
        let (kernel, stride, dilation) = ([3, 3], [stride; 2], [1, 1]);
        let (h, w) = (shape.h.div_ceil(stride[0]), shape.w.div_ceil(stride[1]));
        let conv = Conv { weight, bias, cout, kernel, stride, dilation, padding, groups };
        self.node(Op::Conv(conv), &[x], Shape::new(h, w, cout))
    }

    pub(super) fn dense(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let inputs = self.graph.shape(x).len();
        let (weight, bias) = (self.integers(outputs * inputs, 1), self.integers(outputs, 1));
        self.node(Op::Dense(Dense { weight, bias, outputs, inputs }), &[x], Shape::new(1, 1, outputs))
    }

    pub(super) fn pool(&mut self, x: ValueId, kind: PoolKind) -> ValueId {
        let Shape { h, w, c } = self.graph.shape(x);
        let pool = Pool { kind, kernel: [2, 2], stride: [2, 2], padding: Padding::default() };
        self.node(Op::Pool(pool), &[x], Shape::new(h / 2, w / 2, c))
    }

    /// Multiplies all weights, for smooth functions to be neither flat nor straight.
    pub(super) fn scale_weights(&mut self, factor: f32) {
        for node in &mut self.graph.nodes {
            let weight = match &mut node.op {
                Op::Conv(conv) => &mut conv.weight,
                Op::Dense(dense) => &mut dense.weight,
                _ => continue,
            };
            weight.iter_mut().for_each(|w| *w *= factor);
        }
    }

    /// The loss over `samples` random inputs, the same ones every time.
    pub(super) fn curvature(&self, samples: usize, entropy: bool) -> Curvature<'_> {
        let mut random = Random::new(12, Purpose::Start, 0, 0);
        let input = samples * self.graph.shape(self.graph.input).len();
        let input = (0..input).map(|_| random.within(2) as f32).collect();
        let outputs = self.graph.shape(self.graph.output).len();
        let objective = if entropy {
            Objective::CrossEntropy((0..samples).map(|_| random.below(outputs as u32)).collect())
        } else {
            Objective::SquaredError((0..samples * outputs).map(|_| random.within(3) as f32).collect())
        };
        Curvature::new(&self.graph, input, objective).unwrap()
    }
}

/// Every operator that is linear or piecewise linear: two convolutions, one of them depthwise with a stride, Relu,
/// a residual sum, both pools, a concatenation, a crop with padding, BatchNorm and factors, a dense layer. All
/// constants are such that no sum is at a kink.
pub(super) fn piecewise() -> Net {
    let mut net = Net::new(4, 4, 2);
    let first = net.conv(ValueId(0), 4, 1, 1);
    let norm = BatchNorm {
        gamma: vec![1.0, -2.0, 0.5, 1.0],
        beta: vec![0.0; 4],
        mean: vec![0.0, 1.0, 0.0, -1.0],
        var: vec![1.0, 4.0, 0.25, 1.0],
        epsilon: 0.0,
    };
    let norm = net.like(Op::BatchNorm(norm), first);
    let relu = net.like(Op::Activation(Activation::Clip { lo: 0.0, hi: f32::INFINITY }), norm);
    let shape = net.graph.shape(relu);
    let affine = ChannelAffine { scale: vec![1.0, 2.0, -2.0, 0.5], shift: vec![0.25; 4] };
    let affine = net.like(Op::ChannelAffine(affine), relu);
    let sum = net.node(Op::Add, &[relu, affine], shape);
    let leaky = net.like(Op::Activation(Activation::LeakyRelu { slope: 0.5 }), sum);
    let depthwise = net.conv(leaky, 4, 4, 2);
    let largest = net.pool(leaky, PoolKind::Max);
    let mean = net.pool(leaky, PoolKind::Average { count_padding: false });
    let joined = net.node(Op::Concat, &[depthwise, largest, mean], Shape::new(2, 2, 12));
    // Columns 1 and a padded one, channels -1 to 6 of which the first is padded.
    let crop = Window { offset: [0, 1, -1], stride: [1, 1], fill: 2.0 };
    let crop = net.node(Op::Window(crop), &[joined], Shape::new(2, 2, 8));
    let flat = net.node(Op::Reshape, &[crop], Shape::new(1, 1, 32));
    net.dense(flat, 4);
    net
}

/// Smooth functions between layers, and Softmax or its logarithm at the end.
pub(super) fn smooth(end: Option<Op>) -> Net {
    let mut net = Net::new(4, 4, 2);
    let x = net.conv(ValueId(0), 3, 1, 1);
    let x = net.like(Op::Activation(Activation::Tanh), x);
    // Never at a kink: the operand is between -1 and 1.
    let x = net.like(Op::Activation(Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }), x);
    let x = net.conv(x, 3, 3, 2);
    let x = net.like(Op::Activation(Activation::Sigmoid), x);
    let x = net.conv(x, 2, 1, 1);
    let x = net.like(Op::Activation(Activation::HardSwish), x);
    let x = net.dense(x, 4);
    if let Some(end) = end {
        net.like(end, x);
    }
    net.scale_weights(0.25);
    net
}
