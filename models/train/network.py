"""The ink segmenter: a small, fully convolutional U-Net on half-resolution planes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from svc_segment.features import CHANNELS

WIDTHS = (24, 40, 72, 112, 160)
MULTIPLE = 32
"""Height and width of an input must be multiples of this."""


def conv(inside: int, outside: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(width, width), conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Mobile(nn.Module):
    """Depthwise 5x5 between pointwise layers, beside an identity (inverted residual, Sandler et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(width, 2 * width, 1), conv(2 * width, 2 * width, 5, 2 * width))
        self.project = nn.Sequential(nn.Conv2d(2 * width, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.body(x))


class InkNet(nn.Module):
    """Features (B, CHANNELS, H, W) to logits (B, 2, H, W): ink, and visible skin (only for training)."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), conv(4 * CHANNELS, a))
        self.down1 = Residual(a)
        self.down2 = nn.Sequential(nn.MaxPool2d(2), conv(a, b), Residual(b))
        self.down3 = nn.Sequential(nn.MaxPool2d(2), conv(b, c), Residual(c))
        self.down4 = nn.Sequential(nn.MaxPool2d(2), conv(c, d, 1), Mobile(d), Mobile(d), Mobile(d))
        self.down5 = nn.Sequential(nn.MaxPool2d(2), conv(d, e, 1), Mobile(e), Mobile(e), Mobile(e))
        self.side = nn.ModuleList(
            [nn.Conv2d(e, d, 1), nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)]
        )
        self.up = nn.ModuleList(
            [nn.Sequential(conv(d, d, 1), Mobile(d)), Residual(c), Residual(b), Residual(a)]
        )
        self.head = nn.Sequential(nn.Conv2d(a, 8, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.down1(self.stem(x))]
        for stage in (self.down2, self.down3, self.down4, self.down5):
            skips.append(stage(skips[-1]))
        y = skips.pop()
        for side, up in zip(self.side, self.up, strict=True):
            y = nn.functional.interpolate(side(y), scale_factor=2.0, mode="nearest")
            y = up(y + skips.pop())
        return self.head(y)


class InkLogit(nn.Module):
    """What is exported: (B, CHANNELS, H, W) features to (B, 1, H, W) ink logit."""

    def __init__(self, net: InkNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor) -> Tensor:
        return self.net(features)[:, :1]


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def loss(logits: Tensor, mask: Tensor, skin: Tensor) -> Tensor:
    """Cross-entropy and soft Dice on ink (ignore = 128 left out), and cross-entropy on visible skin."""
    known = (mask != 128).float()
    ink = (mask == 255).float()
    entropy = nn.functional.binary_cross_entropy_with_logits
    pixel = (entropy(logits[:, 0], ink, reduction="none") * known).sum() / known.sum().clamp(min=1)
    p = torch.sigmoid(logits[:, 0]) * known
    both, either = (p * ink).sum((1, 2)), (p + ink * known).sum((1, 2))
    dice = 1 - (2 * both + 200) / (either + 200)
    return pixel + 0.5 * dice.mean() + 0.25 * entropy(logits[:, 1], (skin == 255).float())
