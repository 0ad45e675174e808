//! Changes of samples that leave their class as it is, on the numbers of the input tensor.

use super::{BatchError, InputCode};
use crate::graph::Shape;
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// What stands where a shifted sample has nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// The number nearest to real 0, as a layer's padding.
    #[default]
    Zero,
    /// The nearest row or column.
    Edge,
    /// The smallest number, -128: black in unsigned pixels, with which torchvision's `RandomCrop` pads.
    Lowest,
}

/// Random changes of a sample; the default changes nothing.
///
/// A shift by up to `p` rows and columns is the crop of an image out of one with `p` pixels around it. Feature maps
/// of sound have time along the rows and frequency along the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Most rows to shift by, up or down.
    pub rows: usize,
    /// Most columns to shift by, left or right.
    pub columns: usize,
    /// What is shifted in.
    pub fill: Fill,
    /// Whether half of the samples have left and right swapped.
    pub flip: bool,
    /// Largest number added or taken away, in steps of the input tensor; all equally likely.
    pub noise: u8,
}

/// What was drawn for one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Row that comes first; negative shifts down.
    pub(super) row: i64,
    /// Column that comes first; negative shifts to the right.
    pub(super) column: i64,
    pub(super) flip: bool,
}

impl Augment {
    /// Random crops out of images padded by `pixels`, and horizontal flips.
    pub fn images(pixels: usize, flip: bool) -> Self {
        Self { rows: pixels, columns: pixels, flip, ..Self::default() }
    }

    /// Whether nothing is changed.
    pub fn is_none(&self) -> bool {
        self.rows == 0 && self.columns == 0 && !self.flip && self.noise == 0
    }

    /// Checks that something is left of every sample.
    ///
    /// # Errors
    /// [`BatchError::Shift`].
    pub(super) fn check(&self, shape: Shape) -> Result<(), BatchError> {
        let Self { rows, columns, .. } = *self;
        if rows >= shape.h.max(1) || columns >= shape.w.max(1) {
            return Err(BatchError::Shift { rows, columns, shape });
        }
        Ok(())
    }

    pub(super) fn draw(&self, random: &mut Random) -> Change {
        Change {
            row: random.within(self.rows as u32),
            column: random.within(self.columns as u32),
            flip: self.flip && random.below(2) == 1,
        }
    }

    /// The numbers that `fill` stands for, one per channel; `None` repeats the edge.
    pub(super) fn filling(&self, code: &InputCode) -> Option<Vec<i8>> {
        match self.fill {
            Fill::Zero => Some(code.zeros()),
            Fill::Lowest => Some(vec![i8::MIN; code.zeros().len()]),
            Fill::Edge => None,
        }
    }

    /// Adds the noise.
    pub(super) fn disturb(&self, random: &mut Random, sample: &mut [i8]) {
        if self.noise > 0 {
            for q in sample {
                let noisy = i64::from(*q) + random.within(self.noise.into());
                *q = noisy.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
            }
        }
    }
}

impl Change {
    /// Writes the changed `sample` to `out`, both of `shape`. `fill` has one number per channel; without it the
    /// edge is repeated.
    pub(super) fn apply(&self, shape: Shape, fill: Option<&[i8]>, sample: &[i8], out: &mut [i8]) {
        let width = shape.w * shape.c;
        for (y, line) in (0i64..).zip(out.chunks_exact_mut(width)) {
            let from = y + self.row;
            let inside = from.clamp(0, shape.h as i64 - 1);
            match fill {
                Some(fill) if from != inside => repeat(line, fill),
                _ => {
                    let at = inside as usize * width;
                    self.shift_line(shape, fill, &sample[at..at + width], line);
                }
            }
        }
    }

    fn shift_line(&self, shape: Shape, fill: Option<&[i8]>, line: &[i8], out: &mut [i8]) {
        let Shape { w, c, .. } = shape;
        let gap = (self.column.unsigned_abs() as usize).min(w) * c;
        let (kept, edge) = (line.len() - gap, line.len() - c);
        if self.column < 0 {
            out[gap..].copy_from_slice(&line[..kept]);
            repeat(&mut out[..gap], fill.unwrap_or(&line[..c]));
        } else {
            out[..kept].copy_from_slice(&line[gap..]);
            repeat(&mut out[kept..], fill.unwrap_or(&line[edge..]));
        }
        if self.flip {
            for x in 0..w / 2 {
                let (left, right) = out.split_at_mut((w - 1 - x) * c);
                left[x * c..(x + 1) * c].swap_with_slice(&mut right[..c]);
            }
        }
    }
}

fn repeat(line: &mut [i8], pixel: &[i8]) {
    line.chunks_exact_mut(pixel.len()).for_each(|to| to.copy_from_slice(pixel));
}
