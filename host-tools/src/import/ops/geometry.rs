//! Kernel, stride, dilation and padding attributes, shared by convolutions and pooling.

use crate::graph::{Padding, Shape};
use crate::import::builder::Call;
use crate::import::error::Fault;

/// Windows over rows and columns.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) padding: Padding,
    pub(super) output: [usize; 2],
    /// Whether `ceil_mode` has added padding.
    pub(super) extended: bool,
}

/// Reads the attributes; `spatial` is the number of spatial ONNX axes, `kernel` the size of the
/// weights for a convolution.
pub(super) fn read(
    call: &Call,
    spatial: usize,
    input: Shape,
    kernel: Option<[usize; 2]>,
) -> Result<Geometry, Fault> {
    let a = &call.attributes;
    let declared = pair(a.ints("kernel_shape")?, spatial, "kernel_shape")?;
    let kernel = match (declared, kernel) {
        (Some(d), Some(k)) if d != k => {
            return Err(Fault::invalid(format!("kernel_shape {d:?} differs from the weights' {k:?}")));
        }
        (_, Some(k)) | (Some(k), None) => k,
        (None, None) => return Err(Fault::invalid("kernel_shape is missing")),
    };
    let stride = pair(a.ints("strides")?, spatial, "strides")?.unwrap_or([1, 1]);
    let dilation = pair(a.ints("dilations")?, spatial, "dilations")?.unwrap_or([1, 1]);
    let auto_pad = a.text("auto_pad", "NOTSET")?;
    let pads = a.ints("pads")?;
    let ceil = a.flag("ceil_mode", false)?;
    let size = [input.h, input.w];

    let (mut before, mut after) = ([0; 2], [0; 2]);
    match auto_pad {
        "NOTSET" => {
            if let Some(pads) = pads {
                if pads.len() != 2 * spatial {
                    return Err(Fault::invalid(format!("pads {pads:?} do not fit {spatial} spatial axes")));
                }
                for i in 0..spatial {
                    let (b, e) = (usize::try_from(pads[i]), usize::try_from(pads[spatial + i]));
                    let (Ok(b), Ok(e)) = (b, e) else {
                        return Err(Fault::attribute(
                            "pads",
                            format!("{pads:?}"),
                            "negative padding",
                            "crop with Slice",
                        ));
                    };
                    if b.max(e) > LIMIT {
                        return Err(too_large("pads", pads));
                    }
                    before[2 - spatial + i] = b;
                    after[2 - spatial + i] = e;
                }
            }
        }
        "VALID" => {}
        "SAME_UPPER" | "SAME_LOWER" => {
            for i in 0..2 {
                let reach = (kernel[i] - 1) * dilation[i] + 1;
                let total = ((size[i].div_ceil(stride[i]) - 1) * stride[i] + reach).saturating_sub(size[i]);
                let (small, large) = (total / 2, total - total / 2);
                (before[i], after[i]) =
                    if auto_pad == "SAME_UPPER" { (small, large) } else { (large, small) };
            }
        }
        other => return Err(Fault::attribute("auto_pad", other, "", "export with explicit pads")),
    }

    let mut output = [0; 2];
    let mut extended = false;
    for i in 0..2 {
        let reach = (kernel[i] - 1) * dilation[i] + 1;
        let padded = size[i] + before[i] + after[i];
        let room = padded.checked_sub(reach).ok_or_else(|| {
            Fault::invalid(format!("a window of {reach} does not fit the padded input of {padded}"))
        })?;
        output[i] = room / stride[i] + 1;
        if ceil && room % stride[i] != 0 {
            output[i] += 1;
            after[i] += stride[i] - room % stride[i];
            extended = true;
            if room / stride[i] * stride[i] + stride[i] >= size[i] + before[i] {
                return Err(Fault::attribute(
                    "ceil_mode",
                    1,
                    "a window lies wholly in the padding",
                    "set ceil_mode to 0",
                ));
            }
        }
    }
    let padding = Padding { top: before[0], left: before[1], bottom: after[0], right: after[1] };
    Ok(Geometry { kernel, stride, dilation, padding, output, extended })
}

/// Larger numbers are damage; with this bound no sum or product of them overflows.
const LIMIT: usize = 1 << 20;

fn too_large(name: &str, values: &[i64]) -> Fault {
    Fault::attribute(name, format!("{values:?}"), "out of range", "check the file with onnx.checker")
}

/// One or two positive numbers as rows and columns; signals have one row.
fn pair(values: Option<&[i64]>, spatial: usize, name: &str) -> Result<Option<[usize; 2]>, Fault> {
    let Some(values) = values else { return Ok(None) };
    let positive = |v: i64| {
        usize::try_from(v).ok().filter(|v| (1..=LIMIT).contains(v)).ok_or_else(|| too_large(name, values))
    };
    match (spatial, values) {
        (1, &[w]) => Ok(Some([1, positive(w)?])),
        (2, &[h, w]) => Ok(Some([positive(h)?, positive(w)?])),
        _ => Err(Fault::invalid(format!("{name} {values:?} do not fit {spatial} spatial axes"))),
    }
}
