"""Train, export and check one version of the ink segmenter: `python -m models.train.main --version 0.1.0`.

Its data are deterministic by seed; it resumes from its last checkpoint and ends with a registry folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor

from models.train.calibrate import by_ita, calibrate, look, look_at_photos
from models.train.card import write_card
from models.train.crops import Batch, Phase, batches
from models.train.export import Calibration, Use, write_json, write_onnx
from models.train.icons import PACKAGE
from models.train.network import InkNet, loss, parameters
from models.train.pool import Pool, build
from svc_segment.model import load_model

NAME = "ink-seg"
REPO = Path(__file__).resolve().parents[2]
CACHE = Path(__file__).parent / ".cache"
VALIDATION_SEED = 1_000_000
UNCALIBRATED = Calibration(1.0, 0.0, 0.5, 0.65, 0.35, "not yet")


@dataclass(frozen=True)
class Plan:
    scenes: int = 3000
    validation: int = 240
    phases: tuple[Phase, ...] = (
        Phase(steps=900, side=128, batch=16, window=(200.0, 512.0)),
        Phase(steps=1000, side=256, batch=8, window=(190.0, 512.0)),
    )
    learning_rate: float = 2.5e-3
    weight_decay: float = 1e-3
    average: float = 0.99
    """Share of the running mean of weights that each step keeps."""
    seed: int = 1
    save_every: int = 150

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)


@dataclass(frozen=True)
class Run:
    net: InkNet
    losses: list[tuple[int, float]]
    """(step, running mean of the loss)."""
    seconds: float
    """Of training, without composing the pool."""


def train(plan: Plan, pool: Pool, cache: Path) -> Run:
    """Train to the end of the plan; goes on from `cache`/checkpoint.pt if that is of this plan."""
    torch.manual_seed(plan.seed)
    net = InkNet().to(memory_format=torch.channels_last)
    mean = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(plan.average), use_buffers=True
    )
    optimiser = torch.optim.AdamW(net.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.steps, pct_start=0.08
    )
    parts = {"net": net, "mean": mean, "optimiser": optimiser, "schedule": schedule}
    first, losses, spent = _resume(cache / "checkpoint.pt", plan, parts)
    began, recent = time.monotonic() - spent, losses[-1][1] if losses else 0.0
    for step, batch in enumerate(_examples(plan, pool, first), first):
        inputs = torch.from_numpy(batch.inputs).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = net(inputs)
        value = loss(logits.float(), torch.from_numpy(batch.mask), torch.from_numpy(batch.skin))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(net)
        recent = 0.98 * recent + 0.02 * value.item() if step else value.item()
        if (step + 1) % 50 == 0:
            losses.append((step + 1, round(recent, 4)))
            print(f"step {step + 1} loss {recent:.4f} seconds {time.monotonic() - began:.0f}", flush=True)
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            _save(cache / "checkpoint.pt", plan, parts, step + 1, losses, time.monotonic() - began)
    trained = mean.module
    assert isinstance(trained, InkNet)
    return Run(trained.eval(), losses, time.monotonic() - began)


def _examples(plan: Plan, pool: Pool, first: int) -> Iterator[Batch]:
    """The batches from step `first` on, phase after phase."""
    begin = 0
    for phase in plan.phases:
        end = begin + phase.steps
        yield from batches(pool, phase, max(first, begin), end)
        begin = end


def _save(
    path: Path, plan: Plan, parts: dict[str, Any], step: int, losses: list[tuple[int, float]], seconds: float
) -> None:
    told = {"plan": json.dumps(asdict(plan)), "step": step, "losses": losses, "seconds": seconds}
    partial = path.with_suffix(".part")
    torch.save({**told, **{name: part.state_dict() for name, part in parts.items()}}, partial)
    partial.replace(path)


def _resume(path: Path, plan: Plan, parts: dict[str, Any]) -> tuple[int, list[tuple[int, float]], float]:
    """Step to go on from, losses and seconds so far."""
    if not path.exists():
        return 0, [], 0.0
    saved = torch.load(path, weights_only=True)
    if saved["plan"] != json.dumps(asdict(plan)):
        print("the checkpoint is of another plan; starting anew")
        return 0, [], 0.0
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    losses = [(int(step), float(value)) for step, value in saved["losses"]]
    return int(saved["step"]), losses, float(saved["seconds"])


def release(
    version: str, plan: Plan, run: Run, pool: Pool, validation: Pool, photos: Path | None, registry: Path
) -> None:
    """Write registry/ink-seg/<version>: ONNX file, model.json, card.md; and the log of the run.

    `photos` is a folder of annotated photos: its tuning half sets bias and area interval, nothing else.
    """
    folder = registry / NAME / version
    folder.mkdir(parents=True, exist_ok=True)
    difference = write_onnx(run.net, folder / "model.onnx")
    about: dict[str, Any] = {
        "data": {
            "pool_sha256": pool.sha256,
            "validation_sha256": validation.sha256,
            "motifs": f"{PACKAGE}, CC BY 3.0",
            "photographs": "none",
        },
        "git_revision": _revision(),
        "parameters": parameters(run.net),
        "parity_max_logit_difference": round(difference, 5),
    }
    write_json(folder / "model.json", NAME, version, Use(), UNCALIBRATED, about)
    model = load_model(f"{NAME}@{version}", registry)
    seen = look(model, validation)
    calibration = calibrate(seen, look_at_photos(model, photos) if photos else seen)
    metrics = by_ita(seen, calibration)
    about["synthetic_validation"] = metrics
    write_json(folder / "model.json", NAME, version, Use(), calibration, about)
    write_card(folder / "card.md")
    log = {"plan": asdict(plan), "seconds": round(run.seconds), "losses": run.losses, "validation": metrics}
    log_path = REPO / "docs" / "experiments" / f"{NAME}-{version}.json"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    log_path.write_text(json.dumps(log, indent=1) + "\n")
    print(f"released {NAME}@{version}: {json.dumps(metrics['all'])}; {calibration.method}")


def _revision() -> str:
    """The commit of the working tree, "+" after it when what makes the model has changed since."""
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", "models/synth", "models/train", "svc_segment")
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - arguments are ours
        ["git", "-C", str(REPO), *arguments],  # noqa: S607 - git is wherever it was installed
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


def main() -> None:
    """Compose the pools, train, release."""
    parser = argparse.ArgumentParser(description="Train and release the ink segmenter.")
    parser.add_argument("--version", required=True, help="version to release, for example 0.1.0")
    parser.add_argument("--workers", type=int, default=2, help="processes that compose; threads that train")
    parser.add_argument("--registry", type=Path, default=REPO / "models" / "registry")
    parser.add_argument(
        "--photos", type=Path, help="annotated photos; their tuning half sets the calibration"
    )
    asked = parser.parse_args()
    plan = Plan()
    cv2.setNumThreads(1)
    torch.set_num_threads(asked.workers)
    validation = build(CACHE, VALIDATION_SEED, plan.validation, asked.workers)
    pool = build(CACHE, 0, plan.scenes, asked.workers)
    release(asked.version, plan, train(plan, pool, CACHE), pool, validation, asked.photos, asked.registry)


if __name__ == "__main__":
    main()
