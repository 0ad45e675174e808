//! Numbers as little-endian bytes, all of them: what postcard calls `fixint`, for arrays too. A device reads a step
//! in every inference, and a varint costs it ten instructions where this costs one.

use serde::{Serialize, Serializer};

/// What has bytes of its own.
pub(super) trait LittleEndian {
    type Bytes: Serialize;
    fn bytes(&self) -> Self::Bytes;
}

macro_rules! little_endian {
    ($($number:ty),*) => {
        $(impl LittleEndian for $number {
            type Bytes = [u8; size_of::<$number>()];

            fn bytes(&self) -> Self::Bytes {
                self.to_le_bytes()
            }
        })*
    };
}

little_endian!(u16, i16, u32, i32);

impl<T: LittleEndian> LittleEndian for [T; 3] {
    type Bytes = [T::Bytes; 3];

    fn bytes(&self) -> Self::Bytes {
        self.each_ref().map(T::bytes)
    }
}

pub(super) fn serialize<T: LittleEndian, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.bytes().serialize(serializer)
}

#[cfg(test)]
pub(super) use reading::deserialize;

#[cfg(test)]
mod reading {
    //! The way back, for tests against postcard.

    use serde::{Deserialize, Deserializer};

    /// What is made of bytes.
    pub(in super::super) trait FromBytes: Sized {
        type Bytes: for<'de> Deserialize<'de>;
        fn from_bytes(bytes: Self::Bytes) -> Self;
    }

    macro_rules! from_bytes {
        ($($number:ty),*) => {
            $(impl FromBytes for $number {
                type Bytes = [u8; size_of::<$number>()];

                fn from_bytes(bytes: Self::Bytes) -> Self {
                    Self::from_le_bytes(bytes)
                }
            })*
        };
    }

    from_bytes!(u16, i16, u32, i32);

    impl<T: FromBytes> FromBytes for [T; 3] {
        type Bytes = [T::Bytes; 3];

        fn from_bytes(bytes: Self::Bytes) -> Self {
            bytes.map(T::from_bytes)
        }
    }

    pub(in super::super) fn deserialize<'de, T: FromBytes, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        T::Bytes::deserialize(deserializer).map(T::from_bytes)
    }
}
