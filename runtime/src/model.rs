//! A model whose bytes were validated.

use core::cell::Cell;

use crate::LoadError;
use crate::execute::Session;
use crate::format::{Header, Interface, SectionKind, Step, decode};
use crate::golden::Golden;
use crate::resolve::{Constants, Resolved, Return, resolve};
use crate::validate::validate_steps;

/// A validated model: views into the file, which may lie in flash. Copies are free.
#[derive(Clone, Copy, Debug)]
pub struct Model<'m> {
    interface: Interface,
    steps: &'m [u8],
    constants: Constants<'m>,
    golden: Option<Golden<'m>>,
    meta: &'m [u8],
    file: &'m [u8],
}

impl<'m> Model<'m> {
    /// Validates `bytes`, whose address must be a multiple of 4. Bytes behind the model are ignored.
    ///
    /// # Errors
    /// Any bytes give `Ok` or a [`LoadError`]. After `Ok` every step runs, and none reads or writes outside
    /// the arena and the file.
    pub fn load(bytes: &'m [u8]) -> Result<Self, LoadError> {
        if bytes.as_ptr().align_offset(4) != 0 {
            return Err(LoadError::InvalidAlignment);
        }
        let header = Header::parse(bytes)?;
        let graph = header.required(SectionKind::Graph)?;
        let constants = Constants(header.required(SectionKind::Const)?);
        // Looked at where it lies: an interface that is returned is moved.
        let decoded = decode::interface(graph);
        let &(ref interface, steps) = decoded.as_ref().map_err(|_| LoadError::InvalidGraph { step: 0 })?;
        validate_steps(interface, steps, constants)?;
        let golden = match header.section(SectionKind::Golden)? {
            Some(bytes) => Some(Golden::parse(bytes, interface).ok_or(LoadError::InvalidGolden)?),
            None => None,
        };
        let meta = header.section(SectionKind::Meta)?.unwrap_or(&[]);
        Ok(Self { interface: *interface, steps, constants, golden, meta, file: header.file() })
    }

    /// Bytes of arena that a session needs, scratch included.
    pub fn arena_bytes(&self) -> usize {
        self.interface.arena_bytes as usize
    }

    /// Number of steps.
    pub fn step_count(&self) -> u32 {
        self.interface.steps.into()
    }

    /// Input, output and layout.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The steps in order, decoded one at a time.
    pub fn steps(&self) -> impl Iterator<Item = Step> + use<'m> {
        let mut rest = self.steps;
        (0..self.interface.steps).map_while(move |_| {
            let mut step = Step::nothing();
            decode::step(&mut rest, &mut step).ok().map(|()| step)
        })
    }

    /// Golden vectors.
    pub fn golden(&self) -> Option<Golden<'m>> {
        self.golden
    }

    /// JSON for people; empty when stripped.
    pub fn meta(&self) -> &'m [u8] {
        self.meta
    }

    /// Bytes of the file.
    pub fn file(&self) -> &'m [u8] {
        self.file
    }

    /// Bytes of CONST: packed weights, biases, multipliers, tables.
    pub fn constants(&self) -> &'m [u8] {
        self.constants.0
    }

    /// Binds the model to an arena, whose address must be a multiple of 16.
    ///
    /// # Errors
    /// [`LoadError::ArenaTooSmall`], [`LoadError::ArenaMisaligned`].
    pub fn session<'a>(&self, arena: &'a mut [u8]) -> Result<Session<'m, 'a>, LoadError> {
        if arena.as_ptr().align_offset(16) != 0 {
            return Err(LoadError::ArenaMisaligned);
        }
        let have = u32::try_from(arena.len()).unwrap_or(u32::MAX);
        let need = self.interface.arena_bytes;
        let arena = arena.get_mut(..need as usize).ok_or(LoadError::ArenaTooSmall { need, have })?;
        Ok(Session::new(*self, Cell::from_mut(arena).as_slice_of_cells()))
    }

    /// The operator of one of this model's steps, with its constants. `None` for a step of another model.
    pub fn resolve<'s>(&self, step: &'s Step) -> Option<Resolved<'m, 's>> {
        resolve(&step.op, &step.output, self.constants, self.interface.layout, &Return)
    }

    pub(crate) fn encoded_steps(&self) -> &'m [u8] {
        self.steps
    }

    pub(crate) fn constant_section(&self) -> Constants<'m> {
        self.constants
    }
}
