//! Packed weights and activations give back what was stored.

use core::cell::Cell;

use kernels::layout::{pack, unpack};
use kernels::{Dims, Dtype, Tensor, TensorSpec, WeightBits, Weights};
use proptest::prelude::*;

fn any_bits() -> impl Strategy<Value = WeightBits> {
    prop_oneof![Just(WeightBits::W2), Just(WeightBits::W4), Just(WeightBits::W8)]
}

fn any_dtype() -> impl Strategy<Value = Dtype> {
    prop_oneof![Just(Dtype::U4), Just(Dtype::I8), Just(Dtype::I16)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn weights_survive_packing(bits in any_bits(), row_len in 1usize..40, values: Vec<i8>) {
        let (lo, hi) = bits.range();
        let inside = |v: i8| i32::from(v).clamp(lo, hi);
        let rows = values.len() / row_len;
        let row_bytes = bits.row_bytes(row_len);
        let mut data = vec![0; rows * row_bytes];
        for (row, values) in data.chunks_exact_mut(row_bytes).zip(values.chunks_exact(row_len)) {
            for (i, &v) in values.iter().enumerate() {
                pack(row, bits, i, inside(v) as i8);
            }
        }
        let weights = Weights::new(&data, bits, rows, row_len).unwrap();
        for (r, values) in values.chunks_exact(row_len).enumerate() {
            for (i, &v) in values.iter().enumerate() {
                prop_assert_eq!(unpack(weights.row(r), bits, i), inside(v));
            }
        }
    }

    #[test]
    fn every_byte_is_the_packing_of_what_it_unpacks_to(bits in any_bits(), row: Vec<u8>) {
        let mut again = vec![0; row.len()];
        for i in 0..row.len() << bits.log2_per_byte() {
            pack(&mut again, bits, i, unpack(&row, bits, i) as i8);
        }
        prop_assert_eq!(row, again);
    }

    #[test]
    fn elements_survive_storage_in_any_order(
        dtype in any_dtype(), h in 1u16..4, w in 1u16..4, c in 1u16..7, poison: u8,
        values in prop::collection::vec(any::<i16>(), 54), backwards: bool,
    ) {
        let spec = TensorSpec { dims: Dims { h, w, c }, dtype, zero: 0 };
        let mut bytes = vec![poison; spec.bytes().unwrap() as usize];
        let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
        let tensor = Tensor::new(spec, cells).unwrap();
        let (lo, hi) = dtype.range();
        let (h, w, c) = spec.dims.hwc();
        let value = |i: usize| i32::from(values[i]).clamp(lo, hi);
        let at = |i: usize| (i / c / w, i / c % w, i % c);
        for i in 0..h * w * c {
            let i = if backwards { h * w * c - 1 - i } else { i };
            tensor.set(at(i).0, at(i).1, at(i).2, value(i));
        }
        for i in 0..h * w * c {
            prop_assert_eq!(tensor.get(at(i).0, at(i).1, at(i).2), value(i));
        }
    }
}
