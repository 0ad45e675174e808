//! Sizes of a convolution and how far its parts lie apart in memory.

/// A two-dimensional convolution or correlation of a batch, channels last.
///
/// `y[n, oh, ow, co] = sum x[n, oh * sh + kh * dh - top, ow * sw + kw * dw - left, ci] * w[co, kh, kw, ci]`, where `x` is
/// zero outside the image and `ci` runs over the input channels of the group of `co`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Images.
    pub(crate) batch: usize,
    /// Height, width and channels of an input image.
    pub(crate) input: [usize; 3],
    /// Height, width and channels of an output image. With the rest it gives the padding below and to the right.
    pub(crate) output: [usize; 3],
    /// Height and width of the kernel, at least 1.
    pub(crate) kernel: [usize; 2],
    /// Steps between output pixels, at least 1.
    pub(crate) stride: [usize; 2],
    /// Steps between the taps of the kernel, at least 1.
    pub(crate) dilation: [usize; 2],
    /// Rows of zeros above the image and columns to its left.
    pub(crate) pad: [usize; 2],
    /// Groups of channels; divides the channels of input and output.
    pub(crate) groups: usize,
}

impl Geometry {
    /// Values of an input image.
    pub(crate) fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Values of an output image.
    pub(crate) fn output_len(&self) -> usize {
        self.output.iter().product()
    }

    /// Values of the weights, `[output channels, kernel height, kernel width, input channels / groups]`.
    pub(crate) fn weight_len(&self) -> usize {
        self.output[2] * self.taps() * self.group_inputs()
    }

    /// One input channel for each output channel.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups == self.input[2] && self.groups == self.output[2]
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub(super) fn group_inputs(&self) -> usize {
        self.input[2] / self.groups
    }

    pub(super) fn group_outputs(&self) -> usize {
        self.output[2] / self.groups
    }

    /// Where the weights of `output` (a channel) at the tap `[kh, kw]` start.
    pub(super) fn weight_at(&self, output: usize, [kh, kw]: [usize; 2]) -> usize {
        ((output * self.kernel[0] + kh) * self.kernel[1] + kw) * self.group_inputs()
    }

    /// # Panics
    /// Where a length is not that of the geometry, which is a mistake of the caller.
    pub(super) fn check(&self, input: usize, weights: usize, output: usize) {
        assert_eq!(input, self.batch * self.input_len(), "values of the input of {self:?}");
        assert_eq!(weights, self.weight_len(), "weights of {self:?}");
        assert_eq!(output, self.batch * self.output_len(), "values of the output of {self:?}");
    }
}
