//! ResNet20 for CIFAR-10 (He et al. 2016, section 4.2, option A shortcuts) with random weights.

use host_tools::graph::{
    Activation, BatchNorm, Conv, Dense, Graph, Node, Op, Padding, Pool, PoolKind, Shape, ValueId, Window,
};

/// Residual blocks in a stage.
const BLOCKS: usize = 3;

/// The float network, BatchNorm kept apart.
pub fn resnet20() -> Graph {
    let input = ValueId(0);
    let mut net = Builder {
        graph: Graph { name: "resnet20".into(), values: Vec::new(), nodes: Vec::new(), input, output: input },
        state: 1,
    };
    net.graph.add_value("image", Shape::new(32, 32, 3));
    let mut x = net.conv(input, 16, 1);
    x = net.relu(x);
    for channels in [16, 32, 64] {
        for block in 0..BLOCKS {
            let stride = if block == 0 && channels > 16 { 2 } else { 1 };
            let y = net.conv(x, channels, stride);
            let y = net.relu(y);
            let y = net.conv(y, channels, 1);
            let shortcut = if stride == 2 { net.shortcut(x, channels) } else { x };
            let sum = net.node("add", Op::Add, &[y, shortcut], net.graph.shape(y));
            x = net.relu(sum);
        }
    }
    let pool = Pool {
        kind: PoolKind::Average { count_padding: false },
        kernel: [8, 8],
        stride: [1, 1],
        padding: Padding::default(),
    };
    x = net.node("pool", Op::Pool(pool), &[x], Shape::new(1, 1, 64));
    let dense = Dense { weight: net.weights(640, 64), bias: vec![0.0; 10], outputs: 10, inputs: 64 };
    net.graph.output = net.node("logits", Op::Dense(dense), &[x], Shape::new(1, 1, 10));
    net.graph
}

struct Builder {
    graph: Graph,
    state: u64,
}

impl Builder {
    /// Weights as He et al. 2015 draw them, uniform instead of normal.
    fn weights(&mut self, count: usize, inputs: usize) -> Vec<f32> {
        let limit = (6.0 / inputs as f32).sqrt();
        let mut next = || {
            self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next() * limit).collect()
    }

    fn node(&mut self, name: &str, op: Op, inputs: &[ValueId], shape: Shape) -> ValueId {
        let name = format!("{name}{}", self.graph.nodes.len());
        let output = self.graph.add_value(name.clone(), shape);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        output
    }

    /// 3x3 with BatchNorm.
    fn conv(&mut self, x: ValueId, channels: usize, stride: usize) -> ValueId {
        let Shape { h, w, c } = self.graph.shape(x);
        let shape = Shape::new(h / stride, w / stride, channels);
        let conv = Conv {
            weight: self.weights(channels * 9 * c, 9 * c),
            bias: vec![0.0; channels],
            cout: channels,
            kernel: [3, 3],
            stride: [stride, stride],
            dilation: [1, 1],
            padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
            groups: 1,
        };
        let y = self.node("conv", Op::Conv(conv), &[x], shape);
        let norm = BatchNorm {
            gamma: vec![1.0; channels],
            beta: vec![0.0; channels],
            mean: vec![0.0; channels],
            var: vec![1.0; channels],
            epsilon: 1e-5,
        };
        self.node("norm", Op::BatchNorm(norm), &[y], shape)
    }

    fn relu(&mut self, x: ValueId) -> ValueId {
        let clip = Activation::Clip { lo: 0.0, hi: f32::INFINITY };
        self.node("relu", Op::Activation(clip), &[x], self.graph.shape(x))
    }

    /// Every other pixel, zeros for the channels that are new.
    fn shortcut(&mut self, x: ValueId, channels: usize) -> ValueId {
        let Shape { h, w, c } = self.graph.shape(x);
        let window = Window { offset: [0, 0, -(((channels - c) / 2) as isize)], stride: [2, 2], fill: 0.0 };
        self.node("shortcut", Op::Window(window), &[x], Shape::new(h / 2, w / 2, channels))
    }
}
