"""Training examples can be made again, in any order, as the product would compute them; no PyTorch needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.synth.scene import compose
from models.train import icons
from models.train.crops import Phase, batches
from models.train.pool import SIZE, Pool
from svc_segment.features import CHANNELS

PHASE = Phase(steps=4, side=64, batch=3, window=(200.0, 512.0))


@pytest.fixture(scope="module")
def pool() -> Pool:
    made = [compose(seed, SIZE) for seed in (3, 4)]
    scenes = np.stack([np.dstack([s.rgb, s.mask, s.skin]) for s in made])
    return Pool(scenes, np.array([s.ita for s in made], np.float32), "")


def test_a_run_that_goes_on_sees_the_batches_it_would_have_seen(pool: Pool) -> None:
    whole, rest = list(batches(pool, PHASE, 0, 4)), list(batches(pool, PHASE, 2, 4))
    assert (len(whole), len(rest)) == (4, 2)
    for one, two in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
        np.testing.assert_array_equal(one.mask, two.mask)
    assert not np.array_equal(whole[0].inputs, whole[1].inputs)


def test_a_batch_has_the_shapes_and_values_of_the_product(pool: Pool) -> None:
    (batch,) = batches(pool, PHASE, 7, 8)
    assert batch.inputs.shape == (3, CHANNELS, 64, 64)
    assert batch.mask.shape == batch.skin.shape == (3, 64, 64)
    assert set(np.unique(batch.mask)) <= {0, 128, 255}
    assert np.isfinite(batch.inputs).all()
    assert np.abs(batch.inputs[:, :3]).max() <= 2


def test_another_archive_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / icons.ARCHIVE).write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="not the pinned"):
        icons.load(tmp_path)
