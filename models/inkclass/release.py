"""What a run leaves behind: the registry's folder with parameters, contract and card, and the experiment's
log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from models.inkclass import figures
from models.inkclass.evaluate import Score
from models.inkclass.samples import BASE_RATES, CLASSES, HAZARDS
from svc_color.classifier import FILE, NAME

LARGEST_ECE: Final = 0.15
HARDEST: Final = "all of these"
Scores = Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True)
class Run:
    """One run of training and everything measured in it. scores: by held-out world, then "nearest" (what came
    before), "spread", "network". strange: share named, by kind, then "nearest", "network". spreads:
    cross-entropy on the tuning world by number of prototypes. seconds: how long it took."""

    version: str
    seed: int
    sizes: Mapping[str, int]
    plan: Mapping[str, float]
    params: str
    training_sha256: str
    git_revision: str
    losses: tuple[float, ...]
    spreads: Mapping[int, float]
    prototypes: int
    temperature: float
    spread_temperature: float
    parameters: int
    scores: Scores
    strange: Mapping[str, Mapping[str, float]]
    seconds: float

    @property
    def gates(self) -> Mapping[str, bool]:
        """What is asked of a release."""
        hard = self.scores[HARDEST]
        now, before, other = hard["network"], hard["nearest"], hard["spread"]
        return {
            "likelier than prototypes with spread": now.cross_entropy < other.cross_entropy,
            "likelier and more often right than before": now.cross_entropy < before.cross_entropy
            and now.accuracy > before.accuracy,
            "no hazard raised less often than before, in any world": all(
                world["network"].recall[name] >= world["nearest"].recall[name]
                for world in self.scores.values()
                for name in HAZARDS
            ),
            "hazards raised no less often than before on any class of skin": all(
                now.by_skin[skin].hazards >= before.by_skin[skin].hazards for skin in now.by_skin
            ),
            "named classes right no less often than before": now.named_right >= before.named_right,
            f"calibration error at most {LARGEST_ECE}": max(
                world["network"].ece_as_met for world in self.scores.values()
            )
            <= LARGEST_ECE,
            "strange colours named no more often than before, over their kinds": sum(
                each["network"] - each["nearest"] for each in self.strange.values()
            )
            <= 0,
        }

    @property
    def passed(self) -> bool:
        return all(self.gates.values())

    @property
    def metrics(self) -> dict[str, object]:
        """Every figure, as plain data."""
        return {
            "scores": {
                world: {kind: asdict(each) for kind, each in scores.items()}
                for world, scores in self.scores.items()
            },
            "strange": self.strange,
            "spreads": {str(count): loss for count, loss in self.spreads.items()},
            "losses": self.losses,
        }

    @property
    def metrics_sha256(self) -> str:
        """The same for the same seed on the same machine."""
        return hashlib.sha256(json.dumps(self.metrics, sort_keys=True).encode()).hexdigest()


def write(run: Run, registry: Path, log: Path) -> None:
    """Writes registry/ink-class/<version>/ and log/ink-class-<version>.{md,json} with pictures."""
    folder = registry / NAME / run.version
    folder.mkdir(parents=True, exist_ok=True)
    log.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(run.params, encoding="utf-8")
    (folder / "model.json").write_text(json.dumps(_contract(run), indent=2) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(_card(run), encoding="utf-8")
    name = f"{NAME}-{run.version}"
    hard = run.scores[HARDEST]
    pictures = {
        "reliability": figures.reliability({kind: score.reliability for kind, score in hard.items()}),
        "confusion": figures.confusion(hard["network"].confusion),
        "loss": figures.loss(run.losses),
    }
    for what, drawn in pictures.items():
        (log / f"{name}-{what}.svg").write_text(drawn, encoding="utf-8")
    (log / f"{name}.json").write_text(json.dumps(_rounded(run.metrics)) + "\n", encoding="utf-8")
    (log / f"{name}.md").write_text(_log(run, name), encoding="utf-8")


def _contract(run: Run) -> dict[str, object]:
    scores = {
        world: {
            kind: {
                "accuracy": round(each.accuracy, 3),
                "cross_entropy": round(each.cross_entropy, 3),
                "ece_as_met": round(each.ece_as_met, 3),
                "hazard_recall": {name: round(share, 3) for name, share in each.recall.items()},
            }
            for kind, each in kinds.items()
        }
        for world, kinds in run.scores.items()
    }
    return {
        "name": NAME,
        "version": run.version,
        "sha256": hashlib.sha256(run.params.encode()).hexdigest(),
        "size_bytes": len(run.params.encode()),
        "licence": "Apache-2.0",
        "format": {"file": FILE, "reader": "svc_color/classifier.py"},
        "input": {
            "name": "lab_t",
            "layout": "N, 3 float64",
            "meaning": "ink transmission colour, CIELAB, D65",
        },
        "output": {
            "layout": "N, 16 float64",
            "meaning": "posterior over classes; or unknown",
            "classes": CLASSES,
        },
        "calibration": {
            "temperature": run.temperature,
            "base_rates": {name: round(share, 4) for name, share in BASE_RATES.items()},
            "method": "temperature on modelled samples of the tuning world; base rates by assumption",
        },
        "data": {"training_sha256": run.training_sha256, "photographs": "none", **run.sizes},
        "git_revision": run.git_revision,
        "seed": run.seed,
        "parameters": run.parameters,
        "metrics_sha256": run.metrics_sha256,
        "held_out": scores,
        "release": {"state": "released" if run.passed else "candidate", "gates": _listed(run.gates)},
    }


def _card(run: Run) -> str:
    hard = run.scores[HARDEST]
    now, before = hard["network"], hard["nearest"]
    lines = [
        f"# {NAME}@{run.version}",
        "",
        "Says which of sixteen classes of tattoo ink a skin-normalised colour is: a probability",
        "for each, or unknown.",
        "",
        "## Intended use",
        "",
        "Decision support for trained laser operators inside Assay, on the colour of one ink",
        "measured against the skin beside it (`svc_color`). The top class is shown; rules that",
        "guard against harm read the posterior.",
        "",
        "Not to be used: to settle a wavelength without a test spot; on colours that were not",
        "divided by the skin beside the ink; to tell which pigment was used (different pigments",
        "give one colour, and no camera sees the near infrared); as proof that no white,",
        "skin-coloured or brown ink is there: the person must be asked.",
        "",
        "## Data",
        "",
        f"No photograph. {run.sizes['training']:,} modelled inks in modelled skins of ITA -50 to 60",
        "degrees under modelled lights and phones (`models/inkclass`), as many of every class and",
        f"every skin. SHA-256 of the training samples {run.training_sha256}.",
        "",
        "## Method",
        "",
        f"A network of {run.parameters:,} parameters on Lab_t, and {run.prototypes * len(CLASSES)}",
        "prototypes with learned covariance that say how far a colour is from all that was taught.",
        "Exposure, white balance and skin divide out before, so the answer depends on none of",
        f"them. Weights are Apache-2.0 as the project. Temperature {run.temperature:.2f}. Base",
        "rates are assumed: black 0.35, grey 0.15, brown 0.067, the other thirteen 0.033.",
        "",
        "## Results",
        "",
        "Held-out physics: other pigments, bands, tissue, optical model, lights and cameras than",
        "trained on, all at once. Before: nearest prototype by CIEDE2000.",
        "",
        *_skin_table(before, now),
        "",
        *_hazard_table(before, now),
        "",
        "Log with every world, calibration curve and confusion:",
        f"docs/experiments/{NAME}-{run.version}.md. Real photos: docs/ink-classifier.md.",
        "",
        "## Limits",
        "",
        "- All training is modelled, dark skin included. No photo of a tattoo on dark skin was at",
        "  hand, so **no claim about dark skin rests on a measurement**; there the model itself is",
        "  least sure.",
        "- Black, dark blue, purple and brown overlap wherever ink is thin, lines are fine or",
        "  light is coloured.",
        "- White and skin-coloured ink is told from glare and shading by a few percent of lightness only.",
        "- Two inks mixed or laid over each other get one class, often with a posterior that looks sure.",
        "",
    ]
    return "\n".join(lines)


def _log(run: Run, name: str) -> str:
    lines = [
        f"# {name}",
        "",
        f"`python -m models.inkclass.train --version {run.version} --seed {run.seed}`, revision",
        f"{run.git_revision}, {run.seconds:.0f} s on one thread. Metrics SHA-256",
        f"{run.metrics_sha256}; training samples {run.training_sha256}. Parameters:",
        f"{dict(run.plan)}; samples: {dict(run.sizes)}.",
        "",
        "## Prototypes with spread",
        "",
        "Cross-entropy on the tuning world by number of prototypes a class; temperature "
        f"{run.spread_temperature:.2f}, {run.prototypes} kept.",
        "",
        "| prototypes | cross-entropy, nats |",
        "| --- | --- |",
        *(f"| {count} | {loss:.3f} |" for count, loss in run.spreads.items()),
        "",
        "## Network",
        "",
        f"{run.parameters} parameters, temperature {run.temperature:.2f}. Loss: ![loss]({name}-loss.svg)",
        "",
        "## Held-out physics",
        "",
        'Every class as often; "as met": classes weighed by the base rates.',
        "Named: top posterior at least 0.6 and not too far from what is known. Nearest is what came before.",
        "",
        *_table_head(
            *("world", "classifier", "right", "right as met", "cross-entropy", "as met", "calibration error"),
            *("named", "of named right"),
        ),
        *(
            _world_row(world, kind, each)
            for world, kinds in run.scores.items()
            for kind, each in kinds.items()
        ),
        "",
        *_verdict(run),
        "",
        "Hazard inks raised (posterior of at least 0.15), and other inks that raise them:",
        "",
        "| world | classifier | " + " | ".join(HAZARDS) + " | false: " + " | ".join(HAZARDS) + " |",
        "| --- | --- |" + " --- |" * 2 * len(HAZARDS),
        *(
            _raised_row(world, kind, each)
            for world, kinds in run.scores.items()
            for kind, each in kinds.items()
        ),
        "",
        f"## By skin, {HARDEST}",
        "",
        *_skin_table(run.scores[HARDEST]["nearest"], run.scores[HARDEST]["network"]),
        "",
        "## What is no single ink",
        "",
        "Share that gets a class all the same:",
        "",
        "| what | nearest | network |",
        "| --- | --- | --- |",
        *(
            f"| {kind} | {each['nearest']:.3f} | {each['network']:.3f} |"
            for kind, each in run.strange.items()
        ),
        "",
        f"## Calibration and confusion, {HARDEST}",
        "",
        f"![reliability]({name}-reliability.svg)",
        "",
        f"![confusion]({name}-confusion.svg)",
        "",
        "## Gates",
        "",
        *(f"- {gate}: {'holds' if held else '**fails**'}" for gate, held in run.gates.items()),
        "",
    ]
    return "\n".join(lines)


def _verdict(run: Run) -> Sequence[str]:
    hard = run.scores[HARDEST]
    now, other, before = hard["network"], hard["spread"], hard["nearest"]
    return [
        f"On {HARDEST} the network is right {100 * (now.accuracy - other.accuracy):+.1f} points",
        f"against prototypes with spread ({other.cross_entropy - now.cross_entropy:+.3f} nats likelier) and",
        f"{100 * (now.accuracy - before.accuracy):+.1f} points against what came before "
        f"({before.cross_entropy - now.cross_entropy:+.3f} nats).",
    ]


def _table_head(*names: str) -> Sequence[str]:
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]


def _world_row(world: str, kind: str, each: Score) -> str:
    values = (
        each.accuracy,
        each.accuracy_as_met,
        each.cross_entropy,
        each.cross_entropy_as_met,
        each.ece_as_met,
        each.named,
        each.named_right,
    )
    return f"| {world} | {kind} | " + " | ".join(f"{value:.3f}" for value in values) + " |"


def _raised_row(world: str, kind: str, each: Score) -> str:
    values = [each.recall[name] for name in HAZARDS] + [each.false_alarm[name] for name in HAZARDS]
    return f"| {world} | {kind} | " + " | ".join(f"{value:.2f}" for value in values) + " |"


def _skin_table(before: Score, now: Score) -> Sequence[str]:
    rows = [
        f"| {skin} | {own.samples} | {before.by_skin[skin].accuracy:.3f} | {own.accuracy:.3f} | "
        f"{own.named:.3f} | {own.named_right:.3f} | {before.by_skin[skin].hazards:.3f} | {own.hazards:.3f} |"
        for skin, own in now.by_skin.items()
    ]
    heads = ("skin", "samples", "right before", "right", "named", "of named right")
    return [*_table_head(*heads, "hazards raised before", "hazards raised"), *rows]


def _hazard_table(before: Score, now: Score) -> Sequence[str]:
    return [
        "| hazard | raised before | raised | other inks that raise it, before | now |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {before.recall[name]:.3f} | {now.recall[name]:.3f} | "
            f"{before.false_alarm[name]:.3f} | {now.false_alarm[name]:.3f} |"
            for name in HAZARDS
        ),
    ]


def _rounded(value: object) -> object:
    """Numbers to four decimals."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value


def _listed(gates: Mapping[str, bool]) -> list[dict[str, object]]:
    """Gates as every entry of the registry states them."""
    return [{"gate": gate, "passed": held} for gate, held in gates.items()]
