//! Operators that treat every element alone.

use crate::graph::Activation;

pub(super) fn add(x: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
}

/// A factor per channel: forwards and backwards the same.
pub(super) fn scale(factors: &[f32], x: &[f32], out: &mut [f32]) {
    for (out, x) in out.chunks_exact_mut(factors.len()).zip(x.chunks_exact(factors.len())) {
        for ((out, x), factor) in out.iter_mut().zip(x).zip(factors) {
            *out = x * factor;
        }
    }
}

/// Whether the second derivative is not zero everywhere.
pub(super) fn is_curved(op: Activation) -> bool {
    matches!(op, Activation::Sigmoid | Activation::Tanh | Activation::HardSwish)
}

/// `f'(x) t`: forwards and backwards the same.
pub(super) fn slope(op: Activation, x: &[f32], t: &[f32], out: &mut [f32]) {
    let values = out.iter_mut().zip(x).zip(t);
    match op {
        Activation::Clip { lo, hi } => {
            values.for_each(|((out, x), t)| *out = if *x > lo && *x < hi { *t } else { 0.0 });
        }
        Activation::LeakyRelu { slope } => {
            values.for_each(|((out, x), t)| *out = if *x > 0.0 { *t } else { slope * t });
        }
        _ => values.for_each(|((out, x), t)| *out = (derivatives(op, *x).0 * f64::from(*t)) as f32),
    }
}

/// `f''(x) t g`.
pub(super) fn bend(op: Activation, x: &[f32], t: &[f32], g: &[f32], out: &mut [f32]) {
    for (((out, x), t), g) in out.iter_mut().zip(x).zip(t).zip(g) {
        *out = (derivatives(op, *x).1 * f64::from(*t) * f64::from(*g)) as f32;
    }
}

/// First and second derivative.
fn derivatives(op: Activation, x: f32) -> (f64, f64) {
    let x = f64::from(x);
    match op {
        Activation::Clip { lo, hi } => (f64::from(u8::from(x > f64::from(lo) && x < f64::from(hi))), 0.0),
        Activation::LeakyRelu { slope } => (if x > 0.0 { 1.0 } else { f64::from(slope) }, 0.0),
        Activation::Sigmoid => {
            let y = op.apply(x);
            let first = y * (1.0 - y);
            (first, first * (1.0 - 2.0 * y))
        }
        Activation::Tanh => {
            let y = x.tanh();
            let first = 1.0 - y * y;
            (first, -2.0 * y * first)
        }
        Activation::HardSigmoid { alpha, beta } => {
            let y = f64::from(alpha) * x + f64::from(beta);
            (if y > 0.0 && y < 1.0 { f64::from(alpha) } else { 0.0 }, 0.0)
        }
        Activation::HardSwish if x <= -3.0 => (0.0, 0.0),
        Activation::HardSwish if x >= 3.0 => (1.0, 0.0),
        Activation::HardSwish => (x / 3.0 + 0.5, 1.0 / 3.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_function() {
        let functions = [
            Activation::Clip { lo: 0.0, hi: 6.0 },
            Activation::LeakyRelu { slope: 0.1 },
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
            Activation::HardSwish,
        ];
        for function in functions {
            // No point is within a step of a kink (-3, -2.5, 0, 2.5, 3, 6).
            for x in [-7.0f32, -2.75, -1.3, -0.2, 0.4, 1.7, 2.8, 5.0, 7.5] {
                let at = |step: f64| function.apply(f64::from(x) + step);
                let (first, second) = derivatives(function, x);
                // Central differences: third and fourth derivatives of these functions are below 3 and 5, so the
                // errors are at most 3/6 h^2 and 5/12 h^2 plus rounding, 2^-52 / h and 4 * 2^-52 / h^2.
                let h = 1e-4;
                assert!((first - (at(h) - at(-h)) / (2.0 * h)).abs() < 1e-8, "{function:?} at {x}");
                let curvature = (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h);
                assert!((second - curvature).abs() < 1e-6, "{function:?} at {x}");
                assert!(second == 0.0 || is_curved(function), "{function:?} at {x}");
            }
        }
    }
}
