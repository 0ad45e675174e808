//! The report of `cargo xtask import NET.onnx --check`.

use std::fmt::Write;
use std::path::Path;

use crate::graph::{Activation, Graph, Node, Op, PoolKind};

use super::{ImportErrors, Imported};

/// A table of the network's nodes, or the list of problems.
pub fn check_report(path: &Path, result: &Result<Imported, ImportErrors>) -> String {
    match result {
        Ok(imported) => table(path, imported),
        Err(errors) => format!("{errors}\n"),
    }
}

fn table(path: &Path, imported: &Imported) -> String {
    let graph = &imported.graph;
    let mut rows = vec![["node", "operator", "output", "MACs", "parameters"].map(String::from)];
    let (mut macs, mut parameters) = (0, 0);
    for node in &graph.nodes {
        let (m, p) = (graph.macs(node), graph.parameters(node));
        macs += m;
        parameters += p;
        let shape = graph.shape(node.output).to_string();
        rows.push([node.name.clone(), operator(graph, node), shape, m.to_string(), p.to_string()]);
    }
    let total =
        [String::from("total"), String::new(), String::new(), macs.to_string(), parameters.to_string()];
    rows.push(total);
    let width = |i: usize| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
    let w = [width(0), width(1), width(2), width(3), width(4)];

    let mut text = format!("{}: every node is supported\n", path.display());
    let shape = graph.shape(graph.input);
    // Writing to a string can't fail.
    let _ = writeln!(text, "input {:?} {shape} (h x w x c)", graph.value(graph.input).name);
    for [name, op, shape, macs, parameters] in &rows {
        let (w0, w1, w2, w3, w4) = (w[0], w[1], w[2], w[3], w[4]);
        let _ = writeln!(text, "{name:w0$}  {op:w1$}  {shape:>w2$}  {macs:>w3$}  {parameters:>w4$}");
    }
    for line in &imported.log {
        let _ = writeln!(text, "note: {line}");
    }
    text
}

/// Operator with what tells it from its kin.
fn operator(graph: &Graph, node: &Node) -> String {
    let by = |[h, w]: [usize; 2]| format!("{h}x{w}");
    match &node.op {
        Op::Conv(c) => {
            let depthwise = c.groups > 1 && c.groups == graph.shape(node.inputs[0]).c;
            let groups = match (depthwise, c.groups) {
                (true, _) => " depthwise".into(),
                (false, 1) => String::new(),
                (false, g) => format!(" {g} groups"),
            };
            let stride = if c.stride == [1, 1] { String::new() } else { format!(" stride {}", by(c.stride)) };
            let dilation =
                if c.dilation == [1, 1] { String::new() } else { format!(" dilation {}", by(c.dilation)) };
            format!("Conv {}{groups}{stride}{dilation}", by(c.kernel))
        }
        Op::Dense(_) => "Dense".into(),
        Op::BatchNorm(_) => "BatchNorm".into(),
        Op::ChannelAffine(_) => "ChannelAffine".into(),
        Op::Activation(a) => match a {
            Activation::Clip { lo, hi } if *lo == 0.0 && *hi == f32::INFINITY => "Relu".into(),
            Activation::Clip { lo, hi } => format!("Clip {lo}..{hi}"),
            Activation::LeakyRelu { slope } => format!("LeakyRelu {slope}"),
            other => format!("{other:?}").split(' ').next().unwrap_or_default().into(),
        },
        Op::Pool(p) => {
            let kind = if p.kind == PoolKind::Max { "MaxPool" } else { "AveragePool" };
            format!("{kind} {}", by(p.kernel))
        }
        other => format!("{other:?}").split([' ', '(']).next().unwrap_or_default().into(),
    }
}
