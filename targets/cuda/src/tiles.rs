//! How a product on tensor cores is cut: tiles of pixels and channels, and for few tiles the depth as well.
//!
//! Which cut is the fastest depends on the GPU and the shape; here are all that may be.

use crate::accumulate::Target;
use crate::launch::{Launch, MOST_SPLIT_TILES, Memory};
use crate::params::{AccumulateParams, Args};
use crate::source::{Family, Module};

/// Tiles of `conv.cu`.
const TILES: [Tile; 4] = [
    Tile { pixels: 128, channels: 128, threads: 128 },
    Tile { pixels: 128, channels: 64, threads: 128 },
    Tile { pixels: 64, channels: 64, threads: 128 },
    Tile { pixels: 64, channels: 32, threads: 128 },
];

/// Fewest slabs that a block is started for: the way to a sum and back costs about as much.
const FEWEST_SLABS: u32 = 2;
/// Most blocks of a tile: the last one adds up the sums of all.
const MOST_SPLITS: u32 = 16;

#[derive(Clone, Copy)]
struct Tile {
    pixels: u32,
    channels: u32,
    /// Threads of a block.
    threads: u32,
}

impl Tile {
    fn kernel(&self, family: Family) -> String {
        format!("conv_{}_{}x{}", family.name(), self.pixels, self.channels)
    }
}

/// Names of a family's kernels.
pub fn kernels(family: Family) -> impl Iterator<Item = String> {
    TILES.iter().map(move |tile| tile.kernel(family))
}

/// Launches that compute the same, one for each tile and number of splits.
pub fn launches(
    memory: &mut Memory,
    target: Target,
    family: Family,
    params: AccumulateParams,
) -> Vec<Launch> {
    let mut launches = Vec::new();
    for tile in TILES {
        let tiles =
            (params.pixels as u32).div_ceil(tile.pixels) * (params.channels as u32).div_ceil(tile.channels);
        for slabs in split_slabs(target.multiprocessors, tiles, params.slabs as u32) {
            let mut params = params;
            params.split_slabs = slabs as i32;
            params.splits = (params.slabs as u32).div_ceil(slabs) as i32;
            let blocks = tiles * params.splits as u32;
            if params.splits > 1 {
                let sums = u64::from(blocks) * u64::from(tile.pixels * tile.channels);
                (params.partial, params.arrivals) = memory.partial_sums(sums * 4);
            }
            launches.push(launch(target.arch, family, tile, blocks, params));
        }
    }
    launches
}

/// Slabs of a block: all of them, and fewer where the tiles alone leave multiprocessors idle; then once and twice as many
/// blocks as there are multiprocessors.
fn split_slabs(multiprocessors: u32, tiles: u32, slabs: u32) -> Vec<u32> {
    let mut all = vec![slabs];
    if tiles > MOST_SPLIT_TILES {
        return all;
    }
    for blocks in [multiprocessors, 2 * multiprocessors] {
        let splits = (blocks / tiles).min(slabs / FEWEST_SLABS).min(MOST_SPLITS);
        if splits > 1 {
            all.push(slabs.div_ceil(splits));
        }
    }
    all.dedup();
    all
}

fn launch(arch: u32, family: Family, tile: Tile, grid: u32, params: AccumulateParams) -> Launch {
    let lane_bytes = match family {
        Family::BytesNibbles => 8,
        Family::BytesPairs => 4,
        _ => 16,
    };
    let stages = if arch >= 80 && !matches!(family, Family::Gather | Family::Unpack) { 3 } else { 2 };
    Launch {
        module: Module::Conv(family),
        kernel: tile.kernel(family),
        grid,
        threads: tile.threads,
        shared: stages * (tile.pixels * 64 + tile.channels / 8 * 32 * lane_bytes),
        args: Args::Accumulate(params),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tiles_are_split_until_the_gpu_is_busy() {
        // ResNet50's last 3x3 layer at batch 1: 49 pixels, 512 channels, 72 slabs.
        assert_eq!(split_slabs(40, 16, 72), [72, 36, 15]);
        assert_eq!(split_slabs(132, 4, 72), [72, 5]);
        assert_eq!(split_slabs(40, 40, 72), [72, 36]);
        assert_eq!(split_slabs(40, 81, 72), [72]);
        assert_eq!(split_slabs(1 << 16, MOST_SPLIT_TILES + 1, 72), [72]);
        assert_eq!(split_slabs(40, 1, 3), [3]);
    }

    #[test]
    fn every_block_has_a_slab() {
        for slabs in 1..200 {
            for tiles in [1, 3, 16, 79] {
                for each in split_slabs(108, tiles, slabs) {
                    assert!((slabs.div_ceil(each) - 1) * each < slabs);
                }
            }
        }
    }
}
