//! Words of weights in layout `dsp`, and what their products leave beside the sum of weights times inputs.
//!
//! Inputs `x0 .. x3` of a quad make two pairs, `e = (x0, x2)` and `o = (x1, x3)`, because that is what SXTB16 makes of four
//! bytes. A 16-bit lane of a word holds several weights. Kernels multiply the whole lane, and the lowest weights of it, by
//! combinations of inputs in which all but one weight cancel.
//!
//! **Strips** (convolution): every channel has a word of its own.
//!
//! | bits | byte of a lane | product | sum is |
//! |--|--|--|--|
//! | 8 | even byte `w0 + 128`, odd byte `w1` | `(lane & 255) * (256 e + 127 - o) + lane * o` | `256 (w0 e + w1 o) + 32768 e + 127 (w0 + 128)` |
//! | 4 | `(w0 + 8) + 16 w1` | `(byte & 15) * (16 e - o) + byte * o` | `16 (w0 e + w1 o) + 128 e` |
//! | 2 | `(w0 + 2) + 4 (w1 + 2) + 16 (w2 + 2) + 64 w3` | `(byte & 3) * (64 e - 16 o) + (byte & 15) * (16 o - 4 e') + (byte & 63) * (4 e' - o') + byte * o'` | `64 (...) + 128 (e + o + e')` |
//!
//! **Columns** (dense layer): a column meets every weight once, so that weights are taken from their word for one product
//! each. S. Winograd's identity (A new algorithm for inner product, IEEE Transactions on Computers C-17, 1968) saves half of
//! these products where the instruction that takes a byte also adds to it (UXTAB16, SXTAB16):
//! `a x + b y = (a + y)(b + x) - a b - x y`. The products of weights are known here; those of inputs are the same for all
//! channels.
//!
//! | bits | words | sums of products | without what is known they are |
//! |--|--|--|--|
//! | 8 | two channels share two words, one for `e` and one for `o`: even byte `u + 128`, odd byte `v` | `Q = ((e's lane & 255) + o) * ((o's lane & 255) + e)`, `P = e's lane * e + o's lane * o` | `Q`: `u e + u o + 128 (e + o)`, `P - Q`: `256 (v e + v o)` |
//! | 4 | as above: even bytes for the first quad, odd ones for the second | `(even + o') * (odd + o)`, `((even & 15) + 16 e' - o') * ((odd & 15) + 16 e - o)` | as above |
//! | 2 | as above: even bytes for the first eight inputs, odd ones for the others | the same with four products | as above |

use crate::WeightBits;

/// What words are made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Several columns at once.
    Strip,
    /// One column.
    Column,
}

/// The parts of a word's bytes that meet a combination of inputs each, in the order in which a dense layer's column holds
/// the combinations.
pub(crate) const fn parts(bits: WeightBits) -> &'static [u32] {
    match bits.linked() {
        WeightBits::W8 => &[],
        WeightBits::W4 => &[0x0f0f_0f0f, !0],
        WeightBits::W2 => &[0x0303_0303, 0x0f0f_0f0f, 0x3f3f_3f3f, !0],
    }
}

impl Kind {
    /// The word of a block that holds input `i` of a word index of its channel `c`.
    pub(super) fn slot(self, bits: WeightBits, c: usize, i: usize) -> usize {
        if self.shared(bits) { (c & !1) | (i & 1) } else { c }
    }

    /// Whether two channels share their words.
    fn shared(self, bits: WeightBits) -> bool {
        self == Self::Column && bits.linked() == WeightBits::W8
    }

    /// Word `slot` of a word index: `weight` gives its inputs by channel of the block.
    pub(super) fn encode(self, bits: WeightBits, slot: usize, weight: impl Fn(usize, usize) -> i32) -> u32 {
        let byte = |k: usize| -> u8 {
            (match bits.linked() {
                WeightBits::W8 if self.shared(bits) => {
                    weight((slot & !1) + (k & 1), (k & 2) + (slot & 1)) + offset(k)
                }
                WeightBits::W8 => weight(slot, k) + offset(k),
                // Byte k of a word: lane k / 2, group k % 2 of inputs.
                WeightBits::W4 => {
                    let at = (k & 1) * 4 + (k >> 1) * 2;
                    (weight(slot, at) + 8) | (weight(slot, at + 1) << 4)
                }
                WeightBits::W2 => {
                    let at = (k & 1) * 8 + (k >> 1) * 2;
                    (weight(slot, at) + 2)
                        | ((weight(slot, at + 1) + 2) << 2)
                        | ((weight(slot, at + 4) + 2) << 4)
                        | (weight(slot, at + 5) << 6)
                }
            }) as u8
        };
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    }

    /// Input `i` of channel `c` from its word: the inverse of [`Kind::encode`].
    pub(super) fn decode(self, bits: WeightBits, word: &[u8], c: usize, i: usize) -> i32 {
        let byte = |at: usize| word.get(at).copied().unwrap_or(0);
        match bits {
            WeightBits::W8 => {
                let k = if self.shared(bits) { (i & 2) + (c & 1) } else { i };
                if k & 1 == 0 { i32::from(byte(k)) - offset(k) } else { i32::from(byte(k) as i8) }
            }
            WeightBits::W4 => {
                let byte = byte((i & 2) | (i >> 2));
                if i & 1 == 0 { i32::from(byte & 15) - 8 } else { i32::from(byte as i8 >> 4) }
            }
            WeightBits::W2 => {
                let byte = byte((i & 2) | (i >> 3));
                match i & 5 {
                    0 => i32::from(byte & 3) - 2,
                    1 => i32::from(byte >> 2 & 3) - 2,
                    4 => i32::from(byte >> 4 & 3) - 2,
                    _ => i32::from(byte as i8 >> 6),
                }
            }
        }
    }

    /// What a header holds for the biases of its block's channels.
    pub(super) fn bias(self, bits: WeightBits, slot: usize, bias: impl Fn(usize) -> i32) -> i32 {
        let scaled = bias(slot) << bits.log2_factor();
        match (self.shared(bits), slot & 1) {
            (true, 0) => bias(slot),
            // Products of the even channel are in those of both.
            (true, _) => scaled.wrapping_add(bias(slot - 1)),
            (false, _) => scaled,
        }
    }

    /// What the products of one word, or of the two that channels share, leave in the accumulator of a header whatever the
    /// inputs are.
    pub(super) fn constant(self, bits: WeightBits, slot: usize, weight: impl Fn(usize, usize) -> i32) -> i32 {
        let word = |slot| self.encode(bits, slot, &weight);
        // Bytes of a lane multiplied.
        let product = |word: u32| {
            let [a, b, c, d] = word.to_le_bytes().map(|byte| i32::from(byte as i8));
            a * b + c * d
        };
        match (self, bits.linked()) {
            (Self::Strip, WeightBits::W8) => {
                let [even, _, third, _] = word(slot).to_le_bytes().map(i32::from);
                127 * (even + third)
            }
            (Self::Column, WeightBits::W8) if slot & 1 == 0 => {
                let ([a, _, b, _], [c, _, d, _]) = (word(slot).to_le_bytes(), word(slot + 1).to_le_bytes());
                i32::from(a) * i32::from(c) + i32::from(b) * i32::from(d)
            }
            (Self::Column, WeightBits::W4 | WeightBits::W2) => {
                parts(bits).iter().map(|part| product(word(slot) & part)).sum()
            }
            _ => 0,
        }
    }
}

/// What is added to byte `k` of a word of 8-bit weights: even bytes are taken without a sign.
fn offset(k: usize) -> i32 {
    if k & 1 == 0 { 128 } else { 0 }
}
