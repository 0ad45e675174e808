//! Images with zeros around them.

/// Where an image lies in its frame.
pub(super) struct Frame {
    image: [usize; 3],
    before: [usize; 2],
    size: [usize; 2],
}

impl Frame {
    /// `image` is height, width, channels; `before` the rows above and the columns to its left; `size` all rows and columns,
    /// at least those of `before` and the image.
    pub(super) fn new(image: [usize; 3], before: [usize; 2], size: [usize; 2]) -> Self {
        Self { image, before, size }
    }

    /// Values of a frame.
    pub(super) fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.image[2]
    }

    /// Values of an image.
    pub(super) fn image_len(&self) -> usize {
        self.image.iter().product()
    }

    /// Values from a row and from a column to the next.
    pub(super) fn strides(&self) -> [usize; 2] {
        [self.size[1] * self.image[2], self.image[2]]
    }

    /// Memory for `frame`: the zeros of `images` frames.
    pub(super) fn buffer(&self, images: usize) -> Vec<f32> {
        vec![0.0; if self.is_image() { 0 } else { images * self.len() }]
    }

    /// The frames of `images`; `buffer` is from `buffer`, used for this frame only.
    pub(super) fn fill<'a>(&self, images: &'a [f32], buffer: &'a mut [f32]) -> &'a [f32] {
        if self.is_image() {
            return images;
        }
        let [row, column] = self.strides();
        let width = self.image[1] * self.image[2];
        for (frame, image) in buffer.chunks_exact_mut(self.len()).zip(images.chunks_exact(self.image_len())) {
            let rows = frame.chunks_exact_mut(row).skip(self.before[0]);
            for (to, from) in rows.zip(image.chunks_exact(width)) {
                to[self.before[1] * column..][..width].copy_from_slice(from);
            }
        }
        buffer
    }

    fn is_image(&self) -> bool {
        self.size[..] == self.image[..2]
    }
}
