//! Layers without weights, and the step that turns raw input samples into the network's input.

use kernels::Dtype;
use runtime::format::{ClampRef, Op, Operand, Part, PoolRef};

use super::{Emitter, NO_CLIP, StepInfo, bytes, clamp, magnitude};
use crate::calibrate::QuantParams;
use crate::graph::{Activation, ChannelAffine, Pool, PoolKind, Window};
use crate::lower::layer::{Layer, LayerOp};
use crate::lower::scale::{Rescaling, Term, addition, rescaling};
use crate::lower::{InputForm, LowerError};

impl Emitter<'_> {
    pub(super) fn input(&mut self, form: &InputForm) -> Result<(), LowerError> {
        let value = self.graph.input;
        let shape = self.graph.shape(value);
        let name = self.graph.value(value).name.clone();
        let tensor = match form {
            InputForm::Direct => {
                let input = self.tensor(value, Dtype::I8)?;
                self.network.input = self.at(input);
                let stored = self.storage.dtype(self.layers, value);
                if stored == Dtype::I8 {
                    input
                } else {
                    let tensor = self.tensor(value, stored)?;
                    self.requantize(format!("{name} (widen)"), self.at(input), tensor, NO_CLIP)?;
                    tensor
                }
            }
            InputForm::PerChannel { scale, zero } => {
                let raw = QuantParams { scale: 1.0, zero_point: 0 };
                let input = self.add(format!("{name} (raw)"), shape, Dtype::I8, raw, None)?;
                self.network.input = self.at(input);
                let tensor = self.tensor(value, self.storage.dtype(self.layers, value))?;
                let y = self.network.tensors[tensor].params;
                let entry = |c: usize| scale.get(c).zip(zero.get(c)).or(scale.first().zip(zero.first()));
                let terms: Vec<Term> = (0..shape.c)
                    .filter_map(entry)
                    .map(|(&scale, &zero)| Term {
                        factor: scale / y.scale,
                        zero: 0.0,
                        constant: f64::from(y.zero_point) - zero * scale / y.scale,
                        magnitude: 128.0,
                    })
                    .collect();
                self.rescale(format!("{name} (normalise)"), self.at(input), tensor, &terms, NO_CLIP)?;
                tensor
            }
        };
        self.places.insert(value, tensor);
        Ok(())
    }

    pub(super) fn simple(&mut self, index: usize, layer: &Layer) -> Result<(), LowerError> {
        let x = self.main_operand(index, layer.inputs[0])?;
        let y = self.result(layer)?;
        let tensor = y.offset as usize;
        let clamp = clamp(layer.clip, &y, self.params(&y));
        let name = layer.name.clone();
        match &layer.op {
            LayerOp::Requantize => return self.requantize(name, x, tensor, layer.clip),
            LayerOp::Affine(affine) => {
                let terms = self.affine_terms(affine, &x, &y);
                return self.rescale(name, x, tensor, &terms, layer.clip);
            }
            LayerOp::Table(function) => self.table(name, *function, x, y),
            LayerOp::Add => self.add_layer(layer, x, y, clamp)?,
            LayerOp::Pool(pool) => self.pool(layer, pool, x, y, clamp)?,
            LayerOp::Window(window) => self.window(layer, window, x, y)?,
            LayerOp::Concat => self.concat(layer, y, clamp)?,
            LayerOp::Conv(_) | LayerOp::Dense(_) => {}
        }
        Ok(())
    }

    fn affine_terms(&self, affine: &ChannelAffine, x: &Operand, y: &Operand) -> Vec<Term> {
        let (px, py) = (self.params(x), self.params(y));
        let constants = affine.scale.iter().zip(&affine.shift);
        let term = |(scale, shift): (&f32, &f32)| Term {
            factor: f64::from(*scale) * px.scale / py.scale,
            zero: px.zero_point.into(),
            constant: f64::from(py.zero_point) + f64::from(*shift) / py.scale,
            magnitude: magnitude(x),
        };
        constants.map(term).collect()
    }

    /// A step that only changes scale, zero point or width.
    pub(super) fn requantize(
        &mut self,
        name: String,
        x: Operand,
        tensor: usize,
        clip: (f64, f64),
    ) -> Result<(), LowerError> {
        let identity = ChannelAffine { scale: vec![1.0], shift: vec![0.0] };
        let terms = self.affine_terms(&identity, &x, &self.at(tensor));
        self.rescale(name, x, tensor, &terms, clip)
    }

    fn rescale(
        &mut self,
        name: String,
        x: Operand,
        tensor: usize,
        terms: &[Term],
        clip: (f64, f64),
    ) -> Result<(), LowerError> {
        let y = self.at(tensor);
        let Some(Rescaling { multipliers, offsets, shift }) = rescaling(terms) else {
            return Err(LowerError::Scale { layer: name });
        };
        let op = Op::Rescale {
            x,
            entries: terms.len() as u16,
            multipliers: self.network.constants.words(&multipliers),
            offsets: self.network.constants.words(&offsets),
            shift,
            clamp: clamp(clip, &y, self.params(&y)),
        };
        self.push(op, y, StepInfo { clip, ..StepInfo::plain(name) });
        Ok(())
    }

    fn table(&mut self, name: String, function: Activation, x: Operand, y: Operand) {
        let (px, py) = (self.params(&x), self.params(&y));
        let (x_lo, x_hi) = Dtype::from(x.dtype).range();
        let (y_lo, y_hi) = Dtype::from(y.dtype).range();
        let entries: Vec<u8> = (x_lo..=x_hi)
            .map(|q| {
                let real = function.apply(px.scale * f64::from(q - px.zero_point));
                let q = (real / py.scale).round_ties_even() + f64::from(py.zero_point);
                q.clamp(y_lo.into(), y_hi.into()) as i32 as u8
            })
            .collect();
        let entries = self.network.constants.bytes(&entries);
        self.push(Op::Table { x, entries }, y, StepInfo::plain(name));
    }

    fn add_layer(
        &mut self,
        layer: &Layer,
        a: Operand,
        y: Operand,
        clamp: ClampRef,
    ) -> Result<(), LowerError> {
        let b = self.operand(layer.inputs[1])?;
        let term = |o: &Operand| (self.params(o), magnitude(o));
        let ([a_multiplier, b_multiplier], offset, shift) = addition(term(&a), term(&b), self.params(&y))
            .ok_or_else(|| LowerError::Scale { layer: layer.name.clone() })?;
        let op = Op::Add { a, b, a_multiplier, b_multiplier, offset, shift, clamp };
        self.push(op, y, StepInfo { clip: layer.clip, ..StepInfo::plain(layer.name.clone()) });
        Ok(())
    }

    fn pool(
        &mut self,
        layer: &Layer,
        pool: &Pool,
        x: Operand,
        y: Operand,
        clamp: ClampRef,
    ) -> Result<(), LowerError> {
        let windows = PoolRef {
            kernel: bytes(layer, "kernel", pool.kernel)?,
            stride: bytes(layer, "stride", pool.stride)?,
            pad: bytes(layer, "padding", [pool.padding.top, pool.padding.left])?,
        };
        let info = StepInfo { clip: layer.clip, ..StepInfo::plain(layer.name.clone()) };
        let PoolKind::Average { count_padding } = pool.kind else {
            self.push(Op::MaxPool { x, pool: windows, clamp }, y, info);
            return Ok(());
        };
        let (px, py) = (self.params(&x), self.params(&y));
        let taps = pool.kernel[0] * pool.kernel[1];
        let fixed = count_padding || pool.padding == Default::default();
        let counts = if fixed { taps..=taps } else { 1..=taps };
        let terms: Vec<Term> = counts
            .map(|n| Term {
                factor: px.scale / (py.scale * n as f64),
                zero: f64::from(px.zero_point) * n as f64,
                constant: py.zero_point.into(),
                magnitude: magnitude(&x) * n as f64,
            })
            .collect();
        let Some(Rescaling { multipliers, offsets, shift }) = rescaling(&terms) else {
            return Err(LowerError::Scale { layer: layer.name.clone() });
        };
        let op = Op::AveragePool {
            x,
            pool: windows,
            entries: terms.len() as u16,
            multipliers: self.network.constants.words(&multipliers),
            offsets: self.network.constants.words(&offsets),
            shift,
            clamp,
        };
        self.push(op, y, info);
        Ok(())
    }

    fn window(&mut self, layer: &Layer, window: &Window, x: Operand, y: Operand) -> Result<(), LowerError> {
        let stride = bytes(layer, "stride", window.stride)?;
        let mut offset = [0i16; 3];
        for (short, &long) in offset.iter_mut().zip(&window.offset) {
            *short = i16::try_from(long).map_err(|_| LowerError::Geometry {
                layer: layer.name.clone(),
                what: "offset",
                size: long.unsigned_abs(),
            })?;
        }
        let fill = clamp((window.fill.into(), f64::INFINITY), &y, self.params(&y)).lo;
        let op = Op::Window { x, offset, stride, fill };
        self.push(op, y, StepInfo::plain(layer.name.clone()));
        Ok(())
    }

    fn concat(&mut self, layer: &Layer, y: Operand, clamp: ClampRef) -> Result<(), LowerError> {
        let operands =
            layer.inputs.iter().map(|&v| self.operand(v)).collect::<Result<Vec<Operand>, LowerError>>()?;
        let py = self.params(&y);
        let terms: Vec<Term> = operands
            .iter()
            .map(|x| Term {
                factor: self.params(x).scale / py.scale,
                zero: self.params(x).zero_point.into(),
                constant: py.zero_point.into(),
                magnitude: magnitude(x),
            })
            .collect();
        let Some(Rescaling { multipliers, offsets, shift }) = rescaling(&terms) else {
            return Err(LowerError::Scale { layer: layer.name.clone() });
        };
        let count = operands.len();
        let parts = operands.into_iter().zip(multipliers).zip(offsets);
        let parts: Vec<Part> =
            parts.map(|((operand, multiplier), offset)| Part { operand, multiplier, offset }).collect();
        let parts = parts.as_slice().try_into().map_err(|_| LowerError::Geometry {
            layer: layer.name.clone(),
            what: "number of concatenated tensors",
            size: count,
        })?;
        let info = StepInfo { clip: layer.clip, ..StepInfo::plain(layer.name.clone()) };
        self.push(Op::Concat { parts, shift, clamp }, y, info);
        Ok(())
    }
}
