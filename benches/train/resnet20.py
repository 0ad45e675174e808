"""Milliseconds per image of PyTorch's float training step of ResNet20: what `cargo xtask bench train` compares with."""

import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.stride, self.pad = stride, (channels - inputs) // 2

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.stride == 2:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        blocks, inputs = [], 16
        for channels in (16, 32, 64):
            for block in range(3):
                blocks.append(Block(inputs, channels, 2 if block == 0 and channels > 16 else 1))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.conv(x))))
        return self.dense(x.mean((2, 3)))


def main(batch):
    torch.manual_seed(1)
    net = ResNet20().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    x = torch.randn(batch, 3, 32, 32)
    labels = torch.arange(batch) % 10
    times = []
    for _ in range(12):
        start = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    steady = sorted(times[3:])
    print(f"  PyTorch {torch.__version__} float step, {torch.get_num_threads()} threads: "
          f"{1000 * steady[len(steady) // 2] / batch:.2f} ms per image")


main(int(sys.argv[1]))
