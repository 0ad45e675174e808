//! Limits as people write them: `64K` of memory, `20ms` or `3.6Mcycles`, `1.2G` bit operations.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Bytes: `65536`, `64K`, `64KB`, `1M` (multiples of 1024).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// A time: `20ms`, `500us`, `1.5s`; or clock cycles: `3.6Mcycles`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Time {
    /// Seconds.
    Seconds(f64),
    /// Cycles of the board's clock.
    Cycles(u64),
}

impl Time {
    /// Whole cycles that pass within it.
    pub fn cycles(self, clock_hz: u32) -> u64 {
        match self {
            // A product of a decimal fraction and a whole number may end just below the whole cycle that is meant.
            Self::Seconds(seconds) => (seconds * f64::from(clock_hz) * (1.0 + 1e-12)).floor() as u64,
            Self::Cycles(cycles) => cycles,
        }
    }
}

/// A number of operations: `1200000`, `800M`, `1.2G` (multiples of 1000).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

/// The number before a unit, and the unit.
fn parts(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..end].trim().parse().ok()?;
    (number.is_finite() && number > 0.0).then(|| (number, text[end..].trim()))
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = parts(text).and_then(|(number, unit)| {
            let factor = match unit.trim_end_matches("iB").trim_end_matches('B') {
                "" => 1.0,
                "K" | "k" => 1024.0,
                "M" => 1_048_576.0,
                _ => return None,
            };
            Some((number * factor).floor() as u64)
        });
        let bytes = bytes.filter(|&bytes| bytes > 0);
        bytes.map(Self).ok_or_else(|| format!("`{text}` is no size; write bytes, or such as 64K or 1M"))
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(number) = text.trim().strip_suffix("cycles") {
            return number.parse().map(|Count(cycles)| Self::Cycles(cycles));
        }
        let seconds = parts(text).and_then(|(number, unit)| {
            let factor = match unit {
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                _ => return None,
            };
            Some(number * factor)
        });
        seconds
            .map(Self::Seconds)
            .ok_or_else(|| format!("`{text}` is no time; write such as 20ms, 500us, 1.5s or 3.6Mcycles"))
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = parts(text).and_then(|(number, unit)| {
            let factor = match unit {
                "" => 1.0,
                "K" | "k" => 1e3,
                "M" => 1e6,
                "G" => 1e9,
                "T" => 1e12,
                _ => return None,
            };
            Some((number * factor).floor() as u64)
        });
        let count = count.filter(|&count| count > 0);
        count.map(Self).ok_or_else(|| format!("`{text}` is no number; write such as 800M or 1.2G"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % 1_048_576 == 0 => write!(f, "{}M", bytes / 1_048_576),
            bytes if bytes % 1024 == 0 => write!(f, "{}K", bytes / 1024),
            bytes => write!(f, "{bytes}"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            // Back to what was written: a millisecond has no exact binary fraction of a second.
            Self::Seconds(seconds) => write!(f, "{}ms", (seconds * 1e12).round() / 1e9),
            Self::Cycles(cycles) => write!(f, "{}cycles", Count(cycles)),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = [(1_000_000_000, "G"), (1_000_000, "M"), (1000, "K")];
        match unit.into_iter().find(|(factor, _)| self.0.is_multiple_of(*factor)) {
            Some((factor, unit)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number or a text in a job file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Integer(u64),
    Text(String),
}

macro_rules! as_text {
    ($($name:ty)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = match Written::deserialize(deserializer)? {
                    Written::Integer(number) => number.to_string(),
                    Written::Text(text) => text,
                };
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

as_text!(Bytes Time Count);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_cycles() {
        for (text, hz, cycles) in [
            ("20ms", 180_000_000, 3_600_000),
            ("0.7ms", 64_000_000, 44_800),
            ("1us", 1_500_000, 1),
            ("7cycles", 1, 7),
        ] {
            assert_eq!(text.parse::<Time>().unwrap().cycles(hz), cycles, "{text}");
        }
    }

    #[test]
    fn units() {
        for (text, bytes) in
            [("65536", 65536), ("64K", 65536), ("64 KiB", 65536), ("1MB", 1 << 20), ("1.5k", 1536)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for (text, seconds) in [("20ms", 0.02), ("500us", 0.0005), ("1.5 s", 1.5)] {
            let Ok(Time::Seconds(parsed)) = text.parse() else { panic!("{text}") };
            assert!((parsed - seconds).abs() < 1e-15, "{text}");
        }
        assert_eq!("1.2G".parse(), Ok(Count(1_200_000_000)));
        for text in ["", "K", "-1K", "0", "64Q", "nan", "inf"] {
            assert!(text.parse::<Bytes>().is_err() && text.parse::<Count>().is_err(), "{text}");
        }
        assert_eq!("3.6Mcycles".parse(), Ok(Time::Cycles(3_600_000)));
        for text in ["20", "cycles", "-1cycles", "20Kms"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn back_to_text() {
        for text in ["64K", "1M", "1000"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        for text in ["20ms", "0.5ms", "100ms", "3600Kcycles", "7cycles"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        assert_eq!("1200M".parse::<Count>().unwrap().to_string(), "1200M");
    }
}
