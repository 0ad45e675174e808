//! What the bytes of a model file mean (docs/format.md): header and section table, then GRAPH (postcard),
//! CONST (raw), GOLDEN and META.

pub(crate) mod decode;
mod graph;
mod header;
mod le;

pub(crate) use decode::DecodeError;
pub use graph::{
    AccumulateRef, ActivationType, ClampRef, Interface, Layout, MAX_CONCAT, Op, Operand, Part, PoolRef,
    Region, ResidualRef, Scale, Step, Taps, WeightWidth,
};
pub use header::{HEADER_BYTES, Header, MAGIC, MAX_SECTIONS, SECTION_BYTES, SectionKind};
