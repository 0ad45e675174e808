//! Real-valued inputs and outputs as fixed-point numbers: `r = S (q - Z)` with S a dyadic number.

use fixed::types::I16F16;
use kernels::Tensor;

use crate::format::Scale;
use crate::{RunError, Session};

const FRACTION_BITS: i32 = 16;

/// `value * scale * 2^fraction`, rounded half up; saturates to 32 bits.
fn scaled(value: i32, scale: Scale, fraction: i32) -> i32 {
    // At most 2^31 * (2^32 - 1), which 64 bits hold.
    let product = i64::from(value) * i64::from(scale.mantissa);
    let shift = i32::from(scale.shift) - fraction;
    let wide = if shift > 0 {
        ((product >> (shift.min(63) - 1)) + 1) >> 1
    } else {
        let left = (-shift).min(62);
        let limit = i64::MAX >> left;
        product.clamp(-limit, limit) << left
    };
    wide.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// Element `(h, w, c)` of a tensor as a real number.
pub fn real(tensor: &Tensor, scale: Scale, [h, w, c]: [usize; 3]) -> I16F16 {
    let q = tensor.get(h, w, c) - i32::from(tensor.spec().zero);
    I16F16::from_bits(scaled(q, scale, FRACTION_BITS))
}

impl Session<'_, '_> {
    /// Stores a real number as element `(h, w, c)` of the input, rounded half up and saturated.
    ///
    /// # Errors
    /// None for a model that loaded.
    pub fn set_real_input(&mut self, [h, w, c]: [usize; 3], value: I16F16) -> Result<(), RunError> {
        let input = self.input()?;
        let spec = input.spec();
        let (lo, hi) = spec.dtype.range();
        let inverse = self.model().interface().input_inverse;
        let steps = scaled(value.to_bits(), inverse, -FRACTION_BITS);
        input.set(h, w, c, steps.saturating_add(i32::from(spec.zero)).clamp(lo, hi));
        Ok(())
    }

    /// Channel `c` of the output's first pixel as a real number.
    ///
    /// # Errors
    /// None for a model that loaded.
    pub fn real_output(&self, c: usize) -> Result<I16F16, RunError> {
        Ok(real(&self.output()?, self.model().interface().output_scale, [0, 0, c]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_rounds_half_up_and_saturates() {
        let half = Scale { mantissa: 1 << 30, shift: 31 };
        assert_eq!(scaled(3, half, 0), 2);
        assert_eq!(scaled(-3, half, 0), -1);
        assert_eq!(scaled(1, half, 16), 1 << 15);
        assert_eq!(scaled(i32::MAX, Scale { mantissa: 1 << 31, shift: 0 }, 16), i32::MAX);
        assert_eq!(scaled(1 << 16, Scale { mantissa: 1 << 31, shift: 127 }, 0), 0);
        let third = Scale { mantissa: 0xaaaa_aaaa, shift: 33 };
        assert_eq!(scaled(300, third, 0), 100);
    }
}
