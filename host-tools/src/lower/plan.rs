//! Memory of the integer network: lifetimes, results written over operands where the operator allows it,
//! then `runtime::plan`. Until here, `Operand::offset` is the index of a tensor.

use runtime::format::{Layout as Packing, Op, Operand, Region, Step};
use runtime::plan::{Buffer, place};

use super::emit::Network;

/// Bytes of the arena that tensors share, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaBlock {
    /// Indices of the tensors, the first written one first.
    pub tensors: Vec<usize>,
    /// First step that uses it; 0 for the input, which is there before.
    pub first_step: u32,
    /// Last step that uses it; one more than the last step's index for the output, which is read afterwards.
    pub last_step: u32,
    /// First byte.
    pub offset: u32,
    /// Number of bytes.
    pub bytes: u32,
}

/// Gives every tensor and scratch its offset; returns the arena's bytes and who shares them.
pub(super) fn plan(network: &mut Network, packing: Packing) -> (u32, Vec<ArenaBlock>) {
    let mut merged: Vec<usize> = (0..network.tensors.len()).collect();
    let mut best = layout(network, &merged, packing);
    // Writing over an operand is nearly always a gain, but a depthwise layer pays for it with scratch: each
    // chance is taken when the arena does not grow.
    for step in 0..network.steps.len() {
        let operands = in_place_operands(&network.steps[step]);
        for &(operand, _) in &operands {
            let output = network.steps[step].output.offset as usize;
            let last_use = lifetimes(network, &merged)[merged[operand]].1;
            let unmerged = merged[output] == output && merged[operand] != merged[output];
            // A tensor can be main operand and residual at once: then both must allow it.
            let allowed = operands.iter().all(|&(o, allowed)| allowed || merged[o] != merged[operand]);
            if !allowed || last_use != step as u32 + 1 || !unmerged {
                continue;
            }
            let mut attempt = merged.clone();
            attempt[output] = merged[operand];
            let candidate = layout(network, &attempt, packing);
            if candidate.arena <= best.arena {
                (merged, best) = (attempt, candidate);
                break;
            }
        }
    }
    let blocks = blocks(network, &merged, &best);
    apply(network, &merged, &best, packing);
    (best.arena, blocks)
}

fn blocks(network: &Network, merged: &[usize], layout: &Layout) -> Vec<ArenaBlock> {
    let lives = lifetimes(network, merged);
    let members = |block: usize| (0..merged.len()).filter(move |&tensor| merged[tensor] == block);
    let bytes = |tensor: usize| network.tensors[tensor].spec.bytes().unwrap_or(0);
    (0..merged.len())
        .filter(|&block| merged[block] == block)
        .map(|block| ArenaBlock {
            tensors: members(block).collect(),
            first_step: lives[block].0.saturating_sub(1),
            last_step: lives[block].1.saturating_sub(1),
            offset: layout.offsets[block],
            bytes: members(block).map(bytes).max().unwrap_or(0),
        })
        .collect()
}

struct Layout {
    arena: u32,
    offsets: Vec<u32>,
}

/// Operands, and whether the result may be written over each.
fn in_place_operands(step: &Step) -> Vec<(usize, bool)> {
    let y = step.output.spec();
    let mut candidates: Vec<(usize, bool)> = Vec::new();
    let same = |x: &Operand| (x.offset as usize, kernels::op::elementwise_in_place(&x.spec(), &y));
    if let Some(residual) = step.op.accumulate().and_then(|a| a.residual) {
        candidates.push(same(&residual.operand));
    }
    match &step.op {
        Op::Add { a, b, .. } => candidates.extend([same(a), same(b)]),
        Op::Rescale { x, .. } | Op::Table { x, .. } => candidates.push(same(x)),
        Op::Conv2d { x, .. }
        | Op::Depthwise { x, .. }
        | Op::MaxPool { x, .. }
        | Op::AveragePool { x, .. } => {
            candidates.push((x.offset as usize, runtime::validate::in_place(&step.op, &step.output)));
        }
        Op::Dense { x, .. } => candidates.push((x.offset as usize, false)),
        Op::Concat { .. } | Op::Window { .. } => {}
    }
    candidates
}

/// First and last time step of every memory block. Step `i` runs at time `i + 1`; the input is there at 0.
fn lifetimes(network: &Network, merged: &[usize]) -> Vec<(u32, u32)> {
    let mut lives = vec![(u32::MAX, 0); merged.len()];
    let mut touch = |tensor: usize, time: u32| {
        let (first, last) = &mut lives[merged[tensor]];
        (*first, *last) = ((*first).min(time), (*last).max(time));
    };
    touch(network.input.offset as usize, 0);
    for (i, step) in network.steps.iter().enumerate() {
        for operand in step.op.operands() {
            touch(operand.offset as usize, i as u32 + 1);
        }
        touch(step.output.offset as usize, i as u32 + 1);
    }
    touch(network.output.offset as usize, network.steps.len() as u32 + 1);
    lives
}

fn layout(network: &Network, merged: &[usize], packing: Packing) -> Layout {
    let lives = lifetimes(network, merged);
    let mut buffers = vec![Buffer { bytes: 0, first: u32::MAX, last: u32::MAX }; merged.len()];
    for (tensor, &block) in merged.iter().enumerate() {
        let (first, last) = lives[block];
        let bytes = network.tensors[tensor].spec.bytes().unwrap_or(0).max(buffers[block].bytes);
        buffers[block] = Buffer { bytes, first, last };
    }
    for (i, step) in network.steps.iter().enumerate() {
        let bytes = scratch(step, merged, packing);
        buffers.push(Buffer { bytes, first: i as u32 + 1, last: i as u32 + 1 });
    }
    let mut offsets = vec![0; buffers.len()];
    let mut order = offsets.clone();
    let arena = place(&buffers, &mut offsets, &mut order);
    Layout { arena, offsets }
}

fn scratch(step: &Step, merged: &[usize], packing: Packing) -> u32 {
    let block = |operand: &Operand| merged[operand.offset as usize];
    let over = step.op.operands().next().is_some_and(|x| block(x) == block(&step.output));
    runtime::validate::scratch_bytes(&step.op, &step.output, over, packing) as u32
}

fn apply(network: &mut Network, merged: &[usize], layout: &Layout, packing: Packing) {
    let tensors = merged.len();
    let place = |operand: &mut Operand| operand.offset = layout.offsets[merged[operand.offset as usize]];
    for (i, step) in network.steps.iter_mut().enumerate() {
        let bytes = scratch(step, merged, packing);
        let offset = if bytes == 0 { 0 } else { layout.offsets[tensors + i] };
        step.scratch = Region { offset, bytes };
        step.op.operands_mut().for_each(place);
        place(&mut step.output);
    }
    place(&mut network.input);
    place(&mut network.output);
}
