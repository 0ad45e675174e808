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
