//! Scale and zero point of every value in every storage type, from samples that run through the float graph.

use std::collections::{BTreeMap, BTreeSet};

use kernels::Dtype;

use super::LowerError;
use super::storage::grid;
use crate::calibrate::{Grid, Method, Observer, QuantParams, quant_params};
use crate::graph::{Executor, Graph, ValueId};

/// The output's range is widened by this factor where 16 bits leave room, so that inputs beyond the
/// calibration samples do not saturate two logits to the same integer.
const OUTPUT_MARGIN: f64 = 2.0;

/// Scales and zero points by value and storage type.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    params: BTreeMap<(ValueId, Grid), QuantParams>,
}

impl Ranges {
    /// Observes every wanted value while batches of `samples` (`[n, h, w, c]`) run through the graph, as often
    /// as the method needs to see them. `output` is the value whose scale the network's output has.
    ///
    /// # Errors
    /// NaN or infinity in a tensor, or no samples.
    pub fn calibrate(
        graph: &Graph,
        wanted: &BTreeSet<(ValueId, Grid)>,
        output: ValueId,
        method: Method,
        batch: usize,
        samples: &[f32],
    ) -> Result<Self, LowerError> {
        let mut observers: BTreeMap<ValueId, Observer> = BTreeMap::new();
        for (value, _) in wanted {
            let name = &graph.value(*value).name;
            observers.entry(*value).or_insert_with(|| Observer::new(name, method));
        }
        let executor = Executor::new(graph);
        let len = graph.shape(graph.input).len();
        for pass in 0..method.passes() {
            if pass > 0 {
                observers.values_mut().try_for_each(Observer::next_pass)?;
            }
            for chunk in samples.chunks(batch * len) {
                let mut failure = Ok(());
                executor.run_visiting(chunk, chunk.len() / len, |value, data| {
                    if let (Some(observer), true) = (observers.get_mut(&value), failure.is_ok()) {
                        failure = observer.observe(data);
                    }
                })?;
                failure?;
            }
        }
        let mut params = BTreeMap::new();
        for &(value, grid) in wanted {
            let range = observers[&value].finish(grid)?;
            let mut q = quant_params(range, grid);
            if value == output && grid == Grid::ACT16 {
                q.scale *= OUTPUT_MARGIN;
            }
            params.insert((value, grid), q);
        }
        Ok(Self { params })
    }

    /// Fixes a value's scale and zero point.
    pub fn set(&mut self, value: ValueId, dtype: Dtype, params: QuantParams) {
        self.params.insert((value, grid(dtype)), params);
    }

    /// All values with their grid.
    pub fn iter(&self) -> impl Iterator<Item = (&(ValueId, Grid), &QuantParams)> {
        self.params.iter()
    }

    /// Scale and zero point of a value on a grid, to be changed.
    pub fn get_mut(&mut self, key: (ValueId, Grid)) -> Option<&mut QuantParams> {
        self.params.get_mut(&key)
    }

    /// Scale and zero point of a value in a storage type.
    pub fn params(&self, value: ValueId, dtype: Dtype, graph: &Graph) -> Result<QuantParams, LowerError> {
        let missing = || LowerError::NotCalibrated { tensor: graph.value(value).name.clone() };
        self.params.get(&(value, grid(dtype))).copied().ok_or_else(missing)
    }
}
