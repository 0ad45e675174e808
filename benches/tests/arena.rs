//! Arenas of the reference networks: as small as promised, and results in them, whatever they held, are those of
//! tensors that lie apart.

use std::cell::Cell;
use std::collections::HashMap;

use host_tools::file::Parts;
use host_tools::integer::{AlignedBytes, Traced, run_traced};
use kernels::{Dtype, WeightBits};
use runtime::Model as Loaded;
use runtime::format::{Layout, Operand, Region};
use runtime::trace::crc32_cells;
use runtime::validate::scratch_bytes;
use sparrowhawk_benches::mcu::models::{Integers, Model, Precision};

/// Bytes at 8 bits, scratch of the DSP tier included.
const LIMITS: [(Model, usize); 3] = [(Model::ResNet8, 36_000), (Model::DsCnn, 9_500), (Model::Vww, 40_000)];

const ALIGN: u32 = 16;

/// The same steps with every tensor and scratch in memory of its own.
fn apart(network: &Integers, layout: Layout) -> Parts {
    let mut parts = Parts::bare(&network.lowered);
    let mut end = 0;
    let mut reserve = |bytes: u32| {
        let start = end;
        end = (end + bytes).next_multiple_of(ALIGN);
        start
    };
    let bytes = |operand: &Operand| operand.spec().bytes().expect("a checked shape");
    // The last tensor that was written at an offset is the one that is read there.
    let mut places = HashMap::new();
    places.insert(parts.interface.input.offset, reserve(bytes(&parts.interface.input)));
    for step in &mut parts.steps {
        step.op.operands_mut().for_each(|operand| operand.offset = places[&operand.offset]);
        let moved = reserve(bytes(&step.output));
        places.insert(step.output.offset, moved);
        step.output.offset = moved;
        let need = scratch_bytes(&step.op, &step.output, layout, None) as u32;
        step.scratch = Region { offset: reserve(need), bytes: need };
    }
    parts.interface.input.offset = 0;
    parts.interface.output.offset = places[&parts.interface.output.offset];
    parts.interface.arena_bytes = end;
    parts
}

fn in_garbage(model: &Loaded, input: &[u8], garbage: u8) -> Traced {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes());
    arena.as_mut_slice().fill(garbage);
    let mut session = model.session(arena.as_mut_slice()).expect("the arena is large enough");
    assert!(session.set_input(input));
    let mut crcs = Vec::new();
    session.run_with(|_, output| crcs.push(crc32_cells(output.cells()))).expect("a model that loaded runs");
    let output = session.output().expect("a model that loaded has an output");
    Traced { crcs, output: output.cells().iter().map(Cell::get).collect() }
}

#[test]
fn overlapping_tensors_change_no_result() {
    for (network, limit) in LIMITS {
        for (weights, activations) in [
            (WeightBits::W8, Dtype::I8),
            (WeightBits::W4, Dtype::I8),
            (WeightBits::W2, Dtype::I8),
            (WeightBits::W4, Dtype::U4),
        ] {
            for layout in [Layout::Rows, Layout::Dsp, Layout::Mve] {
                let precision = Precision::with_wide_ends(weights, activations);
                let made = Integers::of(&network.graph(), precision, layout).expect("lowers");
                let model = Loaded::load(made.file.as_slice()).expect("a new file loads");
                let what = format!("{} {weights:?} {activations:?} {layout:?}", network.name());
                println!("{what}: {} B", model.arena_bytes());
                // Helium's depthwise kernel keeps a vector of channels where the DSP extension's keeps four.
                let limit = if layout == Layout::Mve { limit + 512 } else { limit };
                assert!(model.arena_bytes() <= limit, "{what}: {} B", model.arena_bytes());
                let file = AlignedBytes::copy(&apart(&made, layout).encode().expect("encodes"));
                let expected = run_traced(&Loaded::load(file.as_slice()).expect("loads"), &made.input);
                let expected = expected.expect("runs");
                for garbage in [0x00, 0x80, 0xff] {
                    assert_eq!(in_garbage(&model, &made.input, garbage), expected, "{what}");
                }
            }
        }
    }
}
