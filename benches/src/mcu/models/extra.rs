//! Kinds and sizes of steps that the four reference networks do not have, for the latency table.

use host_tools::graph::{Activation, Graph, PoolKind, ValueId};

use super::Builder;
use super::build::ConvShape;

const AVERAGE: PoolKind = PoolKind::Average { count_padding: false };

/// Odd channel counts, other windows, grouped convolutions, pooling, tables, sums and joins of their own.
pub(super) fn extra() -> Graph {
    let (mut net, input) = Builder::new("extra", [24, 24, 3]);
    let x = net.conv_relu(input, 12, 5, 1);
    let x = net.conv(x, ConvShape { cout: 18, kernel: [1, 7], stride: 1, groups: 1 });
    let x = net.activation(x, Activation::HardSwish);
    let x = net.pool(x, PoolKind::Max, [3, 3], 1);
    let x = net.conv_relu(x, 20, 1, 1);
    let x = net.depthwise_relu(x, 5, 1);
    let x = net.conv_relu(x, 18, 1, 1);
    let x = wide(&mut net, x);
    let x = net.pool(x, AVERAGE, [2, 2], 2);
    let x = sums(&mut net, x);
    let x = net.conv(x, ConvShape { cout: 24, kernel: [3, 3], stride: 1, groups: 4 });
    let x = net.conv(x, ConvShape { cout: 32, kernel: [3, 3], stride: 2, groups: 2 });
    let x = taps(&mut net, x);
    let x = net.activation(x, Activation::Sigmoid);
    let x = net.pool(x, PoolKind::Max, [2, 2], 1);
    let x = net.dense(x, 33);
    let x = net.relu(x);
    let x = net.dense(x, 20);
    net.finish(x)
}

/// Pointwise and depthwise layers of many channels, and a join.
fn wide(net: &mut Builder, x: ValueId) -> ValueId {
    let a = net.conv_relu(x, 40, 1, 2);
    let a = net.depthwise_relu(a, 3, 1);
    let b = net.conv_relu(x, 24, 3, 2);
    let x = net.concat(&[a, b]);
    let x = net.pool(x, PoolKind::Max, [2, 2], 1);
    let x = net.depthwise_relu(x, 7, 1);
    let x = net.conv_relu(x, 30, 1, 1);
    let x = net.conv_relu(x, 32, 1, 1);
    let x = net.depthwise_relu(x, 5, 1);
    let a = net.conv_relu(x, 30, 3, 1);
    net.concat(&[x, a])
}

/// Convolutions of other than 3x3 taps, whole, in groups and depthwise.
fn taps(net: &mut Builder, x: ValueId) -> ValueId {
    let x = net.conv_relu(x, 24, 5, 1);
    let x = net.depthwise_relu(x, 5, 1);
    let x = net.conv(x, ConvShape { cout: 16, kernel: [3, 1], stride: 1, groups: 1 });
    let x = net.conv(x, ConvShape { cout: 48, kernel: [2, 2], stride: 1, groups: 1 });
    let x = net.conv(x, ConvShape { cout: 48, kernel: [3, 3], stride: 1, groups: 3 });
    let x = net.conv(x, ConvShape { cout: 32, kernel: [1, 1], stride: 1, groups: 2 });
    let x = net.conv(x, ConvShape { cout: 64, kernel: [5, 5], stride: 1, groups: 8 });
    let x = net.depthwise_relu(x, 5, 1);
    let x = net.conv(x, ConvShape { cout: 64, kernel: [1, 5], stride: 1, groups: 64 });
    net.conv(x, ConvShape { cout: 64, kernel: [2, 2], stride: 1, groups: 64 })
}

/// Sums of which no part is a convolution's, and the shortcut without weights.
fn sums(net: &mut Builder, x: ValueId) -> ValueId {
    let a = net.conv_relu(x, 28, 1, 1);
    let b = net.conv_relu(x, 28, 3, 1);
    let sum = net.add(a, b);
    let x = net.depthwise_relu(sum, 3, 2);
    let short = net.shortcut(sum, 0);
    let sum = net.add(x, short);
    let wide = net.conv_relu(sum, 44, 1, 1);
    let other = net.conv_relu(sum, 36, 3, 1);
    let padded = net.activation(other, Activation::Clip { lo: 0.0, hi: 1.0 });
    let x = net.concat(&[wide, padded]);
    let x = net.conv_relu(x, 64, 1, 1);
    let x = net.depthwise_relu(x, 5, 1);
    let a = net.activation(x, Activation::Clip { lo: 0.0, hi: 2.0 });
    let b = net.activation(x, Activation::Clip { lo: -1.0, hi: 3.0 });
    net.add(a, b)
}
