//! Builds float graphs layer by layer, with random weights.

use host_tools::graph::{
    Activation, Conv, Dense, Graph, Node, Op, Padding, Pool, PoolKind, Shape, ValueId, Window,
};

use super::Random;

/// A convolution's shape.
#[derive(Clone, Copy, Debug)]
pub struct ConvShape {
    /// Output channels.
    pub cout: usize,
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: usize,
    /// Channel groups.
    pub groups: usize,
}

/// A graph that grows; the shapes follow from the layers.
#[derive(Debug)]
pub struct Builder {
    graph: Graph,
    random: Random,
}

const RELU: Activation = Activation::Clip { lo: 0.0, hi: f32::INFINITY };

impl Builder {
    /// A network of an input alone, with that input.
    pub fn new(name: &str, [h, w, c]: [usize; 3]) -> (Self, ValueId) {
        let shape = Shape { h, w, c };
        let mut graph = Graph {
            name: name.into(),
            values: Vec::new(),
            nodes: Vec::new(),
            input: ValueId(0),
            output: ValueId(0),
        };
        let input = graph.add_value("input", shape);
        (Self { graph, random: Random::named(name) }, input)
    }

    /// The graph that ends with this value.
    pub fn finish(mut self, output: ValueId) -> Graph {
        self.graph.output = output;
        self.graph
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], shape: Shape) -> ValueId {
        let name = format!("node{}", self.graph.nodes.len());
        let output = self.graph.add_value(name.clone(), shape);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        output
    }

    /// Convolution with TensorFlow's `SAME` padding.
    pub fn conv(&mut self, x: ValueId, shape: ConvShape) -> ValueId {
        let from = self.graph.shape(x);
        let ConvShape { cout, kernel, stride, groups } = shape;
        let (h, top, bottom) = same(from.h, kernel[0], stride);
        let (w, left, right) = same(from.w, kernel[1], stride);
        let fan_in = kernel[0] * kernel[1] * from.c / groups;
        let conv = Conv {
            weight: self.random.uniform(cout * fan_in, (6.0 / fan_in as f64).sqrt()),
            bias: self.random.uniform(cout, 0.1),
            cout,
            kernel,
            stride: [stride; 2],
            dilation: [1, 1],
            padding: Padding { top, left, bottom, right },
            groups,
        };
        self.node(Op::Conv(conv), &[x], Shape { h, w, c: cout })
    }

    /// Square convolution over all channels, then Relu.
    pub fn conv_relu(&mut self, x: ValueId, cout: usize, kernel: usize, stride: usize) -> ValueId {
        let y = self.conv(x, ConvShape { cout, kernel: [kernel; 2], stride, groups: 1 });
        self.relu(y)
    }

    /// Depthwise convolution, then Relu.
    pub fn depthwise_relu(&mut self, x: ValueId, kernel: usize, stride: usize) -> ValueId {
        let cout = self.graph.shape(x).c;
        let y = self.conv(x, ConvShape { cout, kernel: [kernel; 2], stride, groups: cout });
        self.relu(y)
    }

    /// Fully connected layer.
    pub fn dense(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let inputs = self.graph.shape(x).len();
        let dense = Dense {
            weight: self.random.uniform(outputs * inputs, (6.0 / inputs as f64).sqrt()),
            bias: self.random.uniform(outputs, 0.1),
            outputs,
            inputs,
        };
        self.node(Op::Dense(dense), &[x], Shape { h: 1, w: 1, c: outputs })
    }

    /// Relu.
    pub fn relu(&mut self, x: ValueId) -> ValueId {
        self.activation(x, RELU)
    }

    /// Element-wise function.
    pub fn activation(&mut self, x: ValueId, function: Activation) -> ValueId {
        let shape = self.graph.shape(x);
        self.node(Op::Activation(function), &[x], shape)
    }

    /// Sum.
    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let shape = self.graph.shape(a);
        self.node(Op::Add, &[a, b], shape)
    }

    /// Pooling without padding.
    pub fn pool(&mut self, x: ValueId, kind: PoolKind, kernel: [usize; 2], stride: usize) -> ValueId {
        let from = self.graph.shape(x);
        let pool = Pool { kind, kernel, stride: [stride; 2], padding: Padding::default() };
        let size = |length: usize, kernel: usize| (length - kernel) / stride + 1;
        let shape = Shape { h: size(from.h, kernel[0]), w: size(from.w, kernel[1]), c: from.c };
        self.node(Op::Pool(pool), &[x], shape)
    }

    /// Maximum pooling with `SAME` padding.
    pub fn max_pool_same(&mut self, x: ValueId, kernel: usize, stride: usize) -> ValueId {
        let from = self.graph.shape(x);
        let (h, top, bottom) = same(from.h, kernel, stride);
        let (w, left, right) = same(from.w, kernel, stride);
        let padding = Padding { top, left, bottom, right };
        let pool = Pool { kind: PoolKind::Max, kernel: [kernel; 2], stride: [stride; 2], padding };
        self.node(Op::Pool(pool), &[x], Shape { h, w, c: from.c })
    }

    /// Mean over all pixels.
    pub fn global_average(&mut self, x: ValueId) -> ValueId {
        let Shape { h, w, .. } = self.graph.shape(x);
        self.pool(x, PoolKind::Average { count_padding: false }, [h, w], 1)
    }

    /// Concatenation along the channels.
    pub fn concat(&mut self, parts: &[ValueId]) -> ValueId {
        let c = parts.iter().map(|&part| self.graph.shape(part).c).sum();
        let shape = Shape { c, ..self.graph.shape(parts[0]) };
        self.node(Op::Concat, parts, shape)
    }

    /// Every second row and column, with `pad` empty channels on either side.
    pub fn shortcut(&mut self, x: ValueId, pad: usize) -> ValueId {
        let from = self.graph.shape(x);
        let window = Window { offset: [0, 0, -(pad as isize)], stride: [2, 2], fill: 0.0 };
        let shape = Shape { h: from.h.div_ceil(2), w: from.w.div_ceil(2), c: from.c + 2 * pad };
        self.node(Op::Window(window), &[x], shape)
    }
}

/// Length of the result, padding before and behind it.
fn same(length: usize, kernel: usize, stride: usize) -> (usize, usize, usize) {
    let result = length.div_ceil(stride);
    let padding = ((result - 1) * stride + kernel).saturating_sub(length);
    (result, padding / 2, padding - padding / 2)
}
