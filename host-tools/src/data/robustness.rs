//! Any bytes in any kind of file give a data set or an error, never a panic.

use super::*;
use crate::graph::Shape;
use proptest::prelude::*;
use std::path::Path;

const START: [(&str, &[u8]); 6] = [
    ("cifar10:f", b""),
    ("npy:f,f", b"\x93NUMPY\x01\x00\x36\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2,1)}"),
    ("csv:f", b"1,2,0\n"),
    ("folder:f.zip", b"PK\x03\x04\x14\x00\x00\x00\x08\x00"),
    ("folder:.", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x02\x08\x02\x00\x00\x00"),
    ("wav:.", b"RIFF\x2e\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x40\x1f\x00\x00\x00\x7d\x00\x00\x04\x00\x10\x00data"),
];

/// Loads the kind from files with this content, with and without a network's shape.
fn try_all(spec: &str, content: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("class")).unwrap();
    for name in [
        "f",
        "f.zip",
        "f.gz",
        "class/a.png",
        "class/a.wav",
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
    ] {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    for text in [spec, "idx:.", "csv:f.gz"] {
        let mut spec: Spec = text.parse().unwrap();
        spec.resolve(Path::new(dir.path()));
        for (shape, layout) in [(None, None), (None, Some(Layout::Chw)), (Some(Shape::new(1, 1, 2)), None)] {
            if let Ok(data) = spec.load(Part::Train, &InputOptions { shape, layout, ..Default::default() }) {
                let mut real = vec![0.0; data.shape.len()];
                (0..data.len()).for_each(|i| data.real(i, &mut real));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn nothing_panics(
        kind in 0usize..6,
        tail in prop::collection::vec(any::<u8>(), 0..80),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let (spec, start) = START[kind];
        let mut content = [start, &tail].concat();
        for (at, value) in flips {
            if !content.is_empty() {
                let at = at.index(content.len());
                content[at] = value;
            }
        }
        try_all(spec, &content);
    }

    #[test]
    fn idx_headers_do_not_panic(dims in prop::collection::vec(any::<u32>(), 0..4), data in prop::collection::vec(any::<u8>(), 0..9)) {
        let mut content = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|d| content.extend((d % 5).to_be_bytes()));
        content.extend(data);
        try_all("idx:.", &content);
    }

    #[test]
    fn a_spec_is_refused_or_survives_a_round_trip(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "csv:", "npy:", "folder:", "a", "b.zip", ",", " + ", "+", " ", "(", ")", "*", "2*", "@", "~5", "!0%5", "3..", "é",
        ]), 0..12),
    ) {
        for start in ["", "csv:", "(csv:"] {
            if let Ok(spec) = format!("{start}{}", tokens.concat()).parse::<Spec>() {
                prop_assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
            }
        }
    }
}
