"""Batching crops of several callers: right answers to the right caller, faults to those concerned."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from svc_balance.pose.batcher import Batcher
from svc_balance.pose.landmarker import Crops, Outputs
from svc_balance.pose.networks import networks


def double(crops: Crops) -> Outputs:
    """Numbers that tell which crop they belong to."""
    value = crops.reshape(len(crops), -1)[:, :1]
    return 2 * value, value + 1, -value


def test_every_caller_gets_the_answers_to_its_own_crops() -> None:
    sizes: list[int] = []
    gate = threading.Event()

    def run(crops: Crops) -> Outputs:
        gate.wait(10)
        sizes.append(len(crops))
        return double(crops)

    batcher = Batcher(run, most=6)
    calls = [np.full((1 + number % 3, 2, 2, 3), number, np.float32) for number in range(24)]
    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(batcher, crops) for crops in calls]
        gate.set()
        for crops, answer in zip(calls, answers, strict=True):
            for got, expected in zip(answer.result(10), double(crops), strict=True):
                np.testing.assert_array_equal(got, expected)
    assert sum(sizes) == sum(len(crops) for crops in calls)
    assert max(sizes) <= 6
    assert len(sizes) < len(calls)


def test_a_call_larger_than_a_batch_goes_alone() -> None:
    points, _, _ = Batcher(double, most=2)(np.ones((5, 2, 2, 3), np.float32))
    assert points.shape == (5, 1)


def test_a_fault_reaches_its_callers_and_nobody_after() -> None:
    def run(crops: Crops) -> Outputs:
        if crops.max() > 1:
            raise RuntimeError("session failed")
        return double(crops)

    batcher = Batcher(run, most=4)
    with pytest.raises(RuntimeError, match="session failed"):
        batcher(np.full((1, 2, 2, 3), 2, np.float32))
    points, _, _ = batcher(np.ones((1, 2, 2, 3), np.float32))
    assert points.tolist() == [[2.0]]


def test_the_model_answers_a_batch_as_it_answers_each_crop() -> None:
    loaded = networks()
    crops = np.random.default_rng(0).random((3, 256, 256, 3), np.float32)
    batcher = Batcher(loaded.landmark, most=8)
    together = batcher(crops)
    direct = loaded.pose.run(crops)
    for one_by_one, batched in zip(together, direct, strict=True):
        np.testing.assert_allclose(one_by_one, batched, atol=2e-3)
