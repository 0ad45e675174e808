//! Requantisation and its straight-through gradients on slices, one pass over the elements each.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::rule::{Integers, Rule};

/// Operands as slices; see [`super::Inputs`].
pub(super) struct Operands<'t> {
    pub a: &'t [f32],
    pub b: Option<&'t [f32]>,
    pub channels: usize,
    pub gain: &'t [f32],
    pub shift: &'t [f32],
    pub scale: f32,
}

/// Gradients as vectors; see [`super::Gradients`].
pub(super) struct Results {
    pub a: Vec<f32>,
    pub b: Option<Vec<f32>>,
    pub gain: Option<Vec<f32>>,
    pub shift: Vec<f32>,
    pub scale: f32,
}

/// Elements that one task handles, about: fixed, so that sums do not depend on the number of threads.
const TASK: usize = 1 << 15;

impl Operands<'_> {
    /// Whole rows of channels of about [`TASK`] elements.
    fn task(&self) -> usize {
        (TASK / self.channels.max(1)).max(1) * self.channels.max(1)
    }

    fn part(&self, index: usize, length: usize) -> (&[f32], Option<&[f32]>) {
        let start = index * self.task();
        let end = start + length;
        (&self.a[start..end], self.b.map(|b| &b[start..end]))
    }
}

/// One value per channel, whatever the number of entries: 1 or one for each.
fn per_channel<T: Copy>(entries: &[T], channels: usize) -> Vec<T> {
    (0..channels).filter_map(|c| entries.get(c).or(entries.first()).copied()).collect()
}

/// The integers, relative to the zero point.
pub(super) fn forward(x: &Operands, rule: &Rule) -> Vec<f32> {
    let mut y = vec![0.0; x.a.len()];
    let channels = x.channels.max(1);
    let arch = Arch::new();
    match &rule.integers {
        Some(integers) => {
            let multipliers = per_channel(&integers.multipliers, channels);
            let offsets = per_channel(&integers.offsets, channels);
            y.par_chunks_mut(x.task()).enumerate().for_each(|(index, y)| {
                let (a, b) = x.part(index, y.len());
                let (multipliers, offsets) = (multipliers.as_slice(), offsets.as_slice());
                arch.dispatch(Exact { a, b, y, multipliers, offsets, integers, rule });
            });
        }
        None => {
            let (gain, shift) = (per_channel(x.gain, channels), per_channel(x.shift, channels));
            y.par_chunks_mut(x.task()).enumerate().for_each(|(index, y)| {
                let (a, b) = x.part(index, y.len());
                arch.dispatch(Real { a, b, y, gain: &gain, shift: &shift, rule });
            });
        }
    }
    y
}

/// A part of the integers by the runtime's arithmetic.
struct Exact<'e> {
    a: &'e [f32],
    b: Option<&'e [f32]>,
    y: &'e mut [f32],
    multipliers: &'e [i64],
    offsets: &'e [i64],
    integers: &'e Integers,
    rule: &'e Rule,
}

impl NullaryFnOnce for Exact<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { a, b, y, multipliers, offsets, integers, rule } = self;
        let (lo, hi) = (i64::from(rule.clamp.0), i64::from(rule.clamp.1));
        let (zero, shift, residual) = (rule.zero, integers.shift, integers.residual);
        let channels = multipliers.len();
        // After the clamp 16 bits hold it: the way back through 32 bits is one vector instruction.
        let round = |sum: i64| ((sum >> shift).clamp(lo, hi) as i32 - zero) as f32;
        let rows = a.chunks_exact(channels).zip(y.chunks_exact_mut(channels));
        match b {
            None => {
                for (a, y) in rows {
                    for (((a, y), m), r) in a.iter().zip(y).zip(multipliers).zip(offsets) {
                        *y = round(integer(*a) * m + r);
                    }
                }
            }
            Some(b) => {
                for ((a, y), b) in rows.zip(b.chunks_exact(channels)) {
                    for ((((a, b), y), m), r) in a.iter().zip(b).zip(y).zip(multipliers).zip(offsets) {
                        *y = round(integer(*a) * m + integer(*b) * residual + r);
                    }
                }
            }
        }
    }
}

/// An integer held in a float, through 32 bits: accumulators that f32 holds exactly have 25.
#[inline(always)]
fn integer(value: f32) -> i64 {
    i64::from(value as i32)
}

/// A part of the integers by real arithmetic.
struct Real<'r> {
    a: &'r [f32],
    b: Option<&'r [f32]>,
    y: &'r mut [f32],
    gain: &'r [f32],
    shift: &'r [f32],
    rule: &'r Rule,
}

impl NullaryFnOnce for Real<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { a, b, y, gain, shift, rule } = self;
        let (lo, hi, zero) = (rule.clamp.0 as f32, rule.clamp.1 as f32, rule.zero as f32);
        let channels = gain.len();
        for (row, (a, y)) in a.chunks_exact(channels).zip(y.chunks_exact_mut(channels)).enumerate() {
            let b = b.map(|b| &b[row * channels..][..channels]);
            for c in 0..channels {
                let residual = b.map_or(0.0, |b| b[c] * rule.residual_gain);
                y[c] = (a[c] * gain[c] + residual + shift[c] + 0.5).floor().clamp(lo, hi) - zero;
            }
        }
    }
}

/// The gradients. `wants_gain`: whether the gain's is needed.
pub(super) fn backward(gradient: &[f32], x: &Operands, rule: &Rule, wants_gain: bool) -> Results {
    let channels = x.channels.max(1);
    let (gain, shift) = (per_channel(x.gain, channels), per_channel(x.shift, channels));
    let mut a = vec![0.0; x.a.len()];
    let mut b = x.b.map(|b| vec![0.0; b.len()]);
    let task = x.task();
    let arch = Arch::new();
    let run = |index: usize, a_gradient: &mut [f32], b_gradient: &mut [f32]| {
        let (a, b) = x.part(index, a_gradient.len());
        let gradient = &gradient[index * task..][..a_gradient.len()];
        let mut sums = Sums::new(channels);
        let (gain, shift) = (gain.as_slice(), shift.as_slice());
        let parts = Parts { gradient, a, b: b.unwrap_or_default(), gain, shift, rule };
        match b {
            None => arch.dispatch(Pass::<false> { parts, a_gradient, b_gradient, sums: &mut sums }),
            Some(_) => arch.dispatch(Pass::<true> { parts, a_gradient, b_gradient, sums: &mut sums }),
        }
        if wants_gain {
            sums.add_gain(gradient, a, b, &parts);
        }
        sums
    };
    let parts: Vec<Sums> = match &mut b {
        Some(b) => a
            .par_chunks_mut(task)
            .zip(b.par_chunks_mut(task))
            .enumerate()
            .map(|(index, (a, b))| run(index, a, b))
            .collect(),
        None => a.par_chunks_mut(task).enumerate().map(|(index, a)| run(index, a, &mut [])).collect(),
    };
    let total = parts.iter().fold(Sums::new(channels), Sums::plus);
    let entries = |sums: Vec<f32>, entries: usize| match entries {
        1 if channels > 1 => vec![sums.iter().sum()],
        _ => sums,
    };
    Results {
        a,
        b,
        gain: wants_gain.then(|| entries(total.gain, x.gain.len())),
        shift: entries(total.shift, x.shift.len()),
        scale: total.scale.iter().sum::<f32>() * rule.scale_factor / x.scale,
    }
}

/// Sums per channel.
struct Sums {
    gain: Vec<f32>,
    shift: Vec<f32>,
    scale: Vec<f32>,
}

impl Sums {
    fn new(channels: usize) -> Self {
        Self { gain: vec![0.0; channels], shift: vec![0.0; channels], scale: vec![0.0; channels] }
    }

    fn plus(mut self, other: &Self) -> Self {
        let pairs =
            [(&mut self.gain, &other.gain), (&mut self.shift, &other.shift), (&mut self.scale, &other.scale)];
        for (sum, part) in pairs {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
        self
    }

    /// Only live BatchNorms ask for it, so it is a pass of its own.
    fn add_gain(&mut self, gradient: &[f32], a: &[f32], b: Option<&[f32]>, parts: &Parts) {
        let channels = self.gain.len();
        let (from, to) = parts.rule.pass;
        for (i, (gradient, a)) in gradient.iter().zip(a).enumerate() {
            let c = i % channels;
            let residual = b.map_or(0.0, |b| b[i] * parts.rule.residual_gain);
            let value = a * parts.gain[c] + residual + parts.shift[c];
            if value >= from && value <= to {
                self.gain[c] += gradient * a;
            }
        }
    }
}

/// What a part of the gradients is computed from.
#[derive(Clone, Copy)]
struct Parts<'p> {
    gradient: &'p [f32],
    a: &'p [f32],
    /// Empty without a second operand.
    b: &'p [f32],
    gain: &'p [f32],
    shift: &'p [f32],
    rule: &'p Rule,
}

/// A part of the gradients, of one operand or of two.
struct Pass<'p, const SUM: bool> {
    parts: Parts<'p>,
    a_gradient: &'p mut [f32],
    b_gradient: &'p mut [f32],
    sums: &'p mut Sums,
}

impl<const SUM: bool> NullaryFnOnce for Pass<'_, SUM> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { parts: Parts { gradient, a, b, gain, shift, rule }, a_gradient, b_gradient, sums } = self;
        let (lo, hi, zero) = (rule.clamp.0 as f32, rule.clamp.1 as f32, rule.zero as f32);
        let (from, to) = rule.pass;
        let residual_gain = rule.residual_gain;
        let channels = gain.len();
        let (shift_sum, scale_sum) = (&mut sums.shift[..channels], &mut sums.scale[..channels]);
        let (gain, shift) = (&gain[..channels], &shift[..channels]);
        for row in 0..a.len() / channels {
            let at = row * channels..(row + 1) * channels;
            let (gradient, a) = (&gradient[at.clone()], &a[at.clone()]);
            let a_gradient = &mut a_gradient[at.clone()];
            let b = if SUM { &b[at.clone()] } else { a };
            for c in 0..channels {
                let residual = if SUM { b[c] * residual_gain } else { 0.0 };
                let value = a[c] * gain[c] + residual + shift[c];
                let passed = if (value >= from) & (value <= to) { gradient[c] } else { 0.0 };
                a_gradient[c] = passed * gain[c];
                shift_sum[c] += passed;
                let rounded = (value + 0.5).floor().clamp(lo, hi);
                let inside = (value >= lo - 0.5) & (value <= hi + 0.5);
                let reference = if inside { value } else { zero };
                scale_sum[c] += gradient[c] * (rounded - reference);
            }
            if SUM {
                let b_gradient = &mut b_gradient[at];
                for c in 0..channels {
                    let value = a[c] * gain[c] + b[c] * residual_gain + shift[c];
                    let passed = if (value >= from) & (value <= to) { gradient[c] } else { 0.0 };
                    b_gradient[c] = passed * residual_gain;
                }
            }
        }
    }
}
