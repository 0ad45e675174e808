//! What random steps want of the tests' generator.

use sparrowhawk_tests::random::Random;

/// Draws of ranges, lists and lots.
pub(crate) trait Draw {
    /// A number in `lo..=hi`.
    fn between(&mut self, lo: i64, hi: i64) -> i64;
    /// One of these.
    fn pick<T: Copy>(&mut self, from: &[T]) -> T;
    /// Once in `n` times.
    fn one_in(&mut self, n: usize) -> bool;
    /// So many bytes.
    fn bytes(&mut self, count: usize) -> Vec<u8>;
}

impl Draw for Random {
    fn between(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1) as usize) as i64
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}
