//! What was counted, as JSON and as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use host_tools::board::Board;
use host_tools::report::thousands;
use kernels::WeightBits;
use serde::Serialize;

use super::measure::{ModelCount, StepCount};
use super::models::Model;
use super::peers::Peer;

/// A network at some bits, counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The network.
    pub model: Model,
    /// Name of its bits, such as `w4a8`.
    pub scheme: String,
    /// Bits of its inner weights.
    pub weights: WeightBits,
    /// The counts.
    pub count: ModelCount,
    /// Those of the portable kernels, where they stand in for a peer.
    pub portable: Option<ModelCount>,
}

/// The JSON file.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Name of the board.
    pub board: &'static str,
    /// Its core.
    pub core: &'static str,
    /// Day of the run.
    pub date: String,
    /// Emulator, disassembler, compiler.
    pub tools: Vec<String>,
    /// By network, then by bits.
    pub models: BTreeMap<&'static str, BTreeMap<String, ModelResult>>,
}

/// One network at some bits.
#[derive(Clone, Debug, Serialize)]
pub struct ModelResult {
    /// Multiplications.
    pub macs: u64,
    /// Instructions of one inference.
    pub instructions: u64,
    /// Cortex-M4 cycles by the model of `cycles.rs`; `None` for other instruction sets.
    pub cycles_est: Option<u64>,
    /// Bytes of the model file.
    pub file_bytes: usize,
    /// Bytes of the arena, scratch included.
    pub arena_bytes: usize,
    /// Bytes of stack below the caller of the inference.
    pub stack_bytes: usize,
    /// Instructions over those of the portable kernels, where these were counted.
    pub instructions_over_portable: Option<f64>,
    /// Instructions over those of CMSIS-NN, where known.
    pub instructions_over_cmsis_nn: Option<f64>,
    /// Cycles over those of CMSIS-NN, where known.
    pub cycles_over_cmsis_nn: Option<f64>,
    /// Steps in order.
    pub steps: Vec<StepResult>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepResult {
    /// Operator.
    pub op: &'static str,
    /// Nodes in it.
    pub name: String,
    /// Rows, columns, channels of the result.
    pub output: [u16; 3],
    /// Bits of a weight; 0 without weights.
    pub bits_w: u32,
    /// Bits of the main operand.
    pub bits_a: u32,
    /// Multiplications.
    pub macs: u64,
    /// Executed instructions.
    pub instructions: u64,
    /// Estimated Cortex-M4 cycles; `None` for other instruction sets.
    pub cycles_est: Option<u64>,
    /// Bytes of scratch.
    pub scratch_bytes: u32,
}

/// A number, or `-`.
fn dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), thousands)
}

fn ratio(ours: u64, theirs: u64) -> f64 {
    (ours as f64 / theirs as f64 * 1000.0).round() / 1000.0
}

impl Results {
    /// Collects counts of one board.
    pub fn new(board: &'static Board, date: String, tools: Vec<String>, counted: &[Counted]) -> Self {
        let mut models: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for one in counted {
            let result = ModelResult::new(board, one);
            models.entry(one.model.name()).or_default().insert(one.scheme.clone(), result);
        }
        Self { board: board.name, core: board.core, date, tools, models }
    }
}

impl ModelResult {
    fn new(board: &Board, counted: &Counted) -> Self {
        let Counted { model, weights, count, portable, .. } = counted;
        let total = count.total();
        let peer = Peer::of(board.name, *model, *weights);
        Self {
            macs: count.macs(),
            instructions: total.instructions,
            cycles_est: total.cycles,
            file_bytes: count.file_bytes,
            arena_bytes: count.arena_bytes,
            stack_bytes: count.stack_bytes,
            instructions_over_portable: portable
                .as_ref()
                .map(|portable| ratio(total.instructions, portable.total().instructions)),
            instructions_over_cmsis_nn: peer.map(|peer| ratio(total.instructions, peer.instructions)),
            cycles_over_cmsis_nn: peer
                .and_then(|peer| peer.cycles)
                .zip(total.cycles)
                .map(|(theirs, ours)| ratio(ours, theirs)),
            steps: count.steps.iter().map(StepResult::new).collect(),
        }
    }
}

impl StepResult {
    fn new(step: &StepCount) -> Self {
        Self {
            op: step.op,
            name: step.name.clone(),
            output: step.output,
            bits_w: step.work.weight_bits,
            bits_a: step.work.activation_bits,
            macs: step.macs,
            instructions: step.cost.instructions,
            cycles_est: step.cost.cycles,
            scratch_bytes: step.scratch_bytes,
        }
    }
}

/// The steps of a network, and its sum, as lines of text.
pub fn step_table(counted: &Counted) -> String {
    let mut text = format!("{} {}\n", counted.model.name(), counted.scheme);
    let _ = writeln!(
        text,
        "  {:<5}{:<14}{:>12}{:>4}{:>4}{:>12}{:>14}{:>9}{:>14}{:>9}",
        "step", "op", "output", "w", "a", "MACs", "instructions", "per MAC", "cycles est.", "scratch"
    );
    let per = |instructions: u64, macs: u64| match macs {
        0 => "-".to_owned(),
        macs => format!("{:.3}", instructions as f64 / macs as f64),
    };
    for (index, step) in counted.count.steps.iter().enumerate() {
        let [h, w, c] = step.output;
        let _ = writeln!(
            text,
            "  {index:<5}{:<14}{:>12}{:>4}{:>4}{:>12}{:>14}{:>9}{:>14}{:>9}",
            step.op,
            format!("{h}x{w}x{c}"),
            step.work.weight_bits,
            step.work.activation_bits,
            thousands(step.macs),
            thousands(step.cost.instructions),
            per(step.cost.instructions, step.macs),
            dash(step.cost.cycles),
            step.scratch_bytes
        );
    }
    let (total, macs) = (counted.count.total(), counted.count.macs());
    let _ = writeln!(
        text,
        "  {:<39}{:>12}{:>14}{:>9}{:>14}",
        "sum",
        thousands(macs),
        thousands(total.instructions),
        per(total.instructions, macs),
        dash(total.cycles)
    );
    let count = &counted.count;
    let (arena, stack) = (thousands(count.arena_bytes as u64), thousands(count.stack_bytes as u64));
    let _ =
        writeln!(text, "  arena {arena} B, stack {stack} B, file {} B", thousands(count.file_bytes as u64));
    text
}

/// One row for each network and bits, beside the portable kernels where those were counted, else beside the peers:
/// Markdown.
pub fn summary(board: &Board, counted: &[Counted]) -> String {
    let portable: Option<Vec<_>> =
        counted.iter().map(|one| one.portable.as_ref().map(|p| (one, p))).collect();
    portable.map_or_else(|| beside_peers(board, counted), |pairs| beside_portable(&pairs))
}

fn beside_portable(counted: &[(&Counted, &ModelCount)]) -> String {
    let mut text = String::from(
        "| network | bits | instructions | per MAC | portable | per MAC | ratio | arena | portable | stack | file |\n\
         |--|--|--|--|--|--|--|--|--|--|--|\n",
    );
    for (one, portable) in counted {
        let (count, macs) = (&one.count, one.count.macs() as f64);
        let [ours, theirs] = [count, *portable].map(|count| count.total().instructions);
        let bytes = [count.arena_bytes, portable.arena_bytes, count.stack_bytes, count.file_bytes];
        let bytes = bytes.map(|bytes| thousands(bytes as u64)).join(" | ");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.3} | {} | {:.3} | {:.3} | {bytes} |",
            one.model.name(),
            one.scheme,
            thousands(ours),
            ours as f64 / macs,
            thousands(theirs),
            theirs as f64 / macs,
            ratio(ours, theirs),
        );
    }
    text
}

fn beside_peers(board: &Board, counted: &[Counted]) -> String {
    let mut text = String::from(
        "| network | bits | instructions | per MAC | CMSIS-NN | ratio | cycles est. | CMSIS-NN | ratio | arena | \
         TFLM's arena | stack | file |\n|--|--|--|--|--|--|--|--|--|--|--|--|--|\n",
    );
    for one in counted {
        let Counted { model, scheme, weights, count, .. } = one;
        let (total, macs) = (count.total(), count.macs());
        let peer = Peer::of(board.name, *model, *weights);
        let cycles = peer.and_then(|peer| peer.cycles);
        let compare = |ours: Option<u64>, theirs: Option<u64>| {
            let ratio = ours.zip(theirs).map(|(ours, theirs)| format!("{:.3}", ratio(ours, theirs)));
            (dash(theirs), ratio.unwrap_or_else(|| "-".to_owned()))
        };
        let (their_instructions, instruction_ratio) =
            compare(Some(total.instructions), peer.map(|peer| peer.instructions));
        let (their_cycles, cycle_ratio) = compare(total.cycles, cycles);
        let _ = writeln!(
            text,
            "| {} | {scheme} | {} | {:.3} | {their_instructions} | {instruction_ratio} | {} | {their_cycles} | \
             {cycle_ratio} | {} | {} | {} | {} |",
            model.name(),
            thousands(total.instructions),
            total.instructions as f64 / macs as f64,
            dash(total.cycles),
            thousands(count.arena_bytes as u64),
            dash(Peer::arena_bytes(*model)),
            thousands(count.stack_bytes as u64),
            thousands(count.file_bytes as u64)
        );
    }
    text
}
