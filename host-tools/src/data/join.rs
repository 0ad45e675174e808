//! Several sources as one data set. Samples that come more than once are stored once.

use super::{DataError, Dataset, InputOptions, Part, Samples, Spec, select};
use std::ops::Range;

/// A sample: number of its piece, index in that piece's source.
type Place = (usize, usize);

/// Reads what the SPEC chooses; only that is decoded.
pub(super) fn load(spec: &Spec, part: Part, input: &InputOptions) -> Result<Dataset, DataError> {
    let (mut sources, mut places) = (Vec::new(), Vec::<Place>::new());
    for (number, piece) in spec.pieces.iter().enumerate() {
        let source = piece.source.open(part)?;
        let chosen = select::indices(&piece.picks, source.len());
        if chosen.is_empty() {
            return Err(DataError::Empty { name: piece.to_string(), total: source.len() });
        }
        for _ in 0..piece.repeat {
            places.extend(chosen.iter().map(|&index| (number, index)));
        }
        sources.push(source);
    }
    if !spec.picks.is_empty() {
        let left = select::indices(&spec.picks, places.len());
        if left.is_empty() {
            return Err(DataError::Empty { name: spec.to_string(), total: places.len() });
        }
        places = left.into_iter().map(|i| places[i]).collect();
    }
    let mut stored = places.clone();
    stored.sort_unstable();
    stored.dedup();
    let mut joined: Option<Dataset> = None;
    for (number, (piece, source)) in spec.pieces.iter().zip(sources).enumerate() {
        let indices: Vec<usize> = stored[run(&stored, number)].iter().map(|&(_, index)| index).collect();
        if indices.is_empty() {
            continue;
        }
        let loaded = source.read(&indices, input.shape.map(|shape| shape.c))?;
        let next = Dataset::new(piece.to_string(), loaded, input)?;
        match &mut joined {
            None => joined = Some(next),
            Some(joined) => joined.append(next)?,
        }
    }
    let total = places.len();
    let mut data = joined.ok_or_else(|| DataError::Empty { name: spec.to_string(), total })?;
    data.name = spec.to_string();
    data.parts = (0..spec.pieces.len()).map(|number| run(&places, number)).collect();
    if stored != places {
        data.repeat(places.iter().map(|place| stored.partition_point(|s| s < place) as u32).collect());
    }
    Ok(data)
}

/// Where the places of a piece are among `places`, which ascend by piece.
fn run(places: &[Place], piece: usize) -> Range<usize> {
    let start = |number| places.partition_point(|&(of, _)| of < number);
    start(piece)..start(piece + 1)
}

impl Dataset {
    /// Stores another data set behind this one. Indices and labels are those of stored samples.
    fn append(&mut self, other: Self) -> Result<(), DataError> {
        let what = if self.shape != other.shape {
            format!(
                "samples are {} in the one and {} in the other; scale them alike",
                self.shape, other.shape
            )
        } else if !same_start(&self.classes, &other.classes) {
            let (one, two) = (self.classes.join(", "), other.classes.join(", "));
            format!(
                "classes are {one} in the one and {two} in the other; give them the same names in the same order"
            )
        } else if self.affine != other.affine {
            format!(
                "real values are {} in the one and {} in the other; say which with `pixels` or `scale`",
                self.affine, other.affine
            )
        } else if let Err((one, two)) = self.samples.append(other.samples) {
            format!("the one holds {one}, the other {two}; convert them alike")
        } else {
            self.labels.extend(other.labels);
            if other.classes.len() > self.classes.len() {
                self.classes = other.classes;
            }
            return Ok(());
        };
        Err(DataError::Join { first: self.name.clone(), second: other.name, what })
    }

    /// Makes index `i` mean the stored sample `order[i]`.
    fn repeat(&mut self, order: Vec<u32>) {
        self.labels = order.iter().map(|&stored| self.labels[stored as usize]).collect();
        self.order = Some(order);
    }
}

impl Samples {
    /// Stores others of the same kind behind these; otherwise says what both are.
    fn append(&mut self, other: Self) -> Result<(), (&'static str, &'static str)> {
        match (self, other) {
            (Samples::U8(all), Samples::U8(more)) => all.extend(more),
            (Samples::I8(all), Samples::I8(more)) => all.extend(more),
            (Samples::F32(all), Samples::F32(more)) => all.extend(more),
            (all, more) => return Err((all.noun(), more.noun())),
        }
        Ok(())
    }

    fn noun(&self) -> &'static str {
        match self {
            Samples::U8(_) => "unsigned bytes",
            Samples::I8(_) => "signed bytes",
            Samples::F32(_) => "real numbers",
        }
    }
}

/// Whether no label means different classes.
fn same_start(one: &[String], two: &[String]) -> bool {
    one.iter().zip(two).all(|(one, two)| one == two)
}

#[cfg(test)]
mod tests {
    use super::super::RawSample;
    use super::*;
    use std::path::Path;

    const FILES: [(&str, &str); 6] = [
        ("a.csv", "1,2,0\n3,4,1\n5,6,0\n"),
        ("b.csv", "7,8,2\n9,10,1\n"),
        ("wide.csv", "1,2,3,0\n"),
        ("signed.csv", "-1,2,0\n"),
        ("real.csv", "0.5,2,0\n"),
        ("bad.csv", "1,x,0\n"),
    ];

    fn load(text: &str) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        FILES.iter().for_each(|(name, rows)| std::fs::write(dir.path().join(name), rows).unwrap());
        array(&dir.path().join("x.npy"), b"|u1", "(2, 1, 2)", &[11, 12, 13, 14]);
        array(&dir.path().join("y.npy"), b"|u1", "(2,)", &[1, 0]);
        for (class, value) in [("1", 20), ("0", 10), ("cat", 30)] {
            let folder = dir.path().join(if class == "cat" { "named" } else { "numbered" }).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            image::GrayImage::from_pixel(2, 1, image::Luma([value])).save(folder.join("i.png")).unwrap();
        }
        let mut spec: Spec = text.parse()?;
        spec.resolve(dir.path());
        spec.load(Part::Train, &InputOptions::default())
    }

    fn array(path: &Path, kind: &[u8], shape: &str, data: &[u8]) {
        let kind = std::str::from_utf8(kind).unwrap();
        let mut header =
            format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}").into_bytes();
        header.resize(117, b' ');
        header.push(b'\n');
        let bytes = [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), &header, data].concat();
        std::fs::write(path, bytes).unwrap();
    }

    fn firsts(data: &Dataset) -> Vec<u8> {
        let first = |i| match data.raw_sample(i) {
            Some(RawSample::U8(bytes)) => bytes[0],
            other => panic!("{other:?}"),
        };
        (0..data.len()).map(first).collect()
    }

    #[test]
    fn repeated_samples_are_stored_once() {
        let data = load("csv:a.csv + 3*csv:b.csv").unwrap();
        assert_eq!(firsts(&data), [1, 3, 5, 7, 9, 7, 9, 7, 9]);
        assert_eq!(data.labels, [0, 1, 0, 2, 1, 2, 1, 2, 1]);
        assert_eq!((data.stored_len(), data.classes.len()), (5, 3));
        assert_eq!((0..9).map(|i| data.stored(i)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 3, 4, 3, 4]);
        assert_eq!(data.parts(), [0..3, 3..9]);
        let mut real = [0.0; 2];
        data.real(8, &mut real);
        assert_eq!(real, [9.0, 10.0]);
        let data = load("csv:b.csv").unwrap();
        assert_eq!((firsts(&data), data.parts().len(), data.stored_len()), (vec![7, 9], 1, 2));
    }

    #[test]
    fn selections_work_on_a_piece_and_on_all() {
        let check = |text: &str, expected: &[u8], stored: usize| {
            let data = load(text).unwrap();
            assert_eq!((firsts(&data).as_slice(), data.stored_len()), (expected, stored), "{text}");
        };
        check("2*csv:a.csv@1.. + csv:b.csv@0%2", &[3, 5, 3, 5, 7], 3);
        check("(2*csv:a.csv + csv:b.csv)@!0%3", &[3, 5, 3, 5, 9], 3);
        check("(csv:a.csv + csv:b.csv)@3..", &[7, 9], 2);
        check("(csv:a.csv + 2*csv:b.csv)@0..4", &[1, 3, 5, 7], 4);
        check("(2*csv:a.csv)@1..4", &[3, 5, 1], 3);
        let data = load("(csv:a.csv + csv:b.csv)@3..").unwrap();
        assert_eq!((data.parts(), data.labels.as_slice()), (&[0..0, 0..2][..], &[2, 1][..]));
        let message = load("csv:a.csv + csv:b.csv@5..").unwrap_err().to_string();
        assert!(message.contains("b.csv@5..: no samples (of 2"), "{message}");
        let message = load("(csv:a.csv + csv:b.csv)@5..").unwrap_err().to_string();
        assert!(message.contains(")@5..: no samples (of 5"), "{message}");
    }

    #[test]
    fn kinds_of_files_mix_where_they_mean_the_same() {
        let data = load("folder:numbered + npy:x.npy,y.npy").unwrap();
        assert_eq!((firsts(&data), data.labels), (vec![10, 20, 11, 13], vec![0, 1, 1, 0]));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (text, second, what) in [
            ("csv:a.csv + csv:wide.csv", "wide.csv", "samples are 1x1x2 in the one and 1x1x3 in the other"),
            ("csv:a.csv + csv:signed.csv", "signed.csv", "holds unsigned bytes, the other signed bytes"),
            ("csv:signed.csv + 2*csv:real.csv", "real.csv", "holds signed bytes, the other real numbers"),
            ("folder:named + npy:x.npy,y.npy", "y.npy", "classes are cat in the one and 0, 1 in the other"),
        ] {
            let message = load(text).unwrap_err().to_string();
            let first = text[text.find(':').unwrap() + 1..].split(' ').next().unwrap();
            assert!([first, second, what].iter().all(|part| message.contains(part)), "{message}");
        }
        let message = load("csv:a.csv + csv:bad.csv").unwrap_err().to_string();
        assert!(message.contains("bad.csv: line 1: column 2"), "{message}");
    }

    #[test]
    fn pixels_and_numbers_may_mean_different_values() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.csv"), "1,2,0\n").unwrap();
        array(&dir.path().join("x.npy"), b"|u1", "(1, 2)", &[1, 2]);
        array(&dir.path().join("y.npy"), b"|u1", "(1,)", &[0]);
        let mut spec: Spec = "csv:a.csv + npy:x.npy,y.npy".parse().unwrap();
        spec.resolve(dir.path());
        let normalize = Some(super::super::Normalize { mean: vec![0.5], std: vec![0.5] });
        let mut input = InputOptions { normalize, ..Default::default() };
        let message = spec.load(Part::Train, &input).unwrap_err().to_string();
        assert!(message.contains("real values are [2.0, 2.0] * (q - [0.5, 0.5]) in the one"), "{message}");
        input.scale = Some(1.0);
        assert_eq!(spec.load(Part::Train, &input).unwrap().len(), 2);
    }
}
