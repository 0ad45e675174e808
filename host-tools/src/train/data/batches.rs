//! Batches as a pure function of where one is: the same position gives the same bytes.

use super::{Augment, BatchError, InputCode};
use crate::data::Dataset;
use crate::random::{Purpose, Random};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where training is: the next batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Batch in the epoch, from 0.
    pub batch: usize,
}

/// Some samples, ready for the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which batch this is.
    pub position: Position,
    /// Indices in the data set.
    pub samples: Vec<usize>,
    /// Class of every sample.
    pub labels: Vec<u32>,
    /// Numbers of the integer network's input tensor: samples, rows, columns, channels.
    pub input: Vec<i8>,
}

/// Samples of a data set, batch by batch.
#[derive(Clone, Debug)]
pub struct Batches {
    data: Arc<Dataset>,
    code: InputCode,
    indices: Vec<usize>,
    size: usize,
    training: Option<Training>,
}

#[derive(Clone, Debug)]
struct Training {
    augment: Augment,
    fill: Option<Vec<i8>>,
    seed: u64,
}

impl Batch {
    /// The input of all samples as bytes; those of one sample are what `Session::set_input` takes.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.input)
    }
}

impl Batches {
    /// The samples at `indices` in a new order every epoch, changed by `augment`. Samples that do not fill the last
    /// batch of an epoch are left out, unless they are all there is.
    ///
    /// # Errors
    /// [`BatchError`] for no samples, an index out of range, batches of size 0 and shifts that leave nothing.
    pub fn training(
        data: Arc<Dataset>,
        code: InputCode,
        indices: Vec<usize>,
        size: usize,
        augment: Augment,
        seed: u64,
    ) -> Result<Self, BatchError> {
        augment.check(data.shape)?;
        let training = Training { augment, fill: augment.filling(&code), seed };
        Ok(Self { training: Some(training), ..Self::evaluation(data, code, indices, size)? })
    }

    /// The samples at `indices` as they are, in that order, the last batch as large as it gets.
    ///
    /// # Errors
    /// [`BatchError`] for no samples, an index out of range and batches of size 0.
    pub fn evaluation(
        data: Arc<Dataset>,
        code: InputCode,
        indices: Vec<usize>,
        size: usize,
    ) -> Result<Self, BatchError> {
        let name = || data.name.clone();
        if size == 0 {
            return Err(BatchError::Value { what: "the batch size", value: 0.0, allowed: "at least 1" });
        }
        if indices.is_empty() || data.shape.is_empty() {
            return Err(BatchError::Empty { name: name() });
        }
        if let Some(&index) = indices.iter().find(|&&index| index >= data.len()) {
            return Err(BatchError::Index { name: name(), index, samples: data.len() });
        }
        Ok(Self { data, code, indices, size, training: None })
    }

    /// Batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        match self.training {
            Some(_) => (self.indices.len() / self.size).max(1),
            None => self.indices.len().div_ceil(self.size),
        }
    }

    /// The order of the samples in an epoch, those included that no batch has room for.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order = self.indices.clone();
        if let Some(training) = &self.training {
            Random::new(training.seed, Purpose::Order, epoch, 0).shuffle(&mut order);
        }
        order
    }

    /// A batch of an epoch in this [`Self::order`]; empty when the epoch has no such batch.
    pub fn batch(&self, order: &[usize], position: Position) -> Batch {
        let in_epoch = position.batch < self.per_epoch();
        let samples = order.chunks(self.size).nth(position.batch).filter(|_| in_epoch).unwrap_or_default();
        let len = self.data.shape.len();
        let mut input = vec![0; samples.len() * len];
        input.par_chunks_exact_mut(len).zip(samples).for_each_init(
            || vec![0; len],
            |scratch, (out, &index)| self.write(position.epoch, index, scratch, out),
        );
        let labels = samples.iter().map(|&i| self.data.labels[i]).collect();
        Batch { position, samples: samples.to_vec(), labels, input }
    }

    fn write(&self, epoch: usize, index: usize, scratch: &mut [i8], out: &mut [i8]) {
        let Some(Training { augment, fill, seed }) = self.training.as_ref().filter(|t| !t.augment.is_none())
        else {
            return self.code.pack(&self.data, index, out);
        };
        self.code.pack(&self.data, index, scratch);
        let mut random = Random::new(*seed, Purpose::Augment, epoch, index);
        augment.draw(&mut random).apply(self.data.shape, fill.as_deref(), scratch, out);
        augment.disturb(&mut random, out);
    }

    /// The real values of a batch for the float network: samples, rows, columns, channels.
    pub fn real(&self, batch: &Batch) -> Vec<f32> {
        let mut real = vec![0.0; batch.input.len()];
        self.code.real(&batch.input, &mut real);
        real
    }
}
