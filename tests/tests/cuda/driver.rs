//! The device itself, on an emulated driver: memory, graphs, measured choices, the cache, and every refusal. What runs here is
//! what runs on a GPU: cudarc, and NVRTC's machine code, in which the driver looks up kernels and their parameters.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use cuda::Device;

use crate::compile::{caches, kept};
use crate::device::{DEVICES, Emulated, TURING};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/digits-v1.hawk");

/// A process whose driver is the emulated one, by default. Its kernels were compiled before: NVRTC talks to a driver where it
/// finds one, and the emulated one does not know what NVRTC asks.
fn process(device: &Emulated, settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_on_gpu"));
    command.args([MODEL, "2"]).env("LD_LIBRARY_PATH", device.folder());
    command.env("XDG_CACHE_HOME", caches(device.arch()));
    command.envs(settings.iter().copied()).output().expect("starts")
}

fn kernels(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_network_runs_and_its_measured_choices_are_kept() {
    for device in DEVICES {
        let arch = device.arch();
        let first = kernels(&process(device, &[]));
        assert!(first.starts_with(&format!("Emulated sm_{arch}\nconv_gather_")), "{first}");
        assert_eq!(first.lines().count(), 1 + 8, "the GPU's name and a kernel for each step");
        // What the file of choices says is taken without another measurement.
        let files =
            std::fs::read_dir(kept(caches(arch))).expect("was made").flatten().map(|file| file.path());
        let path = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "json"));
        let path = path.expect("choices were written");
        let json = std::fs::read(&path).expect("is readable");
        let mut choices: BTreeMap<String, String> = serde_json::from_slice(&json).expect("is JSON");
        let chosen = first.lines().nth(1).expect("has a first step");
        let others = ["conv_gather_128x64", "conv_gather_128x128"];
        let other = others.into_iter().find(|&name| name != chosen).expect("is one of the two");
        let change = |name: &str| if name.starts_with("conv_gather_") { other } else { name }.to_owned();
        choices.values_mut().for_each(|name| *name = change(name));
        std::fs::write(&path, serde_json::to_vec(&choices).expect("is JSON")).expect("is ours");
        let second = kernels(&process(device, &[]));
        assert!(second.lines().eq(first.lines().map(change)), "{first}{second}");
    }
}

/// Every GPU and driver that cannot do it says so, and what to do.
#[test]
fn what_is_missing_is_named() {
    let empty = tempfile::tempdir().expect("is made");
    let nowhere = empty.path().to_str().expect("is text");
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("EMULATED_DRIVER", "11080")], "the NVIDIA driver is made for CUDA 11.8; 12.0 or later is needed"),
        (&[("EMULATED_GPUS", "0")], "the NVIDIA driver finds no GPU of number 0; there are 0"),
        (&[("EMULATED_CAPABILITY", "70")], "Emulated sm_70 has compute capability 7.0"),
        (&[("EMULATED_BYTES", "5000")], "the GPU has 5000 bytes free, batch 2 needs "),
        (
            &[("SPARROWHAWK_NVRTC", nowhere), ("XDG_CACHE_HOME", nowhere)],
            "NVRTC, the run-time compiler of CUDA 12, cannot be loaded",
        ),
        (&[("LD_LIBRARY_PATH", nowhere)], "no NVIDIA driver here: libcuda.so.1 cannot be loaded"),
    ];
    for (settings, message) in cases {
        if settings[0].0 == "LD_LIBRARY_PATH" && Emulated::system_has_a_driver() {
            println!("skipped: this system has a driver");
            continue;
        }
        let output = process(&TURING, settings);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{settings:?}: {text}");
        assert!(text.starts_with(message), "{settings:?}: {text}");
    }
}
