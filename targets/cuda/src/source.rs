//! The CUDA source, embedded: the files, and the text that makes a module of them.

use std::fmt;

use sha2::{Digest, Sha256};

macro_rules! files {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../kernels/cuda/", $name)))),*]
    };
}

/// Every file by the name under which others include it.
pub const FILES: [(&str, &str); 12] = files![
    "platform.cuh",
    "ptx.cuh",
    "numerics.cuh",
    "channels.cuh",
    "accumulate.cuh",
    "tile.cuh",
    "operand.cuh",
    "split.cuh",
    "elementwise.cu",
    "windows.cu",
    "depthwise.cu",
    "direct.cu"
];

/// The file of the families, which is included once for each.
pub const CONV: (&str, &str) = files!["conv.cu"][0];

/// What a convolution on tensor cores multiplies, and how its operand comes into shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Bytes by 8-bit weights.
    Bytes,
    /// Bytes by 4-bit weights, widened in registers.
    BytesNibbles,
    /// Bytes by 2-bit weights, widened in registers.
    BytesPairs,
    /// Nibbles by 4-bit weights.
    Nibbles,
    /// Any channel count: elements one by one into bytes, by 8-bit weights.
    Gather,
    /// Nibbles widened to bytes on their way into shared memory, by 8-bit weights.
    Unpack,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Bytes, Self::BytesNibbles, Self::BytesPairs, Self::Nibbles, Self::Gather, Self::Unpack];

    /// Name in the kernels' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesNibbles => "bytes_nibbles",
            Self::BytesPairs => "bytes_pairs",
            Self::Nibbles => "nibbles",
            Self::Gather => "gather",
            Self::Unpack => "unpack",
        }
    }
}

/// A unit of compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Module {
    /// Everything without tensor cores.
    Simple,
    /// The tiles of one family of convolutions.
    Conv(Family),
}

impl Module {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Simple).chain(Family::ALL.map(Self::Conv))
    }

    /// The text that is compiled; it includes [`FILES`] and [`CONV`].
    pub fn text(self) -> String {
        match self {
            Self::Simple => ["elementwise.cu", "windows.cu", "depthwise.cu", "direct.cu"]
                .map(|name| format!("#include \"{name}\"\n"))
                .concat(),
            Self::Conv(family) => {
                format!("#define FAMILY_{}\n#include \"{}\"\n", family.name().to_uppercase(), CONV.0)
            }
        }
    }

    /// Hash of the text and all files: a key for caches.
    pub fn hash(self) -> String {
        let mut hash = Sha256::new_with_prefix(self.text());
        FILES.iter().chain([&CONV]).for_each(|(_, text)| hash.update(text));
        hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple => f.write_str("simple"),
            Self::Conv(family) => f.write_str(family.name()),
        }
    }
}
