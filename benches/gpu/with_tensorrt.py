"""Time of a ResNet with 8-bit weights and activations with TensorRT: `with_tensorrt.py resnet50 8` prints one line of JSON.

PyTorch gives the network and the timing. Scales are made up: time does not depend on them.
"""

import json
import sys

import numpy as np
import tensorrt as trt
import torch
from torch import nn

from resnet import Block, median_milliseconds, resnet


class Builder:
    """Adds PyTorch's modules to a TensorRT network; quantizes what convolutions and sums read."""

    def __init__(self, network):
        self.network = network
        # TensorRT reads the arrays only when it builds.
        self.arrays = []

    def constant(self, values):
        values = np.array(values, dtype=np.float32, order="C")
        self.arrays.append(values)
        return self.network.add_constant(values.shape, values).get_output(0)

    def quantized(self, x, scale, axis=None):
        scale = self.constant(scale)
        for add in (self.network.add_quantize, self.network.add_dequantize):
            layer = add(x, scale)
            if axis is not None:
                layer.axis = axis
            x = layer.get_output(0)
        return x

    def conv(self, x, weight, bias, stride, padding):
        weight, bias = weight.detach().numpy(), bias.detach().numpy()
        self.arrays.append(bias)
        scales = np.abs(weight).reshape(len(weight), -1).max(axis=1) / 127
        x = self.quantized(x, np.float32(0.05))
        weights = self.quantized(self.constant(weight), scales, axis=0)
        layer = self.network.add_convolution_nd(x, len(weight), weight.shape[2:], trt.Weights(), bias)
        layer.set_input(1, weights)
        layer.stride_nd, layer.padding_nd = stride, padding
        return layer.get_output(0)

    def relu(self, x):
        return self.network.add_activation(x, trt.ActivationType.RELU).get_output(0)

    def block(self, x, block):
        main, shortcut = self.add(x, block.main), self.add(x, block.shortcut)
        shortcut = self.quantized(shortcut, np.float32(0.05))
        return self.relu(self.network.add_elementwise(main, shortcut, trt.ElementWiseOperation.SUM).get_output(0))

    def max_pool(self, x, pool):
        layer = self.network.add_pooling_nd(x, trt.PoolingType.MAX, (pool.kernel_size,) * 2)
        layer.stride_nd, layer.padding_nd = (pool.stride,) * 2, (pool.padding,) * 2
        return layer.get_output(0)

    def global_average(self, x):
        height_and_width = 0b1100
        return self.network.add_reduce(x, trt.ReduceOperation.AVG, height_and_width, True).get_output(0)

    def add(self, x, module):
        match module:
            case nn.Sequential():
                for part in module:
                    x = self.add(x, part)
                return x
            case Block():
                return self.block(x, module)
            case nn.Conv2d():
                return self.conv(x, module.weight, module.bias, module.stride, module.padding)
            case nn.Linear():
                return self.conv(x, module.weight[:, :, None, None], module.bias, (1, 1), (0, 0))
            case nn.ReLU():
                return self.relu(x)
            case nn.MaxPool2d():
                return self.max_pool(x, module)
            case nn.AdaptiveAvgPool2d():
                return self.global_average(x)
            case nn.Identity() | nn.Flatten():
                return x
        raise TypeError(f"no rule for {module}")


def build(name, batch, logger):
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    layers = Builder(network)
    x = network.add_input("x", trt.float32, (batch, 3, 224, 224))
    y = layers.add(x, resnet(name).eval())
    y.name = "y"
    network.mark_output(y)
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    if plan is None:
        sys.exit("TensorRT builds no engine")
    return plan


def main():
    name, batch = sys.argv[1], int(sys.argv[2])
    if not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device")
    logger = trt.Logger(trt.Logger.ERROR)
    engine = trt.Runtime(logger).deserialize_cuda_engine(build(name, batch, logger))
    context = engine.create_execution_context()
    tensors = {"x": torch.randn(batch, 3, 224, 224, device="cuda"), "y": torch.empty(batch, 1000, device="cuda")}
    for tensor, memory in tensors.items():
        context.set_tensor_address(tensor, memory.data_ptr())
    run = lambda: context.execute_async_v3(torch.cuda.current_stream().cuda_stream)
    print(json.dumps({"version": trt.__version__, "milliseconds": median_milliseconds(run)}))


main()
