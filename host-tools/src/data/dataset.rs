//! A data set in memory: stored samples, labels, and the map to real values.

use super::input::Affine;
use super::{DataError, InputOptions, Layout, Loaded, fit};
use crate::graph::Shape;
use std::ops::Range;

/// Samples as they are stored, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Bytes.
    U8(Vec<u8>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// Real values.
    F32(Vec<f32>),
}

/// Integer type of the stored samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKind {
    /// 0..=255.
    U8,
    /// -128..=127.
    I8,
}

/// The stored integers and their meaning: `real_c = scale_c * (q - zero_c)`, one entry per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct RawInput {
    /// Integer type.
    pub kind: RawKind,
    /// Real value of one step.
    pub scale: Vec<f64>,
    /// The number that means real 0; need not be an integer, nor in the type's range.
    pub zero: Vec<f64>,
}

/// One sample as stored, in height, width, channel order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawSample<'a> {
    /// Bytes.
    U8(&'a [u8]),
    /// Signed bytes.
    I8(&'a [i8]),
}

/// Labelled samples of one shape.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The SPEC it came from.
    pub name: String,
    /// Shape of every sample.
    pub shape: Shape,
    /// The stored samples, height x width x channels each; [`Self::stored`] says which one an index means.
    pub samples: Samples,
    /// Class of every sample.
    pub labels: Vec<u32>,
    /// Names of the classes.
    pub classes: Vec<String>,
    pub(super) affine: Affine,
    /// Stored sample of every index; `None` where they are the same.
    pub(super) order: Option<Vec<u32>>,
    /// Indices of every joined part.
    pub(super) parts: Vec<Range<usize>>,
}

impl Samples {
    /// Keeps the samples of `len` elements at `indices`.
    pub(super) fn pick(&self, indices: &[usize], len: usize) -> Self {
        fn keep<T: Copy>(all: &[T], indices: &[usize], len: usize) -> Vec<T> {
            indices.iter().flat_map(|&i| &all[i * len..(i + 1) * len]).copied().collect()
        }
        match self {
            Samples::U8(v) => Samples::U8(keep(v, indices, len)),
            Samples::I8(v) => Samples::I8(keep(v, indices, len)),
            Samples::F32(v) => Samples::F32(keep(v, indices, len)),
        }
    }
}

impl Dataset {
    /// Fits what was read to the network's input. Nothing is repeated; the parts are not yet known.
    pub(super) fn new(name: String, loaded: Loaded, input: &InputOptions) -> Result<Self, DataError> {
        let (shape, layout) = fit::fit(&name, &loaded.dims, loaded.layout, input)?;
        let affine = input.affine(&name, shape.c, loaded.pixels)?;
        let mut samples = loaded.samples;
        if let Samples::F32(values) = &samples
            && let Some(at) = values.iter().position(|v| !v.is_finite())
        {
            return Err(DataError::NotFinite { name, sample: at / shape.len() });
        }
        if layout == Layout::Chw {
            match &mut samples {
                Samples::U8(v) => fit::to_channels_last(v, shape),
                Samples::I8(v) => fit::to_channels_last(v, shape),
                Samples::F32(v) => fit::to_channels_last(v, shape),
            }
        }
        let Loaded { labels, classes, .. } = loaded;
        Ok(Self { name, shape, samples, labels, classes, affine, order: None, parts: Vec::new() })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; readers refuse that.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The stored sample that index `i` means: the same number for every copy of a repeated sample.
    ///
    /// # Panics
    /// When `i` is not a sample.
    pub fn stored(&self, i: usize) -> usize {
        self.order.as_ref().map_or(i, |order| order[i] as usize)
    }

    /// Number of stored samples: repeated ones are stored once.
    pub fn stored_len(&self) -> usize {
        match &self.samples {
            Samples::U8(v) => v.len() / self.shape.len(),
            Samples::I8(v) => v.len() / self.shape.len(),
            Samples::F32(v) => v.len() / self.shape.len(),
        }
    }

    /// The indices of every joined part, in order.
    pub fn parts(&self) -> &[Range<usize>] {
        &self.parts
    }

    fn place(&self, i: usize) -> Range<usize> {
        let (stored, n) = (self.stored(i), self.shape.len());
        stored * n..(stored + 1) * n
    }

    /// Writes the real values of sample `i` to `out`.
    ///
    /// # Panics
    /// When `i` is not a sample or `out` is not of the shape's length.
    pub fn real(&self, i: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.shape.len(), "the buffer must hold one sample");
        let at = self.place(i);
        match &self.samples {
            Samples::U8(v) => self.map(v[at].iter().map(|&q| f64::from(q)), out),
            Samples::I8(v) => self.map(v[at].iter().map(|&q| f64::from(q)), out),
            Samples::F32(v) if self.affine.is_identity() => out.copy_from_slice(&v[at]),
            Samples::F32(v) => self.map(v[at].iter().map(|&q| f64::from(q)), out),
        }
    }

    /// The real values of all samples, one after the other.
    pub fn reals(&self) -> Vec<f32> {
        let mut all = vec![0.0; self.len() * self.shape.len()];
        for (i, sample) in all.chunks_exact_mut(self.shape.len()).enumerate() {
            self.real(i, sample);
        }
        all
    }

    fn map(&self, stored: impl Iterator<Item = f64>, out: &mut [f32]) {
        let Affine { scale, zero } = &self.affine;
        let channels = scale.iter().zip(zero).cycle();
        for ((y, q), (s, z)) in out.iter_mut().zip(stored).zip(channels) {
            *y = (s * (q - z)) as f32;
        }
    }

    /// The integer form of the samples, if they have one.
    pub fn raw(&self) -> Option<RawInput> {
        let kind = self.samples.raw_kind()?;
        Some(RawInput { kind, scale: self.affine.scale.clone(), zero: self.affine.zero.clone() })
    }

    /// Sample `i` as stored, if the samples are integers.
    ///
    /// # Panics
    /// When `i` is not a sample.
    pub fn raw_sample(&self, i: usize) -> Option<RawSample<'_>> {
        let at = self.place(i);
        match &self.samples {
            Samples::U8(v) => Some(RawSample::U8(&v[at])),
            Samples::I8(v) => Some(RawSample::I8(&v[at])),
            Samples::F32(_) => None,
        }
    }

    /// Checks that every label is below the number of the network's outputs.
    ///
    /// # Errors
    /// [`DataError::Label`] with the first label that is not.
    pub fn check_labels(&self, outputs: usize) -> Result<(), DataError> {
        match self.labels.iter().position(|&label| label as usize >= outputs) {
            None => Ok(()),
            Some(sample) => Err(DataError::Label {
                path: self.name.clone().into(),
                sample,
                label: i64::from(self.labels[sample]),
                classes: outputs,
            }),
        }
    }
}
