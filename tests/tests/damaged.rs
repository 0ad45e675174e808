//! Damaged model files: any bytes give a typed error or a model that runs to its end. No panic, no access outside
//! arena and file (both are bounds-checked: a panic), no endless loop.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use host_tools::integer::{AlignedBytes, Traced, run_traced};
use host_tools::quantize::Outcome;
use rayon::prelude::*;
use runtime::format::SectionKind;
use runtime::{LoadError, Model};
use sparrowhawk_tests::damage::{fix_crc, flip, parts, section, twist, work};
use sparrowhawk_tests::networks::{Network, Score, load};
use sparrowhawk_tests::random::Random;

/// Raw mutations of each file.
const MUTATIONS: u64 = 10_000;

/// How much is tried of each other kind: mutations, and multiply-accumulates of all runs together. What is legal
/// but slow is loaded and not run.
#[derive(Clone, Copy)]
struct Effort {
    mutations: u64,
    work: u64,
}

const SMALL: Effort = Effort { mutations: 10_000, work: 2_500_000_000 };
/// Loading takes the CRC of the whole file.
const LARGE: Effort = Effort { mutations: 2_000, work: 800_000_000 };

/// Limits of a single run.
const WORK_OF_ONE: u64 = 100_000_000;
const ARENA_OF_ONE: usize = 16 << 20;

/// What became of damaged files.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    refused: u64,
    ran: u64,
    not_run: u64,
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        let Self { refused, ran, not_run } = other;
        Self { refused: self.refused + refused, ran: self.ran + ran, not_run: self.not_run + not_run }
    }
}

/// An arena of garbage: the first runs must not depend on it.
fn run_in_garbage(model: &Model, input: &[u8], random: &mut Random) -> Traced {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes());
    arena.as_mut_slice().fill_with(|| random.byte());
    let mut session = model.session(arena.as_mut_slice()).expect("the arena is large enough");
    session.set_input(input);
    let mut crcs = Vec::new();
    session
        .run_with(|_, output| crcs.push(runtime::trace::crc32_cells(output.cells())))
        .expect("a model that loaded runs");
    let output = session.output().expect("a model that loaded has an output");
    Traced { crcs, output: output.cells().iter().map(std::cell::Cell::get).collect() }
}

/// Loads damaged bytes; runs what loads, while `spent` is within the budget.
fn try_file(file: &[u8], budget: u64, spent: &AtomicU64, random: &mut Random) -> Tally {
    let bytes = AlignedBytes::copy(file);
    let model = match Model::load(bytes.as_slice()) {
        Ok(model) => model,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Tally { refused: 1, ..Tally::default() };
        }
    };
    let cost = work(&model);
    if cost > WORK_OF_ONE || model.arena_bytes() > ARENA_OF_ONE || spent.load(Relaxed) > budget {
        return Tally { not_run: 1, ..Tally::default() };
    }
    spent.fetch_add(cost, Relaxed);
    let size = model.interface().input.spec().bytes().expect("a loaded model has an input") as usize;
    let input: Vec<u8> = (0..size).map(|_| random.byte()).collect();
    run_in_garbage(&model, &input, random);
    Tally { ran: 1, ..Tally::default() }
}

/// Applies `damage` to copies of a file.
fn check(
    name: &str,
    file: &[u8],
    effort: Effort,
    damage: impl Fn(&mut Vec<u8>, &mut Random) + Sync,
) -> Tally {
    let spent = AtomicU64::new(0);
    let tally = (0..effort.mutations)
        .into_par_iter()
        .map(|seed| {
            let mut random = Random::new(seed ^ 0xdead_beef);
            let mut copy = file.to_vec();
            damage(&mut copy, &mut random);
            try_file(&copy, effort.work, &spent, &mut random)
        })
        .reduce(Tally::default, Tally::plus);
    println!("{name}: {tally:?}");
    assert_eq!(tally.refused + tally.ran + tally.not_run, effort.mutations);
    tally
}

/// Raw damage: what the CRC does not cover is 16 bytes, and a file that still loads is the same file.
fn raw(name: &str, file: &[u8]) {
    let model = AlignedBytes::copy(file);
    let intact = load(&model);
    let refused = (0..MUTATIONS)
        .into_par_iter()
        .filter(|&seed| {
            let mut random = Random::new(seed);
            let mut copy = file.to_vec();
            match random.below(4) {
                0 => copy.truncate(random.below(file.len())),
                1 => copy.extend((0..1 + random.below(100)).map(|_| random.byte())),
                2 => flip(&mut copy, 0..32, &mut random),
                _ => flip(&mut copy, 0..file.len(), &mut random),
            }
            let copy = AlignedBytes::copy(&copy);
            match Model::load(copy.as_slice()) {
                Err(_) => true,
                Ok(damaged) => {
                    // Identical results, because nothing but the runtime version asked for can differ.
                    assert_eq!(damaged.file()[8..], intact.file()[8..], "{name}, seed {seed}");
                    false
                }
            }
        })
        .count() as u64;
    println!("{name}, raw: {refused} of {MUTATIONS} refused");
    // A quarter are extensions, which are the same model; few flips hit only the version.
    assert!(refused > MUTATIONS / 10 * 7 && refused < MUTATIONS, "{name}: {refused}");
}

fn damaged(network: Network, effort: Effort) {
    for scheme in ["w8a8", "w4a4"] {
        let Some(Outcome { model, .. }) = network.quantized(scheme, Score::Few) else { return };
        let (name, file) = (format!("{network:?} {scheme}"), model.as_slice());
        raw(&name, file);

        let graph = section(file, SectionKind::Graph);
        let table = 16..graph.start;
        for (part, range) in [
            ("section table", table),
            ("graph", graph),
            ("constants", section(file, SectionKind::Const)),
            ("golden vectors", section(file, SectionKind::Golden)),
        ] {
            let tally = check(&format!("{name}, {part}"), file, effort, |copy, random| {
                flip(copy, range.clone(), random);
                fix_crc(copy);
            });
            // Any weights and any vectors are a model.
            assert!(!matches!(part, "constants" | "golden vectors") || tally.ran > 0, "{name}: {tally:?}");
        }
        let tally = check(&format!("{name}, length"), file, effort, |copy, random| {
            copy.truncate(random.below(copy.len()));
            let length = (copy.len() as u32).to_le_bytes();
            copy.iter_mut().skip(8).zip(length).for_each(|(byte, new)| *byte = new);
            fix_crc(copy);
        });
        assert_eq!(tally.ran, 0, "{name}");

        let intact = parts(&load(model));
        let tally = check(&format!("{name}, steps"), file, effort, |copy, random| {
            let mut parts = intact.clone();
            for _ in 0..=random.below(3) {
                let index = random.below(parts.steps.len());
                twist(&mut parts.steps[index], random);
            }
            if random.below(8) == 0 {
                parts.interface.arena_bytes = random.bits() as u32;
            }
            *copy = parts.encode().expect("encodes");
        });
        assert!(tally.refused > 0 && tally.ran > 0, "{name}: {tally:?}");
    }
}

#[test]
fn damaged_digits() {
    damaged(Network::Digits, SMALL);
}

#[test]
fn damaged_keyword_spotting() {
    damaged(Network::Kws, SMALL);
}

#[test]
fn damaged_resnet8() {
    damaged(Network::ResNet8, LARGE);
}

#[test]
fn damaged_resnet20() {
    damaged(Network::ResNet20, LARGE);
}

#[test]
fn results_do_not_depend_on_what_the_arena_held() {
    for network in [Network::Digits, Network::Kws] {
        for scheme in ["w8a8", "w4a8", "w4a4"] {
            let Some(outcome) = network.quantized(scheme, Score::Few) else { continue };
            let model = load(&outcome.model);
            let mut random = Random::new(1);
            for input in &outcome.inputs {
                let expected = run_traced(&model, input).expect("runs");
                for _ in 0..5 {
                    assert_eq!(run_in_garbage(&model, input, &mut random), expected, "{network:?} {scheme}");
                }
            }
        }
    }
}

#[test]
fn arenas_and_addresses_are_checked() {
    let outcome = Network::Digits.quantized("w8a8", Score::Few).expect("the digits are always there");
    let (bytes, model) = (outcome.model.as_slice(), load(&outcome.model));
    let need = model.arena_bytes();
    let mut arena = AlignedBytes::zeroed(need + 16);
    let small = model.session(&mut arena.as_mut_slice()[..need - 1]).map(|_| ());
    assert_eq!(small, Err(LoadError::ArenaTooSmall { need: need as u32, have: need as u32 - 1 }));
    let odd = model.session(&mut arena.as_mut_slice()[4..]).map(|_| ());
    assert_eq!(odd, Err(LoadError::ArenaMisaligned));

    // Any multiple of 4 does for the file, and nothing else.
    let mut shifted = AlignedBytes::zeroed(bytes.len() + 16);
    for by in 0..16 {
        shifted.as_mut_slice()[by..by + bytes.len()].copy_from_slice(bytes);
        let result = Model::load(&shifted.as_slice()[by..]);
        match by % 4 {
            0 => result.expect("is aligned").self_test(arena.as_mut_slice()).expect("passes its test"),
            _ => assert_eq!(result.map(|_| ()), Err(LoadError::InvalidAlignment)),
        }
    }
}
