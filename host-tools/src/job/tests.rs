//! Jobs from files and command lines.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: QuantizeArgs,
}

fn args(line: &str) -> QuantizeArgs {
    Command::try_parse_from(std::iter::once("quantize").chain(line.split_whitespace())).unwrap().args
}

/// A job file in a folder of its own.
fn from_file(text: &str, overrides: &str) -> (tempfile::TempDir, Result<Job, JobError>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j.toml");
    std::fs::write(&path, text).unwrap();
    let mut args = args(overrides);
    args.job = Some(path);
    let job = Job::from_args(&args);
    (dir, job)
}

const SMALL: &str = "model = \"n.onnx\"\n[data]\ntrain = \"csv:a.csv\"\ntest = \"csv:b.csv@0..9\"\n";

#[test]
fn defaults_are_filled_in_and_paths_follow_the_file() {
    let (dir, job) = from_file(SMALL, "");
    let job = job.unwrap();
    assert_eq!((job.name.as_str(), &job.model), ("n", &dir.path().join("n.onnx")));
    assert_eq!(job.data.calibrate.to_string(), format!("csv:{}", dir.path().join("a.csv").display()));
    assert_eq!(
        job.quantize,
        Quantize {
            weights: Widths::one(8),
            activations: Widths::one(8),
            first_last: 8,
            residual: 8,
            layers: LayerRules::default()
        }
    );
    assert_eq!((job.calibrate.method(), job.calibrate.samples), (Method::Mse, 200));
    assert_eq!((job.output.dir.as_path(), job.output.golden), (Path::new("out/n"), 1));
}

#[test]
fn what_is_written_back_is_the_same_job() {
    let text = format!(
        "name = \"x\"\nseed = 7\n{SMALL}calibrate = \"npy:c.npy,d.npy\"\n\
         [input]\nlayout = \"chw\"\npixels = \"0..1\"\nzero = -3\nnormalize = {{ mean = [0.5], std = [0.25] }}\n\
         [quantize]\nscheme = \"w4a4\"\nfirst_last = 4\nresidual = 16\n\
         [quantize.layers]\n\"a/b.c*\" = \"w8,4a8\"\nd = \"a4\"\n\
         [calibrate]\nmethod = \"moving-average\"\nmomentum = 0.9\npercentile = 99\nsamples = 5\n\
         [evaluate]\nlimit = 10\n[target]\nboard = \"b\"\nlatency_table = \"t.toml\"\n[output]\ndir = \"o\"\ngolden = 2\nstrip_meta = true\n"
    );
    let (dir, job) = from_file(&text, "");
    let job = job.unwrap();
    let written = job.to_toml(&job.output.dir).unwrap();
    assert!(
        written.contains("model = \"../n.onnx\"")
            && written.contains("dir = \".\"")
            && written.contains("\"../t.toml\""),
        "{written}"
    );
    std::fs::create_dir(dir.path().join("o")).unwrap();
    let path = dir.path().join("o/job.toml");
    std::fs::write(&path, &written).unwrap();
    let again = Job::from_args(&QuantizeArgs { job: Some(path), ..Default::default() }).unwrap();
    assert_eq!(again.to_toml(&again.output.dir).unwrap(), written);
    assert_eq!((again.quantize, again.calibrate, &again.input), (job.quantize, job.calibrate, &job.input));
}

#[test]
fn every_known_key_is_read_and_written() {
    let (_dir, job) = from_file(
        &format!(
            "{SMALL}[input]\nlayout = \"hwc\"\nscale = 1\nzero = 0\nnormalize = {{ mean = [0], std = [1] }}\n[evaluate]\nlimit = 1\n"
        ),
        "",
    );
    let mut job = job.unwrap();
    job.input.pixels = Some(PixelRange::Unit);
    job.train.validation_part = Some(0);
    job.assign.seed = Some(1);
    job.quantize.layers.add(&["a=w8".parse().unwrap()]);
    job.sensitivity.eigen_samples = Some(1);
    job.target.flash = Some(Bytes(1));
    job.target.ram = Some(Bytes(1));
    job.target.latency = Some(Time::Seconds(1.0));
    job.target.latency_table = Some("t".into());
    job.target.bops = Some(Count(1));
    let written: toml::Table = job.to_toml(Path::new("out")).unwrap().parse().unwrap();
    for (section, keys) in keys::KEYS {
        let mut table = &written;
        for name in section.split('.').filter(|name| !name.is_empty()) {
            table = table[name].as_table().unwrap();
        }
        let mut known: Vec<&str> = keys.iter().copied().filter(|key| *key != "scheme").collect();
        known.sort_unstable();
        assert_eq!(table.keys().collect::<Vec<_>>(), known, "[{section}]");
    }
}

#[test]
fn overrides_win() {
    let text =
        format!("{SMALL}[input]\nscale = 0.5\n[quantize]\nscheme = \"w8a8\"\n[output]\nstrip_meta = true\n");
    let line = "--scheme w4a4 --pixels 0..1 --layout chw --calibration percentile --percentile 99.5 --seed 3 --out o \
                --normalize -0.5,1/0.2,3 --test idx:dir --strip-meta=false --limit 9 --board b --zero -4 --samples 3";
    let job = from_file(&text, line).1.unwrap();
    assert_eq!(job.quantize.scheme(), "w4a4");
    assert_eq!((job.input.pixels, job.input.scale), (Some(PixelRange::Unit), None));
    assert_eq!(job.input.normalize, Some(Normalize { mean: vec![-0.5, 1.0], std: vec![0.2, 3.0] }));
    assert_eq!(job.calibrate.method(), Method::Percentile { percentile: 99.5 });
    assert_eq!((job.data.test.to_string().as_str(), job.output.dir.as_path()), ("idx:dir", Path::new("o")));
    assert!(!job.output.strip_meta);
    assert_eq!((job.evaluate.limit, job.input.zero, job.seed), (Some(9), Some(-4.0), 3));
}

#[test]
fn choices_and_limits() {
    let line = "--scheme mixed --activations 8 --flash 64K --ram 8192 --latency 20ms --bops 1.2G";
    let job = from_file(SMALL, line).1.unwrap();
    assert!(job.quantize.is_mixed());
    assert_eq!((job.quantize.weights.all(), job.quantize.activations.all()), (&[8, 4, 2][..], &[8][..]));
    assert_eq!((job.target.flash, job.target.ram), (Some(Bytes(65536)), Some(Bytes(8192))));
    assert_eq!(
        (job.target.latency, job.target.bops),
        (Some(Time::Seconds(0.02)), Some(Count(1_200_000_000)))
    );
    let written = job.to_toml(Path::new("out")).unwrap();
    for line in ["weights = [8, 4, 2]", "activations = 8", "flash = \"64K\"", "latency = \"20ms\""] {
        assert!(written.contains(line), "{line} in {written}");
    }
}

#[test]
fn layers_of_their_own() {
    let names = ["in", "b.1 + add", "b.2", "out"];
    let widths = |line: &str| {
        let job = from_file(SMALL, line).1.unwrap();
        let widths = job.quantize.widths(&names).map_err(|error| error.to_string());
        let text = |own: LayerWidths| format!("w{}a{}", own.weights, own.activations);
        (job.quantize.is_mixed(), widths.map(|all| all.into_iter().map(text).collect::<Vec<_>>().join(" ")))
    };
    let plain = "--scheme w4a8 --first-last 8";
    assert_eq!(widths(plain), (false, Ok("w8a8 w4a8 w4a8 w8a8".into())));
    let fixed = format!("{plain} --layer b.1=w2a4 --layer in=w4");
    assert_eq!(widths(&fixed), (false, Ok("w4a8 w2a4 w4a8 w8a8".into())));
    // The longest name holds, whatever the order; a list leaves a choice.
    let lists = format!("{plain} --layer b.2=w8 --layer b*=w8,4a4");
    assert_eq!(widths(&lists), (true, Ok("w8a8 w8,4a4 w8a8 w8a8".into())));
    let whole = format!("{plain} --layer b.2=w8 --layer b.2*=w2");
    assert_eq!(widths(&whole), (false, Ok("w8a8 w4a8 w8a8 w8a8".into())));
    let (_, unknown) = widths(&format!("{plain} --layer b.3=w8"));
    let message = unknown.unwrap_err();
    assert!(
        message.contains("`quantize.layers`: no layer") && message.contains("did you mean `b.2`"),
        "{message}"
    );
}

#[test]
fn one_spec_for_all_data() {
    let job = Job::from_args(&args("--model a/n.onnx --data folder:x")).unwrap();
    assert_eq!(job.data.train.map(|spec| spec.to_string()).as_deref(), Some("folder:x@!0%5"));
    assert_eq!(job.data.test.to_string(), "folder:x@0%5");
    let job = Job::from_args(&args("--model a/n.onnx --data idx:x")).unwrap();
    assert_eq!((job.data.test.to_string(), job.data.calibrate.to_string()), ("idx:x".into(), "idx:x".into()));
}

#[test]
fn joined_data() {
    let train = "folder:x.zip + 4*cifar10:b.bin";
    let (dir, job) = from_file(&SMALL.replace("csv:a.csv", train), "");
    let job = job.unwrap();
    let at = |name| dir.path().join(name).display().to_string();
    let resolved = format!("folder:{} + 4*cifar10:{}", at("x.zip"), at("b.bin"));
    assert_eq!(job.data.train.as_ref().map(Spec::to_string), Some(resolved.clone()));
    assert_eq!(job.data.calibrate.to_string(), resolved);
    let written = job.to_toml(dir.path()).unwrap();
    assert!(written.contains(&format!("train = \"{train}\"")), "{written}");
    // Copies of a sample stay on one side, and both parts of an IDX folder are used as they are.
    let args =
        QuantizeArgs { data: Some("(2*csv:a + idx:b)@0..9".parse().unwrap()), ..args("--model n.onnx") };
    let job = Job::from_args(&args).unwrap();
    assert_eq!(job.data.train.map(|spec| spec.to_string()).as_deref(), Some("(2*csv:a@!0%5 + idx:b)@0..9"));
    assert_eq!(job.data.test.to_string(), "(2*csv:a@0%5 + idx:b)@0..9");
}

#[test]
fn mistakes_are_located() {
    let check = |text: &str, overrides: &str, part: &str| {
        let message = from_file(text, overrides).1.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    let with = |more: &str| format!("{SMALL}{more}");
    check(
        &with("[quantize]\n\nwieghts = 4"),
        "",
        "j.toml:7: unknown key `wieghts` in [quantize]; did you mean `weights`?",
    );
    check(&with("[quantise]\n"), "", "j.toml:5: unknown key `quantise`; did you mean `quantize`?");
    check(
        "samples = 3",
        "",
        "j.toml:1: unknown key `samples`; `samples` belongs in [calibrate] or in [sensitivity]",
    );
    check(&with("[target]\nvoltage = 3"), "", "unknown key `voltage` in [target]; known are board");
    check(
        &with("[input]\nnormalize = { mean = [0], sdt = [1] }"),
        "",
        "j.toml:6: unknown key `sdt` in [input.normalize]",
    );
    check(&with("[quantize]\nweights = \"4\""), "", "j.toml:6: ");
    check(&with("[calibrate]\nmethod = \"mes\""), "", "j.toml:6: unknown variant `mes`");
    check(&with("[quantize]\nscheme = \"w4a8\"\nweights = 8"), "", "contradicts the scheme w4a8");
    check(&with("[data"), "", "j.toml:5: ");
    check("model = \"n\"\n[data]\ntest = \"cvs:x\"", "", "j.toml:3: data `cvs:x`: unknown kind `cvs`");
    check("model = \"n\"\n[data]\ntest = \"csv:x\"", "", "`data.train`: missing");
    check("model = \"n\"", "", "`data.test`: missing");
    check("", "", "`model`: missing");
    for (flag, key) in [
        ("--weights 3", "quantize.weights"),
        ("--activations 2", "quantize.activations"),
        ("--first-last 1", "quantize.first_last"),
        ("--residual 4", "quantize.residual"),
        ("--momentum 1", "calibrate.momentum"),
        ("--percentile 50", "calibrate.percentile"),
        ("--samples 0", "calibrate.samples"),
        ("--limit 0", "evaluate.limit"),
        ("--name a/b", "name"),
        ("--seed 18446744073709551615", "seed"),
    ] {
        check(SMALL, flag, &format!("`{key}`: "));
    }
    for wrong in [
        "--flash 64Q",
        "--latency 20",
        "--weights 4,x",
        "--scheme w3a8",
        "--layer conv1",
        "--layer conv1=8",
        "--layer conv1=w3",
        "--layer conv1=w8a2",
        "--layout nhwc",
        "--normalize 1",
        "--data x",
        "--data idx:a --test idx:b",
    ] {
        assert!(Command::try_parse_from(std::iter::once("q").chain(wrong.split(' '))).is_err(), "{wrong}");
    }
    let missing = Job::from_args(&args("no/such.toml")).unwrap_err().to_string();
    assert!(missing.contains("no/such.toml"), "{missing}");
}

#[test]
fn the_embedded_job_loads_its_data() {
    let job = Job::from_args(&QuantizeArgs::default()).unwrap();
    let shape = Shape::new(8, 8, 1);
    assert_eq!(job.load_calibration(shape).unwrap().len(), 200);
    assert_eq!(job.load_test(shape).unwrap().len(), 360);
    let train = job.load_train(shape).unwrap().unwrap();
    assert_eq!((train.len(), train.classes.len()), (1437, 10));
    assert!(job.model.is_file());
    let error = job.load_test(Shape::new(28, 28, 1)).unwrap_err().to_string();
    assert!(error.contains("samples are 64, the network takes 28x28x1"), "{error}");
}
