//! Does a sample of these dimensions fit the network's input, and in which order are its elements?

use super::{DataError, InputOptions, Layout};
use crate::graph::Shape;

/// The shape of the samples and the order of their elements in the file.
///
/// Dimensions of 1 don't matter, so `[49, 10]` fits `49x10x1` and a flat row of 64 fits `8x8x1`.
pub(super) fn fit(
    name: &str,
    dims: &[usize],
    native: Option<Layout>,
    input: &InputOptions,
) -> Result<(Shape, Layout), DataError> {
    let layout = native.or(input.layout);
    let Some(expected) = input.shape else {
        return natural(name, dims, layout);
    };
    let Shape { h, w, c } = expected;
    let flat =
        dims.iter().filter(|&&d| d != 1).count() <= 1 && dims.iter().product::<usize>() == expected.len();
    let is = |order: [usize; 3]| flat || squeezed(dims) == squeezed(&order);
    let (hwc, chw) = (is([h, w, c]), is([c, h, w]));
    let mismatch = || DataError::Shape { name: name.to_string(), found: dims.to_vec(), expected };
    // With one channel or one position both orders are the same.
    let same = c == 1 || h * w == 1;
    match (hwc, chw, layout) {
        (false, false, _) => Err(mismatch()),
        _ if same => Ok((expected, Layout::Hwc)),
        (true, _, Some(Layout::Hwc)) | (true, false, None) => Ok((expected, Layout::Hwc)),
        (_, true, Some(Layout::Chw)) | (false, true, None) => Ok((expected, Layout::Chw)),
        (true, true, None) => {
            Err(DataError::AmbiguousLayout { name: name.to_string(), found: dims.to_vec(), expected })
        }
        _ => Err(mismatch()),
    }
}

/// The shape without a network to compare with: channels last unless declared otherwise.
fn natural(name: &str, dims: &[usize], layout: Option<Layout>) -> Result<(Shape, Layout), DataError> {
    let layout = layout.unwrap_or(Layout::Hwc);
    if dims.contains(&0) {
        let what = format!("samples of dimensions {dims:?} are empty");
        return Err(DataError::Transform { name: name.to_string(), what });
    }
    let shape = match (dims, layout) {
        ([c], _) => Shape::new(1, 1, *c),
        ([h, w], _) => Shape::new(*h, *w, 1),
        ([h, w, c], Layout::Hwc) | ([c, h, w], Layout::Chw) => Shape::new(*h, *w, *c),
        _ => {
            let what = format!("samples have {} dimensions; 1 to 3 are understood", dims.len());
            return Err(DataError::Transform { name: name.to_string(), what });
        }
    };
    Ok((shape, layout))
}

fn squeezed(dims: &[usize]) -> Vec<usize> {
    dims.iter().copied().filter(|&d| d != 1).collect()
}

/// Brings samples from channels first to channels last.
pub(super) fn to_channels_last<T: Copy>(all: &mut [T], shape: Shape) {
    let area = shape.h * shape.w;
    let mut old = Vec::with_capacity(shape.len());
    for sample in all.chunks_exact_mut(shape.len()) {
        old.clear();
        old.extend_from_slice(sample);
        for (position, pixel) in sample.chunks_exact_mut(shape.c).enumerate() {
            for (channel, value) in pixel.iter_mut().enumerate() {
                *value = old[channel * area + position];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(
        dims: &[usize],
        shape: (usize, usize, usize),
        layout: Option<Layout>,
    ) -> Result<Layout, DataError> {
        let shape = Some(Shape::new(shape.0, shape.1, shape.2));
        fit("x", dims, None, &InputOptions { shape, layout, ..Default::default() }).map(|(_, layout)| layout)
    }

    #[test]
    fn dimensions_of_one_do_not_matter() {
        for dims in [&[49, 10][..], &[49, 10, 1], &[1, 49, 10], &[490]] {
            assert_eq!(fits(dims, (49, 10, 1), None).unwrap(), Layout::Hwc);
        }
        assert_eq!(fits(&[64], (8, 8, 1), None).unwrap(), Layout::Hwc);
        assert_eq!(fits(&[12], (1, 1, 12), None).unwrap(), Layout::Hwc);
    }

    #[test]
    fn channels_first_is_seen_where_it_can_be() {
        assert_eq!(fits(&[3, 32, 32], (32, 32, 3), None).unwrap(), Layout::Chw);
        assert_eq!(fits(&[32, 32, 3], (32, 32, 3), None).unwrap(), Layout::Hwc);
        assert_eq!(fits(&[3, 3, 3], (3, 3, 3), Some(Layout::Chw)).unwrap(), Layout::Chw);
        assert_eq!(fits(&[3072], (32, 32, 3), Some(Layout::Chw)).unwrap(), Layout::Chw);
        for dims in [&[3, 3, 3][..], &[27]] {
            let error = fits(dims, (3, 3, 3), None).unwrap_err();
            assert!(matches!(error, DataError::AmbiguousLayout { .. }));
            assert!(error.to_string().contains("layout = \"hwc\""), "{error}");
        }
    }

    #[test]
    fn a_mismatch_says_both_shapes() {
        let message = fits(&[28, 28], (32, 32, 3), None).unwrap_err().to_string();
        assert!(message.contains("28x28,") && message.contains("32x32x3"), "{message}");
        assert!(fits(&[32, 32, 3], (32, 32, 3), Some(Layout::Chw)).is_err());
        assert!(fits(&[10, 49], (49, 10, 1), None).is_err());
    }

    #[test]
    fn without_a_network_the_file_decides() {
        let shape = |dims: &[usize], layout| {
            fit("x", dims, None, &InputOptions { layout, ..Default::default() }).map(|(shape, _)| shape).ok()
        };
        assert_eq!(shape(&[5], None), Some(Shape::new(1, 1, 5)));
        assert_eq!(shape(&[4, 5], None), Some(Shape::new(4, 5, 1)));
        assert_eq!(shape(&[3, 4, 5], Some(Layout::Chw)), Some(Shape::new(4, 5, 3)));
        assert_eq!(shape(&[0, 3], None), None);
        assert_eq!(shape(&[1, 2, 3, 4], None), None);
    }

    #[test]
    fn transposition() {
        let mut values = [1, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60];
        to_channels_last(&mut values, Shape::new(1, 3, 2));
        assert_eq!(values, [1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60]);
    }
}
