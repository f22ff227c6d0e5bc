"""`assay analyze --compare-with`: an earlier visit from a folder, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.json_format import MessageToJson

from cli.analyze import locally
from cli.local import OUTSIDE, baseline_of
from cli.problems import CommandError

PHOTO = Path(__file__).resolve().parents[2] / "models" / "sample" / "tattoo.jpg"


def kept(folder: Path, document: Analysis) -> Path:
    """A folder with the report.json of an analysis."""
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(MessageToJson(document, preserving_proto_field_name=True))
    return folder


def tattoo() -> Analysis:
    document = Analysis()
    document.job.job_id, document.job.kind = "earlier", "tattoo"
    document.job.created_at.GetCurrentTime()
    for owner, field in (
        (document.ingest, "working"),
        (document.segment, "mask"),
        (document.color, "clusters"),
    ):
        ref = ObjectRef(bucket="local", key=f"stage/{field}.png/x", name=f"{field}.png")
        getattr(owner, field).CopyFrom(ref)
    document.color.inks.add(id=1, ink_class="black")
    return document


def test_a_folder_of_artefacts_is_an_earlier_visit(tmp_path: Path) -> None:
    found = baseline_of(kept(tmp_path / "first", tattoo()))
    assert found.job_id == "earlier"
    assert [ink.ink_class for ink in found.color.inks] == ["black"]
    for ref, name in ((found.working, "working"), (found.mask, "mask"), (found.clusters, "clusters")):
        assert ref.bucket == OUTSIDE
        assert Path(ref.key) == tmp_path / "first" / f"{name}.png"


def test_what_is_no_earlier_visit_is_refused(tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (spoilt / "report.json").write_text("{")
    balance = Analysis()
    balance.job.kind = "balance"
    for folder in (tmp_path / "nowhere", spoilt, kept(tmp_path / "balance", balance)):
        with pytest.raises(CommandError) as caught:
            baseline_of(folder)
        assert caught.value.refused
        assert caught.value.problem["code"] == "COMPARISON_UNREADABLE"
        assert caught.value.problem["field"] == "compare_with"


def test_a_job_id_needs_servers_and_the_earlier_folder_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        locally(PHOTO, "image", {"tattoo": {"compare_with": "x"}}, tmp_path, None)
    assert caught.value.problem["code"] == "COMPARISON_NEEDS_FOLDER"
    folder = kept(tmp_path / "first", tattoo())
    with pytest.raises(CommandError) as caught:
        locally(PHOTO, "image", {"tattoo": {}}, folder, None, compare_with=str(folder))
    assert caught.value.problem["code"] == "COMPARISON_OVERWRITTEN"
