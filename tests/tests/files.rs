//! Model files: written and read again, the same twice, and old ones still readable.

use host_tools::integer::{AlignedBytes, run_traced};
use host_tools::quantize::Meta;
use host_tools::verify::{compare, golden_traces, host_traces};
use runtime::format::SectionKind;
use runtime::{FORMAT_VERSION, SelfTestError};
use sparrowhawk_tests::damage::{fix_crc, parts, section};
use sparrowhawk_tests::networks::{NETWORKS, Network, SCHEMES, Score, blessed, load, quietly};

/// CRC-32 of every step of `golden/digits-v1.hawk` for its first vector: what every runtime must compute.
const DIGITS_V1: [u32; 8] =
    [0xcd3b_7656, 0x77c5_fe18, 0x1316_a486, 0xa8d7_3ff7, 0x85d4_d36e, 0xd634_3c4e, 0x25c5_8dc3, 0xfd2f_98d5];

#[test]
fn files_of_format_1_still_run() {
    let bytes = blessed("digits-v1.hawk");
    assert_eq!(bytes.as_slice()[4..6], 1u16.to_le_bytes());
    let model = load(&bytes);
    let mut arena = AlignedBytes::zeroed(model.arena_bytes());
    model.self_test(arena.as_mut_slice()).expect("the golden vectors hold");
    let (inputs, golden) = golden_traces(&model);
    assert_eq!(inputs.len(), 3);
    let traces = host_traces(&model, &inputs).expect("runs");
    assert_eq!(compare(&model, &golden, &traces), None);
    assert_eq!(traces[0].crcs, DIGITS_V1);
}

#[test]
fn every_format_has_a_blessed_file() {
    for version in 1..=FORMAT_VERSION {
        let bytes = blessed(&format!("digits-v{version}.hawk"));
        assert_eq!(bytes.as_slice()[4..6], version.to_le_bytes());
        load(&bytes);
    }
}

#[test]
fn a_model_taken_apart_and_encoded_again_is_the_same_file() {
    for network in NETWORKS {
        for scheme in SCHEMES {
            let Some(outcome) = network.quantized(scheme, Score::Few) else { continue };
            let again = parts(&load(&outcome.model)).encode().expect("encodes");
            assert!(again == outcome.model.as_slice(), "{network:?} {scheme}");
        }
    }
}

#[test]
fn the_file_on_disk_is_the_file_in_memory_and_the_same_twice() {
    for network in [Network::Digits, Network::Kws] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // A folder's name is not in the file.
        let run = |out: &str| {
            let job = network.job("w4a8", Score::Few, &folder.path().join(out))?;
            let outcome = quietly(&job).expect("the job runs");
            let written = std::fs::read(outcome.folder.join("model.hawk")).expect("is written");
            assert!(written == outcome.model.as_slice(), "{network:?}");
            let meta = Meta::of(&load(&outcome.model)).expect("META is there");
            assert!(!meta.data.contains(['/', '\\']), "a folder of this machine: {}", meta.data);
            Some(written)
        };
        assert!(run("first") == run("second"), "{network:?}: two runs differ");
    }
}

#[test]
fn self_tests_pass_and_name_what_does_not() {
    for network in NETWORKS {
        let Some(outcome) = network.quantized("w4a4", Score::Few) else { continue };
        let model = load(&outcome.model);
        let mut arena = AlignedBytes::zeroed(model.arena_bytes());
        model.self_test(arena.as_mut_slice()).expect("a new file passes its self-test");

        // The last CRC of the last vector.
        let mut damaged = outcome.model.clone();
        let golden = section(damaged.as_slice(), SectionKind::Golden);
        damaged.as_mut_slice()[golden.end - 1] ^= 0x80;
        assert!(fix_crc(damaged.as_mut_slice()));
        let step = model.step_count() - 1;
        let result = load(&damaged).self_test(arena.as_mut_slice());
        let found = matches!(result, Err(SelfTestError::Mismatch { vector: 2, step: s, .. }) if s == step);
        assert!(found, "{network:?}: {result:?}");
    }
    let outcome = Network::Digits.quantized("w8a8", Score::Few).expect("the digits are always there");
    let mut bare = parts(&load(&outcome.model));
    bare.golden.clear();
    let bytes = AlignedBytes::copy(&bare.encode().expect("encodes"));
    let model = load(&bytes);
    let mut arena = AlignedBytes::zeroed(model.arena_bytes());
    assert_eq!(model.self_test(arena.as_mut_slice()), Err(SelfTestError::NoVectors));
    run_traced(&model, &outcome.inputs[0]).expect("runs without vectors");
}

#[test]
fn bytes_behind_a_model_and_stripped_names_do_not_matter() {
    let outcome = Network::Digits.quantized("w8a8", Score::Few).expect("the digits are always there");
    let expected = run_traced(&load(&outcome.model), &outcome.inputs[0]).expect("runs");
    let mut longer = outcome.model.as_slice().to_vec();
    longer.extend([0xff; 77]);
    let mut bare = parts(&load(&outcome.model));
    bare.meta.clear();
    for bytes in [longer, bare.encode().expect("encodes")] {
        let bytes = AlignedBytes::copy(&bytes);
        assert_eq!(run_traced(&load(&bytes), &outcome.inputs[0]).expect("runs"), expected);
    }
}
