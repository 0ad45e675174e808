//! Splitmix64 (Steele, Lea and Flood 2014): a few lines, and the same cases on every machine.

pub(super) struct Rng(u64);

impl Rng {
    /// Every (seed, stream, case) has numbers of its own, so that one case can be run alone.
    pub(super) fn new(seed: u64, stream: u32, case: u32) -> Self {
        let mut rng = Self(seed);
        rng.0 = rng.next() ^ (u64::from(stream) << 32 | u64::from(case));
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..count`.
    pub(super) fn below(&mut self, count: u32) -> u32 {
        (((self.next() >> 32) * u64::from(count)) >> 32) as u32
    }

    /// A number in `lo..=hi`, at most 2^32 - 1 of them.
    pub(super) fn between(&mut self, lo: i32, hi: i32) -> i32 {
        lo.wrapping_add(self.below(hi.wrapping_sub(lo) as u32 + 1) as i32)
    }

    /// A size in `lo..=hi`.
    pub(super) fn size(&mut self, lo: u16, hi: u16) -> u16 {
        self.between(i32::from(lo), i32::from(hi)) as u16
    }

    /// True once in `count` times.
    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u32) as usize]
    }

    /// Any 32-bit number, often one at an edge.
    pub(super) fn word(&mut self) -> i32 {
        match self.below(4) {
            0 => self.pick(&[i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX]),
            1 => self.between(-300, 300),
            2 => 1 << self.below(31),
            _ => self.next() as i32,
        }
    }
}
