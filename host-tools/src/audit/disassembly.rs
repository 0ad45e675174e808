//! Reads the text of `objdump -d`, GNU's or LLVM's, into functions and instructions.

use std::{fs, io, path::Path, process::Command};

use object::Object;

use super::AuditError;
use crate::board::{Disassembler, Isa};

/// The firmware's code.
#[derive(Debug)]
pub struct Program {
    /// Its instruction set.
    pub isa: Isa,
    /// In order of address.
    pub functions: Vec<Function>,
}

/// From one symbol to the next.
#[derive(Debug)]
pub struct Function {
    /// Symbol, mangled.
    pub symbol: String,
    /// First address.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// In order of address, data between them too.
    pub instructions: Vec<Instruction>,
}

/// One line of the disassembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it is.
    pub address: u32,
    /// Mnemonic without a width suffix (`.n`, `.w`); `.word`, `.short`, `.byte` for data between code.
    pub mnemonic: String,
    /// Operands without comments.
    pub operands: String,
}

impl Program {
    /// Disassembles a linked file.
    ///
    /// # Errors
    /// No disassembler, one that failed, or a file for a core that no board has.
    pub fn read(firmware: &Path) -> Result<Self, AuditError> {
        let architecture = object::File::parse(fs::read(firmware)?.as_slice())?.architecture();
        let isa = Isa::of(architecture).ok_or(AuditError::Architecture(architecture))?;
        let disassemblers = isa.disassemblers();
        for Disassembler { program, options } in disassemblers {
            match Command::new(program).arg("-d").args(options).arg(firmware).output() {
                Ok(output) if output.status.success() => {
                    let parsed = Self::parse(isa, &String::from_utf8_lossy(&output.stdout));
                    return if parsed.functions.is_empty() { Err(AuditError::Empty) } else { Ok(parsed) };
                }
                Ok(output) => {
                    let log = String::from_utf8_lossy(&output.stderr).into_owned();
                    return Err(AuditError::Disassembler { program, log });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let programs = disassemblers.map(|one| one.program);
        Err(AuditError::NoDisassembler { programs, package: isa.binutils() })
    }

    /// Reads a disassembly's text.
    pub fn parse(isa: Isa, text: &str) -> Self {
        let mut functions: Vec<Function> = Vec::new();
        for line in text.lines() {
            if let Some((start, symbol)) = header(line) {
                functions.push(Function { symbol, start, end: start, instructions: Vec::new() });
            } else if let Some((instruction, bytes)) = instruction(isa, line)
                && let Some(function) = functions.last_mut()
            {
                function.end = instruction.address + bytes;
                function.instructions.push(instruction);
            }
        }
        functions.sort_by_key(|function| function.start);
        Self { isa, functions }
    }

    /// Index of the function that holds an address.
    pub fn function_at(&self, address: u32) -> Option<usize> {
        let index = self.functions.partition_point(|function| function.start <= address).checked_sub(1)?;
        (address < self.functions[index].end).then_some(index)
    }
}

impl Function {
    /// Name for people.
    pub fn name(&self) -> String {
        demangle(&self.symbol)
    }

    /// The address is inside.
    pub fn holds(&self, address: u32) -> bool {
        (self.start..self.end).contains(&address)
    }
}

impl Instruction {
    /// It is a constant between instructions.
    pub fn is_data(&self) -> bool {
        self.mnemonic.starts_with('.')
    }

    /// Address that the operands name, for a direct branch or call.
    pub fn target(&self) -> Option<u32> {
        let before = self.operands.split(" <").next()?;
        let word = before.rsplit([',', ' ']).next()?;
        u32::from_str_radix(word.trim_start_matches("0x"), 16).ok()
    }

    /// The register that the first operand is.
    pub fn first_register(&self) -> &str {
        self.operands.split([',', ' ']).next().unwrap_or_default()
    }

    /// Little-endian bytes of data between code.
    pub fn data(&self) -> Vec<u8> {
        let word = self.operands.split_whitespace().next().unwrap_or_default();
        let value = u32::from_str_radix(word.trim_start_matches("0x"), 16).unwrap_or_default().to_le_bytes();
        let count = match self.mnemonic.as_str() {
            ".word" => 4,
            ".short" => 2,
            ".byte" => 1,
            _ => 0,
        };
        value[..count].to_vec()
    }
}

/// A symbol as people write it, without its hash.
pub(super) fn demangle(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// `0000041c <name>:`
fn header(line: &str) -> Option<(u32, String)> {
    let (address, rest) = line.split_once(" <")?;
    let address = u32::from_str_radix(address, 16).ok()?;
    Some((address, rest.strip_suffix(">:")?.into()))
}

/// `     41c:\tb580      \tpush\t{r7, lr}` of GNU, `     41c: 80 b5        \tpush\t{r7, lr}` of LLVM.
fn instruction(isa: Isa, line: &str) -> Option<(Instruction, u32)> {
    let (address, rest) = line.split_once(':')?;
    let address = u32::from_str_radix(address.trim(), 16).ok()?;
    let mut fields = rest.split('\t').map(str::trim).skip_while(|field| field.is_empty());
    let digits = fields.next()?.bytes().filter(u8::is_ascii_hexdigit).count();
    let mnemonic = fields.next()?;
    let mnemonic = mnemonic.strip_suffix(".n").or(mnemonic.strip_suffix(".w")).unwrap_or(mnemonic);
    let mnemonic = match mnemonic {
        ".2byte" | ".hword" => ".short",
        ".4byte" | ".long" => ".word",
        other => other,
    };
    let operands = fields.collect::<Vec<_>>().join(" ");
    let comments: &[char] = match isa {
        Isa::Thumb => &['@', ';'],
        Isa::RiscV => &['#'],
    };
    let operands = operands.split(comments).next().unwrap_or_default().trim().into();
    Some((Instruction { address, mnemonic: mnemonic.into(), operands }, digits as u32 / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GNU: &str = "\n0000170c <sparrowhawk_infer>:\n    170c:\tb580      \tpush\t{r7, lr}\n    170e:\tf002 f9d5 \tbl\t246e <helper>\n    1712:\te7fb      \tb.n\t170c <sparrowhawk_infer>\n    1714:\t00000dcd \t.word\t0x00000dcd\n\n0000246e <helper>:\n    246e:\t4770      \tbx\tlr\n";
    const LLVM: &str = "\n0000170c <sparrowhawk_infer>:\n    170c: 80 b5        \tpush\t{r7, lr}\n    170e: 02 f0 d5 f9  \tbl\t0x246e <helper> @ imm = #3418\n    1712: fb e7        \tb\t0x170c <sparrowhawk_infer> @ imm = #-10\n    1714: cd 0d 00 00  \t.word\t0x00000dcd\n\n0000246e <helper>:\n    246e: 70 47        \tbx\tlr\n";

    #[test]
    fn both_dialects_read_alike() {
        let (gnu, llvm) = (Program::parse(Isa::Thumb, GNU), Program::parse(Isa::Thumb, LLVM));
        for program in [&gnu, &llvm] {
            let [infer, helper] = program.functions.as_slice() else { panic!("two functions") };
            assert_eq!(
                (infer.start, infer.end, infer.symbol.as_str()),
                (0x170c, 0x1718, "sparrowhawk_infer")
            );
            assert_eq!(infer.instructions[1].target(), Some(0x246e));
            assert_eq!(infer.instructions[2].mnemonic, "b");
            assert_eq!(infer.instructions[3].data(), [0xcd, 0x0d, 0, 0]);
            assert_eq!(helper.instructions[0].first_register(), "lr");
            assert_eq!(program.function_at(0x1716), Some(0));
            assert_eq!(program.function_at(0x2000), None);
        }
    }

    #[test]
    fn a_hexadecimal_mnemonic_is_not_taken_for_bytes() {
        let (add, bytes) =
            instruction(Isa::Thumb, "    1200:\t447a      \tadd\tr2, pc").expect("an instruction");
        assert_eq!((add.mnemonic.as_str(), add.operands.as_str(), bytes), ("add", "r2, pc", 2));
    }

    #[test]
    fn compare_and_branch_names_its_target() {
        let (branch, _) =
            instruction(Isa::Thumb, "    100:\tb108      \tcbz\tr0, 106 <f+0x6>").expect("an instruction");
        assert_eq!(branch.target(), Some(0x106));
    }

    #[test]
    fn both_dialects_of_risc_v_read_alike() {
        for line in [
            "80000026:\tff040413          \tadd\ts0,s0,-16 # 80012960 <names>",
            "80000026: 13 04 04 ff  \taddi\ts0, s0, -16",
        ] {
            let (add, bytes) = instruction(Isa::RiscV, line).expect("an instruction");
            assert!(["s0,s0,-16", "s0, s0, -16"].contains(&add.operands.as_str()), "{line}");
            assert_eq!((add.address, add.first_register(), bytes), (0x8000_0026, "s0", 4), "{line}");
        }
        for line in [
            "8000002a:\tfe22ede3  \tbltu\tt0,sp,80000024 <f+0x10>",
            "8000002a: e3 ed 22 fe \tbltu\tt0, sp, 0x80000024 <f+0x10>",
        ] {
            let (branch, _) = instruction(Isa::RiscV, line).expect("an instruction");
            assert_eq!(branch.target(), Some(0x8000_0024), "{line}");
        }
    }
}
