//! The four reference networks of MLPerf Tiny, by their published shapes.

use host_tools::graph::{Graph, ValueId};

use super::Builder;
use super::build::ConvShape;

/// 12.50 million multiplications.
pub(super) fn resnet8() -> Graph {
    let (mut net, input) = Builder::new("resnet8", [32, 32, 3]);
    let mut x = net.conv_relu(input, 16, 3, 1);
    for (channels, stride) in [(16, 1), (32, 2), (64, 2)] {
        x = residual_block(&mut net, x, channels, stride);
    }
    let x = net.global_average(x);
    let x = net.dense(x, 10);
    net.finish(x)
}

fn residual_block(net: &mut Builder, x: ValueId, channels: usize, stride: usize) -> ValueId {
    let plain =
        |kernel: usize, stride: usize| ConvShape { cout: channels, kernel: [kernel; 2], stride, groups: 1 };
    let y = net.conv_relu(x, channels, 3, stride);
    let y = net.conv(y, plain(3, 1));
    let shortcut = if stride == 1 { x } else { net.conv(x, plain(1, stride)) };
    let sum = net.add(y, shortcut);
    net.relu(sum)
}

/// 2.66 million multiplications.
pub(super) fn dscnn() -> Graph {
    let (mut net, input) = Builder::new("dscnn", [49, 10, 1]);
    let x = net.conv(input, ConvShape { cout: 64, kernel: [10, 4], stride: 2, groups: 1 });
    let mut x = net.relu(x);
    for _ in 0..4 {
        x = net.depthwise_relu(x, 3, 1);
        x = net.conv_relu(x, 64, 1, 1);
    }
    let x = net.global_average(x);
    let x = net.dense(x, 12);
    net.finish(x)
}

/// 7.49 million multiplications.
pub(super) fn vww() -> Graph {
    let (mut net, input) = Builder::new("vww", [96, 96, 3]);
    let mut x = net.conv_relu(input, 8, 3, 2);
    let blocks = [
        (1, 16),
        (2, 32),
        (1, 32),
        (2, 64),
        (1, 64),
        (2, 128),
        (1, 128),
        (1, 128),
        (1, 128),
        (1, 128),
        (1, 128),
        (2, 256),
        (1, 256),
    ];
    for (stride, channels) in blocks {
        x = net.depthwise_relu(x, 3, stride);
        x = net.conv_relu(x, channels, 1, 1);
    }
    let x = net.global_average(x);
    let x = net.dense(x, 2);
    net.finish(x)
}

/// 0.26 million multiplications.
pub(super) fn ad() -> Graph {
    let (mut net, input) = Builder::new("ad", [1, 1, 640]);
    let mut x = input;
    for outputs in [128, 128, 128, 128, 8, 128, 128, 128, 128] {
        x = net.dense(x, outputs);
        x = net.relu(x);
    }
    let x = net.dense(x, 640);
    net.finish(x)
}
