//! Which samples train, which are held out to choose the best epoch. Test data take no part.

use super::BatchError;
use super::alike::alike;
use crate::data::Dataset;
use crate::random::{Purpose, Random};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How many samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Amount {
    /// So many.
    Count(usize),
    /// A share of them, from 0 to below 1.
    Fraction(f64),
}

/// What to hold out and what to leave out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitOptions {
    /// Samples to hold out; repeated ones count once.
    pub validation: Amount,
    /// The joined part that all held-out samples come from, counted from 0: the one that is most like the test
    /// data. `None` takes any.
    pub from: Option<usize>,
    /// Whether samples of other parts that look like a held-out one are left out: the JPEGs of lossless images.
    pub apart: bool,
    /// Share of the others to train on, above 0 and at most 1 (HAWQ's `--data-percentage`).
    pub share: f64,
    /// Seed.
    pub seed: u64,
}

/// Indices of a data set, both ascending. No sample is in both, nor two copies of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// To train on, with all copies of repeated samples.
    pub train: Vec<usize>,
    /// Held out, one copy of each.
    pub validation: Vec<usize>,
    /// Left out because they look like a held-out sample, one copy of each.
    pub alike: Vec<usize>,
}

/// Splits a data set class by class: every class keeps its share on both sides, to within one sample.
///
/// # Errors
/// [`BatchError`] for numbers out of range, and when nothing would be left to train on.
pub fn split(data: &Dataset, options: &SplitOptions) -> Result<Split, BatchError> {
    let SplitOptions { validation, from, apart, share, seed } = *options;
    if !(share > 0.0 && share <= 1.0) {
        let allowed = "above 0 and at most 1";
        return Err(BatchError::Value { what: "the share to train on", value: share, allowed });
    }
    let parts = data.parts();
    let eligible = match from {
        None => 0..data.len(),
        Some(part) => parts.get(part).cloned().ok_or_else(|| {
            let name = data.name.clone();
            BatchError::Part { name, part, parts: parts.len() }
        })?,
    };
    let mut copies: Vec<Vec<usize>> = vec![Vec::new(); data.stored_len()];
    (0..data.len()).for_each(|i| copies[data.stored(i)].push(i));
    copies.retain(|positions| !positions.is_empty());
    // A sample is its first copy from here on.
    let candidates = copies.iter().map(|positions| positions[0]).filter(|first| eligible.contains(first));
    let candidates = by_class(data, candidates);
    let available = candidates.iter().map(Vec::len).sum();
    let wanted = count(validation, available)?;
    let nothing_left = || BatchError::NothingLeft { name: data.name.clone(), wanted, samples: available };
    if wanted > available {
        return Err(nothing_left());
    }
    let validation = choose(candidates, wanted, seed, Purpose::Split);
    let mut others: Vec<usize> = copies.iter().map(|positions| positions[0]).collect();
    others.retain(|first| validation.binary_search(first).is_err());
    let alike = if apart { look_alikes(data, &validation, &others) } else { Vec::new() };
    others.retain(|first| alike.binary_search(first).is_err());
    if others.is_empty() {
        return Err(nothing_left());
    }
    let others = by_class(data, others.into_iter());
    let left: usize = others.iter().map(Vec::len).sum();
    let kept = ((left as f64 * share).round() as usize).max(1);
    let kept = choose(others, kept, seed, Purpose::Share);
    let kept = copies.iter().filter(|positions| kept.binary_search(&positions[0]).is_ok());
    let mut train: Vec<usize> = kept.flatten().copied().collect();
    train.sort_unstable();
    Ok(Split { train, validation, alike })
}

/// Those of `others` that look like a held-out sample of another part, ascending.
fn look_alikes(data: &Dataset, held: &[usize], others: &[usize]) -> Vec<usize> {
    let within = |indices: &[usize], part: &Range<usize>, inside: bool| -> Vec<usize> {
        indices.iter().copied().filter(|i| part.contains(i) == inside).collect()
    };
    let in_part = |part| alike(data, &within(held, part, true), &within(others, part, false));
    let mut found: Vec<usize> = data.parts().iter().flat_map(in_part).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn count(amount: Amount, samples: usize) -> Result<usize, BatchError> {
    match amount {
        Amount::Count(count) => Ok(count),
        Amount::Fraction(value) if (0.0..1.0).contains(&value) => {
            Ok((samples as f64 * value).round() as usize)
        }
        Amount::Fraction(value) => {
            let allowed = "from 0 to below 1";
            Err(BatchError::Value { what: "the share to hold out", value, allowed })
        }
    }
}

fn by_class(data: &Dataset, samples: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
    let classes = data.labels.iter().max().map_or(0, |&largest| largest as usize + 1);
    let mut lists = vec![Vec::new(); classes];
    samples.for_each(|i| lists[data.labels[i] as usize].push(i));
    lists
}

/// `wanted` samples, every class by its share, in ascending order.
fn choose(mut classes: Vec<Vec<usize>>, wanted: usize, seed: u64, purpose: Purpose) -> Vec<usize> {
    let quotas = quotas(&classes.iter().map(Vec::len).collect::<Vec<_>>(), wanted);
    for (class, (list, quota)) in classes.iter_mut().zip(quotas).enumerate() {
        Random::new(seed, purpose, 0, class).shuffle(list);
        list.truncate(quota);
    }
    let mut chosen = classes.concat();
    chosen.sort_unstable();
    chosen
}

/// `wanted` shared out in proportion to `sizes`, by largest remainder; the sum is exact.
fn quotas(sizes: &[usize], wanted: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let exact = |size: usize| size as u128 * wanted as u128;
    let divisor = total.max(1) as u128;
    let mut quotas: Vec<usize> = sizes.iter().map(|&size| (exact(size) / divisor) as usize).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(exact(sizes[class]) % divisor));
    let missing = wanted.min(total) - quotas.iter().sum::<usize>().min(wanted);
    order.into_iter().take(missing).for_each(|class| quotas[class] += 1);
    quotas
}
