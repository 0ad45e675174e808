//! Pooling, crops, pads and concatenation.

use std::ops::Range;

use crate::graph::{Pool, Shape, Window};

/// Calls `visit(input element, output element, factor)` for everything that an average reads, of one sample.
fn averages(op: &Pool, x: Shape, y: Shape, mut visit: impl FnMut(usize, usize, f32)) {
    for position in 0..y.h * y.w {
        let [rows, columns] = op.taps(x, [position / y.w, position % y.w]);
        let factor = 1.0 / op.divisor(rows.len() * columns.len());
        for row in rows {
            for column in columns.clone() {
                let pixel = row * x.w + column;
                (0..x.c).for_each(|c| visit(pixel * x.c + c, position * x.c + c, factor));
            }
        }
    }
}

pub(super) fn average_push(op: &Pool, x: Shape, y: Shape, t: &[f32], out: &mut [f32]) {
    for (t, out) in t.chunks_exact(x.len()).zip(out.chunks_exact_mut(y.len())) {
        averages(op, x, y, |from, to, factor| out[to] += factor * t[from]);
    }
}

pub(super) fn average_pull(op: &Pool, x: Shape, y: Shape, g: &[f32], out: &mut [f32]) {
    for (g, out) in g.chunks_exact(y.len()).zip(out.chunks_exact_mut(x.len())) {
        averages(op, x, y, |from, to, factor| out[from] += factor * g[to]);
    }
}

/// Calls `visit(input element, output element)` for every maximum of one sample, the first of equal ones.
fn maxima(op: &Pool, x: Shape, y: Shape, values: &[f32], mut visit: impl FnMut(usize, usize)) {
    for position in 0..y.h * y.w {
        let [rows, columns] = op.taps(x, [position / y.w, position % y.w]);
        for c in 0..x.c {
            let taps = rows.clone().flat_map(|row| columns.clone().map(move |column| row * x.w + column));
            let first = |best: Option<usize>, tap: usize| {
                let at = tap * x.c + c;
                Some(best.filter(|&best| values[best] >= values[at]).unwrap_or(at))
            };
            if let Some(at) = taps.fold(None, first) {
                visit(at, position * x.c + c);
            }
        }
    }
}

pub(super) fn max_push(op: &Pool, x: Shape, y: Shape, values: &[f32], t: &[f32], out: &mut [f32]) {
    let samples = values.chunks_exact(x.len()).zip(t.chunks_exact(x.len()));
    for ((values, t), out) in samples.zip(out.chunks_exact_mut(y.len())) {
        maxima(op, x, y, values, |from, to| out[to] = t[from]);
    }
}

pub(super) fn max_pull(op: &Pool, x: Shape, y: Shape, values: &[f32], g: &[f32], out: &mut [f32]) {
    let samples = values.chunks_exact(x.len()).zip(g.chunks_exact(y.len()));
    for ((values, g), out) in samples.zip(out.chunks_exact_mut(x.len())) {
        maxima(op, x, y, values, |from, to| out[from] += g[to]);
    }
}

/// Calls `visit(input element, output element)` for every element that is a copy, of one sample.
fn copies(op: &Window, x: Shape, y: Shape, mut visit: impl FnMut(usize, usize)) {
    for position in 0..y.h * y.w {
        let Some(pixel) = op.pixel(x, [position / y.w, position % y.w]) else { continue };
        for c in 0..y.c {
            if let Some(channel) = op.channel(x, c) {
                visit(pixel * x.c + channel, position * y.c + c);
            }
        }
    }
}

pub(super) fn crop_push(op: &Window, x: Shape, y: Shape, t: &[f32], out: &mut [f32]) {
    for (t, out) in t.chunks_exact(x.len()).zip(out.chunks_exact_mut(y.len())) {
        copies(op, x, y, |from, to| out[to] = t[from]);
    }
}

pub(super) fn crop_pull(op: &Window, x: Shape, y: Shape, g: &[f32], out: &mut [f32]) {
    for (g, out) in g.chunks_exact(y.len()).zip(out.chunks_exact_mut(x.len())) {
        copies(op, x, y, |from, to| out[from] += g[to]);
    }
}

pub(super) fn concat_push(y: Shape, channels: Range<usize>, t: &[f32], out: &mut [f32]) {
    for (pixel, t) in out.chunks_exact_mut(y.c).zip(t.chunks_exact(channels.len())) {
        pixel[channels.clone()].copy_from_slice(t);
    }
}

pub(super) fn concat_pull(y: Shape, channels: Range<usize>, g: &[f32], out: &mut [f32]) {
    for (pixel, out) in g.chunks_exact(y.c).zip(out.chunks_exact_mut(channels.len())) {
        out.copy_from_slice(&pixel[channels.clone()]);
    }
}
