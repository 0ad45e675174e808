//! How accumulators become integers of the next tensor, and which of them let gradients pass.

/// Constants of one requantisation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// The integers that the runtime computes with; `None` while BatchNorm is not folded, where the real
    /// numbers `gain` and `shift` decide.
    pub integers: Option<Integers>,
    /// Real factor of the second operand.
    pub residual_gain: f32,
    /// Smallest and largest integer of the result.
    pub clamp: (i32, i32),
    /// Zero point of the result.
    pub zero: i32,
    /// Results before rounding that let gradients pass, in integers of the result.
    pub pass: (f32, f32),
    /// Factor of the scale's gradient; 0 where the scale is not learned.
    pub scale_factor: f32,
}

/// `y = clamp((a * m_c + b * m + r_c) >> shift)` in 64 bits: every requantising step of the runtime, with zero
/// points and biases inside `r_c` because training's tensors are relative to their zero points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integers {
    /// `m_c`, one or one per channel.
    pub multipliers: Vec<i64>,
    /// `r_c`, as many.
    pub offsets: Vec<i64>,
    /// `m` of the second operand.
    pub residual: i64,
    /// Shift, at most 62.
    pub shift: u32,
}
