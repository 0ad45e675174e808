//! Which logical axes (height, width, channels) the axes of an ONNX tensor stand for.
//! Values are stored as (h, w, c); a transpose or a flatten in the file only changes this mapping.
//! Axes of size one carry no data, so they never make two layouts differ.

use crate::graph::Shape;

/// A logical axis. The order of the variants is the order of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Batch, of size one during import.
    N,
    /// Height.
    H,
    /// Width.
    W,
    /// Channels.
    C,
}

/// For each ONNX axis, the logical axes that it runs over, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(pub Vec<Vec<Axis>>);

/// Length of a logical axis.
pub(super) fn length(shape: Shape, axis: Axis) -> usize {
    match axis {
        Axis::N => 1,
        Axis::H => shape.h,
        Axis::W => shape.w,
        Axis::C => shape.c,
    }
}

/// Sets the length of a logical axis.
pub(super) fn set_length(shape: &mut Shape, axis: Axis, length: usize) {
    match axis {
        Axis::N => {}
        Axis::H => shape.h = length,
        Axis::W => shape.w = length,
        Axis::C => shape.c = length,
    }
}

/// The axes of a tensor that ONNX operators with channels expect, by rank: NC, NCW, NCHW.
pub(super) fn channels_first(rank: usize) -> Option<&'static [Axis]> {
    match rank {
        2 => Some(&[Axis::N, Axis::C]),
        3 => Some(&[Axis::N, Axis::C, Axis::W]),
        4 => Some(&[Axis::N, Axis::C, Axis::H, Axis::W]),
        _ => None,
    }
}

impl Layout {
    /// One logical axis per ONNX axis.
    pub fn of(axes: &[Axis]) -> Self {
        Self(axes.iter().map(|&a| vec![a]).collect())
    }

    /// Sizes of the ONNX axes.
    pub fn dims(&self, shape: Shape) -> Vec<usize> {
        self.0.iter().map(|group| group.iter().map(|&a| length(shape, a)).product()).collect()
    }

    /// The axes longer than one in an ONNX axis.
    pub(super) fn significant(&self, shape: Shape, index: usize) -> Vec<Axis> {
        self.0[index].iter().copied().filter(|&a| length(shape, a) > 1).collect()
    }

    /// All axes longer than one in ONNX order.
    pub(super) fn sequence(&self, shape: Shape) -> Vec<Axis> {
        self.0.iter().flatten().copied().filter(|&a| length(shape, a) > 1).collect()
    }

    /// Whether the elements lie in storage in ONNX order.
    pub(super) fn is_linear(&self, shape: Shape) -> bool {
        self.sequence(shape).windows(2).all(|pair| pair[0] < pair[1])
    }

    /// Whether both describe the same tensor.
    pub(super) fn same(&self, other: &Layout, shape: Shape) -> bool {
        self.0.len() == other.0.len()
            && (0..self.0.len()).all(|i| self.significant(shape, i) == other.significant(shape, i))
    }

    /// The logical axis of an ONNX axis, if it is exactly one. An axis of size one without a name
    /// takes its name from its place in NCHW.
    pub(super) fn name(&self, shape: Shape, index: usize) -> Option<Axis> {
        match (self.significant(shape, index).as_slice(), self.0[index].as_slice()) {
            ([axis], _) | ([], [axis]) => Some(*axis),
            ([], _) => {
                let axis = *channels_first(self.0.len())?.get(index)?;
                (!self.sequence(shape).contains(&axis)).then_some(axis)
            }
            _ => None,
        }
    }

    /// Gives an ONNX axis the name of one logical axis, taking it from any other (of size one).
    pub(super) fn rename(&mut self, index: usize, axis: Axis) {
        for group in &mut self.0 {
            group.retain(|&a| a != axis);
        }
        self.0[index] = vec![axis];
    }

    /// The layout after a reshape that keeps every logical axis whole.
    pub(super) fn reshape(&self, shape: Shape, dims: &[usize]) -> Option<Self> {
        let mut rest = self.sequence(shape).into_iter().peekable();
        let mut groups = Vec::with_capacity(dims.len());
        for &dim in dims {
            let mut group = Vec::new();
            let mut size = 1;
            while size < dim {
                let axis = rest.next()?;
                size *= length(shape, axis);
                group.push(axis);
            }
            if size != dim {
                return None;
            }
            groups.push(group);
        }
        if rest.peek().is_some() {
            return None;
        }
        if let Some(first) = groups.first_mut()
            && first.is_empty()
        {
            first.push(Axis::N);
        }
        Some(Self(groups))
    }

    /// The shape and layout for elements in storage order under new ONNX dimensions.
    pub(super) fn fresh(dims: &[usize]) -> Option<(Shape, Self)> {
        let mut shape = Shape::new(1, 1, 1);
        let long = dims.iter().filter(|&&d| d != 1).count();
        let mut names = [Axis::H, Axis::W, Axis::C].into_iter().skip(3usize.checked_sub(long)?);
        let mut groups = Vec::with_capacity(dims.len());
        for &dim in dims {
            if dim == 1 {
                groups.push(Vec::new());
            } else {
                let axis = names.next()?;
                set_length(&mut shape, axis, dim);
                groups.push(vec![axis]);
            }
        }
        if let Some(first) = groups.first_mut()
            && first.is_empty()
        {
            first.push(Axis::N);
        }
        Some((shape, Self(groups)))
    }

    /// For each element of some axes in ONNX order, its index in storage.
    pub(super) fn storage_order(axes: &[Axis], shape: Shape) -> Vec<usize> {
        let stride = |axis| match axis {
            Axis::N => 0,
            Axis::H => shape.w * shape.c,
            Axis::W => shape.c,
            Axis::C => 1,
        };
        axes.iter().fold(vec![0], |order, &axis| {
            let steps = 0..length(shape, axis);
            order.iter().flat_map(|&base| steps.clone().map(move |i| base + i * stride(axis))).collect()
        })
    }
}
