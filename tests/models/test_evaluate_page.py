"""`assay eval segment` on a folder made here: the document, the page, the comparison of two versions."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli.evaluate_segment import segment
from mesh.errors import NotFound
from models.evaluate.pictures import coarse_outside
from models.synth.scene import compose

MODEL = "ink-seg@1.0.0"
_VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Checks that every element is closed in order; keeps text, tags and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tattoo/ with three masked photos and one with boxes, skin/ beside it with two photos without ink."""
    home = tmp_path_factory.mktemp("eval")
    tattoo, masks = home / "tattoo", home / "tattoo" / "ink_masks" / "masks"
    for name in ("ink_masks/masks", "set_a/images", "set_a/bounding_boxes"):
        (tattoo / name).mkdir(parents=True)
    (home / "skin" / "hands11k").mkdir(parents=True)
    with (tattoo / "ink_masks" / "annotations.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["file", "dataset", "skin", "colours", "mask"])
        for seed in (3, 5, 7):
            scene = compose(seed, 192)
            cv2.imwrite(str(tattoo / "set_a" / "images" / f"{seed}_1.png"), scene.rgb[..., ::-1])
            cv2.imwrite(str(masks / f"{seed}.png"), scene.mask)
            table.writerow([f"{seed}_1.png", "set_a", "tan", '{"black": 1.0}', f"masks/{seed}.png"])
    scene = compose(9, 192)
    cv2.imwrite(str(tattoo / "set_a" / "images" / "9_1.png"), scene.rgb[..., ::-1])
    (tattoo / "set_a" / "bounding_boxes" / "9_1.txt").write_text("20 20 150 150\n")
    for k, level in enumerate((150, 200)):
        flat = np.full((160, 160, 3), (level - 40, level - 20, level), np.uint8)
        cv2.imwrite(str(home / "skin" / "hands11k" / f"{k}.png"), flat)
    return tattoo


def run(*arguments: str) -> Result:
    return CliRunner().invoke(segment, [*arguments])


def test_the_page_needs_no_network_and_no_script(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    options = ["--data", str(folder), "--model", MODEL, "--against", MODEL, "--report", str(out), "--json"]
    done = run(*options)
    assert done.exit_code == 0, done.output
    page = (out / "index.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.tags
    assert reader.tags.count("svg") >= 4
    assert reader.tags.count("img") == 3 * 3 + 2 + 2 * 2  # masks, boxes, bare skin
    assert all(address.startswith("data:image/jpeg;base64,") for address in reader.addresses)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    text = " ".join(reader.words)
    document = json.loads((out / "segment.json").read_text(encoding="utf-8"))
    assert document["sha256"] in text
    assert document["revision"] in text
    assert f"{document['mean_iou']:.4f}" in text
    assert document["boxes"]["boxes"] == 1
    assert document["bare_skin"]["all"]["photos"] == 2
    printed = json.loads(done.stdout)
    assert printed["mean_iou"] == document["mean_iou"]
    assert {d["first"] - d["second"] for d in document["differences"]} == {0.0}
    assert all(d["interval"] in (None, [0.0, 0.0]) for d in document["differences"])


def test_people_get_every_demand_with_its_answer(folder: Path) -> None:
    done = run("--data", str(folder), "--model", MODEL)
    assert done.exit_code == 0
    for demand in ("mean IoU", "drawn boxes matched", "ink outside all boxes", "false ink on bare skin"):
        assert re.search(rf"{demand}: \d\.\d{{4}}.* asked .*: (holds|FALLS SHORT)", done.stdout), demand
    assert "no photo of very light, light, intermediate, brown, dark skin" in done.stdout


def test_a_model_that_is_not_there_is_named(folder: Path) -> None:
    done = run("--data", str(folder), "--model", "ink-seg@9.9.9")
    assert isinstance(done.exception, NotFound)
    assert "ink-seg@9.9.9" in done.exception.message


def test_what_is_not_the_subject_is_made_coarse() -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (360, 240, 3), dtype=np.uint8)
    keep = np.zeros((360, 240), bool)
    keep[100:200, 50:150] = True
    shown = coarse_outside(rgb, keep)
    np.testing.assert_array_equal(shown[keep], rgb[keep])
    assert len(np.unique(shown[~keep], axis=0)) <= 36 * 24
