"""What the peers time: ResNets as PyTorch modules, and the time of a recorded graph."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = width * (4 if bottleneck else 1)
        shapes = [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
        layers, channels = [], inputs
        for index, (kernel, step) in enumerate(shapes):
            last = index + 1 == len(shapes)
            filters = outputs if last else width
            layers.append(nn.Conv2d(channels, filters, kernel, step, kernel // 2))
            if not last:
                layers.append(nn.ReLU())
            channels = filters
        self.main = nn.Sequential(*layers)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)
        self.outputs = outputs

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


def resnet(name):
    """BatchNorm is folded into the convolutions, as in our files."""
    blocks, bottleneck = {"resnet18": ([2, 2, 2, 2], False), "resnet50": ([3, 4, 6, 3], True)}[name]
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(Block(channels, 64 << stage, stride, bottleneck))
            channels = layers[-1].outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def median_milliseconds(run):
    """Median time of `run`, which is recorded as a graph, as our network is: launches cost nothing then."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    times = []
    for _ in range(20):
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        for _ in range(10):
            graph.replay()
        last.record()
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last) / 10)
    return sorted(times)[len(times) // 2]
