//! Softmax and its logarithm over the channels. With `p` the probabilities, softmax has the Jacobian
//! `diag(p) - p p^T`, its logarithm `1 - 1 p^T`.

/// Probabilities of one row.
pub(in crate::sensitivity) fn probabilities(x: &[f32]) -> Vec<f64> {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = x.iter().map(|v| f64::from(v - max).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| e / sum).collect()
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum()
}

/// Calls `row(p, t, out)` for every row.
fn rows(x: &[f32], c: usize, t: &[f32], out: &mut [f32], row: impl Fn(&[f64], &[f32], &mut [f32])) {
    for ((x, t), out) in x.chunks_exact(c).zip(t.chunks_exact(c)).zip(out.chunks_exact_mut(c)) {
        row(&probabilities(x), t, out);
    }
}

pub(super) fn push(x: &[f32], c: usize, t: &[f32], out: &mut [f32]) {
    rows(x, c, t, out, |p, t, out| {
        let mean = dot(p, t);
        for ((out, p), t) in out.iter_mut().zip(p).zip(t) {
            *out = (p * (f64::from(*t) - mean)) as f32;
        }
    });
}

/// The Jacobian is symmetric.
pub(super) fn pull(x: &[f32], c: usize, g: &[f32], out: &mut [f32]) {
    push(x, c, g, out);
}

/// `p (g - p g) = p g - p (p . g)` by `x` along `t`: with `q` the tangent of `p`, `q (g - p . g) - p (q . g)`.
pub(super) fn bend(x: &[f32], c: usize, t: &[f32], g: &[f32], out: &mut [f32]) {
    let rows = x.chunks_exact(c).zip(t.chunks_exact(c)).zip(g.chunks_exact(c)).zip(out.chunks_exact_mut(c));
    for (((x, t), g), out) in rows {
        let p = probabilities(x);
        let mean = dot(&p, t);
        let q: Vec<f64> = p.iter().zip(t).map(|(p, t)| p * (f64::from(*t) - mean)).collect();
        let (pg, qg) = (dot(&p, g), dot(&q, g));
        for (((out, p), q), g) in out.iter_mut().zip(&p).zip(&q).zip(g) {
            *out = (q * (f64::from(*g) - pg) - p * qg) as f32;
        }
    }
}

pub(super) fn log_push(x: &[f32], c: usize, t: &[f32], out: &mut [f32]) {
    rows(x, c, t, out, |p, t, out| {
        let mean = dot(p, t);
        out.iter_mut().zip(t).for_each(|(out, t)| *out = (f64::from(*t) - mean) as f32);
    });
}

pub(super) fn log_pull(x: &[f32], c: usize, g: &[f32], out: &mut [f32]) {
    rows(x, c, g, out, |p, g, out| {
        let sum: f64 = g.iter().map(|g| f64::from(*g)).sum();
        for ((out, p), g) in out.iter_mut().zip(p).zip(g) {
            *out = (f64::from(*g) - p * sum) as f32;
        }
    });
}

/// `-q sum(g)`, `q` the tangent of `p`.
pub(super) fn log_bend(x: &[f32], c: usize, t: &[f32], g: &[f32], out: &mut [f32]) {
    push(x, c, t, out);
    for (out, g) in out.chunks_exact_mut(c).zip(g.chunks_exact(c)) {
        let sum: f32 = g.iter().sum();
        out.iter_mut().for_each(|out| *out *= -sum);
    }
}
