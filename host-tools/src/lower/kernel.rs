//! What a step of a model file runs on: the tier of its kernel, and whether its products finish its results.

use std::fmt;

use kernels::Dtype;
use kernels::arch::{Core, armv7em, mve, words};
use kernels::op::{Accumulate, AveragePool, Depthwise, Geometry, MaxPool, PoolGeometry, Rescale};
use runtime::format::{AccumulateRef, Layout, Op, Operand, Step, Taps};

use super::pack::biases;

/// What a step runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Name of the tier.
    pub tier: &'static str,
    /// Results go through sums in memory, because products do not store results of this type, at this shift, with
    /// this residual or of weights that do not hold their biases.
    pub sums: bool,
}

impl Kernel {
    const GENERIC: Self = Self { tier: "generic", sums: false };

    /// What is true of both.
    fn common(self, other: Self) -> Self {
        let same = self.tier == other.tier;
        if same { Self { sums: self.sums || other.sums, ..self } } else { Self::GENERIC }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.tier, if self.sums { "+sums" } else { "" }))
    }
}

/// The cores that layout `Words` is for.
const WORD_CORES: [Core; 4] = [Core::Armv6m, Core::Armv7m, Core::Rv32im, Core::Other];

/// What a step runs on where weights have this layout; `constants` is the CONST section. `core` runs files of this layout
/// ([`Core::supports`]); where none is named it is one that the layout is for, and of several the answer is what all of
/// them have: the generic tier where one has no kernel of its own, sums in memory where one needs them.
pub fn kernel(step: &Step, layout: Layout, core: Option<Core>, constants: &[u8]) -> Kernel {
    let cores: &[Core] = match (&core, layout) {
        (Some(core), _) => std::slice::from_ref(core),
        (None, Layout::Dsp) => &[Core::Dsp],
        (None, Layout::Mve) => &[Core::Helium],
        (None, Layout::Words) => &WORD_CORES,
        (None, Layout::Rows) => &[Core::Other],
    };
    let all = cores.iter().map(|&core| kernel_on(core, step, layout, constants));
    all.reduce(Kernel::common).unwrap_or(Kernel::GENERIC)
}

/// The same on a core.
fn kernel_on(core: Core, step: &Step, layout: Layout, constants: &[u8]) -> Kernel {
    let of_layout = match layout {
        Layout::Dsp => Some("armv7em"),
        Layout::Mve => Some("mve"),
        // Cores with the DSP extension run files for others on portable kernels.
        Layout::Words if !core.dsp() => Some("words"),
        Layout::Rows | Layout::Words => None,
    };
    let of_core = core.dsp().then_some("armv7em");
    let y = step.output.spec();
    let taken = match &step.op {
        Op::Conv2d { groups, .. } => of_layout.filter(|_| *groups == 1),
        Op::Dense { x, accumulate } if layout == Layout::Words => {
            of_layout.filter(|_| words::takes_dense(accumulate.width.into(), x.dtype.into(), core))
        }
        Op::Dense { .. } => of_layout,
        Op::Depthwise { x, taps, accumulate } => {
            let Taps { kernel, stride, dilation, pad } = *taps;
            let geometry = Geometry { kernel, stride, dilation, pad };
            let bias = biases(constants, accumulate, step.output.dims[2]);
            let op = Depthwise { geometry, accumulate: operator(accumulate, layout, &bias) };
            let (distance, x, residual) = (distance(x, &step.output), x.spec(), residual(step).is_some());
            let takes = match layout {
                Layout::Words => words::takes_depthwise(&op, residual, &x, &y, distance, core),
                Layout::Mve => mve::takes_depthwise(&op, residual, &x, &y),
                Layout::Rows | Layout::Dsp => armv7em::takes_depthwise(&op, residual, &x, &y),
            };
            of_layout.filter(|_| takes)
        }
        Op::Add { a, b, .. } => of_core.filter(|_| armv7em::takes_add(&a.spec(), &b.spec(), &y)),
        Op::AveragePool { x, pool, shift, clamp, .. } => {
            let geometry = PoolGeometry { kernel: pool.kernel, stride: pool.stride, pad: pool.pad };
            let (shift, clamp) = (*shift, (*clamp).into());
            let op = AveragePool { geometry, multipliers: &[], offsets: &[], shift, clamp };
            of_core.filter(|_| armv7em::takes_average_pool(&op, &x.spec(), &y))
        }
        Op::MaxPool { x, pool, clamp } => {
            let geometry = PoolGeometry { kernel: pool.kernel, stride: pool.stride, pad: pool.pad };
            let op = MaxPool { geometry, clamp: (*clamp).into() };
            of_core.filter(|_| armv7em::takes_max_pool(&op, &x.spec()))
        }
        Op::Rescale { x, entries, shift, clamp, .. } => {
            let entries = vec![0; usize::from(*entries)];
            let op =
                Rescale { multipliers: &entries, offsets: &entries, shift: *shift, clamp: (*clamp).into() };
            of_core.filter(|_| armv7em::takes_rescale(&op, &x.spec(), &y))
        }
        Op::Table { .. } | Op::Concat { .. } | Op::Window { .. } => None,
    };
    let Some(tier) = taken else { return Kernel::GENERIC };
    Kernel { tier, sums: !stores(core, step, layout, constants) }
}

/// Whether the products of a step that its layout's kernels take store its results; true of steps without products.
fn stores(core: Core, step: &Step, layout: Layout, constants: &[u8]) -> bool {
    let (Op::Conv2d { accumulate, .. } | Op::Dense { accumulate, .. }) = &step.op else { return true };
    let bias = biases(constants, accumulate, step.output.dims[2]);
    let op = operator(accumulate, layout, &bias);
    let (residual, y) = (residual(step), step.output.spec().dtype);
    // Weights that do not hold their biases begin with a 0.
    let folded = constants.get(accumulate.weights.offset as usize) != Some(&0);
    match (layout, &step.op) {
        (Layout::Mve, _) => mve::stores(&op, residual, y),
        (Layout::Words, Op::Conv2d { x, taps, group_inputs, .. }) => {
            let row_len = taps.kernel.map(usize::from).iter().product::<usize>() * usize::from(*group_inputs);
            words::stores_conv2d(&op, residual.is_some(), [x.dtype.into(), y], row_len, core)
        }
        (Layout::Words, _) => {
            let row_len = step.op.operands().next().map_or(0, |x| x.dims.map(usize::from).iter().product());
            words::stores_dense(&op, residual.is_some(), y, row_len, core)
        }
        (_, Op::Dense { .. }) => folded && armv7em::stores_dense(&op, residual.is_some(), y),
        _ => folded && armv7em::stores_conv2d(&op, residual, y),
    }
}

/// Width, shift and biases, without the other constants.
fn operator<'a>(accumulate: &AccumulateRef, layout: Layout, bias: &'a [i32]) -> Accumulate<'a> {
    let weight_bits = accumulate.width.into();
    Accumulate { layout: layout.into(), weight_bits, bias, shift: accumulate.shift, ..Accumulate::NONE }
}

fn residual(step: &Step) -> Option<Dtype> {
    step.op.accumulate().and_then(|accumulate| accumulate.residual).map(|r| r.operand.dtype.into())
}

/// Bytes from the start of an operand to that of a result; `None` where they lie apart.
fn distance(x: &Operand, y: &Operand) -> Option<i32> {
    let end = |operand: &Operand| operand.offset + operand.spec().check().unwrap_or(0);
    (x.offset < end(y) && y.offset < end(x)).then(|| y.offset.wrapping_sub(x.offset) as i32)
}

#[cfg(test)]
mod tests {
    use runtime::format::{ActivationType, ClampRef, PoolRef, Region, ResidualRef, WeightWidth};

    use super::*;

    fn operand(dtype: ActivationType) -> Operand {
        Operand { offset: 0, dims: [8, 8, 16], dtype, zero: 0 }
    }

    fn step(op: Op) -> Step {
        let scratch = Region { offset: 0, bytes: 0 };
        Step { op, output: operand(ActivationType::I8), scratch }
    }

    /// A 1x1 or a depthwise convolution, or one of two groups.
    fn convolution(kernel: u8, groups: Option<u16>, shift: u8) -> Step {
        let x = operand(ActivationType::I8);
        let pad = kernel / 2;
        let taps = Taps { kernel: [kernel; 2], stride: [1, 1], dilation: [1, 1], pad: [pad; 2] };
        let accumulate = AccumulateRef {
            weights: Region { offset: 64, bytes: 0 },
            width: WeightWidth::W8,
            bias: 0,
            multipliers: 0,
            shift,
            clamp: ClampRef { lo: -128, hi: 127 },
            residual: None,
        };
        step(match groups {
            None => Op::Depthwise { x, taps, accumulate },
            Some(groups) => {
                let each = 16 / groups;
                Op::Conv2d { x, taps, groups, group_inputs: each, group_outputs: each, accumulate }
            }
        })
    }

    fn dense(shift: u8) -> Step {
        let Op::Depthwise { x, accumulate, .. } = convolution(3, None, shift).op else { unreachable!() };
        step(Op::Dense { x, accumulate })
    }

    fn rescale(dims: [u16; 3], entries: u16, dtype: ActivationType) -> Step {
        let x = Operand { dims, ..operand(dtype) };
        let clamp = ClampRef { lo: -128, hi: 127 };
        let mut step = step(Op::Rescale { x, entries, multipliers: 0, offsets: 0, shift: 8, clamp });
        step.output.dims = dims;
        step
    }

    fn add(dtype: ActivationType) -> Step {
        let (a, b, clamp) = (operand(dtype), operand(dtype), ClampRef { lo: -128, hi: 127 });
        step(Op::Add { a, b, a_multiplier: 1, b_multiplier: 1, offset: 0, shift: 1, clamp })
    }

    fn max_pool(dtype: ActivationType) -> Step {
        let pool = PoolRef { kernel: [2, 2], stride: [2, 2], pad: [0, 0] };
        let (lo, hi) = if dtype == ActivationType::U4 { (0, 15) } else { (-128, 127) };
        step(Op::MaxPool { x: operand(dtype), pool, clamp: ClampRef { lo, hi } })
    }

    const LAYOUTS: [Layout; 4] = [Layout::Rows, Layout::Dsp, Layout::Mve, Layout::Words];

    #[test]
    fn a_step_that_the_layouts_kernels_do_not_take_is_generic() {
        let tiers = |step: &Step| LAYOUTS.map(|layout| kernel(step, layout, None, &[0; 64]).tier);
        let own = ["generic", "armv7em", "mve", "words"];
        assert_eq!(tiers(&convolution(1, Some(1), 40)), own);
        assert_eq!(tiers(&convolution(1, Some(2), 40)), ["generic"; 4]);
        assert_eq!(tiers(&convolution(3, None, 32)), own);
        assert_eq!(tiers(&convolution(3, None, 33)), ["generic", "generic", "mve", "words"]);
        assert_eq!(tiers(&convolution(3, None, 1)), ["generic", "generic", "generic", "words"]);
        assert_eq!(tiers(&convolution(7, None, 32)), ["generic"; 4]);
        assert_eq!(tiers(&convolution(5, None, 32)), ["generic", "armv7em", "generic", "words"]);
        assert_eq!(tiers(&add(ActivationType::I8)), ["generic", "armv7em", "armv7em", "generic"]);
        assert_eq!(tiers(&add(ActivationType::I16)), ["generic"; 4]);
        for dtype in [ActivationType::I8, ActivationType::U4] {
            assert_eq!(tiers(&max_pool(dtype)), ["generic", "armv7em", "armv7em", "generic"]);
        }
        assert_eq!(tiers(&max_pool(ActivationType::I16)), ["generic"; 4]);
        let own = ["generic", "armv7em", "armv7em", "generic"];
        assert_eq!(tiers(&rescale([8, 8, 16], 16, ActivationType::I8)), own);
        assert_eq!(tiers(&rescale([8, 8, 15], 1, ActivationType::I8)), own);
        assert_eq!(tiers(&rescale([8, 8, 15], 15, ActivationType::I8)), ["generic"; 4]);
        assert_eq!(tiers(&rescale([8, 8, 16], 1, ActivationType::I16)), ["generic"; 4]);
    }

    /// All kernels of a step in layout `Words` by core.
    fn on_word_cores(step: &Step) -> [String; 4] {
        WORD_CORES.map(|core| kernel(step, Layout::Words, Some(core), &[0; 64]).to_string())
    }

    fn widths(step: Step) -> [Step; 3] {
        [WeightWidth::W8, WeightWidth::W4, WeightWidth::W2].map(|width| {
            let mut step = step.clone();
            match &mut step.op {
                Op::Conv2d { accumulate, .. } | Op::Dense { accumulate, .. } => accumulate.width = width,
                _ => panic!("weights of other widths are not asked for"),
            }
            step
        })
    }

    #[test]
    fn narrow_weights_have_kernels_on_armv6m_and_armv7m() {
        let [eight, four, two] = widths(dense(32));
        assert_eq!(on_word_cores(&eight), ["words"; 4]);
        for narrow in [four, two] {
            assert_eq!(on_word_cores(&narrow), ["words", "words", "generic", "generic"]);
            assert_eq!(kernel(&narrow, Layout::Words, None, &[0; 64]).tier, "generic");
        }
        // Below shift 32 accumulators of narrow weights are scaled, as far as 32 bits hold them.
        let [eight, four, _] = widths(convolution(1, Some(1), 28));
        assert_eq!(on_word_cores(&eight), ["words+sums"; 4]);
        assert_eq!(on_word_cores(&four), ["words", "words", "words+sums", "words+sums"]);
        let [_, four, _] = widths(convolution(1, Some(1), 3));
        assert_eq!(on_word_cores(&four), ["words+sums"; 4]);
        // Sums of 8-bit weights that end at a larger shift are stored by instructions of two cores.
        assert_eq!(
            on_word_cores(&convolution(1, Some(1), 33)),
            ["words", "words", "words+sums", "words+sums"]
        );
    }

    #[test]
    fn depthwise_kernels_of_layout_words_depend_on_core_and_place() {
        let odd = |places: [u32; 2]| {
            let mut step = convolution(3, None, 32);
            step.output = Operand { dims: [8, 8, 15], offset: places[1], ..step.output };
            if let Op::Depthwise { x, .. } = &mut step.op {
                *x = Operand { dims: [8, 8, 15], offset: places[0], ..*x };
            }
            step
        };
        let planes = ["words", "words", "generic", "words"];
        assert_eq!(on_word_cores(&odd([0, 960])), planes);
        assert_eq!(on_word_cores(&odd([960, 0])), planes);
        assert_eq!(on_word_cores(&odd([64, 64])), planes);
        // A channel's results would lie over inputs that others still need.
        assert_eq!(on_word_cores(&odd([64, 0])), ["generic"; 4]);
        assert_eq!(on_word_cores(&odd([0, 959])), ["generic"; 4]);
    }

    #[test]
    fn a_core_with_the_dsp_extension_runs_other_files_on_portable_kernels() {
        for core in [Core::Dsp, Core::Helium] {
            for layout in [Layout::Rows, Layout::Words] {
                let tier = |step: &Step| kernel(step, layout, Some(core), &[0; 64]).tier;
                assert_eq!(tier(&convolution(1, Some(1), 32)), "generic");
                assert_eq!(tier(&convolution(3, None, 32)), "generic");
                assert_eq!(tier(&dense(32)), "generic");
                assert_eq!(tier(&add(ActivationType::I8)), "armv7em");
                assert_eq!(tier(&max_pool(ActivationType::I8)), "armv7em");
            }
        }
    }

    #[test]
    fn every_board_runs_what_is_packed_for_it() {
        for board in crate::board::BOARDS {
            let (core, layout) = (board.kernels(), board.layout());
            assert!(core.supports(layout.into()), "{}", board.name);
            let own = match layout {
                Layout::Rows => "generic",
                Layout::Words => "words",
                Layout::Dsp => "armv7em",
                Layout::Mve => "mve",
            };
            let usual = convolution(1, Some(1), 32);
            assert_eq!(kernel(&usual, layout, Some(core), &[1; 65]).tier, own, "{}", board.name);
        }
    }

    #[test]
    fn results_that_products_do_not_store_go_through_sums() {
        let sums = |step: &Step, constants: &[u8]| {
            LAYOUTS.map(|layout| kernel(step, layout, None, constants).to_string().ends_with("+sums"))
        };
        let usual = convolution(1, Some(1), 32);
        assert_eq!(sums(&usual, &[1; 65]), [false; 4]);
        // Biases apart.
        assert_eq!(sums(&usual, &[0; 65]), [false, true, false, false]);
        // Of the cores of layout `Words` some finish such results one by one.
        assert_eq!(sums(&convolution(1, Some(1), 33), &[1; 65]), [false, false, false, true]);
        assert_eq!(sums(&convolution(1, Some(1), 20), &[1; 65]), [false, true, false, true]);
        assert_eq!(sums(&convolution(1, Some(1), 1), &[1; 65]), [false, true, true, true]);
        assert_eq!(sums(&convolution(3, None, 32), &[0; 65]), [false; 4]);
        let with = |dtype| {
            let mut step = convolution(1, Some(1), 32);
            if let Op::Conv2d { accumulate, .. } = &mut step.op {
                accumulate.residual = Some(ResidualRef { operand: operand(dtype), multiplier: 1 });
            }
            step
        };
        assert_eq!(sums(&with(ActivationType::I8), &[1; 65]), [false, false, false, true]);
        assert_eq!(sums(&with(ActivationType::U4), &[1; 65]), [false, true, true, true]);
    }
}
