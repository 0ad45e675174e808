//! Bits chosen within limits, on networks: the file keeps them, and no control does better by the same ranking.

use host_tools::job::{Bytes, Job, Widths};
use host_tools::quantize::{Choice, Hooks, Started, choose_bits};
use host_tools::report::Report;
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
