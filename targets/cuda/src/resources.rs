//! What the compiler gave a kernel, read from its machine code: registers, and local memory where they were too few.
//!
//! Machine code is an ELF file. Section `.nv.info` is a list of attributes, each a format, a code and two bytes of value or
//! length; those that are wanted here hold the number of a symbol, the kernel, and a value.

use object::{Object, ObjectSection, ObjectSymbol, SymbolIndex};

/// Attributes with a length.
const SIZED: u8 = 0x04;
const REGISTERS: u8 = 0x2f;
const FRAME_BYTES: u8 = 0x11;

/// A kernel's share of a multiprocessor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Name.
    pub kernel: String,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of a thread's local memory, which lies behind the caches.
    pub local_bytes: u32,
}

/// Resources of all kernels of a module, by name; `None` for bytes that are no machine code of a GPU.
pub fn resources(code: &[u8]) -> Option<Vec<Resources>> {
    let file = object::File::parse(code).ok()?;
    let info = file.section_by_name(".nv.info")?.data().ok()?;
    let mut all: Vec<Resources> = Vec::new();
    for (attribute, value) in attributes(info) {
        let [symbol, value] = words(value)?;
        let kernel = file.symbol_by_index(SymbolIndex(symbol as usize)).ok()?.name().ok()?;
        let at = all.iter().position(|known| known.kernel == kernel).unwrap_or_else(|| {
            all.push(Resources { kernel: kernel.to_owned(), ..Resources::default() });
            all.len() - 1
        });
        match attribute {
            REGISTERS => all[at].registers = value,
            _ => all[at].local_bytes = value,
        }
    }
    // A subroutine has a frame, but is no kernel.
    all.retain(|one| one.registers > 0);
    all.sort_by(|a, b| a.kernel.cmp(&b.kernel));
    Some(all)
}

/// The attributes that are wanted, each with its value.
fn attributes(mut info: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let all = std::iter::from_fn(move || {
        let (&[format, attribute, low, high], rest) = info.split_first_chunk()?;
        let bytes = if format == SIZED { u16::from_le_bytes([low, high]).into() } else { 0 };
        let (value, rest) = rest.split_at_checked(bytes)?;
        info = rest;
        Some((attribute, value))
    });
    all.filter(|(attribute, _)| [REGISTERS, FRAME_BYTES].contains(attribute))
}

fn words(value: &[u8]) -> Option<[u32; 2]> {
    let words: &[[u8; 4]; 2] = value.as_chunks().0.try_into().ok()?;
    Some(words.map(u32::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_other_kinds_and_lengths_are_passed_over() {
        let info = [
            [0x03, 0x19, 0x40, 0x00].as_slice(),
            &[0x04, REGISTERS, 8, 0, 7, 0, 0, 0, 40, 0, 0, 0],
            &[0x04, 0x0a, 4, 0, 1, 2, 3, 4],
            &[0x04, FRAME_BYTES, 8, 0, 7, 0, 0, 0, 16, 1, 0, 0],
            &[0x04, REGISTERS, 9, 0],
        ]
        .concat();
        let found: Vec<_> = attributes(&info).map(|(code, value)| (code, words(value))).collect();
        assert_eq!(found, [(REGISTERS, Some([7, 40])), (FRAME_BYTES, Some([7, 272]))]);
    }

    #[test]
    fn what_is_no_machine_code_has_no_resources() {
        assert_eq!(resources(b"no machine code"), None);
        assert_eq!(words(&[1, 2, 3]), None);
    }
}
