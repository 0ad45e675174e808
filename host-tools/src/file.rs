//! Writes model files (docs/format.md).

use crate::lower::Lowered;
use runtime::format::{HEADER_BYTES, Interface, MAGIC, SECTION_BYTES, SectionKind, Step};
use runtime::{FORMAT_VERSION, RUNTIME_VERSION, trace};

/// What a model file is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Input, output, arena.
    pub interface: Interface,
    /// Steps in execution order.
    pub steps: Vec<Step>,
    /// CONST.
    pub constants: Vec<u8>,
    /// GOLDEN: nothing when empty.
    pub golden: Vec<GoldenVector>,
    /// META, JSON: nothing when empty.
    pub meta: String,
}

/// One golden vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenVector {
    /// Packed input.
    pub input: Vec<u8>,
    /// Packed output.
    pub output: Vec<u8>,
    /// CRC-32 of every step's output.
    pub crcs: Vec<u32>,
}

/// Error of writing a model file.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the graph cannot be encoded: {0}")]
pub struct EncodeError(#[from] postcard::Error);

impl Parts {
    /// Steps and constants alone.
    pub fn bare(lowered: &Lowered) -> Self {
        Self {
            interface: lowered.interface,
            steps: lowered.network.steps.clone(),
            constants: lowered.network.constants.clone().into_bytes(),
            golden: Vec::new(),
            meta: String::new(),
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when a step cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut graph = postcard::to_stdvec(&self.interface)?;
        for step in &self.steps {
            graph.extend(postcard::to_stdvec(step)?);
        }
        let mut sections = vec![(SectionKind::Graph, graph), (SectionKind::Const, self.constants.clone())];
        if !self.golden.is_empty() {
            sections.push((SectionKind::Golden, self.golden_section()));
        }
        if !self.meta.is_empty() {
            sections.push((SectionKind::Meta, self.meta.clone().into_bytes()));
        }
        let mut table = (sections.len() as u32).to_le_bytes().to_vec();
        let mut body = Vec::new();
        let first = HEADER_BYTES + sections.len() * SECTION_BYTES;
        for (kind, bytes) in &sections {
            let align = if *kind == SectionKind::Const { 16 } else { 4 };
            let start = (first + body.len()).next_multiple_of(align);
            body.resize(start - first, 0);
            body.extend(bytes);
            for field in [*kind as u32, start as u32, bytes.len() as u32] {
                table.extend(field.to_le_bytes());
            }
        }
        table.extend(body);
        let mut file = MAGIC.to_vec();
        file.extend(FORMAT_VERSION.to_le_bytes());
        file.extend(RUNTIME_VERSION.to_le_bytes());
        file.extend(((HEADER_BYTES - 4 + table.len()) as u32).to_le_bytes());
        file.extend(trace::crc32(&table).to_le_bytes());
        file.extend(table);
        Ok(file)
    }

    fn golden_section(&self) -> Vec<u8> {
        let mut bytes = (self.golden.len() as u32).to_le_bytes().to_vec();
        for vector in &self.golden {
            bytes.extend(&vector.input);
            bytes.extend(&vector.output);
            vector.crcs.iter().for_each(|crc| bytes.extend(crc.to_le_bytes()));
        }
        bytes
    }
}
