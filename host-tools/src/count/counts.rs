//! Reads what the plugin wrote (`plugin/count.c` has the format).

use super::CountError;

/// Executions of one translation block in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Address of the first instruction.
    pub(super) first: u32,
    /// Address behind the last instruction.
    pub(super) end: u32,
    /// Instructions in it.
    pub(super) instructions: u64,
    /// How often it ran.
    pub(super) executions: u64,
    /// How often another block than the one at `end` came next.
    pub(super) left: u64,
}

/// All counts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// Blocks of every region, from the start to the first marker, from there to the second, and so on.
    pub(super) regions: Vec<Vec<Block>>,
    /// Instructions that were executed outside the marker, counted one by one.
    pub(super) executed: u64,
}

impl Counts {
    /// Reads the plugin's file.
    ///
    /// # Errors
    /// [`CountError::Counts`] for a file that is cut short, or whose blocks do not sum up to what was executed.
    pub(super) fn parse(text: &str) -> Result<Self, CountError> {
        let mut regions: Vec<Vec<Block>> = Vec::new();
        let mut executed = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let read = match words.as_slice() {
                _ if executed.is_some() => None,
                ["region", index] if index.parse() == Ok(regions.len()) => {
                    regions.push(Vec::new());
                    Some(())
                }
                ["end", count, total] if count.parse() == Ok(regions.len()) => {
                    executed = total.parse().ok();
                    executed.map(|_| ())
                }
                block => {
                    read_block(block).and_then(|block| regions.last_mut().map(|region| region.push(block)))
                }
            };
            read.ok_or_else(|| CountError::Counts(format!("unreadable line `{line}`")))?;
        }
        let executed = executed.ok_or_else(|| CountError::Counts("the file is cut short".into()))?;
        let counts = Self { regions, executed };
        let sum = counts.sum();
        if sum != executed {
            return Err(CountError::Counts(format!("the blocks hold {sum} instructions, {executed} ran")));
        }
        Ok(counts)
    }

    /// Instructions of all blocks of all regions.
    pub(super) fn sum(&self) -> u64 {
        self.regions.iter().map(|region| instructions(region)).sum()
    }
}

/// Instructions that these blocks executed.
pub(super) fn instructions(blocks: &[Block]) -> u64 {
    blocks.iter().map(|block| block.instructions * block.executions).sum()
}

fn read_block(words: &[&str]) -> Option<Block> {
    let [first, end, instructions, executions, left] = words else { return None };
    let address = |text: &str| u32::from_str_radix(text, 16).ok();
    Some(Block {
        first: address(first)?,
        end: address(end)?,
        instructions: instructions.parse().ok()?,
        executions: executions.parse().ok()?,
        left: left.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "region 0\n100 106 3 2 1\n200 202 1 5 5\nregion 1\n100 106 3 1 0\nend 2 14\n";

    #[test]
    fn regions_are_read() {
        let counts = Counts::parse(GOOD).expect("is what the plugin writes");
        let again = Block { first: 0x100, end: 0x106, instructions: 3, executions: 1, left: 0 };
        assert_eq!(counts.regions[1], [again]);
        assert_eq!((counts.regions.len(), counts.executed), (2, 14));
        assert_eq!(counts.regions.iter().map(|r| instructions(r)).collect::<Vec<_>>(), [11, 3]);
    }

    #[test]
    fn damaged_files_are_refused() {
        for (good, bad) in [
            ("end 2 14\n", ""),
            ("end 2 14\n", "end 3 14\n"),
            ("end 2 14\n", "end 2 15\n"),
            ("end 2 14\n", "end 2 14\nregion 2\n"),
            ("region 1", "region 2"),
            ("region 0\n", ""),
            ("100 106 3 1 0", "100 106 3 1"),
            ("200 202 1 5 5", "2g0 202 1 5 5"),
        ] {
            assert!(Counts::parse(&GOOD.replace(good, bad)).is_err(), "{bad:?} for {good:?}");
        }
    }
}
