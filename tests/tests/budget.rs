//! Bits chosen within limits, on networks: the file keeps them, and no control does better by the same ranking.

use host_tools::board::{Board, BoardError};
use host_tools::budget::{Chosen, Ranking, Sweep};
use host_tools::count::{CountError, Counter};
use host_tools::job::{Bytes, Job, QuantizeArgs, Time, Widths};
use host_tools::latency::{LatencyTable, Work};
use host_tools::quantize::{Choice, Hooks, Outcome, Started, choose_bits};
use host_tools::report::{FrontPoint, Report};
use runtime::Model;
use sparrowhawk_tests::networks::{Network, Score, quietly};

/// The mixed job of a network; none of its training.
fn job(network: Network, flash: u64, folder: &std::path::Path) -> Option<Job> {
    let mut job = network.job("w8a8", Score::Few, folder)?;
    job.quantize.weights = Widths::new(vec![8, 4, 2])?;
    job.target.flash = Some(Bytes(flash));
    Some(job)
}

#[test]
fn the_file_keeps_every_limit_it_was_given() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut sizes = Vec::new();
    for flash in [7000, 6000, 5000, 4500] {
        let Some(job) = job(Network::Digits, flash, folder.path()) else { return };
        let report: Report = quietly(&job).expect("the job runs").report;
        assert!(report.model_bytes as u64 <= flash, "{} of {flash}", report.model_bytes);
        assert_eq!(report.constraints.flash_bytes.asked, Some(flash));
        let chosen = report.assignment.front.iter().find(|point| point.chosen).expect("the chosen point");
        assert_eq!(chosen.weight_bytes, report.weight_bytes as u64);
        for arm in &report.assignment.arms {
            let omega = arm.omega.expect("measured");
            assert!(arm.weight_bytes <= chosen.weight_bytes, "{}", arm.name);
            assert!(omega >= chosen.objective, "{}: {omega} below {}", arm.name, chosen.objective);
        }
        sizes.push((report.model_bytes, chosen.objective));
    }
    // Less flash is never a smaller objective.
    assert!(sizes.windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 <= pair[1].1), "{sizes:?}");
}

#[test]
fn limits_that_cannot_be_kept_say_what_would_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(mut job) = job(Network::Digits, 2000, folder.path()) else { return };
    let message = quietly(&job).expect_err("nothing fits").to_string();
    let needed = message.split(" would do").next().and_then(|text| text.rsplit(' ').next());
    let needed: u64 = needed.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{message}"));
    job.target.flash = Some(Bytes(needed));
    let report = quietly(&job).expect("what was said to do does").report;
    assert!(report.model_bytes as u64 <= needed);
    // A uniform scheme is held to its limits too.
    job.quantize.weights = Widths::one(8);
    let message = quietly(&job).expect_err("8 bits are too many").to_string();
    assert!(message.contains("flash") && message.contains("mixed"), "{message}");
}

#[test]
fn single_layers_keep_to_their_rules() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(free) = job(Network::Digits, 4700, folder.path()) else { return };
    let bits = |job: &Job| -> Vec<(String, u32)> {
        let report = quietly(job).expect("the job runs").report;
        report.assignment.layers.into_iter().map(|layer| (layer.name, layer.weights)).collect()
    };
    let with = |rules: &[String]| {
        let layer = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
        let given = Job::from_args(&QuantizeArgs { layer, ..QuantizeArgs::default() }).expect("a job");
        let mut job = free.clone();
        job.quantize.layers = given.quantize.layers;
        job.target.flash = Some(Bytes(6000));
        job
    };
    let chosen = bits(&free);
    let (narrow, _) = chosen.iter().find(|(_, weights)| *weights == 2).expect("little flash asks for 2 bits");
    let node = narrow.split(" + ").next().expect("a name");
    // Fixed, the layer is as asked; by a least width for all, none is below it.
    let fixed = bits(&with(&[format!("{node}=w8")]));
    assert!(fixed.contains(&(narrow.clone(), 8)), "{fixed:?}");
    let wide = bits(&with(&["*=w8,4".to_owned()]));
    assert!(
        wide.iter().all(|(_, weights)| *weights >= 4) && wide.iter().any(|(_, weights)| *weights == 4),
        "{wide:?}"
    );
    let unknown = quietly(&with(&["nobody=w8".to_owned()])).expect_err("no such layer").to_string();
    assert!(unknown.contains("`nobody`"), "{unknown}");
}

#[test]
fn ram_decides_activations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(mut job) = job(Network::Kws, 1 << 20, folder.path()) else { return };
    job.quantize.activations = Widths::new(vec![8, 4]).expect("two");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut hooks = Hooks { say: &mut |_| (), training: &mut |_| (), resume: false, stop: &stop };
    let started = Started::of(&job, &mut hooks).expect("starts");
    let Choice { chosen, .. } = choose_bits(&job, &started, &mut hooks).expect("chooses");
    // With room for everything all layers keep 8 bits.
    assert!(chosen.bits.iter().all(|bits| bits.weights == 8 && bits.activations == 8), "{:?}", chosen.bits);
    assert!(chosen.proven);
    let free = chosen.assignment.front.iter().find(|point| point.chosen).map(|point| point.arena_bytes);
    job.target.ram = free.map(|bytes| Bytes(bytes - 1));
    match choose_bits(&job, &started, &mut hooks) {
        Ok(Choice { chosen, .. }) => {
            let used =
                chosen.assignment.front.iter().find(|point| point.chosen).map(|point| point.arena_bytes);
            assert!(used < free);
        }
        Err(error) => assert!(error.to_string().contains("RAM"), "{error}"),
    }
}

/// The number before ` would do`, of the line that names a limit.
fn would_do(message: &str, limit: &str) -> Option<u64> {
    let line = message.lines().find(|line| line.trim_start().starts_with(limit))?;
    line.split(" asked, ").nth(1)?.split(' ').next()?.parse().ok()
}

/// Runs a job; where it says that its latency cannot be kept, with what it names instead. What it names rests on an
/// estimate, whose error it corrects when it has counted: the second time it holds.
fn nearest(job: &mut Job) -> Outcome {
    for _ in 0..2 {
        let message = match quietly(job) {
            Ok(outcome) => return outcome,
            Err(error) => error.to_string(),
        };
        println!("{message}");
        let needed = would_do(&message, "cycles at 180 MHz").unwrap_or_else(|| panic!("{message}"));
        assert!(job.target.latency.is_some_and(|time| time.cycles(180_000_000) < needed), "{message}");
        job.target.latency = Some(Time::Cycles(needed));
    }
    quietly(job).expect("what was said to do does")
}

#[test]
fn latency_decides_bits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(mut job) = job(Network::Digits, 1 << 20, folder.path()) else { return };
    job.target.board = "stm32f446".into();
    job.target.flash = None;
    // Without a limit of its own the chip's memories are the limits.
    let free = quietly(&job).expect("the job runs").report;
    assert_eq!(free.constraints.flash_bytes.asked, Some(512 << 10));
    assert_eq!(free.constraints.ram_bytes.asked, Some(128 << 10));
    let cycles = free.constraints.latency_cycles.expect("the table knows all steps").used;
    assert_eq!(free.per_step.iter().map(|step| step.cycles).sum::<Option<u64>>(), Some(cycles));
    // 180 cycles are a microsecond.
    let time = free.constraints.latency_us.expect("is known").used;
    assert!(time.abs_diff(cycles / 180) <= 1, "{time} us of {cycles} cycles");

    // A cycle less than the best bits take: other bits, or the least that would do.
    job.target.latency = Some(Time::Cycles(cycles - 1));
    let report = nearest(&mut job).report;
    let kept = report.constraints.latency_cycles.expect("is known");
    assert_eq!(kept.asked, job.target.latency.map(|time| time.cycles(0)));
    assert!(kept.asked.is_some_and(|asked| kept.used <= asked), "{kept:?}");

    // A uniform scheme is held to it too.
    job.quantize.weights = Widths::one(8);
    job.target.latency = Some(Time::Cycles(kept.used / 2));
    let message = quietly(&job).expect_err("half the time is too little").to_string();
    assert!(message.contains("latency") && message.contains("mixed"), "{message}");

    // A core that nothing has measured.
    job.target.board = "rp2040".into();
    let message = quietly(&job).expect_err("no table").to_string();
    assert!(message.contains("latency") && message.contains("mps2-an385-v6m"), "{message}");
}

#[test]
fn a_gpu_is_a_target_with_a_table_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(mut job) = job(Network::Digits, 8000, folder.path()) else { return };
    job.target.board = "t4".into();
    job.target.latency = Some(Time::Seconds(1.0));
    let message = quietly(&job).expect_err("no table").to_string();
    assert!(message.contains("t4") && message.contains("--latency-table"), "{message}");

    // What a GPU's table says is not asked here; only that it is the one that counts.
    let text = include_str!("../../assets/latency/mps2-an386.toml").replace("\"mps2-an386\"", "\"t4\"");
    let path = folder.path().join("t4.toml");
    std::fs::write(&path, text).expect("is written");
    let table = LatencyTable::read(&path, "t4").expect("is a table");
    job.target.latency_table = Some(path);
    let outcome = quietly(&job).expect("the job runs");
    let model = Model::load(outcome.model.as_slice()).expect("is a model");
    assert_eq!(model.interface().layout, runtime::format::Layout::Rows);
    let estimate = model.steps().map(|step| table.estimate(&Work::of(&step))).sum::<Option<u64>>();
    let said = outcome.report.constraints;
    assert_eq!(said.latency_cycles.map(|limit| limit.used), estimate);
    assert!(said.latency_basis.is_some_and(|basis| basis.contains("estimated") && basis.contains("t4")));
}

#[test]
fn keyword_spotting_keeps_a_chips_limits_as_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(mut job) = job(Network::Kws, 64 << 10, folder.path()) else { return };
    job.quantize.activations = Widths::new(vec![8, 4]).expect("two");
    job.target.board = "stm32f446".into();
    job.target.ram = Some(Bytes(32 << 10));
    job.target.latency = Some(Time::Seconds(0.1));
    let counter = match Counter::new(Board::find("stm32f446").expect("is a chip")) {
        Err(CountError::Board(error @ (BoardError::NoToolchain { .. } | BoardError::NoQemu { .. }))) => {
            println!("skipped: {error}");
            return;
        }
        counter => counter.expect("builds"),
    };
    let outcome = nearest(&mut job);
    let model = Model::load(outcome.model.as_slice()).expect("is a model");
    let counted = counter.count(&model, &outcome.inputs[0]).expect("runs as on the host");
    let limit = job.target.latency.expect("is set").cycles(180_000_000);
    let cycles = counted.total().cycles.expect("the core has a rule");
    println!("{cycles} of {limit} cycles, {} B, arena {} B", model.file().len(), model.arena_bytes());
    assert!(cycles <= limit);
    assert!(model.file().len() <= 64 << 10 && model.arena_bytes() <= 32 << 10);
    let said = outcome.report.constraints;
    assert_eq!(said.latency_cycles.map(|limit| limit.used), Some(cycles));
    assert!(said.latency_basis.is_some_and(|basis| basis.contains("counted") && basis.contains("180 MHz")));
}

/// Starts a job once and chooses its bits for every variation of it.
fn choices(mut job: Job, vary: impl IntoIterator<Item = fn(&mut Job)>) -> Vec<Chosen> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut hooks = Hooks { say: &mut |_| (), training: &mut |_| (), resume: false, stop: &stop };
    let started = Started::of(&job, &mut hooks).expect("starts");
    let mut choose = |vary: fn(&mut Job)| {
        vary(&mut job);
        choose_bits(&job, &started, &mut hooks).expect("chooses").chosen
    };
    vary.into_iter().map(&mut choose).collect()
}

fn chosen_point(chosen: &Chosen) -> &FrontPoint {
    let mut points = chosen.assignment.front.iter().filter(|point| point.chosen);
    let point = points.next().expect("the chosen point");
    assert!(points.next().is_none());
    point
}

#[test]
fn every_ranking_chooses() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(job) = job(Network::Digits, 6000, folder.path()) else { return };
    let rankings: [fn(&mut Job); 8] = [
        |job| job.assign.ranking = Ranking::Hessian,
        |job| job.assign.ranking = Ranking::Uniform,
        |job| job.assign.ranking = Ranking::Random,
        |job| job.assign.ranking = Ranking::HawqV2,
        |job| job.assign.ranking = Ranking::HawqV1,
        |job| job.assign.ranking = Ranking::Eigenvalue,
        |job| job.assign.ranking = Ranking::OutputError,
        |job| job.assign.ranking = Ranking::Loss,
    ];
    let chosen = choices(job, rankings);
    let hessian = chosen_point(&chosen[0]);
    for (chosen, name) in chosen.iter().zip(["hessian", "uniform", "random", "hawq-v2", "hawq-v1"]) {
        let point = chosen_point(chosen);
        println!("{name}: {} B, {:.3e}", point.weight_bytes, point.objective);
        // No other way has a smaller sum of Omega within the same limits.
        assert!(point.objective >= hessian.objective, "{name}");
        assert_eq!(chosen.proven, name == "hessian");
        assert!(!chosen.assignment.ranked_front.is_empty(), "{name}");
    }
    // Chance has the bytes of the program's choice, or nearly.
    let random = chosen_point(&chosen[2]).weight_bytes;
    assert!(random <= hessian.weight_bytes && random * 100 >= hessian.weight_bytes * 95, "{random}");
    // Every other way is shown beside, with no more bytes; HAWQ-V1 where eigenvalues were measured.
    let names = |chosen: &Chosen| chosen.controls.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&chosen[0])[1..], ["random, seed 0", "hawq-v2", "output-error", "loss"]);
    assert_eq!(
        names(&chosen[5])[1..],
        ["random, seed 0", "hawq-v1", "hawq-v2", "hessian", "output-error", "loss"]
    );
    assert!(names(&chosen[0])[0].starts_with("uniform w"));
    // Rankings are told apart by their names in the report.
    let mut methods: Vec<&str> = chosen.iter().map(|one| one.assignment.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    assert_eq!(methods.len(), chosen.len());
}

#[test]
fn fronts_are_over_every_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(mut job) = job(Network::Digits, 6000, folder.path()) else { return };
    job.quantize.activations = Widths::new(vec![8, 4]).expect("two");
    job.target.board = "mps2-an386".into();
    job.target.ram = Some(Bytes(64 << 10));
    let sweeps: [fn(&mut Job); 5] = [
        |job| job.assign.sweep = Sweep::Flash,
        |job| job.assign.sweep = Sweep::Ram,
        |job| job.assign.sweep = Sweep::Cycles,
        |job| job.assign.sweep = Sweep::Bops,
        |job| job.assign.sweep = Sweep::All,
    ];
    let chosen = choices(job, sweeps);
    assert!(chosen[0].controls.iter().any(|control| control.name == "hawq-v2"));
    let used: [fn(&FrontPoint) -> u64; 4] =
        [|p| p.weight_bytes, |p| p.arena_bytes, |p| p.cycles.expect("is known"), |p| p.bops];
    for (chosen, used) in chosen.iter().zip(used) {
        // Less of the limit is never a smaller objective; other limits hold the chosen point.
        let front = chosen.assignment.front.iter().filter(|point| !point.chosen);
        let mut points: Vec<_> = front.map(|point| (used(point), point.objective)).collect();
        points.sort_by_key(|(used, _)| *used);
        assert!(points.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{points:?}");
        chosen_point(chosen);
    }
    let [flash, .., all] = chosen.as_slice() else { panic!("five fronts") };
    assert!(flash.assignment.front.len() > 2);
    assert!(all.assignment.front.len() >= flash.assignment.front.len());
}
