//! GOLDEN: input vectors, each with the network's output and the CRC-32 of every step's output, so that a
//! device tests itself after an update.
//!
//! u32 number of vectors, then for each vector: input bytes, output bytes, one u32 CRC for each step.

use crate::format::{Interface, Operand};
use crate::trace::{crc32, crc32_cells};
use crate::{Model, SelfTestError};

const CRC_BYTES: usize = 4;

/// The golden vectors of a model.
#[derive(Clone, Copy, Debug)]
pub struct Golden<'m> {
    vectors: u32,
    input_bytes: usize,
    output_bytes: usize,
    steps: u32,
    data: &'m [u8],
}

/// One golden vector.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'m> {
    /// Packed bytes of the input.
    pub input: &'m [u8],
    /// Packed bytes of the output.
    pub output: &'m [u8],
    crcs: &'m [u8],
}

impl Vector<'_> {
    /// CRC-32 of a step's output.
    pub fn crc(&self, step: u32) -> Option<u32> {
        let at = (step as usize).checked_mul(CRC_BYTES)?;
        self.crcs.get(at..)?.first_chunk::<CRC_BYTES>().map(|b| u32::from_le_bytes(*b))
    }
}

impl<'m> Golden<'m> {
    /// Checks that a section holds whole vectors.
    pub(crate) fn parse(section: &'m [u8], interface: &Interface) -> Option<Self> {
        let (count, data) = section.split_first_chunk::<4>()?;
        let bytes = |operand: &Operand| operand.spec().bytes().map(|b| b as usize);
        let golden = Self {
            vectors: u32::from_le_bytes(*count),
            input_bytes: bytes(&interface.input)?,
            output_bytes: bytes(&interface.output)?,
            steps: interface.steps.into(),
            data,
        };
        let total = golden.vector_bytes()?.checked_mul(golden.vectors as usize)?;
        (total == data.len()).then_some(golden)
    }

    /// Number of vectors.
    pub fn len(&self) -> u32 {
        self.vectors
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.vectors == 0
    }

    fn vector_bytes(&self) -> Option<usize> {
        let crcs = (self.steps as usize).checked_mul(CRC_BYTES)?;
        self.input_bytes.checked_add(self.output_bytes)?.checked_add(crcs)
    }

    /// Vector `index`.
    pub fn vector(&self, index: u32) -> Option<Vector<'m>> {
        let bytes = self.vector_bytes()?;
        let start = bytes.checked_mul(index as usize)?;
        let vector = self.data.get(start..start.checked_add(bytes)?)?;
        let (input, rest) = vector.split_at_checked(self.input_bytes)?;
        let (output, crcs) = rest.split_at_checked(self.output_bytes)?;
        Some(Vector { input, output, crcs })
    }
}

impl Model<'_> {
    /// Runs every golden vector and compares each step with its CRC.
    ///
    /// # Errors
    /// [`SelfTestError`]: the first difference, or why nothing could be compared.
    pub fn self_test(&self, arena: &mut [u8]) -> Result<(), SelfTestError> {
        let golden = self.golden().filter(|g| !g.is_empty()).ok_or(SelfTestError::NoVectors)?;
        let mut session = self.session(arena).map_err(SelfTestError::Load)?;
        for vector in 0..golden.len() {
            let Some(data) = golden.vector(vector) else { break };
            session.set_input(data.input);
            let mut mismatch = None;
            let compare = |step: u32, got: u32, expected: u32| {
                (got != expected).then_some(SelfTestError::Mismatch { vector, step, expected, got })
            };
            session
                .run_with(|step, output| {
                    let got = crc32_cells(output.cells());
                    mismatch = mismatch.or(compare(step, got, data.crc(step).unwrap_or(!got)));
                })
                .map_err(SelfTestError::Run)?;
            let output = session.output().map_err(SelfTestError::Run)?;
            let got = crc32_cells(output.cells());
            if let Some(error) = mismatch.or(compare(self.step_count(), got, crc32(data.output))) {
                return Err(error);
            }
        }
        Ok(())
    }
}
