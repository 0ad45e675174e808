//! Where buffers lie in the arena: the largest first, each at the lowest offset that no buffer alive at the
//! same time occupies (greedy by size, Pisarchyk and Lee 2020, section 4.2), in several orders of which the
//! best counts. Buffers that must keep their distance, as a result over its operand does, are placed as one group.

/// Every buffer starts on a multiple of this.
pub const ALIGN: u32 = 4;

/// A piece of memory that is needed from step `first` to step `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// First byte in its group, a multiple of [`ALIGN`].
    pub start: u32,
    /// Size.
    pub bytes: u32,
    /// First step.
    pub first: u32,
    /// Last step.
    pub last: u32,
}

impl Buffer {
    /// Lowest offset above `offset` of this buffer's group where it lies behind `other`, whose group is at `at`;
    /// `None` where the two are not in each other's way.
    fn behind(&self, offset: u32, other: &Self, at: u32) -> Option<u32> {
        let alive_together = self.first <= other.last && other.first <= self.last && other.bytes > 0;
        let (start, from) = (offset + self.start, at + other.start);
        let end = from + align(other.bytes);
        (alive_together && start < end && from < start + self.bytes).then(|| end - self.start)
    }
}

/// Buffers that share bytes as far as their steps allow it; they are not compared with each other.
type Group<'a> = &'a [Buffer];

/// Places `groups`: writes an offset for each and returns the arena's size. `order` is working memory.
/// `offsets` and `order` are as long as `groups`; missing entries are not placed.
pub fn place(groups: &[Group], offsets: &mut [u32], order: &mut [u32]) -> u32 {
    type Key = fn(Buffer) -> (u32, u32);
    let keys: [Key; 4] = [
        |all| (u32::MAX - all.bytes, all.first),
        |all| (u32::MAX - all.last.wrapping_sub(all.first), u32::MAX - all.bytes),
        |all| (all.first, u32::MAX - all.bytes),
        |all| (u32::MAX - all.last, u32::MAX - all.bytes),
    ];
    let mut best: Option<(u32, Key)> = None;
    for key in keys {
        let size = place_in_order(groups, offsets, order, key);
        if best.is_none_or(|(smallest, _)| size < smallest) {
            best = Some((size, key));
        }
    }
    best.map_or(0, |(_, key)| place_in_order(groups, offsets, order, key))
}

fn place_in_order(
    groups: &[Group],
    offsets: &mut [u32],
    order: &mut [u32],
    key: fn(Buffer) -> (u32, u32),
) -> u32 {
    let get = |index: u32| groups.get(index as usize).copied();
    for (index, slot) in order.iter_mut().enumerate() {
        *slot = index as u32;
    }
    order.sort_unstable_by_key(|&index| (get(index).map(|group| key(whole(group))), index));
    let mut arena = 0;
    for (rank, &index) in order.iter().enumerate() {
        let Some(group) = get(index) else { continue };
        let placed =
            || order.iter().take(rank).filter_map(|&i| Some((get(i)?, offsets.get(i as usize).copied()?)));
        let mut offset = 0;
        // Each round moves a buffer past at least one other, so there are no more rounds than pairs.
        while let Some(next) = placed()
            .flat_map(|(others, at)| others.iter().map(move |other| (other, at)))
            .flat_map(|(other, at)| group.iter().filter_map(move |b| b.behind(offset, other, at)))
            .min()
        {
            offset = next;
        }
        if let Some(slot) = offsets.get_mut(index as usize) {
            *slot = offset;
        }
        arena = arena.max(offset + align(whole(group).bytes));
    }
    arena
}

/// The extent of a group.
fn whole(group: Group) -> Buffer {
    let nothing = Buffer { start: 0, bytes: 0, first: u32::MAX, last: 0 };
    group.iter().fold(nothing, |all, buffer| Buffer {
        start: 0,
        bytes: all.bytes.max(buffer.start + buffer.bytes),
        first: all.first.min(buffer.first),
        last: all.last.max(buffer.last),
    })
}

fn align(bytes: u32) -> u32 {
    bytes.wrapping_add(ALIGN - 1) & !(ALIGN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(groups: &[std::vec::Vec<Buffer>]) -> (u32, std::vec::Vec<u32>) {
        let groups: std::vec::Vec<&[Buffer]> = groups.iter().map(|group| &group[..]).collect();
        let mut offsets = std::vec![0; groups.len()];
        let mut order = offsets.clone();
        (place(&groups, &mut offsets, &mut order), offsets)
    }

    #[test]
    fn a_chain_needs_its_two_largest_neighbours() {
        let sizes = [490, 8000, 8000, 8000, 64];
        let groups: std::vec::Vec<_> = (0u32..)
            .zip(sizes)
            .map(|(i, bytes)| std::vec![Buffer { start: 0, bytes, first: i.saturating_sub(1), last: i }])
            .collect();
        assert_eq!(plan(&groups).0, 16_000);
    }

    #[test]
    fn a_group_keeps_its_distances_and_leaves_room_where_it_is_small() {
        let long = std::vec![
            Buffer { start: 96, bytes: 1000, first: 0, last: 1 },
            Buffer { start: 0, bytes: 400, first: 1, last: 3 },
        ];
        let late = std::vec![Buffer { start: 0, bytes: 696, first: 2, last: 2 }];
        let (arena, offsets) = plan(&[long, late]);
        assert_eq!((arena, offsets), (1096, std::vec![0, 400]));
    }

    #[test]
    fn buffers_alive_together_never_overlap() {
        let mut state = 1u32;
        let mut random = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % n
        };
        for _ in 0..500 {
            let groups: std::vec::Vec<std::vec::Vec<Buffer>> = (0..random(8) + 1)
                .map(|_| {
                    (0..random(3) + 1)
                        .map(|_| {
                            let (first, start) = (random(10), random(20) * ALIGN);
                            Buffer { start, bytes: random(100) + 1, first, last: first + random(4) }
                        })
                        .collect()
                })
                .collect();
            let (arena, offsets) = plan(&groups);
            for (i, (group, at)) in groups.iter().zip(&offsets).enumerate() {
                for a in group {
                    let start = at + a.start;
                    assert!(start + a.bytes <= arena && start % ALIGN == 0);
                    for (others, other_at) in groups.iter().zip(&offsets).skip(i + 1) {
                        for b in others {
                            let from = other_at + b.start;
                            let apart = start + a.bytes <= from || from + b.bytes <= start;
                            assert!(apart || a.last < b.first || b.last < a.first);
                        }
                    }
                }
            }
        }
    }
}
