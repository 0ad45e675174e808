//! Counted cycles beside estimated ones.

use std::path::Path;

use runtime::Model;

use super::CommandError;
use crate::board::Device;
use crate::count::{Cost, CountError, Counter, Record};
use crate::latency::{LatencyTable, Work};
use crate::quantize::{QuantizeError, write_beside};
use crate::report::thousands;

/// Estimated cycles of every step on a device; none for weights that are packed for other kernels than the device's.
pub(super) fn estimates(device: &Device, model: &Model) -> Vec<Option<u64>> {
    let same = model.interface().layout == device.layout();
    let table = LatencyTable::of_board(device.timed_as()).filter(|_| same);
    model.steps().map(|step| table.as_ref().and_then(|table| table.estimate(&Work::of(&step)))).collect()
}

/// Counts an inference of the golden or first input on a device, keeps the counts beside the file, and says what came
/// of it. The counted cycles; `None` where something to count with is missing, or the core has no rule for cycles.
pub(super) fn count(
    device: &Device,
    path: &Path,
    model: &Model,
    input: &[u8],
) -> Result<Option<u64>, CommandError> {
    let board = device.board()?;
    let counted = match Counter::new(board).and_then(|counter| counter.count(model, input)) {
        Ok(counted) => counted,
        Err(error @ CountError::Differs { .. }) => return Err(error.into()),
        Err(error) => {
            println!("not counted: {error}");
            return Ok(None);
        }
    };
    let total = counted.total();
    let cycles = total.cycles.map(|cycles| {
        format!(
            ", {} cycles, {:.2} ms, counted {}{}",
            thousands(cycles),
            device.milliseconds(cycles),
            device.about_clock(),
            against(&estimates(device, model), &counted.steps),
        )
    });
    println!(
        "{}: {} instructions{}",
        device.name,
        thousands(total.instructions),
        cycles.unwrap_or_else(|| ", cycles are not estimated for this core".into())
    );
    let mut record = Record::of(path, model.file());
    record.set(board.name, counted.steps);
    let json = serde_json::to_string(&record).map_err(QuantizeError::Json)? + "\n";
    write_beside(&Record::place(path), json.as_bytes())?;
    Ok(total.cycles)
}

/// How far estimates are from counts, as a sentence that goes on; nothing where a step has no estimate or no cycles.
pub(super) fn against(estimates: &[Option<u64>], counted: &[Cost]) -> String {
    let estimate = estimates.iter().copied().sum::<Option<u64>>();
    let cycles: Option<Vec<u64>> = counted.iter().map(|cost| cost.cycles).collect();
    let (Some(estimate), Some(cycles)) = (estimate, cycles) else { return String::new() };
    let sum: u64 = cycles.iter().sum();
    let off = |estimate: u64, cycles: u64| 100.0 * (estimate as f64 / cycles.max(1) as f64 - 1.0);
    let steps = estimates.iter().flatten().zip(cycles);
    // The step that adds most to the error, not the one that is relatively worst: a small step may be far off.
    let worst = steps.enumerate().max_by_key(|(_, (estimate, cycles))| estimate.abs_diff(*cycles));
    let worst = worst.map_or(String::new(), |(index, (estimate, cycles))| {
        format!(", of step {index} {:+.1} %", off(*estimate, cycles))
    });
    format!("; the estimate of {} is off by {:+.1} %{worst}", thousands(estimate), off(estimate, sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_step_that_makes_it() {
        let counted = [1000, 10].map(|cycles| Cost { instructions: 0, cycles: Some(cycles) });
        let text = against(&[Some(900), Some(20)], &counted);
        assert_eq!(text, "; the estimate of 920 is off by -8.9 %, of step 0 -10.0 %");
        assert_eq!(against(&[Some(900), None], &counted), "");
    }
}
