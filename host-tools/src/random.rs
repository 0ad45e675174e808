//! Random numbers that depend on nothing but what they are for.
//!
//! ChaCha with 8 rounds: a published algorithm, so no release of a library can change the numbers, and a key and
//! a stream number give every sample its own sequence. The draws from the words are written out here for the same
//! reason: those of the `rand` crate may change with its versions.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What numbers are drawn for; no two purposes share a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Which samples are held out.
    Split = 1,
    /// Which samples are left out.
    Share = 2,
    /// In which order samples come.
    Order = 3,
    /// How a sample is changed.
    Augment = 4,
    /// Signs of a probe of the weights.
    WeightProbe = 5,
    /// Signs of a probe of the activations.
    OperandProbe = 6,
    /// Where a power iteration starts.
    Start = 7,
    /// Signs of a probe of the outputs.
    OutputProbe = 8,
    /// Widths of layers.
    Widths = 9,
}

/// One sequence.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// The sequence of a purpose, an epoch and a sample (or class).
    pub(crate) fn new(seed: u64, purpose: Purpose, epoch: usize, index: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(epoch as u64).to_le_bytes());
        key[16] = purpose as u8;
        let mut numbers = ChaCha8Rng::from_seed(key);
        numbers.set_stream(index as u64);
        Self(numbers)
    }

    /// A number in `0..bound`, all equally likely (Lemire, "Fast random integer generation in an interval",
    /// 2019); 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        if bound < 2 {
            return 0;
        }
        let rejected = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(bound);
            if product as u32 >= rejected {
                return (product >> 32) as u32;
            }
        }
    }

    /// A number in `-bound..=bound`, all equally likely. `bound` must be below 2^31.
    pub(crate) fn within(&mut self, bound: u32) -> i64 {
        i64::from(self.below(2 * bound + 1)) - i64::from(bound)
    }

    /// Fills `out` with 1 and -1, equally likely.
    pub(crate) fn signs(&mut self, out: &mut [f32]) {
        for signs in out.chunks_mut(32) {
            let mut word = self.0.next_u32();
            for sign in signs {
                *sign = if word & 1 == 0 { 1.0 } else { -1.0 };
                word >>= 1;
            }
        }
    }

    /// Any order of `items` (Fisher and Yates). At most 2^32 - 1 items.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_these() {
        // Words of ChaCha8 with this key and stream, times 1000, by an implementation apart from this one.
        // Other numbers would change what every seed means.
        let mut numbers = Random::new(1, Purpose::Order, 2, 3);
        let drawn: Vec<u32> = (0..6).map(|_| numbers.below(1000)).collect();
        assert_eq!(drawn, [446, 277, 588, 25, 630, 875]);
    }

    #[test]
    fn every_number_of_a_range_is_drawn_about_as_often() {
        let mut numbers = Random::new(7, Purpose::Augment, 0, 0);
        let mut counts = [0u32; 9];
        (0..9000).for_each(|_| counts[(numbers.within(4) + 4) as usize] += 1);
        // 1000 expected each; the binomial deviation is 30, and these are always the same numbers.
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!((numbers.below(0), numbers.below(1), numbers.within(0)), (0, 0, 0));
    }

    #[test]
    fn sequences_differ_in_every_argument() {
        let first = |seed, purpose, epoch, index| Random::new(seed, purpose, epoch, index).below(u32::MAX);
        let all = [
            first(0, Purpose::Order, 0, 0),
            first(1, Purpose::Order, 0, 0),
            first(0, Purpose::Split, 0, 0),
            first(0, Purpose::Order, 1, 0),
            first(0, Purpose::Order, 0, 1),
        ];
        let different: std::collections::HashSet<u32> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
