//! What a model needs of runtime and kernels, as features of `sparrowhawk-runtime`.

use std::collections::BTreeSet;

use runtime::Model;
use runtime::format::{ActivationType, Layout, WeightWidth};
use runtime::validate::beyond_dsp;

use crate::board::Board;

/// The features that firmware for this model on this board links, by name.
pub fn needs(model: &Model, board: &Board) -> Vec<&'static str> {
    let mut needs = BTreeSet::new();
    if board.layout() == Layout::Words {
        needs.insert("words");
    }
    let own = matches!(board.layout(), Layout::Dsp | Layout::Mve);
    if own && matches!(model.interface().layout, Layout::Rows | Layout::Words) {
        // Files of these layouts run on portable kernels there.
        needs.insert("portable");
    }
    for step in model.steps() {
        needs.insert(step.op.name());
        if let Some(beyond) = beyond_dsp(&step, model).filter(|_| own) {
            needs.extend(beyond.portable.then_some("portable"));
            // With Helium nothing of that is left out.
            needs.extend((beyond.wide && board.layout() == Layout::Dsp).then_some("wide"));
            needs.extend(beyond.stride2.then_some("stride2"));
            needs.extend(beyond.five.then_some("five"));
        }
        if let Some(accumulate) = step.op.accumulate() {
            needs.insert(match accumulate.width {
                WeightWidth::W2 => "w2",
                WeightWidth::W4 => "w4",
                WeightWidth::W8 => "w8",
            });
            if accumulate.residual.is_some() {
                needs.insert("residual");
            }
        }
        for operand in step.op.operands().chain([&step.output]) {
            match operand.dtype {
                ActivationType::U4 => needs.insert("u4"),
                ActivationType::I8 => continue,
                ActivationType::I16 => needs.insert("i16"),
            };
        }
    }
    needs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use runtime::format::{
        AccumulateRef, ClampRef, Interface, Op, Operand, PoolRef, Region, Scale, Step, Taps,
    };
    use runtime::validate::scratch_bytes;

    use super::*;
    use crate::file::Parts;
    use crate::integer::AlignedBytes;

    /// Room for an operand, a result, scratch, and for the constants of a step.
    const ROOM: u32 = 4096;

    fn operand(dtype: ActivationType, channels: u16) -> Operand {
        Operand { offset: 0, dims: [6, 6, channels], dtype, zero: 0 }
    }

    fn clamp(dtype: ActivationType) -> ClampRef {
        if dtype == ActivationType::I16 {
            ClampRef { lo: i16::MIN, hi: i16::MAX }
        } else {
            ClampRef { lo: -128, hi: 127 }
        }
    }

    fn depthwise(kernel: u8, stride: u8, channels: u16) -> Op {
        let weights = Region { offset: 0, bytes: u32::from(kernel).pow(2) * u32::from(channels) };
        let (width, dtype) = (WeightWidth::W8, ActivationType::I8);
        // Biases and multipliers of 1, and weights, may lie in one place.
        let accumulate = AccumulateRef {
            weights,
            width,
            bias: 0,
            multipliers: 0,
            shift: 32,
            clamp: clamp(dtype),
            residual: None,
        };
        let pad = [kernel / 2; 2];
        let taps = Taps { kernel: [kernel; 2], stride: [stride; 2], dilation: [1, 1], pad };
        Op::Depthwise { x: operand(dtype, channels), taps, accumulate }
    }

    fn max_pool(dtype: ActivationType, channels: u16) -> Op {
        let pool = PoolRef { kernel: [2, 2], stride: [1, 1], pad: [0, 0] };
        Op::MaxPool { x: operand(dtype, channels), pool, clamp: clamp(dtype) }
    }

    fn rescale(channels: u16, entries: u16) -> Op {
        let (x, clamp) = (operand(ActivationType::I8, channels), clamp(ActivationType::I8));
        Op::Rescale { x, entries, multipliers: 0, offsets: 0, shift: 8, clamp }
    }

    /// What a model of this step needs on a board.
    fn needs_of(op: Op, board: &str) -> Vec<&'static str> {
        let board = Board::find(board).expect("is a board");
        let x = *op.operands().next().expect("an operand");
        let rows = if let Op::Depthwise { taps, .. } = &op { 6 / u16::from(taps.stride[0]) } else { 6 };
        let output = Operand { offset: ROOM, dims: [rows, rows, x.dims[2]], ..x };
        let scratch = scratch_bytes(&op, &output, board.layout(), None);
        let scratch = Region { offset: 2 * ROOM, bytes: scratch as u32 };
        let one = Scale { mantissa: 1 << 30, shift: 30 };
        let interface = Interface {
            layout: board.layout(),
            arena_bytes: 3 * ROOM,
            steps: 1,
            input: x,
            input_scale: one,
            input_inverse: one,
            output,
            output_scale: one,
        };
        let constants = [1, 0, 0, 0].repeat(ROOM as usize / 4);
        let steps = vec![Step { op, output, scratch }];
        let parts = Parts { interface, steps, constants, golden: Vec::new(), meta: String::new() };
        let file = AlignedBytes::copy(&parts.encode().expect("is encoded"));
        needs(&Model::load(file.as_slice()).expect("is a model"), board)
    }

    const DSP: &str = "mps2-an386";
    const HELIUM: &str = "mps3-an547";

    #[test]
    fn depthwise_kernels_of_5x5_are_named_where_they_are() {
        for stride in [1, 2] {
            assert_eq!(
                needs_of(depthwise(5, stride, 8), DSP),
                ["depthwise", "five", "w8"],
                "stride {stride}"
            );
            assert_eq!(needs_of(depthwise(5, stride, 8), HELIUM), ["depthwise", "portable", "w8"]);
        }
        assert_eq!(needs_of(depthwise(5, 1, 7), DSP), ["depthwise", "five", "w8", "wide"]);
        assert_eq!(needs_of(depthwise(3, 1, 8), DSP), ["depthwise", "w8"]);
        assert_eq!(needs_of(depthwise(5, 1, 8), "mps2-an385"), ["depthwise", "w8", "words"]);
    }

    #[test]
    fn steps_without_weights_need_portable_kernels_for_other_types_and_channels() {
        for board in [DSP, HELIUM] {
            assert_eq!(needs_of(max_pool(ActivationType::I16, 8), board), ["i16", "max_pool", "portable"]);
            assert_eq!(needs_of(max_pool(ActivationType::I8, 7), board), ["max_pool"]);
            assert_eq!(needs_of(rescale(7, 7), board), ["portable", "rescale"]);
            assert_eq!(needs_of(rescale(8, 8), board), ["rescale"]);
            assert_eq!(needs_of(rescale(7, 1), board), ["rescale"]);
        }
        // Other cores have no kernels of their own for these.
        assert_eq!(needs_of(max_pool(ActivationType::I16, 8), "microbit"), ["i16", "max_pool"]);
    }
}
