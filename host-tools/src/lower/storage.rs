//! Which integers each value is stored in: the width that its readers want, one grid for values that share a
//! scale, and a narrower copy where a convolution wants fewer bits than the residual stream.

use std::collections::{BTreeMap, BTreeSet};

use kernels::{Dtype, WeightBits};

use super::layer::{LayerOp, Layers};
use crate::calibrate::Grid;
use crate::graph::{Graph, ValueId};

/// Bits of one layer with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerBits {
    /// Width of its weights.
    pub weights: WeightBits,
    /// Width of its operand: 4 or 8 bits.
    pub activations: Dtype,
}

/// Bits of every layer with weights, in execution order, and of what lies between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitPlan {
    /// One entry for each layer with weights.
    pub layers: Vec<LayerBits>,
    /// Operands of additions.
    pub residual: Dtype,
    /// Network output.
    pub output: Dtype,
}

impl BitPlan {
    /// The same bits everywhere but in the first and last layer.
    pub fn uniform(
        layers: &Layers,
        inner: LayerBits,
        first_last: LayerBits,
        residual: Dtype,
        output: Dtype,
    ) -> Self {
        let count = layers.layers.iter().filter(|l| l.has_weights()).count();
        let bits = |i: usize| if i == 0 || i + 1 == count { first_last } else { inner };
        Self { layers: (0..count).map(bits).collect(), residual, output }
    }
}

/// Storage of every value.
#[derive(Clone, Debug)]
pub struct Storage {
    dtypes: BTreeMap<ValueId, Dtype>,
    wanted: BTreeMap<usize, Dtype>,
    /// Classes of values that have no 16-bit form: the network's input and results of tables.
    bytes: BTreeSet<ValueId>,
}

impl Storage {
    /// Decides for every layer of a graph. The classes of the network's input and of results of tables are
    /// stored in at most 8 bits.
    pub fn assign(graph: &Graph, layers: &Layers, plan: &BitPlan) -> Self {
        let tables = layers.layers.iter().filter(|l| matches!(l.op, LayerOp::Table(_))).map(|l| l.output);
        let bytes = tables.chain([graph.input]).collect();
        let mut this = Self { dtypes: BTreeMap::new(), wanted: BTreeMap::new(), bytes };
        let mut bits = plan.layers.iter();
        for (index, layer) in layers.layers.iter().enumerate() {
            if layer.has_weights() {
                let wanted = bits.next().map_or(Dtype::I8, |b| b.activations);
                this.wanted.insert(index, wanted);
            } else if matches!(layer.op, LayerOp::Table(_)) {
                this.wanted.insert(index, Dtype::I8);
            }
        }
        this.widen(layers.root(graph.input), Dtype::I8);
        this.widen(layers.root(graph.output), plan.output);
        // Backwards, so that a concatenation knows its own width before its parts are decided.
        for (index, layer) in layers.layers.iter().enumerate().rev() {
            for input in &layer.inputs {
                let root = layers.root(*input);
                match (&layer.op, this.wanted.get(&index)) {
                    (_, Some(&dtype)) => this.widen(root, dtype),
                    (LayerOp::Add, _) => this.widen(root, plan.residual),
                    (LayerOp::Concat | LayerOp::Requantize, _) => {
                        let own = this.dtype(layers, layer.output);
                        this.widen(root, own);
                    }
                    _ if layer.keeps_scale() => {}
                    _ => this.widen(root, Dtype::I8),
                }
            }
            if let Some(residual) = layer.residual {
                this.widen(layers.root(residual), plan.residual);
            }
        }
        this
    }

    fn widen(&mut self, root: ValueId, dtype: Dtype) {
        let dtype = if dtype == Dtype::I16 && self.bytes.contains(&root) { Dtype::I8 } else { dtype };
        let entry = self.dtypes.entry(root).or_insert(dtype);
        if dtype.bits() > entry.bits() {
            *entry = dtype;
        }
    }

    /// Storage type of a value.
    pub fn dtype(&self, layers: &Layers, value: ValueId) -> Dtype {
        self.dtypes.get(&layers.root(value)).copied().unwrap_or(Dtype::I8)
    }

    /// Storage type that layer `index` wants its operand in; `None` when it takes any.
    pub fn wanted(&self, index: usize) -> Option<Dtype> {
        self.wanted.get(&index).copied()
    }

    /// Values to calibrate, with every type that they are stored in.
    pub fn calibrated(&self, layers: &Layers) -> BTreeSet<(ValueId, Grid)> {
        let mut all = BTreeSet::new();
        for (index, layer) in layers.layers.iter().enumerate() {
            for value in layer.operands().chain([layer.output]) {
                let root = layers.root(value);
                all.insert((root, grid(self.dtype(layers, value))));
            }
            if let (Some(wanted), Some(input)) = (self.wanted(index), layer.inputs.first()) {
                all.insert((layers.root(*input), grid(wanted)));
            }
        }
        all
    }
}

/// The grid of a storage type.
pub(super) fn grid(dtype: Dtype) -> Grid {
    match dtype {
        Dtype::U4 => Grid::ACT4,
        Dtype::I8 => Grid::ACT8,
        Dtype::I16 => Grid::ACT16,
    }
}
