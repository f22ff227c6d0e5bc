"""A version in the registry: exported, calibrated on synthetic scenes, measured, then judged by its gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.revision import revision
from models.train.ink import log
from models.train.ink.begin import keep
from models.train.ink.calibrate import Seen, calibrate, calibrated, figures, iou, look
from models.train.ink.card import write_card
from models.train.ink.export import LARGEST_BYTES, NAME, PARITY, UNCALIBRATED, Use, write_json, write_onnx
from models.train.ink.network import parameters
from models.train.ink.plan import Plan
from models.train.ink.pool import Pool
from models.train.ink.skins import grouped, ita_class, monk_band
from models.train.ink.trainer import Run
from svc_segment.core import conclude
from svc_segment.model import Contract, Model, load_model

CANDIDATE = "candidate"


def write(version: str, plan: Plan, run: Run, pool: Pool, validation: Pool, registry: Path) -> Path:
    """Write <registry>/ink-seg/<version> as a candidate; returns the folder."""
    folder = registry / NAME / version
    folder.mkdir(parents=True, exist_ok=True)
    difference = write_onnx(run.net, folder / "model.onnx")
    if plan.start and plan.kept:
        keep(folder / "model.onnx", plan.start, plan.kept)
    about: dict[str, Any] = {
        "data": {
            "pool_sha256": pool.sha256,
            "scenes": pool.count,
            "validation_sha256": validation.sha256,
            "photographs": "none",
        },
        "git_revision": revision(*log.MADE_BY),
        "parameters": parameters(run.net),
        "parity_max_logit_difference": round(difference, 5),
    }
    write_json(folder, version, Use(), UNCALIBRATED, {**about, "release": {"state": CANDIDATE, "gates": []}})
    model = load_model(f"{NAME}@{version}", registry, threads=plan.threads)
    seen = look(model, plan, validation)
    calibration = calibrate(seen)
    about["synthetic_validation"] = by_skin(seen, calibrated(model, calibration), validation)
    gates = own_gates(difference, (folder / "model.onnx").stat().st_size)
    release = {"state": CANDIDATE, "gates": gates}
    write_json(folder, version, Use(), calibration, {**about, "release": release})
    write_card(folder)
    return folder


def by_skin(seen: list[Seen], model: Model, validation: Pool) -> dict[str, Any]:
    """Figures over all scenes, by the class of the skin's angle and by the nearest Monk sample."""
    scores = [_score(s, model.contract) for s in seen]
    return {
        "all": figures(seen, model.contract),
        "by_ita": grouped([ita_class(a) for a in validation.ita], scores),
        "by_monk": grouped([monk_band(lab) for lab in validation.lab], scores),
    }


def _score(seen: Seen, contract: Contract) -> float | None:
    if not seen.inked:
        return None
    return iou(conclude(seen.logit.astype("float32"), contract).mask > 0, seen.mask)


def own_gates(difference: float, size: int) -> list[dict[str, Any]]:
    """What a version must hold whatever it finds."""
    return [
        {
            "gate": f"ONNX logits differ from PyTorch by at most {PARITY}",
            "value": round(difference, 5),
            "passed": difference <= PARITY,
        },
        {"gate": "file of at most 8 MiB", "value": size, "passed": size <= LARGEST_BYTES},
    ]
