"""Time of a ResNet in half precision with PyTorch: `with_pytorch.py resnet50 8` prints one line of JSON."""

import json
import sys

import torch

from resnet import median_milliseconds, resnet


def main():
    name, batch = sys.argv[1], int(sys.argv[2])
    if not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device")
    torch.backends.cudnn.benchmark = True
    net = resnet(name).cuda().half().eval().to(memory_format=torch.channels_last)
    image = torch.randn(batch, 3, 224, 224, device="cuda", dtype=torch.half)
    image = image.to(memory_format=torch.channels_last)
    with torch.no_grad():
        milliseconds = median_milliseconds(lambda: net(image))
    print(json.dumps({"version": torch.__version__, "milliseconds": milliseconds}))


main()
