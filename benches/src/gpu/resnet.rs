//! ResNet18 and ResNet50 for 224 x 224 images (He et al. 2016, table 1) with random weights.

use clap::ValueEnum;
use host_tools::graph::{Graph, ValueId};
use host_tools::lower::{BitPlan, LayerBits, Layers};
use kernels::{Dtype, WeightBits};
use runtime::format::Layout;

use crate::mcu::McuError;
use crate::mcu::models::{Builder, ConvShape, Integers};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// 1.81 G multiplications.
    #[value(name = "resnet18")]
    ResNet18,
    /// 4.1 G multiplications: the stride is in the 3 x 3 convolution, as in torchvision.
    #[value(name = "resnet50")]
    ResNet50,
}

/// Bits of a network. The first and the last layer have 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bits {
    /// 8-bit weights and activations.
    Int8,
    /// 4-bit weights and activations, sums included.
    Int4,
    /// Every second layer has 4 bits, sums have 8.
    Mixed,
}

impl Network {
    /// Name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet50 => "resnet50",
        }
    }

    /// The float network.
    pub fn graph(self) -> Graph {
        let (mut net, input) = Builder::new(self.name(), [224, 224, 3]);
        let x = net.conv_relu(input, 64, 7, 2);
        let mut x = net.max_pool_same(x, 3, 2);
        let (blocks, bottleneck) = match self {
            Self::ResNet18 => ([2, 2, 2, 2], false),
            Self::ResNet50 => ([3, 4, 6, 3], true),
        };
        for (stage, count) in blocks.into_iter().enumerate() {
            let width = 64 << stage;
            for block in 0..count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let changes = block == 0 && (bottleneck || stage > 0);
                x = residual_block(&mut net, x, width, stride, bottleneck, changes);
            }
        }
        let x = net.global_average(x);
        let x = net.dense(x, 1000);
        net.finish(x)
    }

    /// The model file at some bits.
    ///
    /// # Errors
    /// Those of lowering.
    pub fn integers(self, bits: Bits) -> Result<Integers, McuError> {
        Integers::with(&self.graph(), Layout::Rows, |layers| bits.plan(layers))
    }
}

fn residual_block(
    net: &mut Builder,
    x: ValueId,
    width: usize,
    stride: usize,
    bottleneck: bool,
    changes: bool,
) -> ValueId {
    let plain = |cout, kernel: usize, stride| ConvShape { cout, kernel: [kernel; 2], stride, groups: 1 };
    let (y, channels) = if bottleneck {
        let y = net.conv_relu(x, width, 1, 1);
        let y = net.conv_relu(y, width, 3, stride);
        (net.conv(y, plain(4 * width, 1, 1)), 4 * width)
    } else {
        let y = net.conv_relu(x, width, 3, stride);
        (net.conv(y, plain(width, 3, 1)), width)
    };
    let shortcut = if changes { net.conv(x, plain(channels, 1, stride)) } else { x };
    let sum = net.add(y, shortcut);
    net.relu(sum)
}

impl Bits {
    /// Name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int4 => "int4",
            Self::Mixed => "mixed",
        }
    }

    fn plan(self, layers: &Layers) -> BitPlan {
        let byte = LayerBits { weights: WeightBits::W8, activations: Dtype::I8 };
        let nibble = LayerBits { weights: WeightBits::W4, activations: Dtype::U4 };
        match self {
            Self::Int8 => BitPlan::uniform(layers, byte, byte, Dtype::I8, Dtype::I8),
            Self::Int4 => BitPlan::uniform(layers, nibble, byte, Dtype::U4, Dtype::I8),
            Self::Mixed => {
                let mut plan = BitPlan::uniform(layers, byte, byte, Dtype::I8, Dtype::I8);
                let last = plan.layers.len().saturating_sub(1);
                let inner = plan.layers.iter_mut().take(last).skip(1);
                inner.step_by(2).for_each(|layer| *layer = nibble);
                plan
            }
        }
    }
}
