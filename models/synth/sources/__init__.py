"""The library of pictures and letters that designs draw from: fetched pinned, checked, read, attributed.

    python -m models.synth.sources [CACHE]      prepares the cache and prints the attributions

Needs npm, PyPI and fontTools the first time; after that NumPy alone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from models.synth.geometry import views
from models.synth.library import Alphabet, Library, Motif, Views
from models.synth.sources import fetch, store, svg
from models.synth.sources.table import SOURCES, Source

__all__ = ["SOURCES", "Source", "attributions", "load"]


def load(cache: Path) -> Library:
    """Everything of the table, in its order, and the views of bodies; what the cache lacks is made.

    Raises RuntimeError when npm cannot fetch a package or its content is not the pinned one, AssayError when
    the bodies cannot be fetched.
    """
    path = cache / f"library-{_recipe()}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        motifs = [m for s in SOURCES if s.kind == "icons" for m in _icons(s, cache)]
        alphabets = [_alphabet(s, cache) for s in SOURCES if s.kind == "font"]
        store.save(Library(tuple(motifs), tuple(alphabets)), path)
    held = store.read(path)
    return Library(held.motifs, held.alphabets, views.read(cache) or _baked(cache))


def _baked(cache: Path) -> Views | None:
    from models.synth.geometry import bake  # only baking needs the bodies of the synthetic people
    from models.synth.people import asset
    from models.synth.people import bake as people

    if not (asset.CACHE / asset.ASSET).exists():
        people.bake()
    bake.bake(cache)
    return views.read(cache)


def attributions() -> str:
    """The table as Markdown, for a model card: who made what, under which licence, which version."""
    rows = ["| package | version | licence | by |", "| --- | --- | --- | --- |"]
    seen = set()
    for s in SOURCES:
        if s.package not in seen:
            seen.add(s.package)
            rows.append(f"| {s.package} | {s.version} | {s.licence} | {s.attribution} |")
    return "\n".join(rows) + "\n"


def _recipe() -> str:
    """Short hash of the table and of the code that reads it."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), Path(svg.__file__).parents[1] / "outline.py"]
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


def _icons(source: Source, cache: Path) -> list[Motif]:
    pack = json.loads(fetch.member(fetch.archive(source, cache), "package/icons.json"))
    names = [
        name
        for name, icon in pack["icons"].items()
        if not icon.get("hidden") and not any(part in name for part in source.skip)
    ]
    if source.take and len(names) > source.take:
        names = [names[k] for k in np.linspace(0, len(names) - 1, source.take).round().astype(int)]
    made = []
    for name in names:
        icon = pack["icons"][name]
        width = icon.get("width", pack.get("width", 16))
        height = icon.get("height", pack.get("height", 16))
        made.append(svg.motif(icon["body"], width, height, source.package))
    return [m for m in made if m is not None]


def _alphabet(source: Source, cache: Path) -> Alphabet:
    from models.synth.sources import fonts  # only building the cache needs fontTools

    family = source.package.split("/")[1]
    weight = 700 if family == "unifrakturcook" else 400
    name = f"package/files/{family}-{source.script}-{weight}-normal.woff"
    return fonts.alphabet(fetch.member(fetch.archive(source, cache), name), source.script, source.package)
