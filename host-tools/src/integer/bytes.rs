//! Bytes on a 16-byte boundary, as models and arenas want them.

/// Owned bytes that start on a multiple of 16.
#[derive(Clone, Debug)]
pub struct AlignedBytes {
    // The alignment of u128 is 16.
    words: Vec<u128>,
    len: usize,
}

impl AlignedBytes {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(16)], len }
    }

    /// A copy of `bytes`.
    pub fn copy(bytes: &[u8]) -> Self {
        let mut this = Self::zeroed(bytes.len());
        this.as_mut_slice().copy_from_slice(bytes);
        this
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// The bytes.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}
