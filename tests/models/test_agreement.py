"""Agreement of repeated ratings, and the palette evaluation that uses it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.evaluate import evaluate as command
from mesh.errors import InvalidInput
from models.evaluate.agreement import agreement
from models.evaluate.color import Named, dominant, family, find_photos

FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_fleiss_example() -> None:
    """The table that Fleiss's kappa is usually shown with: 10 subjects, 14 raters, kappa 0.210."""
    ratings = {
        str(row): [str(category) for category, count in enumerate(counts) for _ in range(count)]
        for row, counts in enumerate(FLEISS)
    }
    found = agreement(ratings, [str(category) for category in range(5)])
    assert found.observed == pytest.approx(0.378, abs=5e-4)
    assert found.chance == pytest.approx(0.213, abs=5e-4)
    assert found.kappa == pytest.approx(0.210, abs=5e-4)
    assert np.mean(list(found.by_subject.values())) == pytest.approx(found.kappa)
    assert found.kappa_interval is not None
    assert found.kappa_interval[0] < 0.210 < found.kappa_interval[1]


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(st.text(max_size=3), st.lists(st.sampled_from("abc"), min_size=2), min_size=1, max_size=8)
)
def test_bounds(ratings: dict[str, list[str]]) -> None:
    found = agreement(ratings, ["a", "b", "c"])
    assert 0 <= found.observed <= 1
    assert found.kappa is None or found.kappa <= 1 + 1e-9
    assert sum(found.shares.values()) == pytest.approx(1)


def test_every_subject_counts_once_whatever_its_number_of_ratings() -> None:
    few = agreement({"x": ["a", "a"], "y": ["b", "a"]}, ["a", "b"])
    many = agreement({"x": ["a"] * 20, "y": ["b", "a"]}, ["a", "b"])
    assert many.observed == few.observed == 0.5
    assert many.kappa == pytest.approx(few.kappa)


def test_one_rating_says_nothing_and_one_category_leaves_kappa_open() -> None:
    with pytest.raises(ValueError, match="two ratings"):
        agreement({"x": ["a"]}, ["a", "b"])
    with pytest.raises(ValueError, match="category"):
        agreement({"x": ["a", "c"]}, ["a", "b"])
    same = agreement({"x": ["a", "a"], "y": ["a", "a"]}, ["a", "b"])
    assert (same.observed, same.kappa, same.ac1, same.free) == (1, None, 1, 1)


def named(**areas: float) -> list[Named]:
    families = {"grey": "black", "pink": "red"}
    return [
        Named(name, families.get(name, name), area, {} if name == "unknown" else {name: 0.8, "red": 0.2})
        for name, area in areas.items()
    ]


def test_dominant_ink_by_question() -> None:
    assert dominant(named(unknown=0.3, black=0.25, grey=0.1, pink=0.2, blue=0.15)) == {
        "class": "unknown", "class, black and grey": "black", "class, colours": "pink",
        "class by posterior": "unknown",
        "family": "black", "family, colours": "red", "family by posterior": "red",
    }  # fmt: skip
    assert dominant([*named(green=0.3), *named(blue=0.2), *named(blue=0.2)])["class"] == "blue"
    assert dominant(named(black=0.35, red=0.25, pink=0.3))["family"] == "red"
    assert set(dominant([]).values()) == {"none"}


def test_family_as_the_decision_has_it() -> None:
    assert family({"pink": 0.45, "red": 0.45, "black": 0.1}, "unknown") == "red"
    assert family({"black": 0.5, "red": 0.5}, "unknown") == "unknown"
    assert family({"black": 0.9, "red": 0.1}, "black") == "black"
    assert family({"red": 0.9, "black": 0.1}, "unknown") == "unknown"
    assert family({}, "unknown") == "unknown"


def test_photos_are_grouped_by_folder_and_number(tmp_path: Path) -> None:
    for name in ("a/1_1.jpg", "a/1_2.JPG", "b/1_1.png", "b/7_1.jpg", "a/1_2_b1.jpg", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_photos(tmp_path)
    assert {tattoo: [path.name for path in paths] for tattoo, paths in found.items()} == {
        "a/1": ["1_1.jpg", "1_2.JPG"]
    }
    with pytest.raises(InvalidInput, match="EVAL_DATA"):
        find_photos(tmp_path / "b")


def test_the_command_measures_photos_of_one_tattoo(tmp_path: Path) -> None:
    """The sample photo twice, once darker: the same inks both times."""
    sample = cv2.imread(str(Path(__file__).parents[2] / "models" / "sample" / "tattoo.jpg"))
    assert sample is not None
    small = cv2.resize(sample, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "5_1.png"), small)
    cv2.imwrite(str(tmp_path / "5_2.png"), (small * 0.9).astype(np.uint8))
    done = CliRunner().invoke(command, ["color", "--data", str(tmp_path), "--only", "palette", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)["palette"]
    assert said["classifier"].startswith("ink-class@")
    assert said["agreement"]["class"]["observed"] == 1
    assert said["agreement"]["class"]["kappa"] is None
    assert len(said["photos"]) == 2
    plain = CliRunner().invoke(command, ["color", "--data", str(tmp_path), "--only", "palette"])
    assert "kappa not defined" in plain.stdout
