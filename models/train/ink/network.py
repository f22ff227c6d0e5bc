"""The ink segmenter: a small, fully convolutional U-Net on half-resolution planes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.train.ink.plan import Net
from svc_segment.features import CHANNELS

MULTIPLE = 32
"""Height and width of an input must be multiples of this."""
OUTPUTS = 2
"""Ink, and visible skin (inked or not)."""


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


class Attention(nn.Module):
    """Each place asks all others (one head, no positions; Vaswani et al. 2017), beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask = nn.Conv2d(width, 3 * (width // 2), 1)
        self.tell = nn.Conv2d(width // 2, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.ask(x).flatten(2).chunk(3, dim=1)
        weights = torch.softmax(query.transpose(1, 2) @ key * query.shape[1] ** -0.5, dim=-1)
        met = (value @ weights.transpose(1, 2)).reshape(x.shape[0], -1, x.shape[2], x.shape[3])
        return x + self.tell(met)


class InkNet(nn.Module):
    """Features (B, CHANNELS, H, W) to logits (B, OUTPUTS, H, W)."""

    def __init__(self, shape: Net) -> None:
        super().__init__()
        a, b, c, d, e = shape.widths
        self.inputs = CHANNELS if shape.ratios else 3
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), conv(4 * self.inputs, a))
        self.down1 = Residual(a)
        self.down2 = nn.Sequential(nn.MaxPool2d(2), conv(a, b), Residual(b))
        self.down3 = nn.Sequential(nn.MaxPool2d(2), conv(b, c), Residual(c))
        self.down4 = nn.Sequential(nn.MaxPool2d(2), conv(c, d, 1), Mobile(d), Mobile(d), Mobile(d))
        far = [Attention(e)] if shape.attention else []
        self.down5 = nn.Sequential(nn.MaxPool2d(2), conv(d, e, 1), Mobile(e), Mobile(e), *far, Mobile(e))
        self.side = nn.ModuleList(
            [nn.Conv2d(e, d, 1), nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)]
        )
        self.up = nn.ModuleList(
            [nn.Sequential(conv(d, d, 1), Mobile(d)), Residual(c), Residual(b), Residual(a)]
        )
        self.head = nn.Sequential(nn.Conv2d(a, 4 * OUTPUTS, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.down1(self.stem(x[:, : self.inputs]))]
        for stage in (self.down2, self.down3, self.down4, self.down5):
            skips.append(stage(skips[-1]))
        y = skips.pop()
        for side, up in zip(self.side, self.up, strict=True):
            y = nn.functional.interpolate(side(y), scale_factor=2.0, mode="nearest")
            y = up(y + skips.pop())
        return self.head(y)


class InkLogit(nn.Module):
    """What is exported: features to the logit (B, 1, H, W) of ink on visible skin, p(ink) * p(skin)."""

    def __init__(self, net: InkNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor) -> Tensor:
        both = self.net(features)
        return joined(both[:, :1], both[:, 1:2])


def joined(one: Tensor, other: Tensor) -> Tensor:
    """The logit of the product of two probabilities that are given as logits.

    1/(pq) - 1 = e^-a + e^-b + e^-(a+b); the smaller logit is taken out, so that nothing overflows in half
    precision.
    """
    low, high = torch.minimum(one, other), torch.maximum(one, other)
    return low - torch.log(1 + torch.exp(low - high) + torch.exp(-high.clamp(min=-9.0)))


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())
