//! What training changes: weights, biases and BatchNorm of every layer, weight scales, activation scales.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::calibrate::Grid;
use crate::graph::ValueId;
use crate::lower::{LayerOp, Layers, Norm};

/// What a block of parameters is; decides its learning rate and its weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Weights of a convolution or dense layer.
    Weight,
    /// Biases, BatchNorm's gamma and beta.
    Affine,
    /// Scales of weights, one per output channel.
    WeightScale,
    /// Scale of a tensor.
    ActivationScale,
}

/// Parameters that are trained alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Block {
    /// For messages: the layer or tensor.
    pub name: String,
    /// What they are.
    pub kind: Kind,
    /// Rows of equal length: the output channels of weights, every scale by itself. What is in one row is of one size.
    pub rows: usize,
    /// The values.
    pub values: Vec<f32>,
}

/// Statistics of one BatchNorm; they follow the data, not the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Statistics {
    /// Mean by channel.
    pub mean: Vec<f32>,
    /// Variance by channel.
    pub var: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Where the parameters of a layer with weights are among the blocks.
#[derive(Clone, Copy, Debug)]
struct Slots {
    weight: usize,
    bias: usize,
    /// Gamma and beta.
    norm: Option<[usize; 2]>,
    scale: Option<usize>,
}

/// All parameters, and how they belong to the network.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    /// The blocks, in a fixed order.
    pub blocks: Vec<Block>,
    /// Statistics by layer with weights.
    pub statistics: Vec<Option<Statistics>>,
    slots: Vec<Slots>,
    activations: BTreeMap<(ValueId, Grid), usize>,
}

/// A layer's parameters on the device, BatchNorm folded.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    /// `[cout, k]`.
    pub weight: Tensor<2>,
    /// `[cout]`.
    pub bias: Tensor<1>,
}

/// A layer's parameters on the device, BatchNorm apart.
#[derive(Clone, Debug)]
pub(super) struct Unfolded {
    /// `[cout, k]`.
    pub weight: Tensor<2>,
    /// `[cout]`.
    pub gamma: Tensor<1>,
    /// `[cout]`.
    pub beta: Tensor<1>,
}

/// The blocks as leaves of a differentiable computation.
#[derive(Clone, Debug)]
pub(super) struct Leaves {
    /// One tensor per block.
    pub tensors: Vec<Tensor<1>>,
}

impl Parameters {
    /// The parameters of a network. `norms` holds BatchNorms that are kept apart, `scales` the learned scales
    /// of weights by layer (empty: not learned), `activations` the learned scales of tensors.
    pub(super) fn new(
        layers: &Layers,
        norms: &BTreeMap<ValueId, Norm>,
        scales: &[Vec<f64>],
        activations: &[((ValueId, Grid), String, f64)],
    ) -> Self {
        let mut this = Self {
            blocks: Vec::new(),
            statistics: Vec::new(),
            slots: Vec::new(),
            activations: BTreeMap::new(),
        };
        let weighted = layers.layers.iter().filter_map(|layer| {
            let (weight, bias) = match &layer.op {
                LayerOp::Conv(conv) => (&conv.weight, &conv.bias),
                LayerOp::Dense(dense) => (&dense.weight, &dense.bias),
                _ => return None,
            };
            Some((layer, weight, bias))
        });
        for (index, (layer, weight, bias)) in weighted.enumerate() {
            let norm = norms.get(&layer.output);
            let (weight, bias) = norm.map_or((weight, bias), |norm| (&norm.weight, &norm.bias));
            let weight = this.push(&layer.name, Kind::Weight, bias.len(), weight.clone());
            let bias = this.push(&layer.name, Kind::Affine, 1, bias.clone());
            let affine = norm.map(|Norm { norm, .. }| {
                [&norm.gamma, &norm.beta]
                    .map(|values| this.push(&layer.name, Kind::Affine, 1, values.clone()))
            });
            this.statistics.push(norm.map(|Norm { norm, .. }| Statistics {
                mean: norm.mean.clone(),
                var: norm.var.clone(),
                epsilon: norm.epsilon,
            }));
            let scale = scales.get(index).map(|scales| {
                let values: Vec<f32> = scales.iter().map(|&s| s as f32).collect();
                this.push(&layer.name, Kind::WeightScale, values.len(), values)
            });
            this.slots.push(Slots { weight, bias, norm: affine, scale });
        }
        for (key, name, scale) in activations {
            let block = this.push(name, Kind::ActivationScale, 1, vec![*scale as f32]);
            this.activations.insert(*key, block);
        }
        this
    }

    fn push(&mut self, name: &str, kind: Kind, rows: usize, values: Vec<f32>) -> usize {
        self.blocks.push(Block { name: name.to_owned(), kind, rows, values });
        self.blocks.len() - 1
    }

    /// Number of layers with weights.
    pub(super) fn layers(&self) -> usize {
        self.slots.len()
    }

    /// The blocks as tensors whose gradients can be asked for, if the device has gradients.
    pub(super) fn leaves(&self, device: &Device) -> Leaves {
        let leaf = |block: &Block| {
            let data = TensorData::new(block.values.clone(), [block.values.len()]);
            let tensor = Tensor::<1>::from_data(data, device);
            if device.is_autodiff() { tensor.require_grad() } else { tensor }
        };
        Leaves { tensors: self.blocks.iter().map(leaf).collect() }
    }

    /// Weight and bias of a layer with BatchNorm's stored statistics folded in.
    pub(super) fn folded(&self, leaves: &Leaves, layer: usize) -> Folded {
        let Slots { weight, bias, norm, .. } = self.slots[layer];
        let bias = leaves.tensors[bias].clone();
        let rows = bias.dims()[0];
        let weight = leaves.tensors[weight].clone();
        let weight = weight.clone().reshape([rows, weight.dims()[0] / rows]);
        let (Some([gamma, beta]), Some(statistics)) = (norm, &self.statistics[layer]) else {
            return Folded { weight, bias };
        };
        let device = bias.device();
        let constant = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [rows]), &device);
        // In f64 like the import's folding, so that training starts from the same integers.
        let inverse = statistics
            .var
            .iter()
            .map(|v| (1.0 / (f64::from(*v) + f64::from(statistics.epsilon)).sqrt()) as f32);
        let factor = leaves.tensors[gamma].clone() * constant(inverse.collect());
        let centred = bias - constant(statistics.mean.clone());
        Folded {
            weight: weight * factor.clone().reshape([rows, 1]),
            bias: centred * factor + leaves.tensors[beta].clone(),
        }
    }

    /// Makes the folded weights and biases of a layer its parameters; its BatchNorm is gone. Gives the blocks that
    /// are new.
    pub(super) fn set_folded(&mut self, layer: usize, weight: Vec<f32>, bias: Vec<f32>) -> Vec<usize> {
        if self.statistics[layer].take().is_none() {
            return Vec::new();
        }
        let slots = self.slots[layer];
        self.blocks[slots.weight].values = weight;
        self.blocks[slots.bias].values = bias;
        vec![slots.weight, slots.bias]
    }

    /// The parameters of a layer with BatchNorm apart; `None` where it has none.
    pub(super) fn unfolded(&self, leaves: &Leaves, layer: usize) -> Option<Unfolded> {
        let Slots { weight, norm, .. } = self.slots[layer];
        self.statistics[layer].as_ref()?;
        let [gamma, beta] = norm?.map(|slot| leaves.tensors[slot].clone());
        let weight = leaves.tensors[weight].clone();
        let rows = gamma.dims()[0];
        Some(Unfolded { weight: weight.clone().reshape([rows, weight.dims()[0] / rows]), gamma, beta })
    }

    /// Learned scales of a layer's weights, `[cout]`.
    pub(super) fn weight_scale(&self, leaves: &Leaves, layer: usize) -> Option<Tensor<1>> {
        self.slots[layer].scale.map(|slot| leaves.tensors[slot].clone())
    }

    /// Values of a layer's learned weight scales.
    pub(super) fn weight_scale_values(&self, layer: usize) -> Option<&[f32]> {
        self.slots[layer].scale.map(|slot| self.blocks[slot].values.as_slice())
    }

    /// Replaces a layer's learned weight scales.
    pub(super) fn set_weight_scale(&mut self, layer: usize, scales: Vec<f32>) {
        if let Some(slot) = self.slots[layer].scale {
            self.blocks[slot].values = scales;
        }
    }

    /// Learned scale of a tensor, `[1]`.
    pub(super) fn activation_scale(&self, leaves: &Leaves, key: (ValueId, Grid)) -> Option<Tensor<1>> {
        self.activations.get(&key).map(|&slot| leaves.tensors[slot].clone())
    }

    /// Learned scales of all tensors.
    pub(super) fn activation_scales(&self) -> impl Iterator<Item = ((ValueId, Grid), f32)> + '_ {
        self.activations.iter().map(|(&key, &slot)| (key, self.blocks[slot].values[0]))
    }
}
