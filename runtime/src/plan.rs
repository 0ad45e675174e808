//! Where buffers lie in the arena: the largest first, each at the lowest offset that no buffer alive at the
//! same time occupies (greedy by size, Pisarchyk and Lee 2020, section 4.2), in several orders of which the
//! best counts.

/// Every buffer starts on a multiple of this.
pub const ALIGN: u32 = 4;

/// A piece of memory that is needed from step `first` to step `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Size.
    pub bytes: u32,
    /// First step.
    pub first: u32,
    /// Last step.
    pub last: u32,
}

impl Buffer {
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    fn steps(&self) -> u32 {
        self.last.wrapping_sub(self.first)
    }
}

/// Places `buffers`: writes an offset for each and returns the arena's size. `order` is working memory.
/// `offsets` and `order` are as long as `buffers`; missing entries are not placed.
pub fn place(buffers: &[Buffer], offsets: &mut [u32], order: &mut [u32]) -> u32 {
    type Key = fn(&Buffer) -> (u32, u32);
    let keys: [Key; 4] = [
        |b| (u32::MAX - b.bytes, b.first),
        |b| (u32::MAX - b.steps(), u32::MAX - b.bytes),
        |b| (b.first, u32::MAX - b.bytes),
        |b| (u32::MAX - b.last, u32::MAX - b.bytes),
    ];
    let mut best: Option<(u32, Key)> = None;
    for key in keys {
        let size = place_in_order(buffers, offsets, order, key);
        if best.is_none_or(|(smallest, _)| size < smallest) {
            best = Some((size, key));
        }
    }
    best.map_or(0, |(_, key)| place_in_order(buffers, offsets, order, key))
}

fn place_in_order(
    buffers: &[Buffer],
    offsets: &mut [u32],
    order: &mut [u32],
    key: fn(&Buffer) -> (u32, u32),
) -> u32 {
    let get = |index: u32| buffers.get(index as usize).copied();
    for (index, slot) in order.iter_mut().enumerate() {
        *slot = index as u32;
    }
    order.sort_unstable_by_key(|&index| (get(index).map(|b| key(&b)), index));
    let mut arena = 0;
    for (rank, &index) in order.iter().enumerate() {
        let Some(buffer) = get(index) else { continue };
        let placed = || {
            order.iter().take(rank).filter_map(|&i| {
                let other = get(i).filter(|other| other.meets(&buffer))?;
                offsets.get(i as usize).map(|&offset| (offset, offset + align(other.bytes)))
            })
        };
        let mut offset = 0;
        // Each round moves past at least one neighbour, so there are at most `rank` rounds.
        while let Some(end) =
            placed().filter(|&(from, to)| offset < to && from < offset + buffer.bytes).map(|(_, to)| to).min()
        {
            offset = end;
        }
        if let Some(slot) = offsets.get_mut(index as usize) {
            *slot = offset;
        }
        arena = arena.max(offset + align(buffer.bytes));
    }
    arena
}

fn align(bytes: u32) -> u32 {
    bytes.wrapping_add(ALIGN - 1) & !(ALIGN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(buffers: &[Buffer]) -> (u32, std::vec::Vec<u32>) {
        let mut offsets = std::vec![0; buffers.len()];
        let mut order = offsets.clone();
        (place(buffers, &mut offsets, &mut order), offsets)
    }

    #[test]
    fn a_chain_needs_its_two_largest_neighbours() {
        let sizes = [490, 8000, 8000, 8000, 64];
        let buffers: std::vec::Vec<Buffer> = sizes
            .iter()
            .enumerate()
            .map(|(i, &bytes)| Buffer { bytes, first: (i as u32).saturating_sub(1), last: i as u32 })
            .collect();
        assert_eq!(plan(&buffers).0, 16_000);
    }

    #[test]
    fn buffers_alive_together_never_overlap() {
        let mut state = 1u32;
        let mut random = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % n
        };
        for _ in 0..500 {
            let buffers: std::vec::Vec<Buffer> = (0..random(12) + 1)
                .map(|_| {
                    let first = random(10);
                    Buffer { bytes: random(100) + 1, first, last: first + random(4) }
                })
                .collect();
            let (arena, offsets) = plan(&buffers);
            for (i, a) in buffers.iter().enumerate() {
                assert!(offsets[i] + a.bytes <= arena && offsets[i] % ALIGN == 0);
                for (j, b) in buffers.iter().enumerate().skip(i + 1) {
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    assert!(apart || !a.meets(b));
                }
            }
        }
    }
}
