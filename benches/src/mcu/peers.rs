//! What others need for the same networks: executed instructions of CMSIS-NN 99f736a (gcc 12.2 -O3; Cortex-M55 clang)
//! on the same emulated boards, counted by blocks as here, with outputs bit-identical to TensorFlow Lite Micro's
//! interpreter; cycles by the same rules. Arenas are those of TensorFlow Lite Micro.

use kernels::WeightBits;

use super::models::Model;

/// Figures of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Instructions of CMSIS-NN.
    pub instructions: u64,
    /// Estimated cycles of CMSIS-NN on a Cortex-M4.
    pub cycles: Option<u64>,
}

/// A row: board, 4-bit weights, instructions of resnet8, dscnn, vww, ad.
type Row = (&'static str, bool, [u64; 4]);

const INSTRUCTIONS: [Row; 8] = [
    ("mps2-an386", false, [29_869_180, 7_843_485, 24_710_614, 579_238]),
    ("mps2-an500", false, [29_169_560, 7_728_211, 24_368_195, 579_490]),
    ("mps2-an505", false, [29_926_259, 7_799_273, 24_532_245, 579_474]),
    ("mps3-an547", false, [4_571_637, 1_752_622, 6_253_765, 61_577]),
    ("mps2-an385", false, [39_505_136, 10_543_408, 32_073_496, 952_839]),
    ("mps2-an385-v6m", false, [97_564_436, 24_922_232, 74_313_540, 1_758_653]),
    ("mps2-an386", true, [49_161_369, 13_428_112, 40_841_887, 1_135_790]),
    ("mps3-an547", true, [5_534_679, 2_372_117, 8_428_544, 120_494]),
];

const M4_CYCLES: [u64; 4] = [36_961_460, 9_258_552, 29_439_906, 707_089];
const TFLM_ARENA: [u64; 4] = [54_996, 22_820, 100_708, 2_580];

fn index(model: Model) -> Option<usize> {
    Model::TINY.iter().position(|&one| one == model)
}

impl Peer {
    /// CMSIS-NN on a network, with weights of as many bits; it has 8 and 4.
    pub fn of(board: &str, model: Model, weights: WeightBits) -> Option<Self> {
        let index = index(model)?;
        let narrow = match weights {
            WeightBits::W8 => false,
            WeightBits::W4 => true,
            WeightBits::W2 => return None,
        };
        let row = INSTRUCTIONS.iter().find(|(name, four, _)| *name == board && *four == narrow)?;
        let cycles = (board == "mps2-an386" && !narrow).then_some(M4_CYCLES[index]);
        Some(Self { instructions: row.2[index], cycles })
    }

    /// Whether anything was counted on a board.
    pub fn is_on(board: &str) -> bool {
        INSTRUCTIONS.iter().any(|(name, ..)| *name == board)
    }

    /// Bytes of TensorFlow Lite Micro's arena for the int8 network.
    pub fn arena_bytes(model: Model) -> Option<u64> {
        index(model).map(|index| TFLM_ARENA[index])
    }
}
