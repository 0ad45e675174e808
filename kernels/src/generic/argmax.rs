//! Index of the largest element: the class, when all logits share one scale.

use crate::Tensor;

/// Index, in (h, w, c) order, of the first largest element.
pub fn argmax(x: &Tensor) -> usize {
    let (rows, columns, channels) = x.spec().dims.hwc();
    let (mut best, mut best_value, mut index) = (0, i32::MIN, 0);
    for h in 0..rows {
        for w in 0..columns {
            for c in 0..channels {
                let value = x.get(h, w, c);
                if value > best_value {
                    (best, best_value) = (index, value);
                }
                index += 1;
            }
        }
    }
    best
}
