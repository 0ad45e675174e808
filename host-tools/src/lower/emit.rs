//! From layers to integer steps, one after the other. Operands hold tensor indices in place of offsets until
//! `plan` gives every tensor its place.

mod accumulate;
mod simple;

use std::collections::BTreeMap;

use kernels::{Dims, Dtype, TensorSpec, WeightBits};
use runtime::format::{ClampRef, Op, Operand, Region, Step};

use super::constants::Constants;
use super::layer::{Layer, Layers};
use super::storage::{Storage, grid};
use super::weights::{Channel, WeightRule};
use super::{LowerError, Ranges, Recipe};
use crate::calibrate::{Grid, QuantParams};
use crate::graph::{Graph, Shape, ValueId};

/// A tensor of the integer network.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name of the value in the ONNX file.
    pub name: String,
    /// Shape, type, zero point.
    pub spec: TensorSpec,
    /// Scale and zero point.
    pub params: QuantParams,
    /// The value and grid whose scale it has; `None` for raw samples.
    pub grid: Option<(ValueId, Grid)>,
}

/// What people want to know of a step.
#[derive(Clone, Debug)]
pub struct StepInfo {
    /// Names of the nodes in it.
    pub name: String,
    /// Bits of a weight; 0 without weights.
    pub weight_bits: u32,
    /// Bytes of packed weights.
    pub weight_bytes: usize,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Largest magnitude that an accumulator can take; 0 without one.
    pub accumulator_bound: i64,
    /// Scale of the result.
    pub scale: f64,
    /// Limits of the result in real numbers.
    pub clip: (f64, f64),
    /// Integers of the layer's output channels before packing; empty without weights.
    pub channels: Vec<Channel>,
}

/// The integer network before it has a file.
#[derive(Clone, Debug)]
pub struct Network {
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// Steps in execution order.
    pub steps: Vec<Step>,
    /// One entry for each step.
    pub infos: Vec<StepInfo>,
    /// Input tensor.
    pub input: Operand,
    /// Output tensor.
    pub output: Operand,
    /// CONST.
    pub constants: Constants,
}

/// The steps of a network.
pub(super) fn emit(graph: &Graph, layers: &Layers, recipe: &Recipe) -> Result<Network, LowerError> {
    let Recipe { bits, ranges, input, weights } = recipe;
    let storage = Storage::assign(graph, layers, bits);
    let placeholder =
        Operand::at(0, TensorSpec { dims: Dims { h: 1, w: 1, c: 1 }, dtype: Dtype::I8, zero: 0 });
    let network = Network {
        tensors: Vec::new(),
        steps: Vec::new(),
        infos: Vec::new(),
        input: placeholder,
        output: placeholder,
        constants: Constants::default(),
    };
    let mut emitter = Emitter {
        graph,
        layers,
        ranges,
        storage,
        rule: weights.rule,
        network,
        places: BTreeMap::new(),
        copies: BTreeMap::new(),
    };
    emitter.input(input)?;
    let mut widths = bits.layers.iter();
    let mut scales = weights.scales.iter();
    for (index, layer) in layers.layers.iter().enumerate() {
        if layer.has_weights() {
            let bits = widths.next().map_or(WeightBits::W8, |b| b.weights);
            emitter.accumulate(index, layer, bits, scales.next().map_or(&[], Vec::as_slice))?;
        } else {
            emitter.simple(index, layer)?;
        }
    }
    let mut network = emitter.finish()?;
    network.constants.bytes(&[]);
    Ok(network)
}

struct Emitter<'g> {
    graph: &'g Graph,
    layers: &'g Layers,
    ranges: &'g Ranges,
    storage: Storage,
    rule: WeightRule,
    network: Network,
    places: BTreeMap<ValueId, usize>,
    copies: BTreeMap<(ValueId, u32), usize>,
}

impl Emitter<'_> {
    fn finish(mut self) -> Result<Network, LowerError> {
        self.network.output = self.operand(self.graph.output)?;
        Ok(self.network)
    }

    /// Adds a tensor in the storage of a value; a value's zero point and scale are its root's.
    fn tensor(&mut self, value: ValueId, dtype: Dtype) -> Result<usize, LowerError> {
        let params = self.ranges.params(self.layers.root(value), dtype, self.graph)?;
        let shape = self.graph.shape(value);
        let grid = Some((self.layers.root(value), grid(dtype)));
        self.add(self.graph.value(value).name.clone(), shape, dtype, params, grid)
    }

    fn add(
        &mut self,
        name: String,
        shape: Shape,
        dtype: Dtype,
        params: QuantParams,
        grid: Option<(ValueId, Grid)>,
    ) -> Result<usize, LowerError> {
        let dims = dims(&name, shape)?;
        let spec = TensorSpec { dims, dtype, zero: params.zero_point as i16 };
        if spec.check().is_err() {
            return Err(LowerError::TooLarge { tensor: name, shape });
        }
        self.network.tensors.push(Tensor { name, spec, params, grid });
        Ok(self.network.tensors.len() - 1)
    }

    fn at(&self, tensor: usize) -> Operand {
        Operand::at(tensor as u32, self.network.tensors[tensor].spec)
    }

    fn params(&self, operand: &Operand) -> QuantParams {
        self.network.tensors[operand.offset as usize].params
    }

    /// A value as an operand, in its own shape.
    fn operand(&mut self, value: ValueId) -> Result<Operand, LowerError> {
        let stored = self.layers.storage(value);
        let Some(&tensor) = self.places.get(&stored) else {
            return Err(LowerError::NotComputed { tensor: self.graph.value(value).name.clone() });
        };
        self.reshaped(tensor, value)
    }

    fn reshaped(&self, tensor: usize, value: ValueId) -> Result<Operand, LowerError> {
        let name = &self.graph.value(value).name;
        let mut operand = self.at(tensor);
        let before = operand.dims;
        let Dims { h, w, c } = dims(name, self.graph.shape(value))?;
        operand.dims = [h, w, c];
        let bytes = self.network.tensors[tensor].spec.bytes();
        if before != operand.dims && operand.spec().bytes() != bytes {
            return Err(LowerError::PackedReshape { tensor: name.clone() });
        }
        Ok(operand)
    }

    /// The main operand of a layer, in the width that it wants; a narrower copy is made once.
    fn main_operand(&mut self, index: usize, value: ValueId) -> Result<Operand, LowerError> {
        let stored = self.layers.storage(value);
        let operand = self.operand(stored)?;
        let Some(wanted) = self.storage.wanted(index).filter(|w| *w != Dtype::from(operand.dtype)) else {
            return self.operand(value);
        };
        if let Some(&copy) = self.copies.get(&(stored, wanted.bits())) {
            return self.reshaped(copy, value);
        }
        let copy = self.tensor(stored, wanted)?;
        let name = format!("{} to {} bits", self.graph.value(stored).name, wanted.bits());
        self.requantize(name, operand, copy, NO_CLIP)?;
        self.copies.insert((stored, wanted.bits()), copy);
        self.reshaped(copy, value)
    }

    /// The tensor that a layer writes.
    fn result(&mut self, layer: &Layer) -> Result<Operand, LowerError> {
        let dtype = self.storage.dtype(self.layers, layer.output);
        let tensor = self.tensor(layer.output, dtype)?;
        self.places.insert(layer.output, tensor);
        Ok(self.at(tensor))
    }

    fn push(&mut self, op: Op, output: Operand, mut info: StepInfo) {
        info.scale = self.params(&output).scale;
        self.network.steps.push(Step { op, output, scratch: Region::default() });
        self.network.infos.push(info);
    }
}

impl StepInfo {
    /// A step without weights.
    fn plain(name: String) -> Self {
        Self {
            name,
            weight_bits: 0,
            weight_bytes: 0,
            macs: 0,
            accumulator_bound: 0,
            scale: 0.0,
            clip: NO_CLIP,
            channels: Vec::new(),
        }
    }
}

/// Limits of a result that has none.
const NO_CLIP: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// Real limits as integers of a tensor.
fn clamp(clip: (f64, f64), operand: &Operand, params: QuantParams) -> ClampRef {
    let (lo, hi) = Dtype::from(operand.dtype).range();
    let bound = |real: f64| {
        let q = (real / params.scale).round_ties_even() + f64::from(params.zero_point);
        q.clamp(lo.into(), hi.into()) as i16
    };
    ClampRef { lo: bound(clip.0), hi: bound(clip.1) }
}

/// Largest magnitude of an operand's integers.
fn magnitude(operand: &Operand) -> f64 {
    let (lo, hi) = Dtype::from(operand.dtype).range();
    f64::from(lo.abs().max(hi.abs()))
}

fn dims(name: &str, shape: Shape) -> Result<Dims, LowerError> {
    let axis = |size: usize| u16::try_from(size).ok();
    match (axis(shape.h), axis(shape.w), axis(shape.c)) {
        (Some(h), Some(w), Some(c)) => Ok(Dims { h, w, c }),
        _ => Err(LowerError::TooLarge { tensor: name.to_owned(), shape }),
    }
}

/// A size as a byte of the file.
fn byte(layer: &Layer, what: &'static str, size: usize) -> Result<u8, LowerError> {
    u8::try_from(size).map_err(|_| LowerError::Geometry { layer: layer.name.clone(), what, size })
}

fn bytes(layer: &Layer, what: &'static str, sizes: [usize; 2]) -> Result<[u8; 2], LowerError> {
    Ok([byte(layer, what, sizes[0])?, byte(layer, what, sizes[1])?])
}
