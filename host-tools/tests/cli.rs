//! What the command line says when something is wrong: the file, node or key, and what to do; exit code 2, and
//! nothing written.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prost::Message;
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, tensor_proto::DataType, tensor_shape_proto, type_proto,
};

/// A folder with inputs in it and a folder for results that must stay as it is.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().expect("a temporary folder"));
        std::fs::create_dir(this.path("out")).expect("creates");
        std::fs::write(this.path("out/model.hawk"), "an older result").expect("writes");
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("writes");
        self.path(name).display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sparrowhawk"))
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .expect("starts")
    }

    /// The command must fail with exit code 2 and all of these words, and leave every file as it was.
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let before = listing(self.0.path());
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: no `{word}` in\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(listing(self.0.path()), before, "{arguments:?}");
        let older = std::fs::read(self.path("out/model.hawk")).expect("the older result stays");
        assert_eq!(older, b"an older result", "{arguments:?}");
    }
}

/// Every file below a folder with its length.
fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = folder.read_dir().expect("is readable").map(|entry| entry.expect("is readable"));
    let mut all: Vec<_> = entries
        .flat_map(|entry| {
            let data = entry.metadata().expect("is readable");
            if data.is_dir() { listing(&entry.path()) } else { vec![(entry.path(), data.len())] }
        })
        .collect();
    all.sort();
    all
}

fn asset(name: &str) -> String {
    format!("{}/../assets/digits/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn tensor(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let value = |d: &Option<i64>| d.map_or_else(|| Value::DimParam("height".into()), Value::DimValue);
    let dim = dims.iter().map(|d| Dimension { value: Some(value(d)), ..Dimension::default() }).collect();
    let shape = Some(TensorShapeProto { dim });
    let value =
        Some(type_proto::Value::TensorType(type_proto::Tensor { elem_type: DataType::Float as i32, shape }));
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value, ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

/// A network of one node on `x`.
fn network(op: &str, dims: &[Option<i64>], inputs: &[&str], weights: Option<TensorProto>) -> Vec<u8> {
    let node = NodeProto {
        op_type: op.into(),
        name: "the_node".into(),
        input: inputs.iter().map(|&i| i.into()).collect(),
        output: vec!["y".into()],
        ..NodeProto::default()
    };
    let graph = GraphProto {
        name: "net".into(),
        node: vec![node],
        initializer: weights.into_iter().collect(),
        input: vec![tensor("x", dims)],
        output: vec![tensor("y", &[])],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..ModelProto::default() }
        .encode_to_vec()
}

#[test]
fn wrong_networks() {
    let place = Place::new();
    let digits = format!("csv:{}", asset("digits.csv.gz"));
    let fixed = [Some(1), Some(1), Some(8), Some(8)];
    let open = [Some(1), Some(1), None, Some(8)];
    let outside = TensorProto {
        name: "w".into(),
        dims: vec![4, 1, 3, 3],
        data_type: DataType::Float as i32,
        data_location: Some(1),
        external_data: vec![tract_onnx::pb::StringStringEntryProto {
            key: "location".into(),
            value: "weights.bin".into(),
        }],
        ..TensorProto::default()
    };
    let whole = std::fs::read(asset("digits.onnx")).expect("is readable");
    for (name, bytes, words) in [
        ("unsupported.onnx", network("LSTM", &fixed, &["x"], None), vec!["the_node", "LSTM"]),
        ("dynamic.onnx", network("Relu", &open, &["x"], None), vec!["x", "height"]),
        ("missing.onnx", network("Conv", &fixed, &["x", "w"], None), vec!["w"]),
        ("outside.onnx", network("Conv", &fixed, &["x", "w"], Some(outside)), vec!["weights.bin"]),
        ("short.onnx", whole[..whole.len() / 2].to_vec(), vec!["truncated"]),
        ("text.onnx", b"this is no network".to_vec(), vec!["text.onnx"]),
        ("empty.onnx", Vec::new(), vec!["empty.onnx"]),
    ] {
        let path = place.write(name, bytes);
        place.refuses(&["import", &path], &words);
        place.refuses(&["quantize", "--model", &path, "--data", &digits, "--out", "out"], &words);
    }
    place.refuses(&["import", "nowhere.onnx"], &["nowhere.onnx"]);
    place.refuses(
        &["quantize", "--model", "nowhere.onnx", "--data", &digits, "--out", "out"],
        &["nowhere.onnx"],
    );
}

#[test]
fn wrong_data() {
    let place = Place::new();
    let model = asset("digits.onnx");
    let short = place.write("short.bin", [0; 1000]);
    let text = place.write("text.npy", "not an array");
    let ragged = place.write("ragged.csv", "1,2,3\n4,5\n");
    let words = place.write("words.csv", "a,b,c\nd,e,f\ng,h,i\n");
    let narrow = place.write("narrow.csv", "1,2,3,0\n4,5,6,1\n7,8,9,2\n1,1,1,0\n2,2,2,1\n3,3,3,1\n");
    let labels = place.write("labels.csv", format!("{}77\n", "1,".repeat(64)).repeat(10));
    std::fs::create_dir(place.path("empty")).expect("creates");
    let empty = place.path("empty").display().to_string();
    for (spec, words) in [
        (format!("cifar10:{short}"), vec!["short.bin"]),
        (format!("npy:{text},{text}"), vec!["text.npy"]),
        (format!("csv:{ragged}"), vec!["ragged.csv", "2"]),
        (format!("csv:{words}"), vec!["words.csv"]),
        (format!("csv:{narrow}"), vec!["narrow.csv", "8x8x1"]),
        (format!("csv:{labels}"), vec!["77", "10"]),
        (format!("folder:{empty}"), vec!["empty"]),
        ("csv:nowhere.csv".into(), vec!["nowhere.csv"]),
        ("tsv:nowhere.tsv".into(), vec!["tsv", "cifar10"]),
    ] {
        place.refuses(&["quantize", "--model", &model, "--data", &spec, "--out", "out"], &words);
    }
}

#[test]
fn wrong_jobs() {
    let place = Place::new();
    let good = std::fs::read_to_string(asset("job.toml")).expect("is readable");
    let good = good.replace("[quantize]\nscheme = \"mixed\"\n", "");
    for (change, words) in [
        (("seed = 1\n[quantise]\n", ""), vec!["quantise", "quantize", "job.toml:"]),
        (("sede = 1\n", ""), vec!["sede", "seed", "job.toml:1"]),
        (("", "\n[calibrate]\nsample = 3\n"), vec!["sample", "samples", "[calibrate]"]),
        (("", "\n[quantize]\nweights = 3\n"), vec!["quantize.weights", "8, 4, 2"]),
        (("", "\n[quantize]\nscheme = \"w9a9\"\n"), vec!["w9a9", "w8a8"]),
        (("", "\n[calibrate]\nmethod = \"median\"\n"), vec!["median", "minmax"]),
        (("seed = \"one\"\n", ""), vec!["job.toml:1"]),
        (("no toml", ""), vec!["job.toml:1"]),
    ] {
        let job = place.write("job.toml", format!("{}{good}{}", change.0, change.1));
        place.refuses(&["quantize", &job, "--out", "out"], &words);
    }
    place.refuses(&["quantize", "nowhere.toml", "--out", "out"], &["nowhere.toml"]);
    place.refuses(&["quantize", "--board", "arduino", "--out", "out"], &["arduino", "microbit"]);
    place.refuses(&["quantize", "--scheme", "w4", "--out", "out"], &["w4", "w4a8"]);
    place.refuses(&["quantise"], &["quantise"]);
}

#[test]
fn wrong_model_files() {
    let place = Place::new();
    let text = place.write("text.hawk", "HAWQ is no HAWK, and this text is no model");
    let short = place.write("short.hawk", b"HAWK\x01\0\x01\0\xff\xff\0\0aaaabbbbcccc");
    let newer = place.write("newer.hawk", b"HAWK\x63\0\x01\0\x20\0\0\0aaaabbbbccccdddd");
    let digits = format!("csv:{}", asset("digits.csv.gz"));
    for (path, words) in [
        (text.as_str(), vec!["text.hawk", "not a model file"]),
        (&short, vec!["short.hawk"]),
        (&newer, vec!["newer.hawk", "99"]),
        ("nowhere.hawk", vec!["nowhere.hawk"]),
    ] {
        place.refuses(&["inspect", path], &words);
        place.refuses(&["run", path, "--on", "host"], &words);
        place.refuses(&["bisect", path, "--on", "host"], &words);
        place.refuses(&["eval", path, "--data", &digits], &words);
    }
}

#[test]
fn results_that_cannot_be_written() {
    let place = Place::new();
    place.write("file", "in the way");
    place.refuses(&["quantize", "--limit", "4", "--samples", "4", "--out", "file/out"], &["file", "--out"]);
}

#[test]
fn a_whole_job_then_every_command_on_its_file() {
    let place = Place::new();
    let run = |arguments: &[&str], code: i32| {
        let output = place.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = run(&["quantize", "--limit", "40", "--golden", "2", "--out", "new"], 0);
    assert!(said.contains("model.hawk"), "{said}");
    let mut files: Vec<_> =
        listing(&place.path("new")).into_iter().filter_map(|f| Some(f.0.file_name()?.to_owned())).collect();
    // Only where a board was emulated.
    files.retain(|file| file != "model.counts.json");
    files.sort();
    let expected = [
        "checkpoint.bin",
        "job.toml",
        "model.hawk",
        "report.html",
        "report.json",
        "sensitivity.json",
        "training.jsonl",
    ];
    assert_eq!(files, expected.map(std::ffi::OsString::from));
    // The written job gives the same file again.
    run(&["quantize", "new/job.toml", "--out", "again"], 0);
    let read = |name: &str| std::fs::read(place.path(name)).expect("is readable");
    assert!(read("new/model.hawk") == read("again/model.hawk"));

    let said = run(&["inspect", "new/model.hawk"], 0);
    assert!(said.contains("golden vectors: 2") && said.contains("/classes/Gemm"), "{said}");
    let said = run(&["run", "new/model.hawk", "--on", "host"], 0);
    assert!(said.contains("identical to the host: 2 inputs"), "{said}");
    let said = run(&["bisect", "new/model.hawk", "--on", "host"], 0);
    assert!(said.contains("identical to the golden vectors"), "{said}");
    let data = format!("csv:{}@0%5", asset("digits.csv.gz"));
    let said = run(&["eval", "new/model.hawk", "--data", &data], 0);
    assert!(said.contains("accuracy 9"), "{said}");
    run(&["import", &asset("digits.onnx"), "--check"], 0);
}
