"""Trains the float network of the embedded default job and writes digits.onnx beside this file.

The test part is every fifth sample (index % 5 == 0); it is never trained on. Needs torch, numpy and
onnx; a quarter of a minute on one core. BatchNorm stays apart in the file, because
quantisation-aware training needs to see it.
"""

import gzip
import math
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
SEED, EPOCHS, BATCH, RATE = 7, 120, 64, 4e-3


def load():
    """Images [n, 1, 8, 8] in 0..1 and labels [n], split into train and test."""
    with gzip.open(HERE / "digits.csv.gz", "rt") as f:
        rows = np.loadtxt(f, delimiter=",", dtype=np.float32)
    x = torch.from_numpy(rows[:, :64] / 16).reshape(-1, 1, 8, 8)
    y = torch.from_numpy(rows[:, 64].astype(np.int64))
    test = torch.arange(len(y)) % 5 == 0
    return (x[~test], y[~test]), (x[test], y[test])


def conv(cin, cout, kernel, groups=1):
    """Convolution that keeps the image size, without bias, and its BatchNorm."""
    layer = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(cout))


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity shortcut."""

    def __init__(self, c):
        super().__init__()
        self.first, self.second = conv(c, c, 3), conv(c, c, 3)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class Digits(nn.Module):
    """One of each kind of layer that small networks are made of."""

    def __init__(self):
        super().__init__()
        self.stem = conv(1, 16, 3)
        self.pool = nn.MaxPool2d(2)
        self.block = Residual(16)
        self.depthwise, self.pointwise = conv(16, 16, 3, groups=16), conv(16, 32, 1)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.classes = nn.Linear(32, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.stem(x)))
        x = self.block(x)
        x = F.relu(self.pointwise(F.relu(self.depthwise(x))))
        return self.classes(torch.flatten(self.average(x), 1))


def moved(x):
    """Random small rotation, size and shift of every image."""
    n = len(x)
    angle = (torch.rand(n) - 0.5) * 2 * math.radians(12)
    size = 1 + (torch.rand(n) - 0.5) * 0.2
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = torch.cos(angle) / size, -torch.sin(angle) / size
    theta[:, 1, 0], theta[:, 1, 1] = torch.sin(angle) / size, torch.cos(angle) / size
    theta[:, :, 2] = (torch.rand(n, 2) - 0.5) * 0.3
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)


def train(net, x, y):
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))[: len(x) // BATCH * BATCH]
        for batch in order.split(BATCH):
            loss = F.cross_entropy(net(moved(x[batch])), y[batch], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    (x, y), (test_x, test_y) = load()
    net = Digits()
    train(net, x, y)
    net.eval()
    with torch.no_grad():
        right = (net(test_x).argmax(1) == test_y).sum().item()
    count = sum(p.numel() for p in net.parameters())
    print(f"{right} of {len(test_y)} right ({100 * right / len(test_y):.2f} %), {count} parameters")
    torch.onnx.export(
        net,
        (test_x[:1],),
        str(HERE / "digits.onnx"),
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        opset_version=13,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        dynamo=False,
    )


if __name__ == "__main__":
    main()
