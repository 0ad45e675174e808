//! A case's memory: views at odd addresses with poisoned bytes around them, and a copy from before the call.

use core::cell::Cell;
use core::ops::Range;

use super::Fault;
use super::rng::Rng;
use crate::op::Overlap;
use crate::{Dtype, KernelError, Tensor, TensorSpec};

const BYTES: usize = 14_336;

/// Largest tensor of a case.
pub(super) const TENSOR_BYTES: u32 = 1500;

/// Largest scratch of a case.
pub(super) const SCRATCH_BYTES: usize = 5248;

/// Where a tensor lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: usize,
    pub(super) spec: TensorSpec,
}

impl Place {
    /// Another tensor that starts at the same byte.
    pub(super) fn over(self, spec: TensorSpec) -> Self {
        Self { spec, ..self }
    }

    /// Bytes from the start of `operand` to this tensor's.
    pub(super) fn behind(&self, operand: &Self) -> i32 {
        self.start as i32 - operand.start as i32
    }

    fn range(&self) -> Range<usize> {
        self.start..self.start + self.spec.bytes().unwrap_or(0) as usize
    }
}

pub(super) struct Arena {
    live: [Cell<u8>; BYTES],
    before: [Cell<u8>; BYTES],
    used: usize,
}

impl Arena {
    /// Filled in place by [`Self::poison`]: a copy of it would not fit a small stack.
    pub(super) const fn new() -> Self {
        Self { live: [const { Cell::new(0) }; BYTES], before: [const { Cell::new(0) }; BYTES], used: 0 }
    }

    pub(super) fn poison(&mut self, rng: &mut Rng) {
        for bytes in self.live.chunks_exact(8) {
            for (cell, byte) in bytes.iter().zip(rng.next().to_le_bytes()) {
                cell.set(byte);
            }
        }
    }

    /// Poisoned bytes at any alignment, with a gap before them.
    pub(super) fn reserve(&mut self, rng: &mut Rng, bytes: usize) -> Range<usize> {
        let start = self.used + rng.between(1, 8) as usize;
        self.used = start + bytes;
        assert!(self.used < BYTES, "the case is larger than its memory");
        start..self.used
    }

    /// A place for a tensor, poisoned.
    pub(super) fn place(&mut self, rng: &mut Rng, spec: TensorSpec) -> Place {
        let range = self.reserve(rng, spec.bytes().unwrap_or(0) as usize);
        Place { start: range.start, spec }
    }

    /// A tensor of random or extreme elements.
    pub(super) fn operand(&mut self, rng: &mut Rng, spec: TensorSpec) -> Place {
        let place = self.place(rng, spec);
        self.fill(rng, &place);
        place
    }

    /// An operand and, most of the time, a result that shares bytes with it, as far over it as `rule` allows or
    /// less far.
    pub(super) fn overlapping(
        &mut self,
        rng: &mut Rng,
        x: TensorSpec,
        y: TensorSpec,
        rule: Overlap,
    ) -> (Place, Option<Place>) {
        let [x_bytes, y_bytes] = [x, y].map(|spec| spec.bytes().unwrap_or(0) as i32);
        let Some((lo, hi)) = rule.within(1 - y_bytes, x_bytes - 1).filter(|_| !rng.one_in(4)) else {
            return (self.operand(rng, x), None);
        };
        let any = rng.between(lo, hi);
        let distance = rng.pick(&[any, lo, hi, 0i32.clamp(lo, hi)]);
        let bytes = (distance.max(0) + y_bytes).max(x_bytes - distance.min(0));
        let start = self.reserve(rng, bytes as usize).start as i32;
        let at = |start: i32, spec| Place { start: start as usize, spec };
        let x = at(start - distance.min(0), x);
        self.fill(rng, &x);
        (x, Some(at(start + distance.max(0), y)))
    }

    /// An operand and a result, over it or apart.
    pub(super) fn operand_and_result(
        &mut self,
        rng: &mut Rng,
        x: TensorSpec,
        y: TensorSpec,
        rule: Overlap,
    ) -> (Place, Place) {
        let (x, over) = self.overlapping(rng, x, y, rule);
        (x, over.unwrap_or_else(|| self.place(rng, y)))
    }

    /// Fills a place with random or extreme elements.
    fn fill(&self, rng: &mut Rng, place: &Place) {
        let spec = place.spec;
        let (lo, hi) = spec.dtype.range();
        let values = match rng.below(8) {
            0 => [lo, lo],
            1 => [hi, hi],
            2 => [lo, hi],
            3 => [i32::from(spec.zero); 2],
            // Poison is as good as any other data, and dirties the unused nibbles too.
            _ => return,
        };
        let tensor = self.tensor(place);
        let (rows, columns, channels) = spec.dims.hwc();
        for h in 0..rows {
            for w in 0..columns {
                for c in 0..channels {
                    tensor.set(h, w, c, rng.pick(&values));
                }
            }
        }
    }

    /// Remembers all bytes: call it after the operands are there, before the kernel.
    pub(super) fn freeze(&self) {
        for (before, live) in self.before.iter().zip(&self.live) {
            before.set(live.get());
        }
    }

    pub(super) fn tensor(&self, place: &Place) -> Tensor<'_> {
        view(&self.live, place)
    }

    /// The tensor as it was before the call.
    pub(super) fn original(&self, place: &Place) -> Tensor<'_> {
        view(&self.before, place)
    }

    pub(super) fn cells(&self, range: Range<usize>) -> &[Cell<u8>] {
        &self.live[range]
    }

    /// After a call that must fail: the error is right and no byte is written.
    pub(super) fn refused(&self, got: Result<(), KernelError>, expected: KernelError) -> Result<(), Fault> {
        answered(got, Err(expected))?;
        self.all_untouched()
    }

    /// Whether no byte is written.
    pub(super) fn all_untouched(&self) -> Result<(), Fault> {
        self.untouched(0..BYTES)
    }

    /// After a call that must succeed: elements are right, and no other byte but the scratch is written.
    pub(super) fn equals(
        &self,
        got: Result<(), KernelError>,
        y: &Place,
        scratch: Range<usize>,
        expected: impl Fn([usize; 3]) -> i32,
    ) -> Result<(), Fault> {
        self.elements(got, y, &expected)?;
        self.unused_nibbles(y)?;
        let (y, scratch) = (y.range(), scratch);
        let (first, second) = if y.start < scratch.start { (y, scratch) } else { (scratch, y) };
        self.untouched(0..first.start)?;
        self.untouched(first.end..second.start)?;
        self.untouched(second.end..BYTES)
    }

    fn elements(
        &self,
        got: Result<(), KernelError>,
        y: &Place,
        expected: &impl Fn([usize; 3]) -> i32,
    ) -> Result<(), Fault> {
        answered(got, Ok(()))?;
        let tensor = self.tensor(y);
        let (rows, columns, channels) = y.spec.dims.hwc();
        let mut index = 0;
        for h in 0..rows {
            for w in 0..columns {
                for c in 0..channels {
                    let (expected, got) = (expected([h, w, c]), tensor.get(h, w, c));
                    if expected != got {
                        return Err(Fault::Element { index, expected, got });
                    }
                    index += 1;
                }
            }
        }
        Ok(())
    }

    fn unused_nibbles(&self, y: &Place) -> Result<(), Fault> {
        if y.spec.dtype != Dtype::U4 || y.spec.dims.c & 1 == 0 {
            return Ok(());
        }
        let pixel_bytes = y.spec.pixel_bytes();
        for offset in y.range().skip(pixel_bytes - 1).step_by(pixel_bytes) {
            let got = self.live[offset].get();
            if got > 15 {
                return Err(Fault::Byte { offset: offset as u32, expected: got & 15, got });
            }
        }
        Ok(())
    }

    fn untouched(&self, range: Range<usize>) -> Result<(), Fault> {
        for offset in range {
            let (expected, got) = (self.before[offset].get(), self.live[offset].get());
            if expected != got {
                return Err(Fault::Byte { offset: offset as u32, expected, got });
            }
        }
        Ok(())
    }
}

fn view<'a>(cells: &'a [Cell<u8>], place: &Place) -> Tensor<'a> {
    match Tensor::new(place.spec, &cells[place.range()]) {
        Ok(tensor) => tensor,
        Err(error) => panic!("a case with an impossible tensor: {error}"),
    }
}

fn answered(got: Result<(), KernelError>, expected: Result<(), KernelError>) -> Result<(), Fault> {
    if got == expected { Ok(()) } else { Err(Fault::Answer { expected, got }) }
}
