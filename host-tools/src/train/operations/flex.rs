//! The operations on the CPU: burn's tensors as slices for our own kernels.

use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;

use super::{Flex, Geometry, Gradients, Inputs, Kernels, Rule, quantize};
use crate::convolution as conv;

impl Kernels for Flex {
    fn convolve(x: FlexTensor, weight: FlexTensor, geometry: &Geometry) -> FlexTensor {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let [h, w, c] = geometry.output;
        let mut y = vec![0.0; geometry.batch * h * w * c];
        conv::forward(geometry, slice(&x), slice(&weight), &mut y);
        tensor(y, [geometry.batch, h, w, c])
    }

    fn convolve_input(gradient: FlexTensor, weight: FlexTensor, geometry: &Geometry) -> FlexTensor {
        let (gradient, weight) = (gradient.to_contiguous(), weight.to_contiguous());
        let [h, w, c] = geometry.input;
        let mut x = vec![0.0; geometry.batch * h * w * c];
        conv::input_gradient(geometry, slice(&gradient), slice(&weight), &mut x);
        tensor(x, [geometry.batch, h, w, c])
    }

    fn convolve_weight(x: FlexTensor, gradient: FlexTensor, geometry: &Geometry) -> FlexTensor {
        let (x, gradient) = (x.to_contiguous(), gradient.to_contiguous());
        let shape = super::weight_shape(geometry);
        let mut weight = vec![0.0; shape.iter().product()];
        conv::weight_gradient(geometry, slice(&x), slice(&gradient), &mut weight);
        tensor(weight, shape)
    }

    fn requantize(inputs: &Inputs<Self>, rule: &Rule) -> FlexTensor {
        let a = inputs.a.to_contiguous();
        let b = inputs.b.as_ref().map(FlexTensor::to_contiguous);
        let y = quantize::forward(&operands(&a, b.as_ref(), inputs), rule);
        FlexTensor::from_data(TensorData::new(y, a.layout().shape().clone()))
    }

    fn requantize_gradients(
        gradient: FlexTensor,
        inputs: &Inputs<Self>,
        rule: &Rule,
        gain: bool,
    ) -> Gradients<Self> {
        let (gradient, a) = (gradient.to_contiguous(), inputs.a.to_contiguous());
        let b = inputs.b.as_ref().map(FlexTensor::to_contiguous);
        let all = quantize::backward(slice(&gradient), &operands(&a, b.as_ref(), inputs), rule, gain);
        let shape = a.layout().shape();
        let like = |values: Vec<f32>| FlexTensor::from_data(TensorData::new(values, shape.clone()));
        let flat = |values: Vec<f32>| {
            let length = values.len();
            tensor(values, [length])
        };
        Gradients {
            a: like(all.a),
            b: all.b.map(like),
            gain: all.gain.map(flat),
            shift: flat(all.shift),
            scale: flat(vec![all.scale]),
        }
    }
}

fn operands<'t>(
    a: &'t FlexTensor,
    b: Option<&'t FlexTensor>,
    inputs: &'t Inputs<Flex>,
) -> quantize::Operands<'t> {
    let scale = slice(&inputs.scale).first().copied().unwrap_or(1.0);
    quantize::Operands {
        a: slice(a),
        b: b.map(slice),
        channels: a.layout().shape().iter().last().copied().unwrap_or(1),
        gain: slice(&inputs.gain),
        shift: slice(&inputs.shift),
        scale,
    }
}

/// The elements of a contiguous tensor of f32.
fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().unwrap_or_default()
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
