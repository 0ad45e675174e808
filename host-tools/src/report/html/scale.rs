//! From numbers to positions along an axis, and the ticks on it.

use super::text::short;

/// An axis: positions go from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    lo: f64,
    hi: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    /// Linear, with ticks on multiples of powers of two.
    Bytes,
    /// Equal ratios are equal distances.
    Log,
}

/// A tick: where, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

fn extremes(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|v| v.is_finite()).fold(None, |range, v| {
        let (lo, hi) = range.unwrap_or((v, v));
        Some((f64::min(lo, v), f64::max(hi, v)))
    })
}

impl Scale {
    /// Round limits around all values; 0 to 1 where there are none.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (lo, hi) = extremes(values).unwrap_or((0.0, 1.0));
        // Values that are all the same get some room around them.
        let largest = lo.abs().max(hi.abs()).max(1e-12);
        let room = if hi - lo > 1e-9 * largest { 0.0 } else { largest / 20.0 };
        let (lo, hi) = (lo - room, hi + room);
        let step = round_step((hi - lo) / 4.0, &[1.0, 2.0, 5.0, 10.0], 10.0);
        Self { lo: (lo / step).floor() * step, hi: (hi / step).ceil() * step, kind: Kind::Linear }
    }

    /// Per cent: round limits that no share passes.
    pub(super) fn percent(values: impl Iterator<Item = f64>) -> Self {
        let Self { lo, hi, kind } = Self::linear(values);
        Self { lo: lo.clamp(0.0, 99.0), hi: hi.clamp(1.0, 100.0), kind }
    }

    /// From 0 to at least the largest value, ticks on powers of two.
    pub(super) fn bytes(values: impl Iterator<Item = f64>) -> Self {
        Self { lo: 0.0, hi: extremes(values).map_or(1.0, |(_, hi)| hi.max(1.0)), kind: Kind::Bytes }
    }

    /// Around all positive values, whole steps of 1, 2, 5; the others have no place on it.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Self {
        let positive = values.filter(|v| *v > 0.0 && v.is_finite()).map(|v| v.clamp(1e-30, 1e30));
        let (lo, hi) = extremes(positive).unwrap_or((1.0, 10.0));
        let below = |v: f64| steps_of_decade(v).filter(|s| *s <= v).fold(v / 10.0, f64::max);
        let above = |v: f64| steps_of_decade(v).filter(|s| *s >= v).fold(v * 10.0, f64::min);
        let (lo, hi) = (below(lo), above(hi));
        Self { lo, hi: if hi > lo { hi } else { lo * 10.0 }, kind: Kind::Log }
    }

    /// Position of a value, held within the axis; `None` for what has no place.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let position = match self.kind {
            Kind::Linear | Kind::Bytes => (value - self.lo) / (self.hi - self.lo),
            Kind::Log if value > 0.0 => (value / self.lo).ln() / (self.hi / self.lo).ln(),
            Kind::Log => return None,
        };
        position.is_finite().then(|| position.clamp(0.0, 1.0))
    }

    /// About so many ticks, all within the axis.
    pub(super) fn ticks(&self, about: usize) -> Vec<Tick> {
        let about = about.max(2);
        let values: Vec<f64> = match self.kind {
            Kind::Linear => self.multiples(about, &[1.0, 2.0, 5.0, 10.0], 10.0),
            Kind::Bytes => self.multiples(about, &[1.0, 2.0], 2.0),
            Kind::Log => self.powers(about),
        };
        let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let label = |value: f64| match self.kind {
            Kind::Linear => fixed(value, step),
            Kind::Bytes => unit(value, step),
            Kind::Log => short(value),
        };
        values.iter().filter_map(|&v| Some(Tick { at: self.at(v)?, label: label(v) })).collect()
    }

    fn multiples(&self, about: usize, mantissas: &[f64], base: f64) -> Vec<f64> {
        let step = round_step((self.hi - self.lo) / about as f64, mantissas, base);
        let first = (self.lo / step - 1e-9).ceil() as i64;
        let last = (self.hi / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }

    /// Powers of ten; with 2 and 5 where there are few, every n-th where there are many.
    fn powers(&self, about: usize) -> Vec<f64> {
        let within = |v: &f64| *v >= self.lo * 0.999 && *v <= self.hi * 1.001;
        let (first, last) = (self.lo.log10().floor() as i32, self.hi.log10().ceil() as i32);
        let fine: Vec<f64> =
            (first..=last).flat_map(|k| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(k))).filter(within).collect();
        if fine.len() <= about {
            return fine;
        }
        let decades: Vec<f64> = (first..=last).map(|k| 10f64.powi(k)).filter(within).collect();
        if decades.len() < 2 {
            return vec![fine[0], fine[fine.len() - 1]];
        }
        let stride = decades.len().div_ceil(about);
        decades.into_iter().step_by(stride).collect()
    }
}

/// 1, 2, 5 and 10 times the power of ten below a value.
fn steps_of_decade(value: f64) -> impl Iterator<Item = f64> {
    let decade = 10f64.powi(value.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0].into_iter().map(move |m| m * decade)
}

/// The least round number that is not below `least`: a mantissa times a power of `base`.
fn round_step(least: f64, mantissas: &[f64], base: f64) -> f64 {
    let power = base.powf((least.ln() / base.ln() + 1e-9).floor());
    mantissas.iter().map(|m| m * power).find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(base * power)
}

/// A multiple of a step, with the digits that the step needs.
fn fixed(value: f64, step: f64) -> String {
    if !step.is_finite() || !(1e-6..1e6).contains(&step) {
        return short(value);
    }
    let decimals = (0..=6).find(|&d| {
        let scaled = step * 10f64.powi(d);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    let text = format!("{:.*}", decimals.unwrap_or(6) as usize, value.abs());
    if value < -step / 1e3 { format!("−{text}") } else { text }
}

fn unit(value: f64, step: f64) -> String {
    match step {
        s if s >= 1_048_576.0 => format!("{} MiB", value / 1_048_576.0),
        s if s >= 1024.0 => format!("{} KiB", value / 1024.0),
        _ => format!("{value} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale, about: usize) -> Vec<String> {
        scale.ticks(about).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(&Scale::linear([0.0, 9.3].into_iter()), 5), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&Scale::linear([-0.012, 0.01].into_iter()), 4), ["−0.02", "−0.01", "0.00", "0.01"]);
        assert_eq!(
            labels(&Scale::bytes([1280.0].into_iter()), 5),
            ["0 B", "256 B", "512 B", "768 B", "1024 B", "1280 B"]
        );
        assert_eq!(labels(&Scale::bytes([33_000.0].into_iter()), 4), ["0 KiB", "16 KiB", "32 KiB"]);
        assert_eq!(labels(&Scale::log([0.03, 7.0].into_iter()), 4), ["0.1", "1", "10"]);
        assert_eq!(labels(&Scale::log([1.0, 4.0].into_iter()), 6), ["1", "2", "5"]);
    }

    #[test]
    fn positions_stay_on_the_axis() {
        let log = Scale::log([1e-3, 1e3].into_iter());
        assert_eq!(log.at(1.0), Some(0.5));
        assert_eq!((log.at(0.0), log.at(-1.0), log.at(f64::NAN)), (None, None, None));
        assert_eq!((log.at(1e-9), log.at(1e9)), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn any_values_give_an_axis() {
        let hard = [f64::NAN, f64::INFINITY, 0.0, -0.0, 5e-324, 1e300, -1e300];
        for a in hard {
            for b in hard {
                for scale in [
                    Scale::percent([a, b].into_iter()),
                    Scale::linear([a, b].into_iter()),
                    Scale::bytes([a, b].into_iter()),
                    Scale::log([a, b].into_iter()),
                ] {
                    for tick in scale.ticks(5) {
                        assert!((0.0..=1.0).contains(&tick.at), "{a} {b} {scale:?} {tick:?}");
                        assert!(!tick.label.contains("NaN") && !tick.label.contains("inf"), "{tick:?}");
                    }
                    assert!(scale.ticks(5).len() <= 14, "{a} {b} {scale:?}");
                }
            }
        }
    }
}
