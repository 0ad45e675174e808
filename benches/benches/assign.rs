//! `cargo xtask bench assign`: the exact choice of bits, on as many layers as ResNet50 has and on 200, with one to three
//! limits. Sizes of layers spread over three decades, like those of real networks.

use criterion::{Criterion, criterion_group, criterion_main};
use host_tools::assign::{Bits, Candidate, Effort, Layer, Measure, Outcome, Problem, solve};

/// Bits of weights and activations, by how many candidates a layer has.
const WIDTHS: [(u8, u8); 6] = [(8, 8), (4, 8), (2, 8), (8, 4), (4, 4), (2, 4)];

/// Numbers in `0.0..1.0` (xorshift64; Marsaglia, "Xorshift RNGs", 2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Equally likely in every decade.
    fn decades(&mut self, from: f64, to: f64) -> f64 {
        10f64.powf(from + (to - from) * self.next())
    }

    fn near_one(&mut self, spread: f64) -> f64 {
        1.0 + spread * (2.0 * self.next() - 1.0)
    }
}

fn layer(numbers: &mut Numbers, candidates: usize) -> Layer {
    let parameters = numbers.decades(3.0, 6.0);
    let macs = parameters * numbers.decades(0.5, 3.0);
    let trace = numbers.decades(-4.0, -1.0);
    let activation_trace = trace * numbers.decades(-1.0, 1.0);
    let each = WIDTHS[..candidates].iter().map(|&(weights, activations)| {
        let (w, a) = (f64::from(weights), f64::from(activations));
        // The squared error of a rounding to b bits falls by 4 with every bit.
        let mut error = |trace: f64, bits: f64| trace * parameters * 4f64.powf(-bits) * numbers.near_one(0.2);
        let objective = error(trace, w) + error(activation_trace, a);
        let cycles = macs * (w + 4.0) * (a + 4.0) * numbers.near_one(0.1);
        let costs = [parameters * w / 8.0, macs * w * a, cycles].map(|cost| cost as u64).to_vec();
        Candidate { bits: Bits { weights, activations }, objective, costs }
    });
    Layer::free("layer", each.collect())
}

/// Limits a third of the way from the least to the most.
fn problem(layers: usize, candidates: usize, limits: usize) -> Problem {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let layers: Vec<Layer> = (0..layers).map(|_| layer(&mut numbers, candidates)).collect();
    let measures = ["bytes", "bit operations", "cycles"].iter().enumerate().map(|(at, name)| {
        let costs = |layer: &Layer| layer.candidates.iter().map(|one| one.costs[at]).collect::<Vec<_>>();
        let least: u64 = layers.iter().filter_map(|layer| costs(layer).into_iter().min()).sum();
        let most: u64 = layers.iter().filter_map(|layer| costs(layer).into_iter().max()).sum();
        let limit = (at < limits).then_some(least + (most - least) / 3);
        Measure { name: name.to_string(), constant: 0, limit }
    });
    Problem { measures: measures.collect(), layers, ties: Vec::new() }
}

fn assign(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("assign");
    group.sample_size(10);
    for (layers, candidates) in [(54, 2), (54, 6), (200, 6)] {
        for limits in 1..=3 {
            let problem = problem(layers, candidates, limits);
            group.bench_function(format!("{layers}x{candidates}/{limits}"), |bencher| {
                bencher.iter(|| {
                    let outcome = solve(&problem, None, &Effort::default()).expect("a sound problem");
                    assert!(matches!(outcome, Outcome::Optimal { .. }), "not solved");
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, assign);
criterion_main!(benches);
