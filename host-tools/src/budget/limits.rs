//! What a model may take on its target: the limits asked for, and where it is a chip, the chip's own memories.

use std::sync::Arc;

use super::BudgetError;
use crate::board::Device;
use crate::job::Target;
use crate::latency::LatencyTable;

/// Limits in bytes, operations and cycles.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What the model is for.
    pub device: Device,
    /// Most bytes of the model file.
    pub flash: Option<u64>,
    /// Most bytes of the arena.
    pub ram: Option<u64>,
    /// Most bit operations of an inference.
    pub bops: Option<u64>,
    /// Most cycles of an inference.
    pub cycles: Option<u64>,
    /// Most cycles that an estimate may come to, where counts were seen to be above estimates.
    pub held_cycles: Option<u64>,
    /// Measured times of the device: those of the job, or those that are part of this program.
    pub table: Option<Arc<LatencyTable>>,
}

impl Limits {
    /// The limits of a target.
    ///
    /// # Errors
    /// [`BudgetError::Board`] where there is no such board, [`BudgetError::BeyondChip`] for a memory that the chip
    /// has not, [`BudgetError::Table`] where the job's latency table is none of the device's.
    pub fn of(target: &Target) -> Result<Self, BudgetError> {
        let device = Device::find(&target.board)?;
        let memory = |what, asked: Option<u64>, own: Option<u64>| match (asked, own) {
            (Some(asked), Some(have)) if asked > have => {
                Err(BudgetError::BeyondChip { what, chip: device.name, asked, have })
            }
            _ => Ok(asked.or(own)),
        };
        let chip = device.chip;
        let table = match &target.latency_table {
            Some(path) => Some(Arc::new(LatencyTable::read(path, device.timed_as())?)),
            None => LatencyTable::of_board(device.timed_as()),
        };
        Ok(Self {
            device,
            flash: memory("flash", target.flash.map(|bytes| bytes.0), chip.map(|chip| chip.flash_bytes))?,
            ram: memory("ram", target.ram.map(|bytes| bytes.0), chip.map(|chip| chip.ram_bytes))?,
            bops: target.bops.map(|count| count.0),
            cycles: target.latency.map(|time| time.cycles(device.clock_hz())),
            held_cycles: None,
            table,
        })
    }

    /// Most cycles that an estimate may come to.
    pub(super) fn estimated_cycles(&self) -> Option<u64> {
        self.held_cycles.or(self.cycles)
    }

    /// Whether anything is limited.
    pub(super) fn any(&self) -> bool {
        [self.flash, self.ram, self.bops, self.cycles].iter().any(Option::is_some)
    }

    /// Why an inference with this step, the first without an estimate, has none.
    pub(crate) fn no_estimate(&self, step: &str) -> BudgetError {
        let board = self.device.timed_as();
        match self.table {
            None => BudgetError::NoLatencyTable { board },
            Some(_) => BudgetError::NoEstimate { board, step: step.to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Bytes, Time};

    fn target(board: &str) -> Target {
        Target { board: board.into(), flash: None, ram: None, latency: None, latency_table: None, bops: None }
    }

    #[test]
    fn a_chip_limits_what_the_job_does_not() {
        let limits = Limits::of(&target("stm32f446")).expect("is a chip");
        assert_eq!((limits.flash, limits.ram, limits.cycles), (Some(512 << 10), Some(128 << 10), None));
        let asked =
            Target { ram: Some(Bytes(32 << 10)), latency: Some(Time::Seconds(0.1)), ..target("stm32f446") };
        let limits = Limits::of(&asked).expect("is a chip");
        assert_eq!(
            (limits.flash, limits.ram, limits.cycles),
            (Some(512 << 10), Some(32 << 10), Some(18_000_000))
        );
        assert!(!Limits::of(&target("mps2-an386")).expect("is a board").any());
    }

    #[test]
    fn a_table_of_another_board_is_refused() {
        let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/latency/mps2-an386.toml");
        let with = |board| Target { latency_table: Some(table.into()), ..target(board) };
        assert_eq!(
            Limits::of(&with("stm32f446")).expect("is of its core").table,
            LatencyTable::of_board("mps2-an386")
        );
        assert!(Limits::of(&target("t4")).expect("is a GPU").table.is_none());
        let error = Limits::of(&with("t4")).unwrap_err().to_string();
        assert!(error.contains("is a table of mps2-an386, and not of t4"), "{error}");
    }

    #[test]
    fn a_chip_has_no_more_than_it_has() {
        let asked = Target { flash: Some(Bytes(1 << 20)), ..target("stm32f446") };
        let error = Limits::of(&asked).unwrap_err().to_string();
        assert!(error.contains("target.flash") && error.contains("524288"), "{error}");
    }
}
