//! Memory of the integer network: lifetimes, results written over operands where the operator allows it,
//! then `runtime::plan`. Until here, `Operand::offset` is the index of a tensor.

use runtime::format::{Layout as Packing, Operand, Region, Step};
use runtime::plan::{ALIGN, Buffer, place};
use runtime::validate;

use super::emit::Network;

/// Bytes of the arena that tensors hold in a row of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaBlock {
    /// Indices of the tensors, the first written one first: each lies over the one before.
    pub tensors: Vec<usize>,
    /// First step that uses it.
    pub first_step: u32,
    /// Last step that uses it.
    pub last_step: u32,
    /// First byte.
    pub offset: u32,
    /// Number of bytes.
    pub bytes: u32,
}

/// Gives every tensor and scratch its offset; returns the arena's bytes and who shares them.
pub(super) fn plan(network: &mut Network, packing: Packing) -> (u32, Vec<ArenaBlock>) {
    let mut groups = Groups::apart(network);
    let mut best = layout(network, &groups, packing);
    // Writing over an operand is nearly always a gain, but a depthwise layer may pay for it with scratch: each
    // chance is taken when the arena does not grow, a residual rather than the main operand.
    for (time, step) in (1..).zip(&network.steps) {
        let operands: Vec<&Operand> = step.op.operands().collect();
        let chances = operands.into_iter().enumerate().rev();
        let attempts = chances.filter_map(|chance| groups.merge(step, time, chance, packing));
        let smallest = attempts
            .map(|attempt| (layout(network, &attempt, packing), attempt))
            .min_by_key(|(layout, _)| layout.arena);
        if let Some((candidate, attempt)) = smallest.filter(|(layout, _)| layout.arena <= best.arena) {
            (groups, best) = (attempt, candidate);
        }
    }
    let blocks = blocks(network, &groups, &best);
    apply(network, &groups, &best, packing);
    (best.arena, blocks)
}

/// Tensors whose distances are fixed, because results lie over operands.
#[derive(Clone)]
struct Groups {
    /// First and last time of every tensor. Step `i` runs at time `i + 1`; the input is there at 0.
    lives: Vec<(u32, u32)>,
    /// The tensor that the group of each tensor is named after.
    root: Vec<usize>,
    /// First byte of each tensor, seen from the root's.
    start: Vec<i32>,
}

impl Groups {
    fn apart(network: &Network) -> Self {
        let count = network.tensors.len();
        Self { lives: lifetimes(network), root: (0..count).collect(), start: vec![0; count] }
    }

    fn members(&self, root: usize) -> impl Iterator<Item = usize> {
        (0..self.root.len()).filter(move |&tensor| self.root[tensor] == root)
    }

    /// First byte of a group, seen from its root's.
    fn lowest(&self, root: usize) -> i32 {
        self.members(root).map(|tensor| self.start[tensor]).min().unwrap_or(0)
    }

    /// First byte of a tensor in its group.
    fn start(&self, tensor: usize) -> u32 {
        (self.start[tensor] - self.lowest(self.root[tensor])) as u32
    }

    /// The tensors of a group as buffers.
    fn buffers(&self, network: &Network, root: usize) -> Vec<Buffer> {
        let buffer = |tensor: usize| Buffer {
            start: self.start(tensor),
            bytes: network.tensors[tensor].spec.bytes().unwrap_or(0),
            first: self.lives[tensor].0,
            last: self.lives[tensor].1,
        };
        self.members(root).map(buffer).collect()
    }

    /// Bytes from the first operand of a step to its result, where that lies over it.
    fn distance(&self, step: &Step) -> Option<i32> {
        let (operand, output) = (step.op.operands().next()?, &step.output);
        let [x, y] = [operand, output].map(|operand| operand.offset as usize);
        let distance = self.start[y] - self.start[x];
        let [x_bytes, y_bytes] = [operand, output].map(|o| o.spec().bytes().unwrap_or(0) as i32);
        (self.root[x] == self.root[y] && -y_bytes < distance && distance < x_bytes).then_some(distance)
    }

    /// The groups with the result of a step as close over an operand as its operator allows it; `None` where it does
    /// not, or where something else still needs the operand.
    fn merge(
        &self,
        step: &Step,
        time: u32,
        (index, operand): (usize, &Operand),
        packing: Packing,
    ) -> Option<Self> {
        let (from, output) = (operand.offset as usize, step.output.offset as usize);
        let root = self.root[from];
        let last_use = self.members(root).map(|tensor| self.lives[tensor].1).max()?;
        if last_use != time || self.lives[output].0 != time || root == self.root[output] {
            return None;
        }
        let rule = |index| validate::overlap(&step.op, &step.output, packing, index);
        let distance = rule(index).nearest(ALIGN as i32)?;
        // A tensor can be main operand and residual at once: then both must allow it.
        let mut operands = step.op.operands().enumerate();
        if operands.any(|(i, o)| o.offset == operand.offset && !rule(i).allows(distance)) {
            return None;
        }
        let mut merged = self.clone();
        merged.root[output] = root;
        merged.start[output] = self.start[from] + distance;
        Some(merged)
    }
}

/// What the tensors of each group hold from step to step.
fn blocks(network: &Network, groups: &Groups, layout: &Layout) -> Vec<ArenaBlock> {
    let mut blocks: Vec<ArenaBlock> = Vec::new();
    for root in 0..groups.root.len() {
        let mut block: Option<ArenaBlock> = None;
        for step in 0..network.steps.len() as u32 {
            let alive = |&tensor: &usize| {
                let (first, last) = groups.lives[tensor];
                (first..=last).contains(&(step + 1))
            };
            let tensors: Vec<usize> = groups.members(root).filter(alive).collect();
            let bytes = |tensor: usize| network.tensors[tensor].spec.bytes().unwrap_or(0);
            let start = |tensor: usize| layout.offsets[root] + groups.start(tensor);
            let Some(offset) = tensors.iter().map(|&tensor| start(tensor)).min() else { continue };
            let end = tensors.iter().map(|&tensor| start(tensor) + bytes(tensor)).max().unwrap_or(offset);
            match &mut block {
                Some(block) if (block.offset, block.bytes) == (offset, end - offset) => {
                    block.last_step = step;
                    block.tensors.extend(tensors);
                    block.tensors.dedup();
                }
                _ => {
                    let next = ArenaBlock {
                        tensors,
                        first_step: step,
                        last_step: step,
                        offset,
                        bytes: end - offset,
                    };
                    blocks.extend(block.replace(next));
                }
            }
        }
        blocks.extend(block);
    }
    blocks
}

struct Layout {
    arena: u32,
    /// Of each group by its root, then of the scratch of each step.
    offsets: Vec<u32>,
}

/// First and last time of every tensor. Step `i` runs at time `i + 1`; the input is there at 0.
fn lifetimes(network: &Network) -> Vec<(u32, u32)> {
    let mut lives = vec![(u32::MAX, 0); network.tensors.len()];
    let mut touch = |tensor: u32, time: u32| {
        let (first, last) = &mut lives[tensor as usize];
        (*first, *last) = ((*first).min(time), (*last).max(time));
    };
    touch(network.input.offset, 0);
    for (time, step) in (1..).zip(&network.steps) {
        step.op.operands().chain([&step.output]).for_each(|operand| touch(operand.offset, time));
    }
    touch(network.output.offset, network.steps.len() as u32 + 1);
    lives
}

fn layout(network: &Network, groups: &Groups, packing: Packing) -> Layout {
    let tensors = (0..groups.root.len()).map(|root| groups.buffers(network, root));
    let scratch = (1..).zip(&network.steps).map(|(time, step)| {
        let bytes = scratch(step, groups, packing);
        vec![Buffer { start: 0, bytes, first: time, last: time }]
    });
    let buffers: Vec<Vec<Buffer>> = tensors.chain(scratch).collect();
    let buffers: Vec<&[Buffer]> = buffers.iter().map(Vec::as_slice).collect();
    let mut offsets = vec![0; buffers.len()];
    let mut order = offsets.clone();
    let arena = place(&buffers, &mut offsets, &mut order);
    Layout { arena, offsets }
}

fn scratch(step: &Step, groups: &Groups, packing: Packing) -> u32 {
    validate::scratch_bytes(&step.op, &step.output, packing, groups.distance(step)) as u32
}

fn apply(network: &mut Network, groups: &Groups, layout: &Layout, packing: Packing) {
    let place = |operand: &mut Operand| {
        let tensor = operand.offset as usize;
        operand.offset = layout.offsets[groups.root[tensor]] + groups.start(tensor);
    };
    let scratch_offsets = &layout.offsets[groups.root.len()..];
    for (step, &offset) in network.steps.iter_mut().zip(scratch_offsets) {
        let bytes = scratch(step, groups, packing);
        step.scratch = Region { offset: if bytes == 0 { 0 } else { offset }, bytes };
        step.op.operands_mut().for_each(place);
        place(&mut step.output);
    }
    place(&mut network.input);
    place(&mut network.output);
}
