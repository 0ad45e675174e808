//! Where control goes on RISC-V. Jumps through a register are known only right behind the `auipc` of the same register,
//! as linkers make calls; firmware is built without jump tables.

use super::calls::Flow;
use super::disassembly::{Function, Instruction};

const BRANCHES: [&str; 16] = [
    "beq", "bne", "blt", "bge", "bltu", "bgeu", "bgt", "ble", "bgtu", "bleu", "beqz", "bnez", "bltz", "bgez",
    "bgtz", "blez",
];

/// Where an instruction of a function leads.
pub(super) fn flow(function: &Function, index: usize) -> Flow {
    let instruction = &function.instructions[index];
    let last = index + 1 == function.instructions.len();
    match instruction.mnemonic.as_str() {
        _ if instruction.is_data() => Flow::Inside,
        "ret" | "unimp" | "ebreak" => Flow::Inside,
        "j" | "jal" => instruction.target().map_or(Flow::Unknown, Flow::To),
        "jr" | "jalr" => {
            let before = index.checked_sub(1).and_then(|before| function.instructions.get(before));
            before.and_then(|before| far(before, instruction)).map_or(Flow::Unknown, Flow::To)
        }
        name if BRANCHES.contains(&name) => instruction.target().map_or(Flow::Unknown, Flow::To),
        // Back from a trap, or an instruction of a kind that this list does not know.
        name if name.starts_with(['j', 'b']) || name.ends_with("ret") => Flow::Unknown,
        "nop" => Flow::Inside,
        _ if last => Flow::To(function.end),
        _ => Flow::Inside,
    }
}

/// The address of `auipc R,PAGES; jalr OFFSET(R)`; `jalr R` where the offset is 0.
fn far(auipc: &Instruction, jump: &Instruction) -> Option<u32> {
    let (register, pages) = auipc.operands.split_once(',')?;
    let place = jump.operands.rsplit([',', ' ']).next()?;
    let (offset, base) = match place.strip_suffix(')') {
        Some(place) => place.split_once('(')?,
        None => ("0", place),
    };
    if auipc.mnemonic != "auipc" || base != register {
        return None;
    }
    let offset: i32 = offset.parse().ok()?;
    let pages = pages.trim();
    let pages = match pages.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => pages.parse().ok()?,
    };
    Some(auipc.address.wrapping_add(pages << 12).wrapping_add_signed(offset))
}

/// The two halves of a product may be so far from each other.
const NEAR: usize = 16;

/// The instruction is a `mulh`, and a `mul` of the same two registers makes the lower half of its product.
pub(super) fn has_both_halves(instructions: &[Instruction], position: usize) -> bool {
    let sources = |one: &Instruction| {
        let mut names: Vec<String> =
            one.operands.split(',').skip(1).map(|name| name.trim().to_owned()).collect();
        names.sort();
        names
    };
    let near = position.saturating_sub(NEAR)..instructions.len().min(position + NEAR);
    instructions[position].mnemonic == "mulh"
        && instructions[near]
            .iter()
            .any(|one| one.mnemonic == "mul" && sources(one) == sources(&instructions[position]))
}

#[cfg(test)]
mod tests {
    use super::super::calls::Reach;
    use super::super::disassembly::Program;
    use crate::board::Isa;

    /// The functions that `entry` reaches, and the number of unknown jumps.
    fn names(body: &str) -> (Vec<String>, usize) {
        let text = format!(
            "00001000 <entry>:\n{body}00002000 <other>:\n 2000:\t8082 \tret\n00003000 <unrelated>:\n 3000:\t8082 \tret\n"
        );
        let program = Program::parse(Isa::RiscV, &text);
        let reach = Reach::from(&program, "entry").expect("the entry is there");
        let names = reach.functions().map(|index| program.functions[index].symbol.clone()).collect();
        (names, reach.unknown.len())
    }

    #[test]
    fn calls_tail_calls_branches_and_fall_through_are_followed() {
        for body in [
            " 1000:\t00001097 \tauipc\tra,0x1\n 1004:\t000080e7 \tjalr\t0(ra) # 2000 <other>\n 1008:\t8082 \tret\n",
            " 1000:\t97 10 00 00 \tauipc\tra, 1\n 1004:\te7 80 00 00 \tjalr\tra\n 1008:\t8082 \tret\n",
            " 1000:\t00002317 \tauipc\tt1,0x2\n 1004:\t00030067 \tjr\t-4096(t1) # 2000 <other>\n",
            " 1000:\ta801 \tj\t2000 <other>\n",
            " 1000:\tc501 \tbeqz\ta0,2000 <other>\n 1002:\t8082 \tret\n",
            " 1ffe:\t0505 \tadd\ta0,a0,1\n",
        ] {
            assert_eq!(names(body), (vec!["entry".into(), "other".into()], 0), "{body}");
        }
    }

    #[test]
    fn other_jumps_through_registers_are_unknown() {
        for body in [
            " 1000:\t9602 \tjalr\ta2\n 1002:\t8082 \tret\n",
            " 1000:\t8782 \tjr\ta5\n",
            " 1000:\t00001097 \tauipc\ta0,0x1\n 1004:\t000080e7 \tjalr\t0(ra)\n 1008:\t8082 \tret\n",
            " 1000:\t00001097 \tauipc\tra,0x1\n 1004:\t0001 \tnop\n 1006:\t000080e7 \tjalr\t0(ra)\n 100a:\t8082 \tret\n",
            " 1000:\t30200073 \tmret\n",
        ] {
            assert_eq!(names(body), (vec!["entry".into()], 1), "{body}");
        }
    }
}
