//! Measuring all of it for a job: with what an earlier run left, and leaving what this one has done when it is
//! interrupted.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::hutchinson::{Block, Watch};
use super::options::{EIGEN_ITERATIONS, EIGEN_TOLERANCE, ROUND};
use super::report::{ActivationSensitivity, LayerSensitivity, Sensitivities};
use super::rounding::{ByBits, rounded_weights, squared_errors};
use super::state::{Probes, State, estimates, read_json, write_json};
use super::subject::Subject;
use super::{
    Curvature, Eigenvalue, Estimate, Method, Objective, Outputs, SensitivityError, SensitivityOptions,
};
use crate::job::Job;
use crate::lower::WeightScales;

/// Some work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is being measured.
    pub what: &'static str,
    /// Pieces of it that are done.
    pub done: usize,
    /// Of so many, at most.
    pub of: usize,
}

/// How measuring talks to the outside.
#[derive(Clone, Copy)]
pub struct Hooks<'h> {
    /// Is told of every piece that is done, from any thread.
    pub tell: &'h (dyn Fn(Step) + Sync),
    /// Becomes true when work shall end.
    pub stop: &'h AtomicBool,
}

/// Measures the sensitivities of a job's float network and writes `sensitivity.json` to its output folder. Where
/// that holds them already, they are read; work of an interrupted run is not done again.
///
/// # Errors
/// See [`SensitivityError`].
pub fn sensitivities(
    job: &Job,
    options: SensitivityOptions,
    hooks: Hooks,
) -> Result<Sensitivities, SensitivityError> {
    options.check()?;
    let subject = Subject::of(job, options)?;
    let result = job.output.dir.join("sensitivity.json");
    if let Some(known) =
        read_json::<Sensitivities>(&result).filter(|known| known.origin.serves(&subject.origin))
    {
        return Ok(known);
    }
    let partial = job.output.dir.join("sensitivity.partial.json");
    let mut run = Run {
        curvature: Curvature::new(&subject.prepared.graph, subject.input.clone(), subject.objective.clone())?,
        subject: &subject,
        state: State::read(&partial, &subject.origin),
        partial,
        hooks,
    };
    let sensitivities = run.measure()?;
    write_json(&result, &sensitivities)?;
    remove(&run.partial);
    Ok(sensitivities)
}

/// A file that cannot be removed does no harm: its origin says what it is good for.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

struct Run<'r> {
    curvature: Curvature<'r>,
    subject: &'r Subject,
    state: State,
    partial: PathBuf,
    hooks: Hooks<'r>,
}

impl Run<'_> {
    fn measure(&mut self) -> Result<Sensitivities, SensitivityError> {
        let loss = match self.state.loss {
            Some(loss) => loss,
            None => self.curvature.loss()?,
        };
        self.state.loss = Some(loss);
        match self.subject.origin.options.method {
            Method::Auto if self.curvature.is_piecewise_linear() => self.probe_outputs()?,
            Method::Outputs => self.probe_outputs()?,
            Method::Auto | Method::Hutchinson => {
                self.probe(Block::Weights)?;
                self.probe(Block::Operands)?;
            }
        }
        self.round()?;
        self.find_eigenvalues()?;
        Ok(self.result(loss))
    }

    /// Calls `work` with a watch whose pieces are told of.
    fn watched<T>(&self, what: &'static str, done: usize, of: usize, work: impl FnOnce(Watch) -> T) -> T {
        let count = AtomicUsize::new(done);
        let tell = self.hooks.tell;
        let done = || tell(Step { what, done: count.fetch_add(1, Ordering::Relaxed) + 1, of });
        work(Watch { stop: self.hooks.stop, done: &done })
    }

    /// Probes in rounds until the estimates are sure enough.
    fn probe(&mut self, block: Block) -> Result<(), SensitivityError> {
        let probes = self.subject.origin.options.probes;
        let mut factors = self.subject.factors();
        let what = match block {
            Block::Weights => "traces of weights",
            Block::Operands => "traces of activations",
        };
        if block == Block::Operands {
            factors.iter_mut().for_each(|columns| *columns = vec![vec![1.0]]);
        }
        while let Some(round) = self.next_round(block) {
            let chunks = self.curvature.chunks();
            let seed = self.subject.origin.seed;
            let new = self.watched(what, round.start * chunks, probes * chunks, |watch| {
                self.curvature.probe(block, seed, round, &factors, watch)
            })?;
            self.known(block).extend(finite(new)?);
            self.state.write(&self.partial)?;
        }
        Ok(())
    }

    /// The probes to come; `None` where the estimates are sure enough.
    fn next_round(&mut self, block: Block) -> Option<Range<usize>> {
        let SensitivityOptions { probes, tolerance, .. } = self.subject.origin.options;
        let known = self.known(block);
        let done = known.len();
        let columns = known.first().and_then(|layers| layers.first()).map_or(0, Vec::len);
        let sure = (0..columns).all(|c| Estimate::all_within(&estimates(known, c), tolerance));
        let enough = done >= probes || (done >= 2 * ROUND && sure);
        (!enough).then_some(done..(done + ROUND).min(probes))
    }

    /// From the outputs, which gives traces by weights and by operands together.
    fn probe_outputs(&mut self) -> Result<(), SensitivityError> {
        let SensitivityOptions { probes, .. } = self.subject.origin.options;
        let factors = self.subject.factors();
        let (what, chunks) = ("traces of weights and activations", self.curvature.chunks());
        let values = self.subject.outputs();
        if values <= probes {
            if self.state.weights.is_empty() {
                let all = self.watched(what, 0, values * chunks, |watch| {
                    self.curvature.probe_outputs(&Outputs::All, &factors, watch)
                })?;
                self.keep(all)?;
            }
            return Ok(());
        }
        while let Some(round) = self.next_round(Block::Weights) {
            let signs = Outputs::Signs { seed: self.subject.origin.seed, probes: round.clone() };
            let new = self.watched(what, round.start * chunks, probes * chunks, |watch| {
                self.curvature.probe_outputs(&signs, &factors, watch)
            })?;
            self.keep(new)?;
        }
        Ok(())
    }

    /// Notes traces by weights, and by operands in the last column.
    fn keep(&mut self, new: Probes) -> Result<(), SensitivityError> {
        for mut probe in finite(new)? {
            let operands = probe.iter_mut().map(|columns| columns.pop().into_iter().collect()).collect();
            self.state.weights.push(probe);
            self.state.operands.push(operands);
        }
        self.state.write(&self.partial)
    }

    fn known(&mut self, block: Block) -> &mut Probes {
        match block {
            Block::Weights => &mut self.state.weights,
            Block::Operands => &mut self.state.operands,
        }
    }

    fn round(&mut self) -> Result<(), SensitivityError> {
        let weights: Vec<_> = self.curvature.layers().map(|node| rounded_weights(node, rule())).collect();
        if self.state.errors.is_none() {
            let errors = self.watched("errors of outputs", 0, self.curvature.chunks(), |watch| {
                self.curvature.errors(&weights, &self.subject.operands, watch)
            })?;
            self.state.errors = Some(errors);
            self.state.write(&self.partial)?;
        }
        if self.state.loss_changes.is_none() {
            let layers: usize = weights.iter().map(|by_bits| by_bits.len()).sum();
            let pieces = layers * self.curvature.chunks();
            let changes = self.watched("changes of the loss", 0, pieces, |watch| {
                self.curvature.loss_changes(&weights, watch)
            })?;
            self.state.loss_changes = Some(changes);
            self.state.write(&self.partial)?;
        }
        Ok(())
    }

    /// On fewer samples, evenly spaced: every step of every layer is a pass of its own.
    fn find_eigenvalues(&mut self) -> Result<(), SensitivityError> {
        let wanted = self.subject.origin.options.eigen_samples.unwrap_or(0);
        if wanted == 0 || self.state.eigenvalues.is_some() {
            return Ok(());
        }
        let few = self.few(wanted)?;
        let seed = self.subject.origin.seed;
        let eigenvalues = self.watched("eigenvalues", 0, few.chunks() * EIGEN_ITERATIONS, |watch| {
            few.eigenvalues(seed, EIGEN_TOLERANCE, EIGEN_ITERATIONS, watch)
        })?;
        self.state.eigenvalues = Some(eigenvalues);
        self.state.write(&self.partial)
    }

    /// The same loss over so many samples, evenly spaced.
    fn few(&self, wanted: usize) -> Result<Curvature<'_>, SensitivityError> {
        fn pick<T: Copy>(all: &[T], samples: usize, wanted: usize) -> Vec<T> {
            let (len, wanted) = (all.len() / samples.max(1), wanted.min(samples));
            let chosen = (0..wanted).map(|i| i * samples / wanted);
            chosen.flat_map(|i| &all[i * len..(i + 1) * len]).copied().collect()
        }
        let samples = self.curvature.samples();
        let objective = match &self.subject.objective {
            Objective::CrossEntropy(labels) => Objective::CrossEntropy(pick(labels, samples, wanted)),
            Objective::SquaredError(targets) => Objective::SquaredError(pick(targets, samples, wanted)),
        };
        Curvature::new(&self.subject.prepared.graph, pick(&self.subject.input, samples, wanted), objective)
    }

    fn result(&self, loss: f64) -> Sensitivities {
        let State { weights, operands, errors, loss_changes, eigenvalues, .. } = &self.state;
        let (folded, stored) = (estimates(weights, 0), estimates(weights, 1));
        let activations = estimates(operands, 0);
        let graph = &self.subject.prepared.graph;
        let nodes: Vec<_> = self.curvature.layers().collect();
        let counts = self.curvature.weights();
        let layers = self.subject.order().into_iter().map(|(layer, i)| {
            let node = nodes[i];
            let squared_error = squared_errors(node, &rounded_weights(node, rule()));
            let errors = errors.as_ref().map(|errors| errors[i].clone()).unwrap_or_default();
            let elements = graph.shape(node.inputs[0]).len();
            LayerSensitivity {
                name: layer.name.clone(),
                weights: counts[i],
                trace: folded[i],
                stored_trace: stored[i],
                eigenvalue: eigenvalues.as_ref().map(|values: &Vec<Eigenvalue>| values[i]),
                omega: omega(folded[i], counts[i], &squared_error),
                squared_error,
                output_error: errors.output,
                loss_change: loss_changes.as_ref().map(|changes| changes[i].clone()).unwrap_or_default(),
                activation: ActivationSensitivity {
                    tensor: graph.value(node.inputs[0]).name.clone(),
                    elements,
                    trace: activations[i],
                    omega: omega(activations[i], elements, &errors.operand),
                    squared_error: errors.operand,
                },
            }
        });
        Sensitivities {
            origin: self.subject.origin.clone(),
            samples: self.curvature.samples(),
            probes: weights.len(),
            activation_probes: operands.len(),
            loss,
            layers: layers.collect(),
        }
    }
}

/// What is neither NaN nor infinity.
fn finite(probes: Probes) -> Result<Probes, SensitivityError> {
    let finite = probes.iter().flatten().flatten().all(|estimate| estimate.is_finite());
    if finite { Ok(probes) } else { Err(SensitivityError::NotFinite) }
}

/// The rule of the main job.
fn rule() -> crate::lower::WeightRule {
    WeightScales::default().rule
}

/// HAWQ-V2: the mean trace times the squared error.
fn omega(trace: Estimate, count: usize, squared_error: &ByBits) -> ByBits {
    let mean = trace.mean / count.max(1) as f64;
    squared_error.iter().map(|(bits, error)| (*bits, mean * error)).collect()
}
