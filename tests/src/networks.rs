//! The networks of the end-to-end tests, quantised through the main job, once per scheme and process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock, PoisonError};

use host_tools::board::Board;
use host_tools::data::Normalize;
use host_tools::integer::AlignedBytes;
use host_tools::job::{Bytes, Job, QuantizeArgs, TrainArgs};
use host_tools::quantize::{Hooks, Outcome, QuantizeError, quantize};
use runtime::Model;
use runtime::format::Layout;

use crate::shared_data;

/// A network with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// The embedded digits: always there.
    Digits,
    /// MLPerf Tiny keyword spotting.
    Kws,
    /// MLPerf Tiny image classification.
    ResNet8,
    /// CIFAR-10 with option A shortcuts.
    ResNet20,
}

/// How many test samples a job scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Score {
    /// A few: the score does not matter.
    Few,
    /// So many, evenly spaced.
    Some(usize),
    /// All.
    All,
}

/// All networks, small ones first.
pub const NETWORKS: [Network; 4] = [Network::Digits, Network::Kws, Network::ResNet8, Network::ResNet20];

/// The bits of the product's promise.
pub const SCHEMES: [&str; 3] = ["w8a8", "w4a8", "w4a4"];

impl Network {
    /// The job of the network: calibration on training data (for keyword spotting, whose set has one part, on
    /// the first 200 samples, which are left out of the score), three golden vectors.
    /// `None`, with a line that says so, where its data are absent.
    ///
    /// # Panics
    /// When the job is refused.
    pub fn job(self, scheme: &str, score: Score, out: &Path) -> Option<Job> {
        let limit = match score {
            Score::Few => Some(8),
            Score::Some(count) => Some(count),
            Score::All => None,
        };
        let mut args = QuantizeArgs {
            scheme: Some(scheme.parse().expect("is a scheme")),
            limit,
            out: Some(out.to_owned()),
            golden: Some(3),
            // Above the embedded job's own, which only its chosen bits keep.
            flash: Some(Bytes(1 << 20)),
            qat: TrainArgs { qat: Some(0), ..TrainArgs::default() },
            ..QuantizeArgs::default()
        };
        if self != Self::Digits {
            self.add_shared_data(&mut args)?;
        }
        Some(Job::from_args(&args).expect("the job is right"))
    }

    fn add_shared_data(self, args: &mut QuantizeArgs) -> Option<()> {
        let path = |name: &str| shared_data(name).map(|path| path.display().to_string());
        let model = |name: &str| shared_data("models").map(|folder| folder.join(name));
        let spec = |text: String| Some(text.parse().expect("is a SPEC"));
        if self == Self::Kws {
            let data = format!("npy:{},{}", path("kws/features_int8.npy")?, path("kws/labels.npy")?);
            args.model = model("mlperf_tiny_kws_dscnn.onnx");
            args.train = spec(format!("{data}@0..200"));
            args.test = spec(format!("{data}@200.."));
            (args.scale, args.zero) = (Some(0.584_702_908_992_767_3), Some(83.0));
            return Some(());
        }
        args.train = spec(format!("cifar10:{}", path("cifar10/train_4000.bin")?));
        args.test = spec(format!("cifar10:{}", path("cifar10/test_1000.bin")?));
        if self == Self::ResNet8 {
            args.model = model("mlperf_tiny_ic_resnet8.onnx");
        } else {
            args.model = model("cifar10_resnet20.onnx");
            args.normalize =
                Some(Normalize { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] });
        }
        Some(())
    }

    /// The network quantised for its job's own board, made once per process; `None` where its data are absent.
    ///
    /// # Panics
    /// When the job fails.
    pub fn quantized(self, scheme: &'static str, score: Score) -> Option<&'static Outcome> {
        self.made(scheme, score, None)
    }

    /// The network quantised with weights packed for a board's kernels.
    ///
    /// # Panics
    /// When the job fails.
    pub fn quantized_for(
        self,
        scheme: &'static str,
        score: Score,
        board: &Board,
    ) -> Option<&'static Outcome> {
        let packed_for = match board.layout() {
            // Of its job's own board.
            Layout::Rows if self == Self::Digits => None,
            Layout::Dsp if self != Self::Digits => None,
            Layout::Rows | Layout::Words => Some("mps2-an385"),
            Layout::Dsp => Some("mps2-an386"),
            Layout::Mve => Some("mps3-an547"),
        };
        self.made(scheme, score, packed_for)
    }

    fn made(
        self,
        scheme: &'static str,
        score: Score,
        board: Option<&'static str>,
    ) -> Option<&'static Outcome> {
        type Key = (Network, &'static str, Score, Option<&'static str>);
        type Made = BTreeMap<Key, &'static OnceLock<Option<Outcome>>>;
        static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
        let cell: &'static OnceLock<Option<Outcome>> = {
            let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            made.entry((self, scheme, score, board)).or_insert_with(|| Box::leak(Box::default()))
        };
        let make = || {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut job = self.job(scheme, score, folder.path())?;
            if let Some(board) = board {
                job.target.board = board.to_owned();
            }
            Some(quietly(&job).expect("the job runs"))
        };
        cell.get_or_init(make).as_ref()
    }
}

/// Runs a job that says nothing.
///
/// # Errors
/// Those of the job.
pub fn quietly(job: &Job) -> Result<Outcome, QuantizeError> {
    let stop = AtomicBool::new(false);
    let hooks = Hooks { say: &mut |_| {}, training: &mut |_| {}, resume: false, stop: &stop };
    quantize(job, hooks)
}

/// A model file beside the tests.
///
/// # Panics
/// When it cannot be read.
pub fn blessed(name: &str) -> AlignedBytes {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(name);
    AlignedBytes::copy(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A validated model of bytes that must be one.
///
/// # Panics
/// When they are not.
pub fn load(bytes: &AlignedBytes) -> Model<'_> {
    Model::load(bytes.as_slice()).expect("is a model")
}
