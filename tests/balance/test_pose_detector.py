"""The person detector: anchors, decoding and suppression against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from svc_balance.pose.detector import anchors, decode, detect, overlaps, suppress
from svc_balance.pose.networks import networks


def test_anchors_are_those_of_the_graph() -> None:
    """Counts and places by MediaPipe's rule: layers of strides 8, 16, 32, 32, 32 with two anchors a cell."""
    found = anchors()
    assert found.shape == (2254, 2)
    assert (28 * 28 * 2, 14 * 14 * 2, 7 * 7 * 6) == (1568, 392, 294)
    np.testing.assert_array_equal(found[[0, 1, 2, 56]], [[4, 4], [4, 4], [12, 4], [4, 12]])
    np.testing.assert_array_equal(found[[1568, 1570, 1959]], [[8, 8], [24, 8], [216, 216]])
    np.testing.assert_array_equal(found[[1960, 1965, 1966, 2253]], [[16, 16], [16, 16], [48, 16], [208, 208]])


def test_decoding_adds_offsets_to_the_anchor() -> None:
    boxes, logits = np.zeros((2254, 12), np.float32), np.full(2254, -9, np.float32)
    boxes[1966] = [2, -4, 20, 40, 1, 2, 3, 4, 5, 6, 7, 8]
    logits[1966], logits[3] = 2.0, -0.001
    rows, scores = decode(boxes, logits)
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(-2.0))], rtol=1e-6)
    np.testing.assert_allclose(rows, [[40, -8, 60, 32, 49, 18, 51, 20, 53, 22, 55, 24]])


def test_logits_beyond_reason_are_clipped() -> None:
    logits = np.full(2254, -3e38, np.float32)
    logits[7] = 3e38
    rows, scores = decode(np.zeros((2254, 12), np.float32), logits)
    assert scores.tolist() == [1.0]
    assert rows.shape == (1, 12)


def test_suppression_averages_by_score() -> None:
    def row(x: float) -> list[float]:
        return [x, 0, x + 10, 10, *[x] * 8]

    rows = np.array([row(0), row(2), row(100)])
    found = suppress(rows, np.array([0.6, 0.9, 0.7]))
    assert [person.score for person in found] == [0.9, 0.7]
    # 0.9 x 2 + 0.6 x 0 over 1.5; the third stands alone.
    np.testing.assert_allclose(found[0].box, [1.2, 0, 11.2, 10])
    np.testing.assert_allclose(found[1].points, np.full((4, 2), 100))
    assert suppress(rows[:0], np.zeros(0)) == []


def test_empty_boxes_overlap_nothing() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [3, 3, 3, 3], [10, 10, 0, 0.0]])
    np.testing.assert_allclose(overlaps(boxes[0], boxes), [1, 1 / 3, 0, 0])
    assert (overlaps(boxes[2], boxes) == 0).all()


@pytest.mark.parametrize("shape", [(120, 160), (300, 90), (1, 500)])
def test_nobody_is_found_in_a_plain_picture(shape: tuple[int, int]) -> None:
    assert detect(np.full((*shape, 3), 127, np.uint8), networks().detect) == []
