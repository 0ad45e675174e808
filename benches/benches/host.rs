//! `cargo bench -p sparrowhawk-benches`: validation and inference of the digits network on the host.

use criterion::{Criterion, criterion_group, criterion_main};
use host_tools::integer::AlignedBytes;
use runtime::Model;
use sparrowhawk_benches::digits;

fn host(criterion: &mut Criterion) {
    for scheme in ["w8a8", "w4a8", "w4a4", "w2a8"] {
        let sample = digits(scheme).expect("the embedded job runs");
        let bytes = sample.model.as_slice();
        criterion.bench_function(&format!("load/{scheme}"), |bencher| bencher.iter(|| Model::load(bytes)));
        let model = Model::load(bytes).expect("a file just made loads");
        let mut arena = AlignedBytes::zeroed(model.arena_bytes());
        let mut session = model.session(arena.as_mut_slice()).expect("the arena is as large as asked for");
        criterion.bench_function(&format!("run/{scheme}"), |bencher| {
            bencher.iter(|| {
                session.set_input(&sample.input);
                session.run().map(|()| session.argmax())
            });
        });
    }
}

criterion_group!(benches, host);
criterion_main!(benches);
