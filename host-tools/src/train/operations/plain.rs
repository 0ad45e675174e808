//! The operations without a tape, on every backend that has [`Kernels`]: what they compute is the kernels' business.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;

use super::{Flex, Geometry, Inputs, Kernels, Operations, Rule};

macro_rules! plain {
    ($backend:ty) => {
        impl Operations for $backend {
            fn convolution(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                geometry: Arc<Geometry>,
            ) -> FloatTensor<Self> {
                Self::convolve(x, weight, &geometry)
            }

            fn quantize(
                a: FloatTensor<Self>,
                gain: FloatTensor<Self>,
                shift: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                rule: Arc<Rule>,
            ) -> FloatTensor<Self> {
                Self::requantize(&Inputs { a, b: None, gain, shift, scale }, &rule)
            }

            fn quantize_sum(
                a: FloatTensor<Self>,
                b: FloatTensor<Self>,
                gain: FloatTensor<Self>,
                shift: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                rule: Arc<Rule>,
            ) -> FloatTensor<Self> {
                Self::requantize(&Inputs { a, b: Some(b), gain, shift, scale }, &rule)
            }
        }
    };
}

plain!(Flex);
#[cfg(any(feature = "train-cuda", feature = "train-wgpu"))]
plain!(super::Cube);

#[cfg(any(feature = "train-cuda", feature = "train-wgpu"))]
impl Kernels for super::Cube {}
