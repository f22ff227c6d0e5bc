"""The report page of `assay eval segment --report`: one HTML file, no network, no script.

It shows third-party photos: it is for the eyes of who measured, and is neither committed nor published.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from models.evaluate import boxes as boxed
from models.evaluate import negatives
from models.evaluate.against import Difference
from models.evaluate.bootstrap import Interval
from models.evaluate.charts import histogram, intervals
from models.evaluate.evaluation import Evaluation
from models.evaluate.groups import COLOUR_SHARE, ENOUGH_PHOTOS, LARGEST_GAP, Groups
from models.evaluate.pictures import Case, bare_case, boxed_case, masked_case
from svc_segment.model import Model

WORST_MASKS, WORST_BOXES, WORST_BARE = 12, 8, 8

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}
table{border-collapse:collapse;margin:.8rem 0}
th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}
.fails{color:#a02000;font-weight:600}.holds{color:#1b6b2f;font-weight:600}.note{color:#555;max-width:75ch}
figure{margin:0;max-width:345px}figcaption{font-size:.8rem;color:#555}
.case{margin:1.2rem 0}.case div{display:flex;gap:.6rem;flex-wrap:wrap}
.case img{display:block;max-height:345px}svg{max-width:100%;height:auto}
"""


@dataclass(frozen=True)
class Origin:
    """Where the figures come from."""

    date: str
    revision: str
    """Git revision of the code that measured; "unknown" outside a checkout."""
    said: Mapping[str, Any]
    """model.json of the version."""


def write(
    folder: Path,
    found: Evaluation,
    model: Model,
    data_dir: Path,
    bare_dir: Path | None,
    origin: Origin,
    differences: Sequence[Difference] = (),
    against: str = "",
) -> Path:
    """Write index.html and segment.json into `folder` (made where missing) and return the page's path.

    The worst photos are segmented again for their pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = {
        "Worst masks": _worst_masks(found, model),
        "Boxes that were missed, ink outside them": _worst_boxes(found, model, data_dir),
        "False ink on bare skin": _worst_bare(found, model, bare_dir),
    }
    document = {
        **found.as_json(),
        "date": origin.date,
        "revision": origin.revision,
        "against": against,
        "differences": [asdict(d) for d in differences],
    }
    (folder / "segment.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    page = folder / "index.html"
    page.write_text(render(found, origin, differences, against, cases), encoding="utf-8")
    return page


def render(
    found: Evaluation,
    origin: Origin,
    differences: Sequence[Difference],
    against: str,
    cases: Mapping[str, Sequence[Case]],
) -> str:
    """The page as HTML."""
    body = [
        f"<h1>Ink segmentation on real photos: {escape(found.model)}</h1>",
        f"<p class=note>Model SHA-256 {escape(found.sha256)}<br>trained at revision "
        f"{escape(str(origin.said.get('git_revision', 'unknown')))}<br>measured at revision "
        f"{escape(origin.revision)}, {escape(origin.date)}. Intervals: 95 %, percentile bootstrap over "
        "photos. The photos are third-party: this page is not for publication. What is not the subject "
        "is coarse.</p>",
        "<h2>Demands of a release</h2>",
        _gates(found),
        *_differences(differences, found.model, against),
        *_skin(found, origin),
        *_breakdown("By ink colour", _COLOUR_NOTE, {"": found.by_colour}, found.mean_iou),
        *_breakdown("By photo quality", _QUALITY_NOTE, found.by_quality, found.mean_iou),
        *_bare(found),
        *(part for title, rows in cases.items() if rows for part in _cases(title, rows)),
        "<h2>Every annotated photo</h2>",
        _photos(found),
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(found.model)} on real photos</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>"
    )


_COLOUR_NOTE = (
    f"Photos in which the annotator gave a colour at least {COLOUR_SHARE:.0%} of the ink; a photo may "
    "count for several colours, so the groups overlap and no group says how well that colour alone is found."
)
_QUALITY_NOTE = (
    "Blur by Crété's measure, median lightness of what is not clipped, noise by Immerkær's Laplacians over "
    "the calmer half of the photo; each in thirds of the photos."
)
_SKIN_NOTE = (
    f"Rule: no class with at least {ENOUGH_PHOTOS} photos more than {LARGEST_GAP} below the mean (red line). "
    "Smaller classes have their interval only, which at so few photos is too narrow. Dashed: the mean of all."
)
_ITA_NOTE = (
    "Measured: individual typology angle of the skin around the annotated ink, without a chart, so that "
    "light and white balance of the photo are in it."
)


def _gates(found: Evaluation) -> str:
    rows = [
        (
            gate.name,
            f"{gate.value:.4f}",
            _range(gate.interval, 4) if gate.interval else "",
            f"{'at least' if gate.at_least else 'at most'} {gate.bound}",
            "<span class=holds>holds</span>" if gate.holds else "<span class=fails>falls short</span>",
        )
        for gate in found.gates
    ]
    return _table(("figure", "value", "95 % interval", "demand", ""), rows)


def _differences(rows: Sequence[Difference], model: str, against: str) -> Iterable[str]:
    if not rows:
        return
    yield f"<h2>Against {escape(against)}</h2>"
    yield _table(
        ("figure", escape(model), escape(against), "difference, paired 95 % interval"),
        [
            (
                d.figure,
                f"{d.first:.4f}",
                f"{d.second:.4f}",
                f"{d.first - d.second:+.4f} {_range(d.interval, 4)}",
            )
            for d in rows
        ],
    )


def _skin(found: Evaluation, origin: Origin) -> Iterable[str]:
    yield from _breakdown(
        "By skin tone", _SKIN_NOTE, {"annotator's impression": found.by_skin}, found.mean_iou, LARGEST_GAP
    )
    yield from _breakdown("", _ITA_NOTE, {"measured class": found.by_ita}, found.mean_iou)
    absent = ", ".join(found.fairness.absent)
    if absent:
        yield (
            f"<p><b>The annotator judged no skin {escape(absent)}</b> (a dim photo may measure so). For it "
            "there are synthetic scenes only, which prove nothing about photographs:</p>"
        )
    said = origin.said.get("synthetic_validation", {})
    synthetic = said.get("by_ita", said)
    rows = [
        (escape(name), str(v["scenes"]), f"{v['mean_iou']:.3f}")
        for name, v in synthetic.items()
        if isinstance(v, dict) and {"scenes", "mean_iou"} <= set(v)
    ]
    if rows:
        yield _table(("synthetic validation (model.json)", "scenes", "mean IoU"), rows)


def _breakdown(
    title: str, note: str, parts: Mapping[str, Groups], mean: float, gap: float | None = None
) -> Iterable[str]:
    if title:
        yield f"<h2>{escape(title)}</h2>"
    yield f"<p class=note>{escape(note)}</p>"
    for name, groups in parts.items():
        if not groups:
            continue
        yield f"<h3>{escape(name)}</h3>" if name else ""
        yield intervals(groups, mean, mean - gap if gap is not None else None)
        yield _table(
            ("", "photos", "IoU", "95 %", "below the mean", "F1 within 2 px", "precision", "recall"),
            [
                (
                    escape(n),
                    str(g.photos),
                    f"{g.mean_iou:.3f}",
                    _range(g.iou_interval),
                    f"{g.below_mean:+.3f}",
                    f"{g.mean_f1_2px:.3f}",
                    f"{g.mean_precision:.3f}",
                    f"{g.mean_recall:.3f}",
                )
                for n, g in groups.items()
            ],
        )


def _bare(found: Evaluation) -> Iterable[str]:
    if found.bare_skin is None:
        return
    yield "<h2>Skin without a tattoo</h2>"
    shares = [100 * s.false_ink_share for s in found.bare_skin.scores]
    yield histogram(shares, 3.0, "false ink, % of the photo (3 and more in the last bar)", 0.5)
    yield _table(
        ("set", "photos", "mean", "95 %", "median", "95th percentile", "worst", "empty", "empty or refused"),
        [
            (
                escape(name),
                str(s.photos),
                f"{s.mean:.3%}",
                _range((100 * s.mean_interval[0], 100 * s.mean_interval[1]) if s.mean_interval else None)
                + " %",
                f"{s.median:.3%}",
                f"{s.p95:.3%}",
                f"{s.worst:.3%}",
                str(s.empty),
                str(s.refused),
            )
            for name, s in [*found.bare_skin.sets.items(), ("all", found.bare_skin.all)]
        ],
    )


def _cases(title: str, cases: Sequence[Case]) -> Iterable[str]:
    yield f"<h2>{escape(title)}</h2>"
    for case in cases:
        pictures = "".join(
            f'<figure><img alt="{escape(case.title)}: {escape(what)}" src="{uri}">'
            f"<figcaption>{escape(what)}</figcaption></figure>"
            for what, uri in case.pictures
        )
        yield (
            f'<section class="case"><h3>{escape(case.title)}</h3><p>{escape(case.figures)}</p>'
            f"<div>{pictures}</div></section>"
        )


def _photos(found: Evaluation) -> str:
    head = (
        "photo",
        "IoU",
        "F1 within 2 px",
        "precision",
        "recall",
        "skin",
        "ITA",
        "blur",
        "area interval",
    )
    return _table(
        head,
        [
            (
                escape(m.score.file),
                f"{m.score.iou:.3f}",
                f"{m.score.f1_2px:.3f}",
                f"{m.score.precision:.3f}",
                f"{m.score.recall:.3f}",
                escape(m.photo.skin),
                _number(m.conditions.ita_degrees),
                f"{m.conditions.blur:.2f}",
                "holds" if m.area_interval_holds else "misses",
            )
            for m in sorted(found.measured, key=lambda m: m.score.iou)
        ],
    )


def _worst_masks(found: Evaluation, model: Model) -> list[Case]:
    worst = sorted(found.measured, key=lambda m: m.score.iou)[:WORST_MASKS]
    return [
        masked_case(
            m.photo,
            f"IoU {m.score.iou:.3f}, F1 {m.score.f1_2px:.3f}, precision {m.score.precision:.3f}, "
            f"recall {m.score.recall:.3f}; skin {m.photo.skin}",
            model,
        )
        for m in worst
    ]


def _worst_boxes(found: Evaluation, model: Model, data_dir: Path) -> list[Case]:
    if found.boxes is None:
        return []
    photos = {p.file: p for p in boxed.find_photos(data_dir)}
    worst = sorted(
        found.boxes.scores, key=lambda s: (s.matched / max(1, s.boxes), -(s.outside_share or 0.0))
    )[:WORST_BOXES]
    return [
        boxed_case(
            photos[s.file],
            f"{s.matched} of {s.boxes} boxes matched; {s.outside_share or 0:.1%} of the ink outside; "
            f"{s.regions} regions",
            model,
        )
        for s in worst
    ]


def _worst_bare(found: Evaluation, model: Model, bare_dir: Path | None) -> list[Case]:
    if found.bare_skin is None or bare_dir is None:
        return []
    photos = {(p.set, p.file): p for p in negatives.find_photos(bare_dir)}
    worst = sorted(found.bare_skin.scores, key=lambda s: -s.false_ink_share)[:WORST_BARE]
    return [
        bare_case(
            photos[s.set, s.file],
            f"{s.false_ink_share:.2%} of the photo; {', '.join(s.flags) or 'no flag'}",
            model,
        )
        for s in worst
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _range(found: Interval | None, digits: int = 3) -> str:
    return f"{found[0]:.{digits}f} to {found[1]:.{digits}f}" if found else "one photo"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
