//! Choice of samples: `@0..200`, `@0%5`, `@!0%5`, `@~200`, one after the other on what is left.

use std::fmt;
use std::str::FromStr;

/// One selection step. Positions count within what the step before left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// `@from..to`: positions from..to; `@from..` to the end, `@..to` from the start.
    Range {
        /// First position.
        from: usize,
        /// One past the last position, or the end.
        to: Option<usize>,
    },
    /// `@rest%modulus`: positions with `position % modulus == rest`; with `!` all others.
    Modulo {
        /// The remainder.
        rest: usize,
        /// The divisor, not 0.
        modulus: usize,
        /// Whether to take the others instead.
        not: bool,
    },
    /// `@~count`: so many positions, evenly spaced; all when there are fewer.
    Spread(usize),
}

impl Pick {
    /// Keeps the chosen ones of `indices`.
    pub fn apply(&self, indices: &[usize]) -> Vec<usize> {
        let n = indices.len();
        match *self {
            Pick::Range { from, to } => {
                let to = to.unwrap_or(n).min(n);
                indices[from.min(to)..to].to_vec()
            }
            Pick::Modulo { rest, modulus, not } => indices
                .iter()
                .enumerate()
                .filter(|(i, _)| (i % modulus == rest) != not)
                .map(|(_, &index)| index)
                .collect(),
            Pick::Spread(count) if count >= n => indices.to_vec(),
            Pick::Spread(count) => {
                (0..count).map(|i| indices[(i as u128 * n as u128 / count as u128) as usize]).collect()
            }
        }
    }
}

/// The indices that `picks` leave of `0..total`.
pub(super) fn indices(picks: &[Pick], total: usize) -> Vec<usize> {
    picks.iter().fold((0..total).collect(), |left: Vec<usize>, pick| pick.apply(&left))
}

impl FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`@{text}` is not a selection; use @0..200, @0%5, @!0%5 or @~200");
        let number = |s: &str| s.parse::<usize>().map_err(|_| wrong());
        if let Some(count) = text.strip_prefix('~') {
            return Ok(Pick::Spread(number(count)?));
        }
        if let Some((from, to)) = text.split_once("..") {
            let from = if from.is_empty() { 0 } else { number(from)? };
            let to = if to.is_empty() { None } else { Some(number(to)?) };
            if to.is_some_and(|to| to <= from) {
                return Err(format!("`@{text}` is an empty range"));
            }
            return Ok(Pick::Range { from, to });
        }
        let (not, body) = text.strip_prefix('!').map_or((false, text), |body| (true, body));
        let (rest, modulus) = body.split_once('%').ok_or_else(wrong)?;
        let (rest, modulus) = (number(rest)?, number(modulus)?);
        if rest >= modulus {
            return Err(format!("`@{text}`: the remainder must be below the divisor"));
        }
        Ok(Pick::Modulo { rest, modulus, not })
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Pick::Range { from, to: Some(to) } => write!(f, "@{from}..{to}"),
            Pick::Range { from, to: None } => write!(f, "@{from}.."),
            Pick::Modulo { rest, modulus, not } => {
                write!(f, "@{}{rest}%{modulus}", if not { "!" } else { "" })
            }
            Pick::Spread(count) => write!(f, "@~{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str, total: usize) -> Vec<usize> {
        let picks: Vec<Pick> = text.split('@').skip(1).map(|t| t.parse().unwrap()).collect();
        assert_eq!(picks.iter().map(Pick::to_string).collect::<String>(), text);
        indices(&picks, total)
    }

    #[test]
    fn each_kind_and_their_combination() {
        assert_eq!(chosen("@2..4", 10), [2, 3]);
        assert_eq!(chosen("@8..", 10), [8, 9]);
        assert_eq!(chosen("@8..99", 10), [8, 9]);
        assert_eq!(chosen("@0%5", 11), [0, 5, 10]);
        assert_eq!(chosen("@!0%5", 7), [1, 2, 3, 4, 6]);
        assert_eq!(chosen("@!0%5@0..3", 99), [1, 2, 3]);
        assert_eq!(chosen("@~4", 10), [0, 2, 5, 7]);
        assert_eq!(chosen("@~40", 3), [0, 1, 2]);
        assert!(chosen("@50..", 10).is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "5", "1%0", "5%5", "3..3", "4..2", "a..b", "!3", "~", "-1..2"] {
            assert!(text.parse::<Pick>().is_err(), "{text}");
        }
    }
}
