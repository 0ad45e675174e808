//! Gradients of the operations on burn's tape: linear ones for the convolution, straight-through ones for the
//! requantisation (Bengio et al. 2013; learned step sizes as Esser et al. 2020).

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients as Tape;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{Autodiff, Geometry, Gradients, Inputs, Kernels, Operations, Rule};

impl<B: Kernels + Operations, C: CheckpointStrategy> Operations for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Arc<Geometry>,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let y = B::convolve(x.clone(), weight.clone(), &geometry);
        match Convolution.prepare::<C>([x_node, weight_node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, geometry), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn quantize(
        a: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        rule: Arc<Rule>,
    ) -> FloatTensor<Self> {
        let (a, a_node) = a.into_parts();
        let (gain, gain_node) = gain.into_parts();
        let (shift, shift_node) = shift.into_parts();
        let (scale, scale_node) = scale.into_parts();
        let inputs = Inputs::<B> { a, b: None, gain, shift, scale };
        let y = B::requantize(&inputs, &rule);
        let nodes = [a_node, gain_node, shift_node, scale_node];
        match Quantize.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((inputs, rule), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn quantize_sum(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        rule: Arc<Rule>,
    ) -> FloatTensor<Self> {
        let (a, a_node) = a.into_parts();
        let (b, b_node) = b.into_parts();
        let (gain, gain_node) = gain.into_parts();
        let (shift, shift_node) = shift.into_parts();
        let (scale, scale_node) = scale.into_parts();
        let inputs = Inputs::<B> { a, b: Some(b), gain, shift, scale };
        let y = B::requantize(&inputs, &rule);
        let nodes = [a_node, gain_node, shift_node, scale_node, b_node];
        match Quantize.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((inputs, rule), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}

#[derive(Debug)]
struct Convolution;

impl<B: Kernels> Backward<B, 2> for Convolution {
    type State = (FloatTensor<B>, FloatTensor<B>, Arc<Geometry>);

    fn backward(self, ops: Ops<Self::State, 2>, tape: &mut Tape, _: &mut Checkpointer) {
        let (x, weight, geometry) = ops.state;
        let gradient = tape.consume::<B>(&ops.node);
        let [x_node, weight_node] = ops.parents;
        if let Some(node) = weight_node {
            tape.register::<B>(node.id, B::convolve_weight(x, gradient.clone(), &geometry));
        }
        if let Some(node) = x_node {
            tape.register::<B>(node.id, B::convolve_input(gradient, weight, &geometry));
        }
    }
}

#[derive(Debug)]
struct Quantize;

impl<B: Kernels, const N: usize> Backward<B, N> for Quantize {
    type State = (Inputs<B>, Arc<Rule>);

    fn backward(self, ops: Ops<Self::State, N>, tape: &mut Tape, _: &mut Checkpointer) {
        let (inputs, rule) = ops.state;
        let gradient = tape.consume::<B>(&ops.node);
        // In the order of the operands: a, gain, shift, scale, b.
        let mut nodes = ops.parents.iter().map(|parent| parent.as_ref().map(|node| node.id));
        let mut next = || nodes.next().flatten();
        let (a, gain, shift, scale, b) = (next(), next(), next(), next(), next());
        let all = B::requantize_gradients(gradient, &inputs, &rule, gain.is_some());
        let Gradients { a: a_gradient, b: b_gradient, gain: gain_gradient, .. } = all;
        let mut register = |node: Option<NodeId>, gradient: Option<FloatTensor<B>>| {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                tape.register::<B>(node, gradient);
            }
        };
        register(a, Some(a_gradient));
        register(gain, gain_gradient);
        register(shift, Some(all.shift));
        register(scale, Some(all.scale));
        register(b, b_gradient);
    }
}
