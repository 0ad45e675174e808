//! The declared way from what a file holds to what the network was trained on.

use super::{DataError, RawKind, Samples};
use crate::graph::Shape;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Order of the elements of a sample in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channels last.
    Hwc,
    /// Channels first.
    Chw,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Hwc => "hwc",
            Layout::Chw => "chw",
        })
    }
}

/// What brightness 255 means to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PixelRange {
    /// Bytes as they are.
    #[serde(rename = "0..255")]
    Bytes,
    /// Bytes divided by 255.
    #[serde(rename = "0..1")]
    Unit,
}

/// `(x - mean) / std` per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// One per channel, or one for all.
    pub mean: Vec<f64>,
    /// One per channel, or one for all; positive.
    pub std: Vec<f64>,
}

/// How samples become the network's input: `real = (scale * (q - zero) - mean_c) / std_c`.
///
/// `scale` is 1 unless declared; 1/255 for pixels with `pixels = "0..1"` or with `normalize` (torchvision's order).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputOptions {
    /// The network's input; `None` takes the shape from the file.
    pub shape: Option<Shape>,
    /// Order of the elements where the file does not tell.
    pub layout: Option<Layout>,
    /// Real value of one step of the stored numbers.
    pub scale: Option<f64>,
    /// Stored number that means 0.
    pub zero: Option<f64>,
    /// Range of image bytes.
    pub pixels: Option<PixelRange>,
    /// Normalisation per channel.
    pub normalize: Option<Normalize>,
}

/// `real = scale_c * (stored - zero_c)`, one pair per channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) zero: Vec<f64>,
}

impl Affine {
    pub(super) fn is_identity(&self) -> bool {
        self.scale.iter().all(|&s| s == 1.0) && self.zero.iter().all(|&z| z == 0.0)
    }
}

impl fmt::Display for Affine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} * (q - {:?})", self.scale, self.zero)
    }
}

impl InputOptions {
    /// The affine map of `channels` channels.
    pub(super) fn affine(&self, name: &str, channels: usize, pixels: bool) -> Result<Affine, DataError> {
        let wrong = |what: &str| DataError::Transform { name: name.to_string(), what: what.to_string() };
        if self.pixels.is_some() && self.scale.is_some() {
            return Err(wrong("`pixels` and `scale` say the same thing; keep one of them"));
        }
        let unit = match self.pixels {
            Some(PixelRange::Unit) => true,
            Some(PixelRange::Bytes) => false,
            None => self.normalize.is_some() && pixels,
        };
        let scale = self.scale.unwrap_or(if unit { 1.0 / 255.0 } else { 1.0 });
        let zero = self.zero.unwrap_or(0.0);
        if !(scale.is_finite() && scale > 0.0 && zero.is_finite()) {
            return Err(wrong("`scale` must be a positive number and `zero` finite"));
        }
        let Some(Normalize { mean, std }) = &self.normalize else {
            return Ok(Affine { scale: vec![scale; channels], zero: vec![zero; channels] });
        };
        let fits = |v: &[f64]| v.len() == channels || v.len() == 1;
        if !fits(mean) || !fits(std) {
            return Err(wrong(&format!(
                "`normalize` has {} means and {} deviations, the samples have {channels} channels",
                mean.len(),
                std.len()
            )));
        }
        if mean.iter().any(|m| !m.is_finite()) || std.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
            return Err(wrong("`normalize` needs finite means and positive deviations"));
        }
        let at = |v: &[f64], c: usize| v[if v.len() == 1 { 0 } else { c }];
        Ok(Affine {
            scale: (0..channels).map(|c| scale / at(std, c)).collect(),
            zero: (0..channels).map(|c| zero + at(mean, c) / scale).collect(),
        })
    }
}

impl Samples {
    /// The integer kind, if the samples are integers.
    pub fn raw_kind(&self) -> Option<RawKind> {
        match self {
            Samples::U8(_) => Some(RawKind::U8),
            Samples::I8(_) => Some(RawKind::I8),
            Samples::F32(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torchvision_order() {
        let normalize = Normalize { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
        let options = InputOptions { normalize: Some(normalize), ..Default::default() };
        let map = options.affine("x", 3, true).unwrap();
        for (c, (mean, std)) in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)].into_iter().enumerate() {
            for q in [0.0, 17.0, 255.0] {
                let want = (q / 255.0 - mean) / std;
                assert!((map.scale[c] * (q - map.zero[c]) - want).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_declared_zero_stays_an_integer() {
        let options =
            InputOptions { scale: Some(0.5847029089927673), zero: Some(83.0), ..Default::default() };
        assert_eq!(
            options.affine("x", 1, false).unwrap(),
            Affine { scale: vec![0.5847029089927673], zero: vec![83.0] }
        );
    }

    #[test]
    fn floats_are_not_divided_by_255() {
        let normalize = Some(Normalize { mean: vec![0.5], std: vec![2.0] });
        let map = InputOptions { normalize, ..Default::default() }.affine("x", 2, false).unwrap();
        assert_eq!(map, Affine { scale: vec![0.5, 0.5], zero: vec![0.5, 0.5] });
    }

    #[test]
    fn impossible_transforms() {
        let two = InputOptions { scale: Some(1.0), pixels: Some(PixelRange::Unit), ..Default::default() };
        let negative = InputOptions { scale: Some(-1.0), ..Default::default() };
        let normal = |mean: Vec<f64>, std: Vec<f64>| InputOptions {
            normalize: Some(Normalize { mean, std }),
            ..Default::default()
        };
        for options in [two, negative, normal(vec![0.0; 2], vec![1.0; 3]), normal(vec![0.0], vec![0.0])] {
            assert!(matches!(options.affine("x", 3, true), Err(DataError::Transform { .. })), "{options:?}");
        }
    }
}
