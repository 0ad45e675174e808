//! From graph nodes to layers: one layer is one integer step. Clips move into the layer before them, an
//! addition into the convolution before it (HAWQ-V3's fused residual).

use std::collections::BTreeMap;

use crate::graph::{Activation, ChannelAffine, Conv, Dense, Graph, Node, Op, Pool, ValueId, Window};

/// What a layer computes before its clip.
#[derive(Clone, Debug)]
pub enum LayerOp {
    /// Convolution, depthwise ones included.
    Conv(Conv),
    /// Fully connected layer.
    Dense(Dense),
    /// Multiplication and addition per channel.
    Affine(ChannelAffine),
    /// Nothing: only the clip and a change of storage.
    Requantize,
    /// Sum of two tensors.
    Add,
    /// Pooling.
    Pool(Pool),
    /// Concatenation along the channels.
    Concat,
    /// Strided crop with padding.
    Window(Window),
    /// Unary function by table.
    Table(Activation),
}

/// One step of the integer network, still in real numbers.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Names of the nodes in it, the first one's first.
    pub name: String,
    /// Operator.
    pub op: LayerOp,
    /// Operands.
    pub inputs: Vec<ValueId>,
    /// Operand that is added before the clip, of a convolution or dense layer.
    pub residual: Option<ValueId>,
    /// Result.
    pub output: ValueId,
    /// Limits of the result.
    pub clip: (f64, f64),
}

/// Layers in execution order, and which value is another one in a different shape.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Layers in execution order.
    pub layers: Vec<Layer>,
    aliases: BTreeMap<ValueId, ValueId>,
    roots: BTreeMap<ValueId, ValueId>,
}

impl Layer {
    /// Whether the layer multiplies with weights.
    pub fn has_weights(&self) -> bool {
        matches!(self.op, LayerOp::Conv(_) | LayerOp::Dense(_))
    }

    /// Whether the result has its operand's scale and zero point.
    pub fn keeps_scale(&self) -> bool {
        match &self.op {
            LayerOp::Window(_) => true,
            LayerOp::Pool(pool) => pool.kind == crate::graph::PoolKind::Max,
            _ => false,
        }
    }

    /// All operands, the residual last.
    pub fn operands(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.inputs.iter().copied().chain(self.residual)
    }
}

impl Layers {
    /// The layers of a folded graph.
    pub fn of(graph: &Graph) -> Self {
        let mut this = Self::default();
        for node in &graph.nodes {
            this.add(graph, node);
        }
        for layer in this.layers.iter().filter(|layer| layer.keeps_scale()) {
            let input = this.aliases.get(&layer.inputs[0]).copied().unwrap_or(layer.inputs[0]);
            let root = this.roots.get(&input).copied().unwrap_or(input);
            this.roots.insert(layer.output, root);
        }
        this
    }

    /// The value whose bytes a value is.
    pub fn storage(&self, value: ValueId) -> ValueId {
        self.aliases.get(&value).copied().unwrap_or(value)
    }

    /// The value whose scale and zero point a value has.
    pub fn root(&self, value: ValueId) -> ValueId {
        let storage = self.storage(value);
        self.roots.get(&storage).copied().unwrap_or(storage)
    }

    fn add(&mut self, graph: &Graph, node: &Node) {
        let inputs = node.inputs.clone();
        let op = match &node.op {
            Op::Reshape | Op::Softmax | Op::LogSoftmax => {
                self.aliases.insert(node.output, self.storage(inputs[0]));
                return;
            }
            Op::Activation(Activation::Clip { lo, hi }) => {
                let clip = (f64::from(*lo), f64::from(*hi));
                if let Some(layer) = self.only_producer(graph, inputs[0]).filter(|l| can_clip(l)) {
                    layer.clip = (layer.clip.0.clamp(clip.0, clip.1), layer.clip.1.clamp(clip.0, clip.1));
                    layer.output = node.output;
                    layer.name = format!("{} + {}", layer.name, node.name);
                    return;
                }
                self.push(node, LayerOp::Requantize, inputs, clip);
                return;
            }
            Op::Activation(function) => LayerOp::Table(*function),
            Op::Conv(conv) => LayerOp::Conv(conv.clone()),
            Op::Dense(dense) => LayerOp::Dense(dense.clone()),
            Op::BatchNorm(bn) => LayerOp::Affine(bn.affine()),
            Op::ChannelAffine(affine) => LayerOp::Affine(affine.clone()),
            Op::Add if self.fuse_add(graph, node) => return,
            Op::Add => LayerOp::Add,
            Op::Pool(pool) => LayerOp::Pool(*pool),
            Op::Concat => LayerOp::Concat,
            Op::Window(window) => LayerOp::Window(*window),
        };
        self.push(node, op, inputs, (f64::NEG_INFINITY, f64::INFINITY));
    }

    fn push(&mut self, node: &Node, op: LayerOp, inputs: Vec<ValueId>, clip: (f64, f64)) {
        let (name, output) = (node.name.clone(), node.output);
        self.layers.push(Layer { name, op, inputs, residual: None, output, clip });
    }

    /// The layer that writes `value`, if nothing but one node reads it.
    fn only_producer(&mut self, graph: &Graph, value: ValueId) -> Option<&mut Layer> {
        if graph.consumers(value).count() != 1 || graph.output == value {
            return None;
        }
        self.layers.iter_mut().find(|l| l.output == value)
    }

    /// Moves an addition into the later of its operands' layers that is a convolution or dense layer without
    /// clip; that layer then runs where the addition stood.
    fn fuse_add(&mut self, graph: &Graph, node: &Node) -> bool {
        let [a, b] = node.inputs[..] else { return false };
        let fusable = |this: &mut Self, value: ValueId| {
            let unbounded = (f64::NEG_INFINITY, f64::INFINITY);
            this.only_producer(graph, value)
                .is_some_and(|l| l.has_weights() && l.residual.is_none() && l.clip == unbounded)
        };
        let position = |this: &Self, value: ValueId| this.layers.iter().position(|l| l.output == value);
        let mut candidates: Vec<(ValueId, ValueId)> = vec![(a, b), (b, a)];
        candidates.sort_by_key(|&(conv, _)| std::cmp::Reverse(position(self, conv)));
        let found =
            candidates.into_iter().find(|&(conv, other)| a != b && other != conv && fusable(self, conv));
        let Some((conv, other)) = found else { return false };
        let Some(index) = position(self, conv) else { return false };
        let mut layer = self.layers.remove(index);
        layer.residual = Some(other);
        layer.output = node.output;
        layer.name = format!("{} + {}", layer.name, node.name);
        self.layers.push(layer);
        true
    }
}

fn can_clip(layer: &Layer) -> bool {
    !matches!(layer.op, LayerOp::Window(_) | LayerOp::Table(_))
}
