//! Rows of numbers with the label last; a first row that is no numbers is a heading.

use super::{DataError, Loaded, Samples, file, numbered_classes};
use std::path::Path;

pub(super) fn load(path: &Path) -> Result<Loaded, DataError> {
    let bytes = file::read(path)?;
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(::csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(bytes.as_slice());
    let (mut values, mut labels, mut columns) = (Vec::<f32>::new(), Vec::new(), 0);
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| DataError::format(path, error.to_string()))?;
        let row = record.position().map_or(0, ::csv::Position::line);
        let bad = |what: String| DataError::format(path, format!("line {row}: {what}"));
        if index == 0 && record.iter().all(|field| field.parse::<f32>().is_err()) {
            continue;
        }
        if columns == 0 {
            columns = record.len();
            if columns < 2 {
                return Err(bad("one column; a row needs values and, last, the label".to_string()));
            }
        }
        if record.len() != columns {
            return Err(bad(format!("{} columns where the rows before have {columns}", record.len())));
        }
        for (column, field) in record.iter().take(columns - 1).enumerate() {
            let value = field.parse::<f32>().ok().filter(|v| v.is_finite());
            values
                .push(value.ok_or_else(|| bad(format!("column {}: `{field}` is not a number", column + 1)))?);
        }
        let label = &record[columns - 1];
        let class = label.parse::<f64>().ok().filter(|v| v.fract() == 0.0 && (0.0..=65535.0).contains(v));
        labels
            .push(class.ok_or_else(|| bad(format!("the label `{label}` is not a class number from 0 up")))?
                as u32);
    }
    Ok(Loaded {
        samples: compact(values),
        // Whether the numbers look like bytes may differ from file to file, their meaning may not.
        pixels: false,
        dims: vec![columns.saturating_sub(1)],
        layout: None,
        classes: numbered_classes(&labels),
        labels,
    })
}

/// Bytes if all values are whole numbers of a byte's range.
fn compact(values: Vec<f32>) -> Samples {
    let within = |lo: f32, hi: f32| values.iter().all(|v| v.fract() == 0.0 && (lo..=hi).contains(v));
    if within(0.0, 255.0) {
        Samples::U8(values.iter().map(|&v| v as u8).collect())
    } else if within(-128.0, 127.0) {
        Samples::I8(values.iter().map(|&v| v as i8).collect())
    } else {
        Samples::F32(values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, InputOptions, Part, Spec};
    use super::*;

    fn load_text(text: &str) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.csv"), text).unwrap();
        let mut spec: Spec = "csv:a.csv".parse()?;
        spec.resolve(dir.path());
        spec.load(Part::Test, &InputOptions::default())
    }

    #[test]
    fn values_are_stored_as_small_as_they_are() {
        let samples = |text: &str| load_text(text).unwrap().samples;
        assert_eq!(samples("a,b,label\n1, 255,0\n3,4,2\n"), Samples::U8(vec![1, 255, 3, 4]));
        assert_eq!(samples("1,-2,0"), Samples::I8(vec![1, -2]));
        assert_eq!(samples("1,0.5,0"), Samples::F32(vec![1.0, 0.5]));
        assert_eq!(load_text("1,2,0\n\n3,4,2").unwrap().classes, ["0", "1", "2"]);
    }

    #[test]
    fn bad_rows_name_their_line() {
        for (text, part) in [
            ("1,2,0\n1,2,3,0\n", "line 2: 4 columns where the rows before have 3"),
            ("1,2,0\n1,x,0\n", "line 2: column 2: `x`"),
            ("1,nan,0\n", "line 1: column 2: `nan`"),
            ("1,2,-1\n", "line 1: the label `-1`"),
            ("1,2,cat\n", "the label `cat`"),
            ("5\n", "one column"),
            ("", "no samples"),
        ] {
            let message = load_text(text).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("a.csv"), "{message}");
        }
    }
}
