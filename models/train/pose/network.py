"""The pose student: one heatmap for each of 33 points, read as a distribution.

The mean of the distribution is the point (integral regression, Sun et al. 2018), so that it answers to shifts
far below a cell; a second head says how far off the point is likely to be. Means instead of maxima where the
resolution falls, and bilinear enlargement, let less of the grid into the answer (Zhang 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mesh.landmarks import POINTS
from models.train.ink.network import Residual, conv

WIDTHS = (32, 64, 96, 160)
CELL = 4
"""Input pixels in a cell of the heatmaps."""


@dataclass(frozen=True)
class Answer:
    """heat: (B, 33, S/4, S/4) logits. points: (B, 33, 2) px of the input, pixel centres at halves. log_error:
    (B, 33) of the standard error of either coordinate, px. visibility: (B, 33) logits."""

    heat: Tensor
    points: Tensor
    log_error: Tensor
    visibility: Tensor


class Block(nn.Module):
    """Depthwise 3x3 between pointwise layers, beside an identity (inverted residual, Sandler et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.body = nn.Sequential(conv(width, wide, 1), conv(wide, wide, 3, groups=wide))
        self.project = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.body(x))


class PoseNet(nn.Module):
    """Pictures (B, 3, S, S), RGB 0..1, S a multiple of 32."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        shrink = nn.AvgPool2d(2)
        self.stem = nn.Sequential(nn.PixelUnshuffle(CELL), conv(3 * CELL**2, a), Residual(a))
        self.down1 = nn.Sequential(shrink, conv(a, b), Residual(b), Residual(b))
        self.down2 = nn.Sequential(shrink, conv(b, c), *(Block(c) for _ in range(4)))
        self.down3 = nn.Sequential(shrink, conv(c, d, 1), *(Block(d) for _ in range(4)))
        self.side = nn.ModuleList([nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)])
        self.up = nn.ModuleList([nn.Sequential(Block(c), Block(c)), Residual(b), Residual(a)])
        self.heat = nn.Conv2d(a, POINTS, 1)
        self.sure = nn.Sequential(nn.Linear(d + 3 * POINTS, 128), nn.ReLU(), nn.Linear(128, 2 * POINTS))

    def forward(self, pictures: Tensor) -> Answer:
        skips = [self.stem((pictures - 0.5) * 4)]
        for stage in (self.down1, self.down2, self.down3):
            skips.append(stage(skips[-1]))
        deep = y = skips.pop()
        for side, up in zip(self.side, self.up, strict=True):
            y = nn.functional.interpolate(side(y), scale_factor=2.0, mode="bilinear", align_corners=False)
            y = up(y + skips.pop())
        heat = self.heat(y).float()
        points, spread = _moments(heat)
        # What the heatmaps look like tells how sure they are; they are not to change for its sake.
        peak = heat.flatten(2).amax(2)
        looks = torch.cat([deep.float().mean((2, 3)), 0.1 * peak, spread], 1).detach()
        log_error, visibility = self.sure(looks).float().reshape(-1, 2, POINTS).unbind(1)
        return Answer(heat, points, log_error, visibility)


def _moments(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Means (B, 33, 2), px, of the distributions, and the logs (B, 66) of their variances in cells."""
    height, width = heat.shape[2:]
    share = heat.flatten(2).softmax(2).unflatten(2, (height, width))
    means, spreads = [], []
    for axis, count in ((2, width), (3, height)):
        marginal = share.sum(axis)
        places = torch.arange(count, dtype=heat.dtype) + 0.5
        mean = (marginal * places).sum(2)
        means.append(mean * CELL)
        spreads.append(((marginal * (places - mean[..., None]) ** 2).sum(2) + 0.01).log())
    return torch.stack(means, 2), torch.cat(spreads, 1)


class Served(nn.Module):
    """What is exported: pictures (B, S, S, 3) to points (B, 33, 2) px, errors (B, 33) px, visibility 0..1."""

    def __init__(self, net: PoseNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        answer = self.net(image.permute(0, 3, 1, 2))
        return answer.points, answer.log_error.exp(), answer.visibility.sigmoid()


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())
