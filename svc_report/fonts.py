"""The report's own fonts, and which text they can show.

The fonts come from pinned packages (SIL Open Font License), never from the machine, so the same analysis
gives the same bytes everywhere. PDF/UA-1 forbids a glyph that is missing, so text is checked against the
fonts' character maps before it is set.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import fontpkg
import typst
from fontTools.ttLib import TTFont

FAMILIES = ("IBM Plex Sans", "Noto Sans", "Noto Sans Arabic")
"""Families in the order in which the typesetter looks for a glyph; the template names the same ones."""

_PACKAGES = {
    "IBM Plex Sans": "fontpkg-ibm-plex-sans",
    "Noto Sans": "fontpkg-noto-sans",
    "Noto Sans Arabic": "fontpkg-noto-sans-arabic",
}
_JOINERS = "\u200c\u200d"
_NO_BREAK_SPACE = "\u00a0"


@dataclass(frozen=True)
class FontFile:
    """One font file: its family, its package's version and the SHA-256 of its bytes, lower-case hex."""

    family: str
    version: str
    sha256: str
    path: Path


@cache
def files() -> tuple[FontFile, ...]:
    """The upright cut of every family, in the order of FAMILIES. Weights are axes of the one file."""
    found = []
    for family in FAMILIES:
        path = fontpkg.path(family)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        version = importlib.metadata.version(_PACKAGES[family])
        found.append(FontFile(family, version, digest, path))
    return tuple(found)


@cache
def book() -> typst.Fonts:
    """The typesetter's font book: our files only, neither the machine's fonts nor Typst's own."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(file.path.parent) for file in files()],
    )


@cache
def _coverage() -> tuple[frozenset[int], ...]:
    """Code points that each file has a glyph for."""
    maps = []
    for file in files():
        with TTFont(file.path, lazy=True) as font:
            maps.append(frozenset(font.getBestCmap()))
    return tuple(maps)


def displayable(text: str) -> str:
    """The text with everything that cannot be shown spelt out as [U+XXXX].

    White space becomes a plain space, a no-break space stays. Controls, bidirectional overrides, private
    characters and scripts that no font of ours covers are spelt out, so that nothing is dropped, disguised
    or left as an empty box.
    """
    if text.isascii() and text.isprintable():  # nearly all of a report, and the first font has it all
        return text
    return "".join(
        cluster if _covered(cluster) else "".join(f"[U+{ord(char):04X}]" for char in cluster)
        for cluster in _clusters(unicodedata.normalize("NFC", text))
    )


def _clusters(text: str) -> Iterator[str]:
    """Base characters with the marks and joiners that follow them; white space as single spaces."""
    cluster = ""
    for char in text:
        if char.isspace() and char != _NO_BREAK_SPACE:
            if cluster:
                yield cluster
            cluster = " "
        elif cluster and cluster != " " and (unicodedata.category(char)[0] == "M" or char in _JOINERS):
            cluster += char
        else:
            if cluster:
                yield cluster
            cluster = char
    if cluster:
        yield cluster


@lru_cache(4096)
def _covered(cluster: str) -> bool:
    if unicodedata.category(cluster[0])[0] == "M":
        return False
    if any(unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn") for char in cluster.strip(_JOINERS)):
        return False
    needed = {ord(char) for char in cluster if char not in _JOINERS}
    # One font must hold the whole cluster: marks are not borrowed across fonts.
    return bool(needed) and any(needed <= covered for covered in _coverage())
