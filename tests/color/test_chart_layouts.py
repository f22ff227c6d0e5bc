"""Charts as data: the editions that ship against colour-science, and reference files good and bad."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import pytest

from mesh.errors import InvalidInput
from svc_color.chart.layouts import CHARTS, known, parse, read
from svc_color.difference import delta_e_2000

SCHEMA = json.loads((CHARTS / "schema.json").read_text())
OURS = {"before_2014_11": "Before", "after_2014_11": "After"}


def reference(**changes: Any) -> dict[str, Any]:
    """A custom chart of 3 x 4 patches, with fields changed; None takes one out."""
    lab = [[20 + 6 * index, 10.0 * (index % 5) - 20, 12.0 * (index % 4) - 18] for index in range(9)]
    greys = [[90, 0, 1], [50.0, 0.5, 0], [25, 0, 0]]
    document = {
        "name": "skincheck",
        "title": "A clinic's own chart",
        "rows": 3,
        "columns": 4,
        "pitch_mm": 12.5,
        "patches": [f"patch {index}" for index in range(12)],
        "editions": [{"name": "lot-7", "illuminant": "D50", "source": "our spectro", "lab": [*lab, *greys]}],
    }
    return {key: value for key, value in {**document, **changes}.items() if value is not None}


def changed(path: list[str | int], value: Any) -> dict[str, Any]:
    document: Any = copy.deepcopy(reference())
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return document


@pytest.mark.parametrize("edition", known()[0].editions, ids=lambda each: each.name)
def test_editions_are_those_of_colour_science(edition: Any, colour: ModuleType) -> None:
    theirs = colour.CCS_COLOURCHECKERS[f"ColorChecker24 - {OURS[edition.name]} November 2014"]
    xyz = colour.xyY_to_XYZ(np.array(list(theirs.data.values())))
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    adapted = colour.chromatic_adaptation(
        xyz,
        colour.xy_to_XYZ(theirs.illuminant),
        colour.xy_to_XYZ(white),
        method="Von Kries",
        transform="Bradford",
    )
    np.testing.assert_allclose(edition.lab, colour.XYZ_to_Lab(adapted, white), atol=0.02)
    names = [name.split(" (")[0].replace(" 9.5", "").replace("black 2", "black") for name in theirs.data]
    assert names == list(known()[0].patches)


def test_the_two_editions_differ_as_the_dossier_says() -> None:
    published = json.loads((CHARTS / "classic24.json").read_text())["editions"]
    before, after = (np.array(each["lab"]) for each in published)
    difference = delta_e_2000(before, after)
    assert difference.mean() == pytest.approx(0.85, abs=0.005)
    assert difference.max() == pytest.approx(1.95, abs=0.005)
    assert known()[0].patches[int(difference.argmax())] == "white"


def test_greys_are_found_lightest_first() -> None:
    layout = known()[0]
    assert [layout.patches[each] for each in layout.neutral] == [
        "white",
        "neutral 8",
        "neutral 6.5",
        "neutral 5",
        "neutral 3.5",
        "black",
    ]


def test_a_reference_file_makes_a_chart(tmp_path: Path) -> None:
    jsonschema.validate(reference(), SCHEMA)
    path = tmp_path / "skincheck.json"
    path.write_text(json.dumps(reference()))
    layout = read(path)
    assert (layout.name, layout.rows, layout.columns, layout.pitch_mm) == ("skincheck", 3, 4, 12.5)
    assert layout.neutral == (9, 10, 11)
    assert [each.name for each in known(str(tmp_path))] == ["classic24", "skincheck"]


BAD: list[tuple[str, dict[str, Any], bool]] = [
    # field, document, whether the JSON schema sees it as well
    ("name", reference(name="Skin Check"), True),
    ("name", reference(name=None), True),
    ("title", reference(title=""), True),
    ("rows", reference(rows=1), True),
    ("rows", reference(rows="3"), True),
    ("rows", reference(rows=True), True),
    ("rows", reference(rows=2, columns=5), False),
    ("columns", reference(columns=17), True),
    ("patches", reference(patches=["a"] * 12), True),
    ("patches", reference(patches=["a"]), True),
    ("patches[3]", changed(["patches", 3], ""), True),
    ("pitch_mm", reference(pitch_mm=0), True),
    ("pitch_mm", reference(pitch_mm=float("nan")), False),
    ("editions", reference(editions=[]), True),
    ("editions", reference(editions=reference()["editions"] * 2), False),
    ("editions[0].name", changed(["editions", 0, "name"], "Lot 7"), True),
    ("editions[0].source", changed(["editions", 0, "source"], ""), True),
    ("editions[0].illuminant", changed(["editions", 0, "illuminant"], "F11"), True),
    ("editions[0].lab", changed(["editions", 0, "lab"], [[50, 0, 0]]), True),
    ("editions[0].lab[2]", changed(["editions", 0, "lab", 2], [50, 0]), True),
    ("editions[0].lab[2]", changed(["editions", 0, "lab", 2], [50, 0, 151]), True),
    ("editions[0].lab[2]", changed(["editions", 0, "lab", 2], [101, 0, 0]), True),
    ("editions[0].lab[2]", changed(["editions", 0, "lab", 2], ["50", 0, 0]), True),
    ("editions[0].lab", changed(["editions", 0, "lab", 9], [90, 20, 20]), False),
    ("colour", reference(colour="red"), True),
    ("editions[0].lot", changed(["editions", 0, "lot"], "7"), True),
]


@pytest.mark.parametrize(("field", "document", "by_schema"), BAD, ids=lambda each: str(each)[:24])
def test_a_bad_reference_file_is_refused_by_field(
    field: str, document: dict[str, Any], by_schema: bool
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(document)
    assert refused.value.code == "CHART_FILE_INVALID"
    assert refused.value.field == field
    assert refused.value.fix
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(document) != by_schema


@pytest.mark.parametrize("document", [None, [], "chart", 3, {"editions": {"name": 1}}])
def test_what_is_no_reference_file_at_all_is_refused(document: object) -> None:
    with pytest.raises(InvalidInput):
        parse(document)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(b'{"name": ')
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    for path in (broken, deep, tmp_path / "absent.json"):
        with pytest.raises(InvalidInput) as refused:
            read(path)
        assert refused.value.code == "CHART_FILE_UNREADABLE"
        assert path.name in refused.value.message


def test_a_folder_without_charts_or_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds 0 reference files"):
        known(str(tmp_path))
    (tmp_path / "mine.json").write_text(json.dumps(reference(name="classic24")))
    with pytest.raises(InvalidInput) as refused:
        known(str(tmp_path) + "/")
    assert refused.value.field == "name"


def test_shipped_files_satisfy_the_schema() -> None:
    files = [path for path in CHARTS.glob("*.json") if path.name != "schema.json"]
    assert files
    for path in files:
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
