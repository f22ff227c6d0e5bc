"""The loop: steps, validations, checkpoints, early stopping; a run that was cut off goes on where it was."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.train.ink import watch
from models.train.ink.begin import begin_with
from models.train.ink.crops import Scenes, batches, make
from models.train.ink.loss import loss
from models.train.ink.network import InkNet
from models.train.ink.plan import Plan

REPORT_EVERY = 25
MEAN = "mean.pt"
"""The running mean of weights at the last validation."""
_RISE = 0.08
_BEGIN, _END = 25.0, 1e4  # the peak over the first rate, the first rate over the last


@dataclass
class History:
    """What a run has shown so far."""

    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, running mean of the loss)."""
    validations: list[dict[str, float]] = field(default_factory=list)
    """step, iou, entropy, false_ink, precision, recall of the running mean of weights."""
    seconds: float = 0.0
    """Of training, without what came before the first step."""
    waited: float = 0.0
    """Of these, waiting for examples."""

    def metrics_sha256(self) -> str:
        """Hash of every loss and validation: two runs are the same when this is."""
        return hashlib.sha256(json.dumps([self.losses, self.validations]).encode()).hexdigest()

    @property
    def best(self) -> dict[str, float]:
        """The validation with the least cross-entropy: the proper score of what is a probability."""
        return min(self.validations, key=lambda v: v["entropy"])


@dataclass(frozen=True)
class Run:
    net: InkNet
    """The last running mean of weights, in evaluation mode; no checkpoint is picked."""
    history: History
    steps: int
    """How many were made; fewer than the plan's when training stopped early."""


def settle(plan: Plan) -> None:
    """Make the same seed give the same numbers: no random kernels, one number of threads."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)


def train(plan: Plan, scenes: Scenes, validation: Scenes, folder: Path, note: str = "") -> Run:
    """Train to the plan's end or until it no longer gets better; goes on from folder/checkpoint.pt.

    `note` heads the lines of progress.
    """
    settle(plan)
    net = _first(plan, scenes).to(memory_format=torch.channels_last)
    mean = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(plan.average), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=plan.weight_decay)
    parts = {"net": net, "mean": mean, "optimiser": optimiser}
    folder.mkdir(parents=True, exist_ok=True)
    first, history = _resume(folder, plan, parts)
    watched = watch.prepare(plan, validation)
    began, recent = time.monotonic() - history.seconds, history.losses[-1][1] if history.losses else 0.0
    source, step = batches(plan, scenes, first), first
    while step < plan.steps:
        asked = time.monotonic()
        batch = next(source)
        history.waited += time.monotonic() - asked
        _pace(optimiser, plan, step)
        value = _step(net, batch, optimiser, plan)
        mean.update_parameters(net)
        recent = 0.98 * recent + 0.02 * value if step else value
        step += 1
        history.seconds = time.monotonic() - began
        if step % REPORT_EVERY == 0 or step == plan.steps:
            history.losses.append((step, round(recent, 5)))
            _tell(note, plan, step, first, history)
        if step % plan.validate_every == 0 or step == plan.steps:
            _validate(mean.module, watched, step, history, folder)
        if step % plan.save_every == 0 or step == plan.steps:
            _save(folder / "checkpoint.pt", plan, parts, step, history)
        if _stuck(plan, history):
            print(f"{note}no better validation in {plan.patience}: stopped at step {step}", flush=True)
            break
    last = InkNet(plan.net)
    last.load_state_dict(torch.load(folder / MEAN, weights_only=True))
    return Run(last.eval(), history, step)


def _pace(optimiser: torch.optim.Optimizer, plan: Plan, step: int) -> None:
    """Set learning rate and momentum of a step: by cosines, the first 8 % of a cycle rising (Smith 2018)."""
    cycle, done = plan.cycle(step)
    peak = _RISE * cycle.steps - 1
    rising = done <= peak
    share = done / peak if rising else (done - peak) / (cycle.steps - 1 - peak)
    wave = (1 - math.cos(math.pi * share)) / 2
    low, high = cycle.learning_rate / _BEGIN, cycle.learning_rate
    rate = low + (high - low) * wave if rising else high + (low / _END - high) * wave
    momentum = 0.95 - 0.1 * wave if rising else 0.85 + 0.1 * wave
    for group in optimiser.param_groups:
        group["lr"], group["betas"] = rate, (momentum, group["betas"][1])


def _first(plan: Plan, scenes: Scenes) -> InkNet:
    net = InkNet(plan.net)
    if plan.start:
        begin_with(net, plan.start, torch.from_numpy(make(plan, scenes, 0).inputs))
    return net


def _step(net: nn.Module, batch: Any, optimiser: torch.optim.Optimizer, plan: Plan) -> float:
    inputs = torch.from_numpy(batch.inputs).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = net(inputs)
    value = loss(logits.float(), torch.from_numpy(batch.mask), torch.from_numpy(batch.skin), plan.loss)
    optimiser.zero_grad(set_to_none=True)
    value.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
    optimiser.step()
    return float(value.item())


def _validate(net: nn.Module, watched: watch.Watched, step: int, history: History, folder: Path) -> None:
    net.eval()
    seen = watch.measure(net, watched)
    history.validations.append({"step": step, **{k: round(v, 5) for k, v in asdict(seen).items()}})
    torch.save(net.state_dict(), folder / MEAN)


def _stuck(plan: Plan, history: History) -> bool:
    """Whether the last `patience` validations were all worse than one before them."""
    made = history.validations
    if len(made) <= plan.patience:
        return False
    return made.index(history.best) < len(made) - plan.patience


def _tell(note: str, plan: Plan, step: int, first: int, history: History) -> None:
    pace = history.seconds / step
    seen = f" IoU {history.validations[-1]['iou']:.3f}" if history.validations else ""
    left = (plan.steps - step) * pace
    print(
        f"{note}step {step}/{plan.steps} loss {history.losses[-1][1]:.4f}{seen}"
        f" {history.seconds:.0f} s, {left:.0f} s to go, waited {history.waited:.0f} s",
        flush=True,
    )


def _save(path: Path, plan: Plan, parts: dict[str, Any], step: int, history: History) -> None:
    told = {"plan": plan.as_json(), "step": step, "history": json.dumps(asdict(history))}
    partial = path.with_suffix(".part")
    torch.save({**told, **{name: part.state_dict() for name, part in parts.items()}}, partial)
    partial.replace(path)


def _resume(folder: Path, plan: Plan, parts: dict[str, Any]) -> tuple[int, History]:
    """Step to go on from, and what was shown before it."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0, History()
    saved = torch.load(path, weights_only=True)
    if saved["plan"] != plan.as_json():
        raise RuntimeError(f"{path} is of another plan: name the run differently or delete it")
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    said = json.loads(saved["history"])
    said["losses"] = [(int(step), float(value)) for step, value in said["losses"]]
    return int(saved["step"]), History(**said)
