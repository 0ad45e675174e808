//! The rules, and the search for what breaks them.

use std::fmt;

use super::{
    Finding,
    calls::{Reach, callee},
    disassembly::{Function, Instruction, Program, demangle},
    riscv,
};
use crate::board::Isa;

/// What must not be reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// A library function of floating-point arithmetic.
    FloatHelper,
    /// A floating-point instruction.
    FloatInstruction,
    /// A library function that divides.
    DivisionHelper,
    /// `sdiv`, `udiv`.
    DivisionInstruction,
    /// Panic, formatting, or a failed bounds check.
    Panic,
    /// A 64-bit multiplication that is not a requantisation.
    WideMultiply,
    /// A call or jump whose target is not known.
    IndirectCall,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::FloatHelper,
        Self::FloatInstruction,
        Self::DivisionHelper,
        Self::DivisionInstruction,
        Self::Panic,
        Self::WideMultiply,
        Self::IndirectCall,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FloatHelper => "floating-point helper",
            Self::FloatInstruction => "floating-point instruction",
            Self::DivisionHelper => "division helper",
            Self::DivisionInstruction => "division",
            Self::Panic => "panic machinery",
            Self::WideMultiply => "64-bit multiplication outside requantisation",
            Self::IndirectCall => "jump to an unknown place",
        })
    }
}

/// Every breach of any rule in what is reachable.
pub(super) fn check(program: &Program, reach: &Reach, frames: &dyn Fn(u32) -> Vec<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = |index| reach.path(index).into_iter().map(|step| program.functions[step].name()).collect();
    for index in reach.functions() {
        let function = &program.functions[index];
        if let Some(rule) = forbidden_function(&function.symbol) {
            findings.push(Finding {
                rule,
                address: function.start,
                what: function.name(),
                path: path(index),
                origin: Vec::new(),
            });
            // Its body breaks the same rule again and again.
            continue;
        }
        for (position, instruction) in
            function.instructions.iter().enumerate().filter(|(_, one)| !one.is_data())
        {
            let wide = is_wide_multiply(program, index, position);
            let rule = if wide {
                Some(Rule::WideMultiply)
            } else {
                forbidden_instruction(program.isa, function, instruction)
            };
            let Some(rule) = rule else { continue };
            let origin = frames(instruction.address);
            let proven =
                multiplies_wide(&function.symbol) || origin.iter().any(|place| is_requantisation(place));
            if rule == Rule::WideMultiply && proven {
                continue;
            }
            findings.push(finding(rule, instruction, path(index), origin));
        }
    }
    for &(index, position) in &reach.unknown {
        let instruction = &program.functions[index].instructions[position];
        let origin = frames(instruction.address);
        findings.push(finding(Rule::IndirectCall, instruction, path(index), origin));
    }
    findings
}

fn finding(rule: Rule, instruction: &Instruction, path: Vec<String>, origin: Vec<String>) -> Finding {
    let what = format!("{} {}", instruction.mnemonic, instruction.operands);
    Finding { rule, address: instruction.address, what, path, origin }
}

/// The instruction at a position of a function makes a product of 64 bits, or calls the library's. Thumb's `smmul`, and
/// RISC-V's `mulh` by itself, are not: they keep 32.
pub(super) fn is_wide_multiply(program: &Program, function: usize, position: usize) -> bool {
    if is_wide_helper(&program.functions[function].symbol) {
        return false;
    }
    let instructions = &program.functions[function].instructions;
    let is_one_of =
        |names: &[&str]| names.iter().any(|name| instructions[position].mnemonic.starts_with(name));
    let wide = match program.isa {
        Isa::Thumb => is_one_of(&["smull", "umull", "smlal", "umlal", "umaal", "smlsl"]),
        Isa::RiscV => is_one_of(&["mulhu", "mulhsu"]) || riscv::has_both_halves(instructions, position),
    };
    wide || callee(program, function, position)
        .is_some_and(|callee| is_wide_helper(&program.functions[callee].symbol))
}

/// The library's 64-bit product, for cores without the instruction.
fn is_wide_helper(symbol: &str) -> bool {
    matches!(symbol, "__aeabi_lmul" | "__muldi3")
        || demangle(symbol).starts_with("compiler_builtins::int::mul")
}

/// The arithmetic itself, or a file that does nothing else with a sum: where a compiler joins both forms of
/// requantisation, it names the line that chooses between them.
fn is_requantisation(place: &str) -> bool {
    ["numerics.rs:", "generic/finish.rs:", "arch/words/four.rs:"]
        .iter()
        .any(|file| place.split_once("kernels/src/").is_some_and(|(_, rest)| rest.starts_with(file)))
}

/// Functions of instructions, which have no debug lines, that requantise, add a residual's product to an accumulator's, or
/// make two products with one multiplication.
fn multiplies_wide(symbol: &str) -> bool {
    let symbol = demangle(symbol);
    [
        "armv7em::strip_asm::strip_",
        "words::product_v7m::chunk_",
        "words::product_v7m::dense_8",
        "words::planes_v7m::results",
        "words::narrow_v7m::rows_",
    ]
    .iter()
    .any(|name| symbol.strip_prefix("kernels::arch::").is_some_and(|symbol| symbol.starts_with(name)))
}

fn forbidden_instruction(isa: Isa, function: &Function, instruction: &Instruction) -> Option<Rule> {
    let mnemonic = instruction.mnemonic.as_str();
    let starts = |names: &[&str]| names.iter().any(|name| mnemonic.starts_with(name));
    let (divides, is_float) = match isa {
        Isa::Thumb => {
            (starts(&["sdiv", "udiv"]), starts(&["v"]) && !is_integer_vector(function, instruction))
        }
        // Vector instructions too: they are no part of what was audited here.
        Isa::RiscV => (starts(&["div", "rem"]), starts(&["f", "c.f", "v"]) && !mnemonic.starts_with("fence")),
    };
    if divides {
        Some(Rule::DivisionInstruction)
    } else if is_float {
        Some(Rule::FloatInstruction)
    } else {
        None
    }
}

/// A Helium instruction of integers: it names a vector or the predicate, and no floating-point type. In functions with
/// vectors their parts are saved and moved by floating-point names.
fn is_integer_vector(function: &Function, instruction: &Instruction) -> bool {
    let mnemonic = instruction.mnemonic.as_str();
    let float = [".f16", ".f32", ".f64"].iter().any(|kind| mnemonic.contains(kind));
    let predicates = ["vpt", "vpst", "vpnot", "vctp"].iter().any(|name| mnemonic.starts_with(name));
    let moves =
        matches!(mnemonic, "vpush" | "vpop" | "vmov") && function.instructions.iter().any(names_vector);
    !float && (predicates || moves || names_vector(instruction))
}

fn names_vector(instruction: &Instruction) -> bool {
    instruction.operands.split([',', ' ', '{', '}']).any(|operand| {
        let operand = operand.trim_end_matches('!');
        let lane = operand.split('[').next().unwrap_or_default();
        operand.eq_ignore_ascii_case("p0")
            || lane.strip_prefix('q').is_some_and(|number| number.parse::<u8>().is_ok())
    })
}

fn forbidden_function(symbol: &str) -> Option<Rule> {
    let name = demangle(symbol);
    let helper = symbol.trim_start_matches('_');
    if is_panic(&name) {
        Some(Rule::Panic)
    } else if is_division(helper, &name) {
        Some(Rule::DivisionHelper)
    } else if is_float(helper, &name) {
        Some(Rule::FloatHelper)
    } else {
        None
    }
}

fn is_panic(name: &str) -> bool {
    let words = [
        "core::panicking",
        "core::fmt::",
        "core::str::slice_error_fail",
        "core::cell::panic",
        "rust_begin_unwind",
        "slice_index_fail",
        "unwrap_failed",
        "expect_failed",
        "len_mismatch_fail",
        "panic_bounds_check",
        "handle_alloc_error",
    ];
    words.iter().any(|word| name.contains(word))
        || name.contains("slice::index::slice_") && name.contains("fail")
}

fn is_division(helper: &str, name: &str) -> bool {
    let aeabi = helper.strip_prefix("aeabi_").is_some_and(|rest| {
        ["idiv", "uidiv", "ldiv", "uldiv"].iter().any(|division| rest.starts_with(division))
    });
    let gcc = ["div", "udiv", "mod", "umod", "divmod", "udivmod"]
        .iter()
        .filter_map(|stem| helper.strip_prefix(stem))
        .any(|rest| ["si3", "di3", "ti3", "si4", "di4", "ti4"].contains(&rest));
    let library = name.starts_with("compiler_builtins::int") && name.contains("div");
    aeabi || gcc || library
}

fn is_float(helper: &str, name: &str) -> bool {
    let aeabi = helper.strip_prefix("aeabi_").is_some_and(|rest| {
        // `f…` and `d…` are the arithmetic of the two types; `…2f`, `…2d` convert to them.
        rest.starts_with(['f', 'd', 'h'])
            || rest.starts_with("cf")
            || rest.starts_with("cd")
            || rest.contains("2f")
            || rest.contains("2d")
    });
    let types = ["hf", "sf", "df", "tf"];
    let gcc = ["add", "sub", "mul", "div", "neg", "eq", "ne", "ge", "lt", "le", "gt", "cmp", "unord", "powi"]
        .iter()
        .filter_map(|stem| helper.strip_prefix(stem))
        .any(|rest| {
            types.iter().any(|kind| rest.strip_prefix(kind).is_some_and(|arity| matches!(arity, "2" | "3")))
        });
    let converts = ["fix", "float", "extend", "trunc"].iter().any(|stem| {
        helper.strip_prefix(stem).is_some_and(|rest| types.iter().any(|kind| rest.contains(kind)))
    });
    let library = name.starts_with("compiler_builtins::float") || name.starts_with("compiler_builtins::math");
    aeabi || gcc || converts || library
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(text: &str, origin: &[&str]) -> Vec<Rule> {
        rules_on(Isa::Thumb, text, origin)
    }

    fn rules_on(isa: Isa, text: &str, origin: &[&str]) -> Vec<Rule> {
        let program = Program::parse(isa, text);
        let reach = Reach::from(&program, "sparrowhawk_infer").expect("the entry is there");
        let frames = |_| origin.iter().map(|&place| place.into()).collect();
        check(&program, &reach, &frames).into_iter().map(|finding| finding.rule).collect()
    }

    fn calling(symbol: &str) -> String {
        format!(
            "00000100 <sparrowhawk_infer>:\n 100:\tf000 f87e \tbl\t200 <{symbol}>\n 104:\tbd80 \tpop\t{{r7, pc}}\n\
             00000200 <{symbol}>:\n 200:\t4770 \tbx\tlr\n"
        )
    }

    fn holding(instruction: &str) -> String {
        format!("00000100 <sparrowhawk_infer>:\n 100:\t{instruction}\n 104:\tbd80 \tpop\t{{r7, pc}}\n")
    }

    #[test]
    fn float_helpers_are_found() {
        for symbol in [
            "__aeabi_fadd",
            "__aeabi_dmul",
            "__aeabi_i2f",
            "__aeabi_ul2d",
            "__aeabi_f2iz",
            "__aeabi_cfcmple",
            "__addsf3",
            "__muldf3",
            "__fixsfsi",
            "__floatunsisf",
            "__ltsf2",
        ] {
            assert_eq!(rules_of(&calling(symbol), &[]), [Rule::FloatHelper], "{symbol}");
        }
    }

    #[test]
    fn division_helpers_are_found() {
        for symbol in [
            "__aeabi_idiv",
            "__aeabi_uidiv",
            "__aeabi_uidivmod",
            "__aeabi_ldivmod",
            "__aeabi_uldivmod",
            "__udivsi3",
            "__umodsi3",
            "__divdi3",
            "__udivmoddi4",
            "_RNvNtNtCs7tEwqgrhhLH_17compiler_builtins3int19specialized_div_rem11u32_div_rem",
        ] {
            assert_eq!(rules_of(&calling(symbol), &[]), [Rule::DivisionHelper], "{symbol}");
        }
    }

    #[test]
    fn panic_machinery_is_found() {
        for symbol in [
            "_RNvNtCs2FhVC7nvToS_4core9panicking9panic_fmt",
            "_RNvNtNtCs2FhVC7nvToS_4core5slice5index16slice_index_fail",
            "_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE",
            "_ZN4core6option13unwrap_failed17h0123456789abcdefE",
            "_ZN4core5slice5index24slice_end_index_len_fail17h0123456789abcdefE",
            "_RNvNtCs2FhVC7nvToS_4core3fmt5write",
        ] {
            assert_eq!(rules_of(&calling(symbol), &[]), [Rule::Panic], "{symbol}");
        }
    }

    #[test]
    fn harmless_helpers_pass() {
        for symbol in
            ["__aeabi_memcpy", "__aeabi_memset4", "__aeabi_llsl", "__aeabi_lasr", "__aeabi_uread4", "memcpy"]
        {
            assert_eq!(rules_of(&calling(symbol), &[]), [], "{symbol}");
        }
    }

    #[test]
    fn forbidden_instructions_are_found() {
        for (instruction, rule) in [
            ("fb90 f0f1 \tsdiv\tr0, r0, r1", Rule::DivisionInstruction),
            ("fbb0 f0f1 \tudiv\tr0, r0, r1", Rule::DivisionInstruction),
            ("ee30 0a20 \tvadd.f32\ts0, s0, s1", Rule::FloatInstruction),
            ("ed90 0b00 \tvldr\td0, [r0]", Rule::FloatInstruction),
            ("4798      \tblx\tr3", Rule::IndirectCall),
        ] {
            assert_eq!(rules_of(&holding(instruction), &[]), [rule], "{instruction}");
        }
    }

    #[test]
    fn a_wide_multiplication_must_be_requantisation() {
        let numerics = "/src/kernels/src/numerics.rs:88";
        let elsewhere = "/src/kernels/src/generic/dense.rs:20";
        for text in [
            holding("fb80 0101 \tsmull\tr0, r1, r0, r1"),
            holding("fba0 0101 \tumull\tr0, r1, r0, r1"),
            holding("fbc0 0101 \tsmlal\tr0, r1, r0, r1"),
            calling("__aeabi_lmul"),
            calling("__muldi3"),
        ] {
            assert_eq!(rules_of(&text, &[]), [Rule::WideMultiply]);
            assert_eq!(rules_of(&text, &[elsewhere]), [Rule::WideMultiply]);
            assert_eq!(rules_of(&text, &["/core/num/mod.rs:1", numerics, elsewhere]), []);
        }
        assert_eq!(rules_of(&holding("fb50 f001 \tsmmul\tr0, r0, r1"), &[]), []);
    }

    #[test]
    fn a_finding_says_how_it_is_reached() {
        let program = Program::parse(Isa::Thumb, &calling("__udivsi3"));
        let reach = Reach::from(&program, "sparrowhawk_infer").expect("the entry is there");
        let findings = check(&program, &reach, &|_| Vec::new());
        assert_eq!(findings[0].path, ["sparrowhawk_infer", "__udivsi3"]);
    }

    #[test]
    fn integer_vectors_are_no_floats() {
        let holding = |first: &str, second: &str| {
            format!(
                "00000100 <sparrowhawk_infer>:\n 100:\t{first}\n 104:\t{second}\n 108:\tbd80 \tpop\t{{r7, pc}}\n"
            )
        };
        let vector = "ef22 0844 \tvadd.i32\tq0, q1, q2";
        for harmless in [
            "fd92 1e10 \tvldrw.u32\tq0, [r2], #16",
            "ec40 0f12 \tvmov\tq1[2], q1[0], r0, r2",
            "eefd 1a10 \tvmrs\tr1, p0",
            "fe71 0f4d \tvpst",
        ] {
            assert_eq!(rules_of(&holding(harmless, "bf00 \tnop"), &[]), [], "{harmless}");
        }
        for part in
            ["ed2d ab06 \tvpush\t{d10-d12}", "ec53 0b1a \tvmov\tr0, r3, d10", "ee16 2a10 \tvmov\tr2, s12"]
        {
            assert_eq!(rules_of(&holding(part, vector), &[]), [], "{part}");
            assert_eq!(rules_of(&holding(part, "bf00 \tnop"), &[]), [Rule::FloatInstruction], "{part}");
        }
        for float in
            ["ef02 0d44 \tvadd.f32\tq0, q1, q2", "eeb0 0a60 \tvmov.f32\ts0, s1", "ed90 0b00 \tvldr\td0, [r0]"]
        {
            assert_eq!(rules_of(&holding(float, vector), &[]), [Rule::FloatInstruction], "{float}");
        }
    }

    #[test]
    fn risc_v_is_held_against_the_same_rules() {
        let numerics = "/src/kernels/src/numerics.rs:88";
        let holding = |instruction: &str| {
            format!("00000100 <sparrowhawk_infer>:\n 100:\t{instruction}\n 104:\t8082 \tret\n")
        };
        for (instruction, rule) in [
            ("02b54533 \tdiv\ta0,a0,a1", Rule::DivisionInstruction),
            ("02b57533 \tremu\ta0,a0,a1", Rule::DivisionInstruction),
            ("00b57553 \tfadd.s\tfa0,fa0,fa1", Rule::FloatInstruction),
            ("02b53533 \tmulhu\ta0,a0,a1", Rule::WideMultiply),
            ("9602     \tjalr\ta2", Rule::IndirectCall),
        ] {
            assert_eq!(rules_on(Isa::RiscV, &holding(instruction), &[]), [rule], "{instruction}");
        }
        let halves = holding("02b516b3 \tmulh\ta3,a0,a1\n 108:\t02a58533 \tmul\ta0,a1,a0");
        assert_eq!(rules_on(Isa::RiscV, &halves, &[]), [Rule::WideMultiply]);
        assert_eq!(rules_on(Isa::RiscV, &halves, &[numerics]), []);
        for harmless in [
            "0ff0000f \tfence",
            "02b51533 \tmulh\ta0,a0,a1",
            "02b50533 \tmul\ta0,a0,a1",
            "8d6d \tand\ta0,a0,a1",
        ] {
            assert_eq!(rules_on(Isa::RiscV, &holding(harmless), &[]), [], "{harmless}");
        }
        let calling = |symbol: &str| {
            format!(
                "00000100 <sparrowhawk_infer>:\n 100:\t00000097 \tauipc\tra,0x0\n 104:\t100080e7 \tjalr\t256(ra) # 200\n \
                 108:\t8082 \tret\n00000200 <{symbol}>:\n 200:\t8082 \tret\n"
            )
        };
        for (symbol, rule) in [
            ("__udivdi3", Rule::DivisionHelper),
            ("__addsf3", Rule::FloatHelper),
            ("_RNvNtCs2FhVC7nvToS_4core9panicking9panic_fmt", Rule::Panic),
            ("__muldi3", Rule::WideMultiply),
        ] {
            assert_eq!(rules_on(Isa::RiscV, &calling(symbol), &[]), [rule], "{symbol}");
        }
    }
}
