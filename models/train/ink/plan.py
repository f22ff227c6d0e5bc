"""What a run of training is: every number that its result depends on."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Phase:
    """A stretch of training: crops of `window` pixels of a scene, seen `side` pixels wide."""

    steps: int
    side: int
    batch: int
    window: tuple[float, float]


@dataclass(frozen=True)
class Cycle:
    """Phases through which the learning rate rises once to its peak and falls to nothing (Smith 2018)."""

    learning_rate: float
    phases: tuple[Phase, ...]

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)


@dataclass(frozen=True)
class Loss:
    """Weights of the terms; the cross-entropy of ink has 1."""

    dice: float = 0.5
    skin: float = 0.25
    edge: float = 0.0
    """Added weight of pixels within 2 px of the ink's edge."""
    focal: float = 0.0
    """Exponent of (1 - p of the truth) (Lin et al. 2017); 0 is plain cross-entropy."""


@dataclass(frozen=True)
class Net:
    widths: tuple[int, int, int, int, int] = (24, 40, 72, 112, 160)
    """Channels at 1/2, 1/4, 1/8, 1/16, 1/32."""
    attention: bool = False
    """Self-attention over the whole crop at 1/32."""
    ratios: bool = True
    """Sees colour divided by local skin, and enclosure; else the photo alone."""


@dataclass(frozen=True)
class Examples:
    """How crops are taken from scenes."""

    inked: float = 0.7
    """Share of crops that are laid on ink where the scene has any."""
    half_contrast: bool = True
    """The edge of ink lies at half its contrast to the skin; what is fainter within 2 px of it is unknown."""
    worn: float = 0.4
    """Share of crops that are blurred, sharpened, made noisy or compressed once more."""


@dataclass(frozen=True)
class Plan:
    scenes: int = 2400
    head: int = 2400
    """Scenes that are there when training begins; the rest arrive evenly until half of the steps are done."""
    validation: int = 160
    watched: int = 48
    """Validation scenes that are looked at while training."""
    watched_side: int = 256
    """Their width then, pixels."""
    cycles: tuple[Cycle, ...] = (
        Cycle(
            learning_rate=1.2e-3,
            phases=(
                Phase(steps=2000, side=128, batch=16, window=(180.0, 512.0)),
                Phase(steps=2400, side=256, batch=8, window=(190.0, 512.0)),
            ),
        ),
    )
    start: str = "ink-seg@1.0.0"
    """A released version of the same shape whose weights training begins with; else random ones."""
    kept: float = 0.5
    """Share of the start's weights in what is exported: a mean of both forgets less of what the start knew
    (Wortsman et al. 2022, robust fine-tuning). Training does not depend on it."""
    loss: Loss = field(default_factory=Loss)
    net: Net = field(default_factory=Net)
    examples: Examples = field(default_factory=Examples)
    weight_decay: float = 1e-3
    average: float = 0.99
    """Share of the running mean of weights that each step keeps."""
    seed: int = 1
    threads: int = 1
    """Of PyTorch; the other core makes the examples. Another number gives other last digits."""
    save_every: int = 100
    validate_every: int = 200
    patience: int = 16
    """Validations without a smaller cross-entropy after which training stops."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        return tuple(phase for cycle in self.cycles for phase in cycle.phases)

    @property
    def steps(self) -> int:
        return sum(cycle.steps for cycle in self.cycles)

    def cycle(self, step: int) -> tuple[Cycle, int]:
        """The cycle that step `step` belongs to, and how many of its steps came before."""
        for cycle in self.cycles:
            if step < cycle.steps or cycle is self.cycles[-1]:
                return cycle, step
            step -= cycle.steps
        raise IndexError("a plan has at least one cycle")

    def arrived(self, step: int) -> int:
        """Scenes that step `step` may draw from: a rule of the plan, so that a run can be repeated."""
        grown = self.head + (self.scenes - self.head) * 2 * step // max(1, self.steps)
        return min(self.scenes, max(1, grown))

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


SMOKE = Plan(
    scenes=160,
    head=160,
    validation=40,
    watched=40,
    watched_side=128,
    cycles=(Cycle(4e-3, (Phase(steps=480, side=128, batch=16, window=(360.0, 512.0)),)),),
    loss=Loss(dice=1.0),
    average=0.95,
    save_every=160,
    validate_every=160,
    start="",
)
"""Under three minutes on two cores with composing: shows that the trainer learns."""


def changed(plan: Plan, changes: list[str]) -> Plan:
    """The plan with fields set, for example "loss.dice=0" or "seed=2"; values are JSON.

    Raises ValueError for a field that does not exist.
    """
    for change in changes:
        name, _, value = change.partition("=")
        plan = _set(plan, name.split("."), json.loads(value))
    return plan


def _set(part: Any, names: list[str], value: Any) -> Any:
    if names[0] not in {f.name for f in dataclasses.fields(part)}:
        known = ", ".join(f.name for f in dataclasses.fields(part))
        raise ValueError(f"a plan has no {names[0]!r} here; it has {known}")
    if len(names) > 1:
        value = _set(getattr(part, names[0]), names[1:], value)
    elif names[0] == "cycles":
        value = tuple(Cycle(float(rate), tuple(_phase(*phase) for phase in phases)) for rate, phases in value)
    elif isinstance(value, list):
        value = tuple(value)
    return dataclasses.replace(part, **{names[0]: value})


def _phase(steps: int, side: int, batch: int, window: tuple[float, float]) -> Phase:
    return Phase(steps, side, batch, (float(window[0]), float(window[1])))
