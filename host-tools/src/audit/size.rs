//! What the linked firmware takes of flash and RAM: by section, by crate, by function, and by what inference reaches.

use std::{collections::BTreeMap, fs, path::Path};

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind, elf};

use super::{AuditError, ENTRIES, calls::Reach, disassembly::Program, disassembly::demangle};
use crate::board::{self, Board};

/// A section of the linked file that the device holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u32,
    /// It takes flash.
    pub in_flash: bool,
    /// It takes RAM.
    pub in_ram: bool,
}

/// Bytes under a name: of a crate, a function, or an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the bytes are.
    pub name: String,
    /// How many.
    pub bytes: u32,
}

/// The size of one firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// Name of the board.
    pub board: String,
    /// Everything that is programmed into flash.
    pub flash_bytes: u32,
    /// Statics in RAM, the arena with them; without the stack.
    pub ram_bytes: u32,
    /// The static arena of this firmware; a product takes what its model asks for.
    pub arena_bytes: u32,
    /// RAM that is left for the stack.
    pub stack_bytes: u32,
    /// Sections in order of address.
    pub sections: Vec<Section>,
    /// Flash by group, largest first; constants without a symbol are a group of their own.
    pub groups: Vec<Group>,
    /// Functions, largest first.
    pub functions: Vec<Group>,
    /// Code that each audited entry can reach.
    pub entries: Vec<Group>,
}

const ENGINE: &str = "Sparrowhawk: runtime and kernels";
const LIBRARY: &str = "core and compiler helpers (formatting of the harness's lines, memcpy)";
pub(super) const HARNESS: &str = "harness: firmware, start-up, semihosting";
const UNNAMED: &str = "constants, vectors and padding without a symbol";

/// Builds the board's firmware and measures it.
///
/// # Errors
/// No firmware, no disassembler, or a file that cannot be read.
pub fn size(board: &'static Board) -> Result<Size, AuditError> {
    let path = board::build(board)?;
    let (sections, functions) = read(&path, board)?;
    let total =
        |takes: fn(&Section) -> bool| sections.iter().filter(|one| takes(one)).map(|one| one.bytes).sum();
    let (flash_bytes, ram_bytes): (u32, u32) = (total(|one| one.in_flash), total(|one| one.in_ram));
    let program = Program::read(&path)?;
    let entries = ENTRIES.iter().filter_map(|entry| {
        let reach = Reach::from(&program, entry.symbol)?;
        let length = |index: usize| program.functions[index].end - program.functions[index].start;
        Some(Group { name: format!("from {}", entry.symbol), bytes: reach.functions().map(length).sum() })
    });
    Ok(Size {
        board: board.name.into(),
        flash_bytes,
        ram_bytes,
        arena_bytes: board.arena_bytes,
        stack_bytes: board.ram.bytes.saturating_sub(ram_bytes),
        groups: groups(&functions, flash_bytes),
        functions,
        entries: entries.collect(),
        sections,
    })
}

/// Sections and functions of a linked file.
pub(super) fn read(path: &Path, board: &Board) -> Result<(Vec<Section>, Vec<Group>), AuditError> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(bytes.as_slice())?;
    let sections = file.sections().filter_map(|section| measure(&section, board)).collect();
    Ok((sections, functions(&file)))
}

fn measure<'data>(section: &impl ObjectSection<'data>, board: &Board) -> Option<Section> {
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
    let bytes = u32::try_from(section.size()).ok().filter(|&bytes| bytes > 0)?;
    if sh_flags.0 & elf::SHF_ALLOC.0 == 0 {
        return None;
    }
    let address = section.address();
    let ram = u64::from(board.ram.origin)..u64::from(board.ram.origin) + u64::from(board.ram.bytes);
    let in_ram = ram.contains(&address);
    let in_flash = !in_ram || section.kind() != SectionKind::UninitializedData;
    Some(Section { name: section.name().ok()?.into(), bytes, in_flash, in_ram })
}

fn functions(file: &object::File<'_>) -> Vec<Group> {
    // Aliases of one function are one function.
    let mut by_address = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        if let (Ok(name), Ok(bytes)) = (symbol.name(), u32::try_from(symbol.size())) {
            by_address.insert(symbol.address(), Group { name: demangle(name), bytes });
        }
    }
    let mut functions: Vec<Group> = by_address.into_values().collect();
    functions.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    functions
}

fn groups(functions: &[Group], flash_bytes: u32) -> Vec<Group> {
    let mut sums: BTreeMap<&str, u32> = BTreeMap::new();
    for function in functions {
        *sums.entry(group(&function.name)).or_default() += function.bytes;
    }
    let named: u32 = sums.values().sum();
    *sums.entry(UNNAMED).or_default() += flash_bytes.saturating_sub(named);
    let mut groups: Vec<Group> =
        sums.into_iter().map(|(name, bytes)| Group { name: name.into(), bytes }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
    groups
}

/// The group of a demangled function: by the crate that its path, or its type's path, begins with.
pub(super) fn group(name: &str) -> &'static str {
    if ENTRIES.iter().any(|entry| entry.symbol == name) {
        return ENGINE;
    }
    let path = name.trim_start_matches(['<', '&', '*', '(', '[']).trim_start_matches("mut ");
    let (root, rest) = path.split_once("::").unwrap_or((path, ""));
    match root {
        "runtime" | "kernels" => ENGINE,
        "core" | "alloc" | "compiler_builtins" | "__rustc" => {
            // A library function made for one of our types is ours.
            if rest.contains("kernels::") || rest.contains("runtime::") { ENGINE } else { LIBRARY }
        }
        _ if root.starts_with("__") || root.starts_with("mem") => LIBRARY,
        _ => HARNESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_grouped_by_crate() {
        for (name, expected) in [
            ("sparrowhawk_infer", ENGINE),
            ("kernels::generic::conv::conv2d", ENGINE),
            ("<runtime::session::Session>::step", ENGINE),
            ("<&runtime::LoadError as core::fmt::Display>::fmt", ENGINE),
            ("core::fmt::write", LIBRARY),
            ("__aeabi_memcpy", LIBRARY),
            ("compiler_builtins::mem::memcpy", LIBRARY),
            ("sparrowhawk_firmware::engine::run", HARNESS),
            ("Reset", HARNESS),
        ] {
            assert_eq!(group(name), expected, "{name}");
        }
    }

    #[test]
    fn what_no_symbol_names_is_shown() {
        let functions = [Group { name: "core::fmt::write".into(), bytes: 30 }];
        let sums = groups(&functions, 100);
        assert_eq!(sums[0], Group { name: UNNAMED.into(), bytes: 70 });
    }
}
