//! One function per ONNX operator: reads the node, adds what it means to the graph.

mod arithmetic;
mod conv;
mod dense;
mod elementwise;
mod geometry;
mod norm;
mod pool;
mod reshape;
mod window;

use super::builder::{Builder, Call};
use super::error::{Fault, Rule};

type Convert = fn(&mut Builder, &Call) -> Result<(), Fault>;

/// The conversion of an operator.
pub(super) fn find(op: &str) -> Option<Convert> {
    Some(match op {
        "Conv" => conv::conv,
        "Gemm" => dense::gemm,
        "MatMul" => dense::matmul,
        "BatchNormalization" => norm::batch_norm,
        "Softmax" => norm::softmax,
        "LogSoftmax" => norm::log_softmax,
        "Add" => arithmetic::add,
        "Sub" => arithmetic::sub,
        "Mul" => arithmetic::mul,
        "Div" => arithmetic::div,
        "Relu" => elementwise::relu,
        "Clip" => elementwise::clip,
        "Min" => elementwise::min,
        "Max" => elementwise::max,
        "LeakyRelu" => elementwise::leaky_relu,
        "PRelu" => elementwise::prelu,
        "Sigmoid" => elementwise::sigmoid,
        "Tanh" => elementwise::tanh,
        "HardSigmoid" => elementwise::hard_sigmoid,
        "HardSwish" => elementwise::hard_swish,
        "MaxPool" => pool::max_pool,
        "AveragePool" => pool::average_pool,
        "GlobalAveragePool" => pool::global_average_pool,
        "GlobalMaxPool" => pool::global_max_pool,
        "ReduceMean" => pool::reduce_mean,
        "ReduceMax" => pool::reduce_max,
        "Flatten" => reshape::flatten,
        "Reshape" => reshape::reshape,
        "Squeeze" => reshape::squeeze,
        "Unsqueeze" => reshape::unsqueeze,
        "Transpose" => reshape::transpose,
        "Identity" => reshape::identity,
        "Dropout" => reshape::dropout,
        "Cast" => reshape::cast,
        "Concat" => window::concat,
        "Pad" => window::pad,
        "Slice" => window::slice,
        _ => return None,
    })
}

/// The refusal of an unknown operator with the nearest rewrite.
pub(super) fn unsupported(op: &str) -> Fault {
    let remedy = match op {
        "Gelu" | "Erf" | "Elu" | "Selu" | "Celu" | "Softplus" | "Mish" | "Swish" | "Softsign" => {
            "train with Relu, HardSwish or another supported activation"
        }
        "ConvTranspose" | "Resize" | "Upsample" | "DepthToSpace" => "end the network before upsampling",
        "InstanceNormalization" | "LayerNormalization" | "GroupNormalization" | "LRN" => {
            "train with BatchNorm"
        }
        "QLinearConv" | "QLinearMatMul" | "QuantizeLinear" | "DequantizeLinear" | "ConvInteger"
        | "MatMulInteger" => "import the float network: Sparrowhawk does the quantization",
        "LSTM" | "GRU" | "RNN" | "Loop" | "Scan" | "If" => {
            "use convolutions over time; run onnxsim to remove constant control flow"
        }
        "ReduceSum" | "ReduceL2" => "use a mean over height and width",
        "Gather" | "GatherElements" | "GatherND" => "use Slice for a fixed range",
        "Split" => "use one Slice per part",
        "ArgMax" | "TopK" => "end the network at the logits: the application takes the maximum",
        "Exp" | "Log" | "Sqrt" | "Pow" | "Abs" | "Neg" | "Reciprocal" => {
            "fold it into the weights if it is applied to constants, else train without it"
        }
        _ => "train or export without it, or fold it with onnxsim if its inputs are constant",
    };
    Fault { rule: Rule::Operator, remedy: remedy.into() }
}
