//! Shape of one sample: height, width, channels (NHWC without N).

use std::fmt;

/// Height, width and channels of one sample. Vectors are `1 x 1 x c`, signals `1 x w x c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Channels, the innermost axis.
    pub c: usize,
}

impl Shape {
    /// A shape of `h` rows, `w` columns, `c` channels.
    pub const fn new(h: usize, w: usize, c: usize) -> Self {
        Self { h, w, c }
    }

    /// Elements of one sample.
    pub const fn len(&self) -> usize {
        self.h * self.w * self.c
    }

    /// Whether a dimension is zero.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.h, self.w, self.c)
    }
}
