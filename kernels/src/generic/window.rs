//! Strided crop with padding.

use crate::op::Window;
use crate::tensor::{read, write};
use crate::{KernelError, Tensor};

/// Strided crop with padding, see [`Window`].
///
/// # Errors
/// Those of [`Window::check`].
pub fn window(x: &Tensor, op: &Window, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let (in_rows, in_columns, in_channels) = x.spec().dims.hwc();
    let (rows, columns, channels) = y.spec().dims.hwc();
    let ([dh, dw, dc], [sh, sw]) = (op.offset, op.stride);
    let dtype = x.spec().dtype;
    for h in 0..rows {
        let ih = shifted(h * usize::from(sh), dh, in_rows);
        for w in 0..columns {
            let iw = shifted(w * usize::from(sw), dw, in_columns);
            let py = y.pixel(h, w);
            for c in 0..channels {
                let value = match (ih, iw, shifted(c, dc, in_channels)) {
                    (Some(ih), Some(iw), Some(ic)) => read(x.pixel(ih, iw), dtype, ic),
                    _ => i32::from(op.fill),
                };
                write(py, dtype, channels, c, value);
            }
        }
    }
    Ok(())
}

#[inline(always)]
fn shifted(index: usize, offset: i16, size: usize) -> Option<usize> {
    // A negative sum wraps to a large number.
    let index = index.wrapping_add(offset as isize as usize);
    if index < size { Some(index) } else { None }
}
