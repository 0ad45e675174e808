//! The limit that does not add up: peak bytes of activations, asked of whoever plans memory.

use std::collections::HashMap;
use std::fmt;

use super::AssignError;

/// Error of an [`Oracle`].
pub type OracleError = Box<dyn std::error::Error + Send + Sync>;

/// Knows the peak memory of a complete choice. It depends on the widths of activations alone.
pub trait Oracle {
    /// Peak bytes where layer `i` reads activations of `activations[i]` bits.
    ///
    /// # Errors
    ///
    /// Whatever keeps the planner from an answer.
    fn peak(&mut self, activations: &[u8]) -> Result<u64, OracleError>;
}

impl<F: FnMut(&[u8]) -> Result<u64, OracleError>> Oracle for F {
    fn peak(&mut self, activations: &[u8]) -> Result<u64, OracleError> {
        self(activations)
    }
}

/// A limit on peak memory, with every answer of the oracle so far.
pub struct Arena<'a> {
    pub(super) limit: u64,
    oracle: &'a mut dyn Oracle,
    known: HashMap<Vec<u8>, u64>,
    contradiction: Option<[Vec<u8>; 2]>,
}

impl fmt::Debug for Arena<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("limit", &self.limit)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

impl<'a> Arena<'a> {
    /// At most `limit` bytes.
    pub fn new(limit: u64, oracle: &'a mut dyn Oracle) -> Self {
        Self { limit, oracle, known: HashMap::new(), contradiction: None }
    }

    /// How often the oracle was asked.
    pub fn calls(&self) -> usize {
        self.known.len()
    }

    /// Two patterns of activation bits of which the first has nowhere more bits and yet takes more memory, where
    /// the oracle was seen to give such answers.
    pub fn contradiction(&self) -> Option<&[Vec<u8>; 2]> {
        self.contradiction.as_ref()
    }

    /// Peak bytes of a pattern; asks the oracle once per pattern.
    ///
    /// # Errors
    ///
    /// [`AssignError::Oracle`].
    pub fn peak(&mut self, activations: &[u8]) -> Result<u64, AssignError> {
        if let Some(&peak) = self.known.get(activations) {
            return Ok(peak);
        }
        let peak = self.oracle.peak(activations).map_err(AssignError::Oracle)?;
        if self.contradiction.is_none() {
            self.contradiction = self.contradicts(activations, peak);
        }
        self.known.insert(activations.to_vec(), peak);
        Ok(peak)
    }

    fn contradicts(&self, activations: &[u8], peak: u64) -> Option<[Vec<u8>; 2]> {
        self.known.iter().find_map(|(other, &known)| {
            if known < peak && narrower(activations, other) {
                Some([activations.to_vec(), other.clone()])
            } else if known > peak && narrower(other, activations) {
                Some([other.clone(), activations.to_vec()])
            } else {
                None
            }
        })
    }

    /// Of a pattern that does not fit, layers with so many bits that nothing with as many fits: none of them can be
    /// left out, and none can have fewer bits. Rests on more bits never taking less memory. `widths` are the widths
    /// that a layer can have, ascending.
    pub(super) fn conflict(
        &mut self,
        activations: &[u8],
        widths: &[Vec<u8>],
    ) -> Result<Vec<(usize, u8)>, AssignError> {
        let mut pattern = activations.to_vec();
        let mut ranges = std::iter::once(0..pattern.len()).collect::<Vec<_>>();
        while let Some(range) = ranges.pop() {
            let mut narrower = pattern.clone();
            narrower[range.clone()]
                .iter_mut()
                .zip(&widths[range.clone()])
                .for_each(|(bits, widths)| *bits = widths[0]);
            if narrower == pattern {
                continue;
            }
            if !self.fits_if_monotone(&narrower)? {
                pattern = narrower;
            } else if range.len() > 1 {
                let middle = range.start + range.len() / 2;
                ranges.extend([range.start..middle, middle..range.end]);
            } else {
                let layer = range.start;
                let between =
                    widths[layer].iter().filter(|&&bits| bits > widths[layer][0] && bits < pattern[layer]);
                for &bits in between {
                    narrower[layer] = bits;
                    if !self.fits_if_monotone(&narrower)? {
                        pattern = narrower;
                        break;
                    }
                }
            }
        }
        let wide = pattern.into_iter().enumerate().filter(|&(layer, bits)| bits > widths[layer][0]);
        Ok(wide.collect())
    }

    /// Whether a pattern fits, found without asking where more bits never take less memory.
    fn fits_if_monotone(&mut self, activations: &[u8]) -> Result<bool, AssignError> {
        if let Some(&peak) = self.known.get(activations) {
            return Ok(peak <= self.limit);
        }
        for (other, &peak) in &self.known {
            if peak > self.limit && narrower(other, activations) {
                return Ok(false);
            }
            if peak <= self.limit && narrower(activations, other) {
                return Ok(true);
            }
        }
        Ok(self.peak(activations)? <= self.limit)
    }
}

/// Whether `one` has nowhere more bits than `other`.
fn narrower(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(one, other)| one <= other)
}
