//! The call graph from an entry: calls, tail calls and fall-through; jumps through a register are proven or reported.

use std::collections::{BTreeMap, VecDeque};

use super::disassembly::{Function, Instruction, Program};
use super::riscv;
use crate::board::Isa;

/// What an entry can reach.
pub(super) struct Reach {
    /// Function -> the one that it was first reached from; the entry is reached from itself.
    parents: BTreeMap<usize, usize>,
    /// Function and index of an instruction whose target is unknown.
    pub(super) unknown: Vec<(usize, usize)>,
}

impl Reach {
    /// Follows everything from the function `symbol`, or `None` where there is no such function.
    pub(super) fn from(program: &Program, symbol: &str) -> Option<Self> {
        let entry = program.functions.iter().position(|function| function.symbol == symbol)?;
        let mut reach = Self { parents: BTreeMap::from([(entry, entry)]), unknown: Vec::new() };
        let mut queue = VecDeque::from([entry]);
        while let Some(caller) = queue.pop_front() {
            for index in 0..program.functions[caller].instructions.len() {
                match flow_of(program, caller, index) {
                    Flow::Inside => {}
                    Flow::Unknown => reach.unknown.push((caller, index)),
                    Flow::To(address) => match program.function_at(address) {
                        Some(callee) if callee == caller => {}
                        Some(callee) => {
                            reach.parents.entry(callee).or_insert_with(|| {
                                queue.push_back(callee);
                                caller
                            });
                        }
                        None => reach.unknown.push((caller, index)),
                    },
                }
            }
        }
        Some(reach)
    }

    /// Indices of the reachable functions.
    pub(super) fn functions(&self) -> impl Iterator<Item = usize> {
        self.parents.keys().copied()
    }

    /// Functions from the entry to this one.
    pub(super) fn path(&self, mut index: usize) -> Vec<usize> {
        let mut path = vec![index];
        while let Some(&parent) = self.parents.get(&index).filter(|&&parent| parent != index) {
            path.push(parent);
            index = parent;
        }
        path.reverse();
        path
    }
}

/// Where control goes from an instruction.
pub(super) enum Flow {
    /// On to the next instruction, back to the caller, or elsewhere in the function.
    Inside,
    /// To this address.
    To(u32),
    /// Nobody knows where.
    Unknown,
}

fn flow_of(program: &Program, function: usize, index: usize) -> Flow {
    let function = &program.functions[function];
    match program.isa {
        Isa::Thumb => flow(function, index),
        Isa::RiscV => riscv::flow(function, index),
    }
}

/// The function that an instruction calls or goes on in, if another than its own.
pub(super) fn callee(program: &Program, function: usize, index: usize) -> Option<usize> {
    let Flow::To(address) = flow_of(program, function, index) else { return None };
    program.function_at(address).filter(|&callee| callee != function)
}

const CONDITIONS: [&str; 16] =
    ["eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"];

/// `name` with or without a condition.
fn is(mnemonic: &str, name: &str) -> bool {
    mnemonic.strip_prefix(name).is_some_and(|rest| rest.is_empty() || CONDITIONS.contains(&rest))
}

fn flow(function: &Function, index: usize) -> Flow {
    let instruction = &function.instructions[index];
    let mnemonic = instruction.mnemonic.as_str();
    let register = instruction.first_register();
    if instruction.is_data() || is_filler(function, index) {
        return Flow::Inside;
    }
    if is(mnemonic, "bx") {
        return if register == "lr" { Flow::Inside } else { Flow::Unknown };
    }
    if ["b", "bl", "blx"].iter().any(|name| is(mnemonic, name)) || matches!(mnemonic, "cbz" | "cbnz") {
        return instruction.target().map_or(Flow::Unknown, Flow::To);
    }
    if matches!(mnemonic, "tbb" | "tbh") {
        let unit = if mnemonic == "tbb" { 1 } else { 2 };
        return proven(instruction.operands.starts_with("[pc") && offsets_stay_inside(function, index, unit));
    }
    let writes_pc = register == "pc" && !mnemonic.starts_with("cmp") && !mnemonic.starts_with("str");
    if writes_pc {
        return match mnemonic {
            _ if is(mnemonic, "mov") && instruction.operands == "pc, lr" => Flow::Inside,
            _ if is(mnemonic, "mov") => proven(addresses_stay_inside(function, index)),
            _ if is(mnemonic, "add") => proven(offset_table(function, index)),
            _ if is(mnemonic, "ldr") => proven(loop_entry(function, index)),
            _ => Flow::Unknown,
        };
    }
    if falls_off(function, index) { Flow::To(function.end) } else { Flow::Inside }
}

fn proven(stays: bool) -> Flow {
    if stays { Flow::Inside } else { Flow::Unknown }
}

/// The function's last instruction is no jump and no return: control goes on into the next function.
fn falls_off(function: &Function, index: usize) -> bool {
    let instruction = &function.instructions[index];
    let returns =
        instruction.operands.contains("pc}") || matches!(instruction.mnemonic.as_str(), "udf" | "bkpt");
    index + 1 == function.instructions.len() && !returns && instruction.mnemonic != "nop"
}

/// The linker's bytes behind a function, 0xd4d4, which read as a branch; behind a jump or return that is always taken
/// nothing reaches it.
fn is_filler(function: &Function, index: usize) -> bool {
    let [.., before, last] = &function.instructions[..=index] else { return false };
    let leaves = matches!(before.mnemonic.as_str(), "b" | "bx")
        || matches!(before.mnemonic.as_str(), "pop" | "ldmia") && before.operands.contains("pc}");
    index + 1 == function.instructions.len() && last.mnemonic == "bmi" && leaves
}

/// A jump through a register is proven to be a jump table by its shape, which only a `match` compiles to, and
/// by entries that stay inside the function. Constants may follow the last entry without a mark, so the first
/// entry that leads elsewhere ends the table; a compiler makes no table of fewer than this.
const FEWEST_ENTRIES: usize = 2;

/// The scheduler may put this many instructions between a table's load and its jump.
const LOOK_BACK: usize = 16;

/// The bytes that lie between this instruction and the next code.
fn table(function: &Function, index: usize) -> Vec<u8> {
    let behind = function.instructions[index + 1..].iter().skip_while(|one| one.mnemonic == "nop");
    behind.take_while(|one| one.is_data()).flat_map(Instruction::data).collect()
}

/// `adr rA, table; ldr rX, [rA, rI]; …; mov pc, rX; …; table of absolute addresses`.
fn addresses_stay_inside(function: &Function, index: usize) -> bool {
    let Some(table) = table_address(function, index) else { return false };
    let data = function.instructions.iter().skip_while(|one| one.address < table);
    let bytes: Vec<u8> = data.take_while(|one| one.is_data()).flat_map(Instruction::data).collect();
    let (words, _) = bytes.as_chunks::<4>();
    let inside = |word: &&[u8; 4]| function.holds(u32::from_le_bytes(**word) & !1);
    words.iter().take_while(inside).count() >= FEWEST_ENTRIES
}

/// Follows the jump's register back, through the stack if it was spilled, to the table that it was read from.
fn table_address(function: &Function, index: usize) -> Option<u32> {
    let mut place = function.instructions[index].operands.strip_prefix("pc, ")?;
    let mut loaded = false;
    for one in function.instructions[index.saturating_sub(LOOK_BACK)..index].iter().rev() {
        let (first, rest) = one.operands.split_once(", ").unwrap_or((&one.operands, ""));
        match one.mnemonic.as_str() {
            "str" if rest == place => place = first,
            "push" | "cmp" | "str" | "strb" | "strh" => {}
            _ if first != place => {}
            "ldr" if !loaded && rest.starts_with("[sp") => place = rest,
            "ldr" if !loaded => {
                place = rest.strip_prefix('[')?.split_once(", r")?.0;
                loaded = true;
            }
            "add" | "adr" if loaded => {
                let offset = rest.trim_start_matches("pc, ").strip_prefix('#')?;
                return Some(((one.address + 4) & !3) + offset.parse::<u32>().ok()?);
            }
            _ => return None,
        }
    }
    None
}

/// `ldrb rX, …; lsls rX, rX, #1; add pc, rX; table of halfword counts`, with `ldrh` for a table of halfwords.
fn offset_table(function: &Function, index: usize) -> bool {
    let register = function.instructions[index].operands.trim_start_matches("pc, ");
    let before = &function.instructions[index.saturating_sub(LOOK_BACK)..index];
    let mut writes = before.iter().rev().filter(|one| one.first_register() == register);
    let doubled = writes.next().is_some_and(|one| one.mnemonic == "lsls");
    match writes.next().map(|one| one.mnemonic.as_str()) {
        Some("ldrb") if doubled => offsets_stay_inside(function, index, 1),
        Some("ldrh") if doubled => offsets_stay_inside(function, index, 2),
        _ => false,
    }
}

/// `adr rX, end; sub rX, rX, rY; orr rX, rX, #1; str rX, [sp, #N]; …; ldr pc, [sp, #N]`: a loop of the kernels that is
/// entered so far before its end. The end is inside the function; how far, is the contract of the kernel's `unsafe`.
fn loop_entry(function: &Function, index: usize) -> bool {
    let Some(place) = function.instructions[index].operands.strip_prefix("pc, ") else { return false };
    let stores = function.instructions[..index].windows(4).filter(|four| {
        let (register, rest) = four[3].operands.split_once(", ").unwrap_or_default();
        let operands = [format!("{register}, {register}, "), format!("{register}, {register}, #1")];
        four[3].mnemonic == "str"
            && rest == place
            && place.starts_with("[sp")
            && four[1].mnemonic == "sub"
            && four[1].operands.starts_with(&operands[0])
            && four[2].mnemonic == "orr"
            && four[2].operands == operands[1]
            && ["add", "addw", "adr"].contains(&four[0].mnemonic.as_str())
            && pc_relative(&four[0], register).is_some_and(|end| function.holds(end))
    });
    stores.count() == 1
}

/// The address that an instruction computes from its own in a register.
fn pc_relative(instruction: &Instruction, register: &str) -> Option<u32> {
    let offset = instruction.operands.strip_prefix(register)?.strip_prefix(", pc, #")?;
    Some(((instruction.address + 4) & !3) + offset.parse::<u32>().ok()?)
}

fn offsets_stay_inside(function: &Function, index: usize, unit: usize) -> bool {
    let base = function.instructions[index].address + 4;
    let bytes = table(function, index);
    let inside = |entry: &&[u8]| {
        let count = entry.iter().rev().fold(0, |high, &low| high << 8 | u32::from(low));
        function.holds(base + 2 * count)
    };
    bytes.chunks_exact(unit).take_while(inside).count() >= FEWEST_ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Vec<String>, usize) {
        let program = Program::parse(Isa::Thumb, text);
        let reach = Reach::from(&program, "entry").expect("the entry is there");
        let names = reach.functions().map(|index| program.functions[index].symbol.clone()).collect();
        (names, reach.unknown.len())
    }

    const TAIL: &str =
        "00000200 <other>:\n 200:\t4770 \tbx\tlr\n00000300 <unrelated>:\n 300:\t4770 \tbx\tlr\n";

    #[test]
    fn calls_tail_calls_and_fall_through_are_followed() {
        for body in [
            " 100:\tf000 f87e \tbl\t200 <other>\n 104:\tbd80 \tpop\t{r7, pc}\n",
            " 100:\tf000 b87e \tb.w\t200 <other>\n",
            " 100:\tf000 b87e \tbeq.w\t200 <other>\n 104:\t4770 \tbx\tlr\n",
        ] {
            let text = format!("00000100 <entry>:\n{body}{TAIL}");
            assert_eq!(names(&text), (vec!["entry".into(), "other".into()], 0), "{body}");
        }
        let falls = format!("000001fe <entry>:\n 1fe:\t3001 \tadds\tr0, #1\n{TAIL}");
        assert_eq!(names(&falls).0, ["entry", "other"]);
    }

    #[test]
    fn what_fills_the_space_behind_a_function_is_no_branch() {
        let filled = |last: &str| {
            format!("000001fa <entry>:\n 1fa:\t{last}\n 1fe:\td4d4 \tbmi.n\t200 <other>\n{TAIL}")
        };
        for leaves in ["bd80 \tpop\t{r7, pc}", "4770 \tbx\tlr"] {
            assert_eq!(names(&filled(leaves)).0, ["entry"], "{leaves}");
        }
        for stays in ["bd80 \tpopcs\t{r7, pc}", "bc80 \tpop\t{r7}"] {
            assert_eq!(names(&filled(stays)).0, ["entry", "other"], "{stays}");
        }
    }

    #[test]
    fn a_call_through_a_register_is_unknown() {
        for call in ["4798 \tblx\tr3", "4718 \tbx\tr3", "4697 \tmov\tpc, r2", "f8d0 f000 \tldr.w\tpc, [r0]"] {
            let text = format!("00000100 <entry>:\n 100:\t{call}\n 104:\t4770 \tbx\tlr\n");
            assert_eq!(names(&text).1, 1, "{call}");
        }
    }

    #[test]
    fn a_loop_may_be_entered_before_its_end() {
        let good = "00000100 <entry>:\n 100:\tf20f 0310 \taddw\tr3, pc, #16\n 104:\teba3 0302 \tsub.w\tr3, r3, r2\n \
                    108:\tf043 0301 \torr.w\tr3, r3, #1\n 10c:\t9305 \tstr\tr3, [sp, #20]\n \
                    10e:\tf8dd f014 \tldr.w\tpc, [sp, #20]\n 112:\tbf00 \tnop\n 114:\t4770 \tbx\tlr\n";
        assert_eq!(names(good).1, 0);
        for (part, other) in [
            ("\tr3, [sp, #20]", "\tr3, [sp, #24]"),
            ("pc, #16", "pc, #160"),
            ("r3, r3, r2", "r3, r2, r3"),
            ("addw\tr3", "addw\tr4"),
        ] {
            let bad = good.replacen(part, other, 1);
            assert_ne!(bad, good, "{part}");
            assert_eq!(names(&bad).1, 1, "{part}");
        }
    }

    #[test]
    fn a_branch_to_no_function_is_unknown() {
        assert_eq!(
            names("00000100 <entry>:\n 100:\tf000 f87e \tbl\t900 <gone>\n 104:\t4770 \tbx\tlr\n").1,
            1
        );
    }

    #[test]
    fn jump_tables_inside_the_function_are_proven() {
        let absolute = "00000100 <entry>:\n 100:\ta401 \tadd\tr4, pc, #8\n 102:\t58a2 \tldr\tr2, [r4, r2]\n \
                        104:\t9203 \tstr\tr2, [sp, #12]\n 106:\t9903 \tldr\tr1, [sp, #12]\n \
                        108:\t468f \tmov\tpc, r1\n 10a:\t46c0 \tnop\n \
                        10c:\t00000115 \t.word\t0x00000115\n 110:\t00000115 \t.word\t0x00000115\n \
                        114:\t4770 \tbx\tlr\n";
        assert_eq!(names(absolute).1, 0);
        for (good, bad) in [
            ("0x00000115", "0x00000715"),
            ("ldr\tr2", "ldr\tr3"),
            ("str\tr2", "str\tr5"),
            ("r4, pc", "r4, sp"),
        ] {
            assert_eq!(names(&absolute.replace(good, bad)).1, 1, "{bad}");
        }
        let relative = "00000100 <entry>:\n 100:\t7912 \tldrb\tr2, [r2, #4]\n 102:\t0052 \tlsls\tr2, r2, #1\n \
                        104:\t4497 \tadd\tpc, r2\n 106:\t0001 \t.short\t0x0001\n 108:\t4770 \tbx\tlr\n \
                        10a:\t4770 \tbx\tlr\n";
        assert_eq!(names(relative).1, 0);
        assert_eq!(names(&relative.replace(".short\t0x0001", ".short\t0x4141")).1, 1);
        let branch = "00000100 <entry>:\n 100:\te8df f000 \ttbb\t[pc, r0]\n 104:\t0101 \t.short\t0x0101\n \
                      106:\t4770 \tbx\tlr\n";
        assert_eq!(names(branch).1, 0);
        assert_eq!(names(&branch.replace("0x0101", "0x4141")).1, 1);
    }
}
