//! Operators of the float graph with their constants, in the layouts of the integer runtime.

/// What a node computes.
#[derive(Clone, Debug)]
pub enum Op {
    /// Convolution, depthwise and grouped ones included.
    Conv(Conv),
    /// Fully connected layer over the flattened (h, w, c) input.
    Dense(Dense),
    /// Batch normalisation with stored statistics.
    BatchNorm(BatchNorm),
    /// Multiplication and addition of constants, per channel.
    ChannelAffine(ChannelAffine),
    /// Element-wise function of one tensor.
    Activation(Activation),
    /// Element-wise sum of two tensors of the same shape.
    Add,
    /// Maximum or average over windows; global pooling is a window as large as the input.
    Pool(Pool),
    /// Concatenation along the channels.
    Concat,
    /// Strided crop with padding: slices, pads and the channel-padding shortcut of CIFAR ResNets.
    Window(Window),
    /// Change of shape that keeps the (h, w, c) order of the elements.
    Reshape,
    /// Softmax over the channels, only at the end.
    Softmax,
    /// Logarithm of the softmax over the channels, only at the end.
    LogSoftmax,
}

/// Explicit padding in rows and columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

/// Convolution. Input and output channels are split into `groups` equal parts.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[cout, kh, kw, cin / groups]`, row-major.
    pub weight: Vec<f32>,
    /// `[cout]`; zeros when the node has none.
    pub bias: Vec<f32>,
    /// Output channels.
    pub cout: usize,
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Step between windows, rows and columns.
    pub stride: [usize; 2],
    /// Distance between taps, rows and columns.
    pub dilation: [usize; 2],
    /// Zero padding.
    pub padding: Padding,
    /// Number of channel groups.
    pub groups: usize,
}

/// Fully connected layer.
#[derive(Clone, Debug)]
pub struct Dense {
    /// `[outputs, inputs]`, inputs in (h, w, c) order.
    pub weight: Vec<f32>,
    /// `[outputs]`; zeros when the node has none.
    pub bias: Vec<f32>,
    /// Output channels.
    pub outputs: usize,
    /// Flattened input length.
    pub inputs: usize,
}

/// `y = gamma * (x - mean) / sqrt(var + epsilon) + beta`, per channel.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Scale, `[c]`.
    pub gamma: Vec<f32>,
    /// Shift, `[c]`.
    pub beta: Vec<f32>,
    /// Stored mean, `[c]`.
    pub mean: Vec<f32>,
    /// Stored variance, `[c]`.
    pub var: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl BatchNorm {
    /// The same function with two constants per channel.
    pub fn affine(&self) -> ChannelAffine {
        let deviation = self.var.iter().map(|v| (f64::from(*v) + f64::from(self.epsilon)).sqrt());
        let scale: Vec<f64> = self.gamma.iter().zip(deviation).map(|(g, d)| f64::from(*g) / d).collect();
        let centre = self.mean.iter().zip(&scale).map(|(m, s)| f64::from(*m) * s);
        let shift = self.beta.iter().zip(centre).map(|(b, c)| (f64::from(*b) - c) as f32).collect();
        ChannelAffine { scale: scale.into_iter().map(|s| s as f32).collect(), shift }
    }
}

/// `y = x * scale + shift`, per channel.
#[derive(Clone, Debug)]
pub struct ChannelAffine {
    /// `[c]`.
    pub scale: Vec<f32>,
    /// `[c]`.
    pub shift: Vec<f32>,
}

/// Element-wise function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `clamp(x, lo, hi)`: Relu is `(0, inf)`, Relu6 `(0, 6)`.
    Clip {
        /// Lower bound, may be `-inf`.
        lo: f32,
        /// Upper bound, may be `inf`.
        hi: f32,
    },
    /// `x` for positive `x`, else `slope * x`.
    LeakyRelu {
        /// Slope of the negative part.
        slope: f32,
    },
    /// Logistic function.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `clamp(alpha * x + beta, 0, 1)`.
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Offset.
        beta: f32,
    },
    /// `x * clamp(x / 6 + 1/2, 0, 1)`.
    HardSwish,
}

impl Activation {
    /// The function's value.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Clip { lo, hi } => x.max(lo.into()).min(hi.into()),
            Self::LeakyRelu { slope } => {
                if x > 0.0 {
                    x
                } else {
                    f64::from(slope) * x
                }
            }
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        }
    }
}

/// Kind of pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Maximum; padded taps are ignored.
    Max,
    /// Mean over the taps inside the input, or over all taps with `count_padding`.
    Average {
        /// Whether padded taps count in the divisor (as zeros).
        count_padding: bool,
    },
}

/// Pooling over windows.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Maximum or average.
    pub kind: PoolKind,
    /// Window rows and columns.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Padding.
    pub padding: Padding,
}

/// Strided crop with padding: `y[h, w, c] = x[h * stride + offset_h, w * stride + offset_w, c + offset_c]`
/// where that lies inside the input, `fill` elsewhere. The output's shape is the value's.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// First row, column and channel read; negative values pad.
    pub offset: [isize; 3],
    /// Step in rows and columns.
    pub stride: [usize; 2],
    /// Value of padded elements.
    pub fill: f32,
}
