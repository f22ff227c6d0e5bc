"""Other formats segment like the released file, or are not written."""

from __future__ import annotations

import pytest

from models import export
from svc_segment.model import DEFAULT


def test_the_ort_file_passes_its_gate(tmp_path):
    made = export.to_ort(DEFAULT, tmp_path)
    assert made.mask_iou >= export.LEAST_IOU
    assert 0 < made.size_bytes <= 8 * 2**20


def test_a_file_below_the_gate_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "mask_iou", lambda *_: 0.98)
    with pytest.raises(export.ParityError):
        export.to_ort(DEFAULT, tmp_path)
    assert list(tmp_path.iterdir()) == []
