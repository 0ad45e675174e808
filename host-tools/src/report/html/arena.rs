//! The arena over time: which buffer holds which bytes during which steps.

use super::axis::{ABOVE, BELOW, CHARACTER, Frame, label_room};
use super::figure::{Swatch, both, figure};
use super::scale::Scale;
use super::svg::{Anchor, Mark, Svg};
use super::text::{bytes, node, shorten};
use crate::report::{ArenaBuffer, BufferKind, Report};

/// Classes of neighbouring tensors; colours come round again.
const TINTS: [&str; 4] = ["t1", "t2", "t3", "t4"];
const HEIGHT: f64 = 360.0;
const RIGHT: f64 = 14.0;

pub(super) fn section(report: &Report) -> Option<String> {
    let buffers = report.arena.as_slice();
    if buffers.is_empty() {
        return None;
    }
    let steps = 1 + buffers.iter().map(|b| b.last_step).max()? as usize;
    let in_use = in_use(buffers, steps);
    let most = in_use.iter().copied().max()?;
    let peaks: Vec<usize> = (0..steps).filter(|&i| in_use[i] == most).collect();
    let scratch = buffers.iter().any(|b| b.kind == BufferKind::Scratch);
    let legend: Vec<(Swatch, String)> = [
        Some((Swatch::Area("tint t1"), "tensor (four tints, to tell neighbours apart)".to_owned())),
        scratch.then(|| (Swatch::Area("scratch-plain"), "scratch of a step (hatched)".to_owned())),
        Some((Swatch::Area("peak"), "steps with most bytes in use".to_owned())),
    ]
    .into_iter()
    .flatten()
    .collect();
    let caption = format!(
        "At {} {} the network needs {} at once; the arena takes {}{}.",
        if peaks.len() == 1 { "step" } else { "steps" },
        runs(&peaks),
        bytes(most),
        bytes(report.arena_bytes as u64),
        match report.arena_bytes as u64 {
            arena if arena <= most => ", so that no byte of it is wasted".into(),
            arena => format!(", {} more because buffers cannot move", bytes(arena - most)),
        },
    );
    let content = both(|width| draw(width, report, steps, &peaks));
    Some(figure("Who holds which bytes of the arena, step by step", &legend, &content, &caption))
}

/// Rising numbers in words, neighbours together.
fn runs(steps: &[usize]) -> String {
    let runs = steps.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] => format!("{first} to {last}"),
        one => one.iter().map(usize::to_string).collect(),
    });
    runs.collect::<Vec<_>>().join(", ")
}

/// Bytes in use at every step.
fn in_use(buffers: &[ArenaBuffer], steps: usize) -> Vec<u64> {
    let at = |step: usize| {
        let live = buffers.iter().filter(|b| (b.first_step as usize..=b.last_step as usize).contains(&step));
        live.map(|b| u64::from(b.bytes)).sum()
    };
    (0..steps).map(at).collect()
}

fn draw(width: f64, report: &Report, steps: usize, peaks: &[usize]) -> Svg {
    let arena = report.arena_bytes as f64;
    let tops = report.arena.iter().map(|b| f64::from(b.offset) + f64::from(b.bytes));
    let scale = Scale::bytes(tops.chain([arena * 1.1]));
    let left = label_room(&scale);
    let frame = Frame { left, top: ABOVE, width: width - left - RIGHT, height: HEIGHT - ABOVE - BELOW };
    let column = frame.width / steps as f64;
    let x = |step: usize| frame.left + step as f64 * column;
    let mut svg = Svg::new(width, HEIGHT, "Map of the arena over time");
    let hatch = format!("hatch-{}", width as u32);
    svg.hatch(&hatch);
    for &step in peaks {
        svg.add(Mark::rect(x(step), frame.top, column, frame.height).class("peak"));
    }
    frame.vertical(&mut svg, &scale, "bytes of the arena");
    for (i, buffer) in report.arena.iter().enumerate() {
        block(&mut svg, &frame, &scale, column, buffer, TINTS[i % TINTS.len()], &hatch);
    }
    svg.add(Mark::line(frame.left, frame.bottom(), frame.right(), frame.bottom()).class("axis"));
    let stride = (22.0 / column).ceil().max(1.0) as usize;
    for step in (0..steps).step_by(stride) {
        let center = x(step) + column / 2.0;
        svg.add(Mark::text(center, frame.bottom() + 15.0, Anchor::Middle, &step.to_string()).class("tick"));
    }
    frame.below(&mut svg, "step of the inference");
    if let Some(top) = scale.at(arena) {
        let y = frame.y(top);
        svg.add(Mark::line(frame.left, y, frame.right(), y).class("limit"));
        let text = format!("arena {}", bytes(report.arena_bytes as u64));
        svg.add(Mark::text(frame.right() - 2.0, y - 5.0, Anchor::End, &text).class("note"));
    }
    svg
}

fn block(
    svg: &mut Svg,
    frame: &Frame,
    scale: &Scale,
    column: f64,
    buffer: &ArenaBuffer,
    tint: &str,
    hatch: &str,
) {
    let ArenaBuffer { name, first_step, last_step, offset, bytes: size, kind } = buffer;
    let (lo, hi) = (f64::from(*offset), f64::from(*offset) + f64::from(*size));
    let (Some(lo), Some(hi)) = (scale.at(lo), scale.at(hi)) else { return };
    let (x, y) = (frame.left + f64::from(*first_step) * column, frame.y(hi));
    let width = (f64::from(last_step.saturating_sub(*first_step)) + 1.0) * column;
    let height = frame.y(lo) - y;
    let (what, steps) = match (kind, first_step == last_step) {
        (BufferKind::Scratch, _) => ("scratch of ", format!("step {first_step}")),
        (BufferKind::Tensor, true) => ("", format!("step {first_step}")),
        (BufferKind::Tensor, false) => ("", format!("steps {first_step} to {last_step}")),
    };
    let title = format!("{what}{name}: {} at {offset}, {steps}", bytes(u64::from(*size)));
    let area = Mark::rect(x + 0.75, y + 0.5, width - 1.5, height - 1.0);
    let area = match kind {
        BufferKind::Tensor => area.class(&format!("tint {tint}")),
        BufferKind::Scratch => area.class("scratch").attribute("fill", &format!("url(#{hatch})")),
    };
    svg.add(area.title(&title));
    let characters = ((width - 10.0) / CHARACTER) as usize;
    if *kind == BufferKind::Tensor && characters >= 5 && height >= 15.0 {
        let label = shorten(node(name), characters);
        svg.add(Mark::text(x + 6.0, y + height / 2.0 + 4.0, Anchor::Start, &label).class("inside"));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn neighbouring_steps_are_named_together() {
        for (steps, text) in [(&[3][..], "3"), (&[2, 3, 4, 7, 9, 10], "2 to 4, 7, 9 to 10"), (&[], "")] {
            assert_eq!(super::runs(steps), text);
        }
    }
}
