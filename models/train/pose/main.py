"""Train and export the pose student: `python -m models.train.pose.main --version 1.0.0`.

Its data are deterministic by seed; it resumes from its last checkpoint, keeps the best weights by held-out
people and stops when they get no better. It ends with a registry folder and the log of the run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

from models.revision import revision
from models.train.pose.log import write_log
from models.train.pose.losses import loss
from models.train.pose.network import Answer, PoseNet, parameters
from models.train.pose.pool import People, build
from models.train.pose.release import NAME, write_json, write_onnx
from models.train.pose.scores import Scores, scores
from models.train.pose.views import Batch, batches
from models.train.pose.views import held_out as regions_of

REPO = Path(__file__).resolve().parents[3]
CACHE = REPO / "models" / "train" / ".cache"
HELD_OUT_SEED = 5_000_000


@dataclass(frozen=True)
class Plan:
    people: int = 4500
    held_out: int = 250
    steps: int = 2000
    batch: int = 12
    """Pairs of views a step."""
    paired_from: int = 1400
    """Step from which both views of a pair are of the same person."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    average: float = 0.99
    """Share of the running mean of weights that each step keeps."""
    every: int = 250
    """Steps between looks at the held-out people, and between checkpoints."""
    patience: int = 5
    """Looks without a better one before training stops."""
    seed: int = 1


@dataclass(frozen=True)
class Look:
    """One look at the held-out people."""

    step: int
    loss: float
    """Running mean of training's."""
    held_out: Scores


@dataclass(frozen=True)
class Run:
    net: PoseNet
    looks: list[Look]
    seconds: float
    """Of training, without generating people."""

    @property
    def best(self) -> Look:
        return min(self.looks, key=lambda look: look.held_out.error_percent)

    @property
    def metrics_sha256(self) -> str:
        """Of every look: the same for the same seed, pool and machine."""
        return hashlib.sha256(json.dumps([asdict(look) for look in self.looks]).encode()).hexdigest()


def train(plan: Plan, pool: People, held_out: People, cache: Path, last_step: int | None = None) -> Run:
    """Train to the end of the plan or of its patience; goes on from `cache`/pose.pt if it is its own.

    last_step: where to leave off earlier, for another call to go on.
    """
    cache.mkdir(parents=True, exist_ok=True)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(plan.seed)
    net = PoseNet().to(memory_format=torch.channels_last)
    mean = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(plan.average), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.steps, pct_start=0.05
    )
    parts = {"net": net, "mean": mean, "optimiser": optimiser, "schedule": schedule}
    about = json.dumps({"plan": asdict(plan), "pool": pool.sha256, "held_out": held_out.sha256})
    saved = _resume(cache / "pose.pt", about, parts)
    looks, spent, recent = saved["looks"], saved["seconds"], saved["recent"]
    best: dict[str, Tensor] = saved["best"]
    began = time.monotonic() - spent
    for step, batch in enumerate(_examples(plan, pool, saved["step"]), saved["step"]):
        if step == last_step or _finished(looks, plan):
            break
        value = _loss(net, batch)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(net)
        recent = 0.99 * recent + 0.01 * value.item() if step else value.item()
        if (step + 1) % plan.every and step + 1 < plan.steps:
            continue
        looks.append(Look(step + 1, round(recent, 4), scores(_module(mean), held_out)))
        if looks[-1].held_out.error_percent == min(look.held_out.error_percent for look in looks):
            best = {name: value.clone() for name, value in _module(mean).state_dict().items()}
        seconds = time.monotonic() - began
        print(f"{looks[-1]} {seconds:.0f} s", flush=True)
        _save(cache / "pose.pt", about, parts, step + 1, looks, best, seconds, recent)
    trained = PoseNet()
    trained.load_state_dict(best)
    return Run(trained.eval(), looks, time.monotonic() - began)


def _examples(plan: Plan, pool: People, first: int) -> Iterator[Batch]:
    return batches(pool, plan.batch, plan.seed, range(first, plan.steps), plan.paired_from)


def _loss(net: PoseNet, batch: Batch) -> Tensor:
    pictures = torch.from_numpy(batch.pictures).permute(0, 3, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        answer: Answer = net(pictures)
    return loss(answer, batch)


def _finished(looks: list[Look], plan: Plan) -> bool:
    """Whether the last looks of the plan's patience brought nothing better."""
    errors = [look.held_out.error_percent for look in looks]
    return len(errors) > plan.patience and min(errors[-plan.patience :]) > min(errors)


def _module(mean: torch.optim.swa_utils.AveragedModel) -> PoseNet:
    assert isinstance(mean.module, PoseNet)
    return mean.module


def _save(
    path: Path,
    about: str,
    parts: dict[str, Any],
    step: int,
    looks: list[Look],
    best: dict[str, Tensor],
    seconds: float,
    recent: float,
) -> None:
    told = {
        "about": about,
        "step": step,
        "looks": json.dumps([asdict(look) for look in looks]),
        "best": best,
        "seconds": seconds,
        "recent": recent,
    }
    partial = path.with_suffix(".part")
    torch.save({**told, **{name: part.state_dict() for name, part in parts.items()}}, partial)
    partial.replace(path)


def _resume(path: Path, about: str, parts: dict[str, Any]) -> dict[str, Any]:
    """Step to go on from, looks, best weights, seconds and running loss so far."""
    fresh: dict[str, Any] = {"step": 0, "looks": [], "best": {}, "seconds": 0.0, "recent": 0.0}
    if not path.exists():
        return fresh
    saved = torch.load(path, weights_only=True)
    if saved["about"] != about:
        print("the checkpoint is of another plan or of other people; starting anew")
        return fresh
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    looks = [
        Look(look["step"], look["loss"], Scores(**look["held_out"])) for look in json.loads(saved["looks"])
    ]
    return {**{name: saved[name] for name in fresh}, "looks": looks}


def write(
    version: str,
    plan: Plan,
    run: Run,
    pool: People,
    held_out: People,
    registry: Path,
    log_folder: Path = REPO / "docs" / "experiments",
) -> None:
    """registry/pose-student/<version>: ONNX file and model.json; and the log of the run."""
    folder = registry / NAME / version
    folder.mkdir(parents=True, exist_ok=True)
    pictures = next(regions_of(held_out, 32)).pictures
    difference = write_onnx(run.net, folder / "model.onnx", pictures)
    about: dict[str, Any] = {
        "data": {
            "pool_sha256": pool.sha256,
            "held_out_sha256": held_out.sha256,
            "people": f"models/synth/people, recipe {pool.recipe}",
            "photographs": "none",
        },
        "git_revision": revision("models/synth/people", "models/train/pose"),
        "parameters": parameters(run.net),
        "parity_px": round(difference, 4),
        "metrics_sha256": run.metrics_sha256,
        "held_out": asdict(run.best.held_out),
    }
    write_json(folder / "model.json", version, about)
    log = {
        "plan": asdict(plan),
        "seconds": round(run.seconds),
        "threads": torch.get_num_threads(),
        "about": about,
        "looks": [asdict(look) for look in run.looks],
    }
    write_log(log_folder, f"{NAME}-{version}", log)
    print(f"wrote {NAME}@{version}: {run.best}, metrics {run.metrics_sha256[:12]}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and export the pose student.")
    parser.add_argument("--version", required=True, help="version to write, for example 1.0.0")
    parser.add_argument("--workers", type=int, default=1, help="processes that generate; threads that train")
    parser.add_argument("--registry", type=Path, default=REPO / "models" / "registry")
    asked = parser.parse_args()
    plan = Plan()
    cv2.setNumThreads(1)
    torch.set_num_threads(asked.workers)
    CACHE.mkdir(exist_ok=True)
    held_out = build(CACHE, HELD_OUT_SEED, plan.held_out, asked.workers)
    pool = build(CACHE, 0, plan.people, asked.workers)
    write(asked.version, plan, train(plan, pool, held_out, CACHE), pool, held_out, asked.registry)


if __name__ == "__main__":
    main()
