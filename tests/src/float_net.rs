//! Float networks of random constants. Weights lie on the grid that the `max` rule finds for them, so that
//! quantising them costs nothing and the integers can be held against a small bound.

use host_tools::graph::{Conv, Dense, Graph, Node, Op, Padding, Shape, ValueId};

use crate::random::Random;

/// A network in the making.
#[derive(Clone, Debug)]
pub struct Net {
    /// The graph; its output is the last node's.
    pub graph: Graph,
    /// Numbers for constants.
    pub random: Random,
    /// Largest integer of a weight: 127, 7 or 1.
    pub levels: i32,
}

/// Window of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// Top, left, bottom, right.
    pub padding: [usize; 4],
}

/// One pixel.
pub const POINT: Taps = Taps { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0; 4] };
/// 3x3 that keeps the shape.
pub const SAME: Taps = Taps { kernel: [3, 3], padding: [1; 4], ..POINT };

impl Taps {
    /// Rows and columns of the result.
    pub fn output(&self, x: Shape) -> [usize; 2] {
        let [top, left, bottom, right] = self.padding;
        let size = |size: usize, pad: usize, axis: usize| {
            (size + pad - self.dilation[axis] * (self.kernel[axis] - 1) - 1) / self.stride[axis] + 1
        };
        [size(x.h, top + bottom, 0), size(x.w, left + right, 1)]
    }

    /// The padding as the graph has it.
    pub fn pad(&self) -> Padding {
        let [top, left, bottom, right] = self.padding;
        Padding { top, left, bottom, right }
    }
}

impl Net {
    /// A network with an input of this shape.
    pub fn new(shape: Shape, levels: i32) -> Self {
        let input = ValueId(0);
        let mut graph =
            Graph { name: "net".into(), values: Vec::new(), nodes: Vec::new(), input, output: input };
        graph.add_value("x", shape);
        Self { graph, random: Random::new(shape.len() as u64), levels }
    }

    /// The input.
    pub fn input(&self) -> ValueId {
        self.graph.input
    }

    /// Adds a node; its result is the network's output until the next one.
    pub fn node(&mut self, op: Op, inputs: &[ValueId], shape: Shape) -> ValueId {
        let name = format!("v{}", self.graph.values.len());
        let output = self.graph.add_value(name.clone(), shape);
        self.graph.nodes.push(Node { name: format!("node {name}"), op, inputs: inputs.to_vec(), output });
        self.graph.output = output;
        output
    }

    /// A node whose result has its operand's shape.
    pub fn like(&mut self, op: Op, x: ValueId) -> ValueId {
        let shape = self.graph.shape(x);
        self.node(op, &[x], shape)
    }

    /// A convolution.
    pub fn conv(&mut self, x: ValueId, cout: usize, groups: usize, taps: Taps) -> ValueId {
        let shape = self.graph.shape(x);
        let row = taps.kernel[0] * taps.kernel[1] * shape.c / groups;
        let [h, w] = taps.output(shape);
        let (weight, bias) = self.rows(cout, row);
        let Taps { kernel, stride, dilation, .. } = taps;
        let conv = Conv { weight, bias, cout, kernel, stride, dilation, padding: taps.pad(), groups };
        self.node(Op::Conv(conv), &[x], Shape::new(h, w, cout))
    }

    /// A dense layer.
    pub fn dense(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let inputs = self.graph.shape(x).len();
        let (weight, bias) = self.rows(outputs, inputs);
        let dense = Dense { weight, bias, outputs, inputs };
        self.node(Op::Dense(dense), &[x], Shape::new(1, 1, outputs))
    }

    /// Rows of weights `k * s`, `s` of every row its own, the largest `k` in every row.
    fn rows(&mut self, rows: usize, len: usize) -> (Vec<f32>, Vec<f32>) {
        let mut weight = Vec::with_capacity(rows * len);
        for _ in 0..rows {
            let step = self.real(0.5, 1.5) / (self.levels as f32 * (len as f32).sqrt());
            let largest = self.random.below(len);
            for i in 0..len {
                let k =
                    if i == largest { self.levels } else { self.random.within(-self.levels, self.levels) };
                weight.push(k as f32 * step);
            }
        }
        let bias = (0..rows).map(|_| self.real(-1.0, 1.0)).collect();
        (weight, bias)
    }

    /// A random number.
    pub fn real(&mut self, lo: f32, hi: f32) -> f32 {
        lo + (hi - lo) * (self.random.below(10_001) as f32 / 10_000.0)
    }

    /// Random numbers.
    pub fn reals(&mut self, count: usize, lo: f32, hi: f32) -> Vec<f32> {
        (0..count).map(|_| self.real(lo, hi)).collect()
    }
}
