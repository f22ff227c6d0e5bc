"""The compiled kernel: that it is there, that every instruction set gives numpy's answers, its manners."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import BroadcastableShapes, mutually_broadcastable_shapes

from svc_color import difference, space
from svc_color.difference import Array, delta_e_2000
from svc_color.kernel import library, sources
from svc_color.space import linear_to_lab, p3_to_lab, srgb_to_lab, srgb_to_lab_single

EVERY = [*library.VARIANTS, library.NUMPY]
IN_LAB = ([0, -128, -128], [100, 128, 128])
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=EVERY)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test on each instruction set that this processor has, and on numpy."""
    monkeypatch.setattr(difference, "KERNEL", request.param)
    monkeypatch.setattr(space, "KERNEL", request.param)
    return str(request.param)


def in_numpy(lab_1: Any, lab_2: Any) -> Array:
    """CIEDE2000 in numpy, whatever is active."""
    return difference._over_pairs(lab_1, lab_2, lambda c: difference._ciede2000(c, 1.0, 1.0, 1.0))


def test_the_kernel_is_active() -> None:
    assert library.REASON == "", "make setup builds it"
    assert difference.KERNEL == space.KERNEL == library.ACTIVE == library.VARIANTS[0]


def test_without_a_library_it_is_said_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LIBRARY", tmp_path / "none.so")
    assert sources.load() == (None, "none.so is not built")
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"\x7fELF and nothing else")
    monkeypatch.setattr(sources, "LIBRARY", broken)
    assert "broken.so does not load" in sources.load()[1]


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "digest", lambda: "0" * 64)
    assert sources.load()[0] is None
    assert "other sources" in sources.load()[1]


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, in the project's folder."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)


def test_numpy_takes_over_with_a_warning() -> None:
    done = run_script(
        "import pathlib, svc_color.kernel.sources as sources\n"
        "sources.LIBRARY = pathlib.Path('gone.so')\n"
        "from svc_color import difference, space\n"
        "assert difference.KERNEL == space.KERNEL == 'numpy'\n"
        "print(float(difference.delta_e_2000([50, 2.5, 0], [73, 25, -18], fast=True)))\n"
        "print(float(space.srgb_to_lab([1.0, 1.0, 1.0])[0]))\n"
    )
    assert [float(line) for line in done.stdout.split()] == pytest.approx([27.1492, 100.0], abs=1e-4)
    assert "gone.so is not built" in done.stderr


def test_a_fork_after_use_finds_everything_in_order() -> None:
    """Threads end with their call, so a child has nothing to miss."""
    done = run_script(
        "import os, numpy as np\n"
        "from svc_color.difference import delta_e_2000\n"
        "lab = np.random.default_rng(1).uniform(-90, 90, (2, 300_000, 3))\n"
        "before = delta_e_2000(*lab, threads=4)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if np.array_equal(delta_e_2000(*lab, threads=4), before) else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert done.stdout == "0\n"


def test_threads_change_nothing(kernel: str) -> None:
    lab = np.random.default_rng(2).uniform(*IN_LAB, (2, 200_003, 3))
    rgb = np.random.default_rng(2).integers(0, 256, (401, 503, 3), dtype=np.uint8)
    for fast in (False, True):
        alone = delta_e_2000(*lab, fast=fast, threads=1)
        assert np.array_equal(delta_e_2000(*lab, fast=fast, threads=3), alone)
        assert np.array_equal(delta_e_2000(*lab, fast=fast), alone)
    assert np.array_equal(srgb_to_lab(rgb, threads=3), srgb_to_lab(rgb, threads=1))


def test_instruction_sets_that_fuse_agree_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are fused with sums where the source says so, not where a compiler likes to; SSE2 cannot."""
    lab = np.random.default_rng(10).uniform(*IN_LAB, (2, 50_000, 3))
    rgb = np.random.default_rng(10).random((50_000, 3))
    first = [delta_e_2000(*lab), delta_e_2000(*lab, fast=True), srgb_to_lab(rgb)]
    for name in set(library.VARIANTS) - {"sse2"}:
        monkeypatch.setattr(difference, "KERNEL", name)
        monkeypatch.setattr(space, "KERNEL", name)
        again = [delta_e_2000(*lab), delta_e_2000(*lab, fast=True), srgb_to_lab(rgb)]
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_many_callers_at_once(kernel: str) -> None:
    """As in a service: calls from several threads, each with threads of its own."""
    lab = np.random.default_rng(3).uniform(*IN_LAB, (8, 2, 70_000, 3))
    expected = [delta_e_2000(*pair, threads=1) for pair in lab]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: delta_e_2000(*pair, threads=2), lab))
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_no_more_threads_than_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5})
    assert library.default_threads() == 1
    assert library._threads(None, 10_000_000) == 1
    assert library._threads(8, 1000) == 1, "a small job is not worth a thread"
    assert library._threads(8, 10_000_000) == 8


WHERE = [
    pytest.param(scale, turn, jitter, id=f"{name}-{jitter:g}")
    for name, scale, turn in (
        ("anywhere", 1.0, None),
        ("equal", 1.0, (1.0, 1.0)),
        ("opposite", 1.0, (-1.0, -1.0)),
        ("mirrored", 1.0, (1.0, -1.0)),
        ("greys", 1e-6, (-1.0, -1.0)),
        ("nearly black", 1e-200, (-1.0, -1.0)),
    )
    for jitter in (0.0, 1e-15, 1e-9, 1e-4)
]


@pytest.mark.parametrize(("scale", "turn", "jitter"), WHERE)
def test_agrees_with_numpy_at_every_jump(
    kernel: str, scale: float, turn: tuple[float, float] | None, jitter: float
) -> None:
    """float64 to 1e-10 and float32 to 1e-4, also where CIEDE2000 is not continuous; exactly symmetric."""
    rng = np.random.default_rng(4)
    lab_1 = rng.uniform(*IN_LAB, (20_000, 3))
    lab_1[:2000] = lab_1[:2000].round()
    lab_2 = rng.uniform(*IN_LAB, lab_1.shape) if turn is None else lab_1 * [1.0, *turn]
    lab_1[:, 1:] *= scale
    lab_2[:, 1:] *= scale * (1 + jitter * rng.normal(size=(len(lab_1), 2)))
    expected = in_numpy(lab_1, lab_2)
    assert np.abs(delta_e_2000(lab_1, lab_2) - expected).max() < 1e-10
    assert np.abs(delta_e_2000(lab_1, lab_2, fast=True) - expected).max() < 1e-4
    for fast in (False, True):
        there, back = delta_e_2000(lab_1, lab_2, fast=fast), delta_e_2000(lab_2, lab_1, fast=fast)
        assert np.array_equal(there, back)


@pytest.mark.parametrize("size", [1.0, 109.0, 111.0, 1e3, 1e6, 1e12])
def test_any_size_of_number(kernel: str, size: float) -> None:
    rng = np.random.default_rng(5)
    lab_1, lab_2 = rng.uniform(-size, size, (2, 30_000, 3))
    expected = in_numpy(lab_1, lab_2)
    for fast in (False, True):
        off = np.abs(delta_e_2000(lab_1, lab_2, fast=fast) - expected)
        assert np.all(off <= 1e-4 + 1e-12 * expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_one_bad_colour_spoils_no_other(kernel: str, bad: float) -> None:
    rng = np.random.default_rng(6)
    lab_1, lab_2 = rng.uniform(*IN_LAB, (2, 1000, 3))
    expected = in_numpy(lab_1, lab_2)
    lab_1[::7, rng.integers(0, 3)] = bad
    spoilt = np.zeros(1000, bool)
    spoilt[::7] = True
    for fast in (False, True):
        out = delta_e_2000(lab_1, lab_2, fast=fast)
        assert np.isnan(out[spoilt]).all()
        assert np.abs(out[~spoilt] - expected[~spoilt]).max() < 1e-4


KINDS = st.sampled_from([np.float64, np.float32, np.int16, np.float16, ">f8"])
Views = Callable[[Array], Array]
VIEWS: list[Views] = [
    lambda a: a,
    lambda a: a[::-1],
    lambda a: a[..., ::-1],
    lambda a: np.asfortranarray(a),
    lambda a: np.repeat(a, 2, axis=-2)[..., ::2, :] if a.ndim > 1 else a,
    lambda a: a.astype([("pad", "u1"), ("v", a.dtype)], order="C")["v"] if a.dtype.kind == "f" else a,
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=10, max_side=4),
    kinds=st.tuples(KINDS, KINDS),
    views=st.tuples(st.sampled_from(VIEWS), st.sampled_from(VIEWS)),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape_type_and_memory_layout(
    shapes: BroadcastableShapes, kinds: tuple[Any, Any], views: tuple[Views, Views], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    given_, first, second = [], *shapes.input_shapes
    for shape, kind, view in zip((first, second), kinds, views, strict=True):
        given_.append(view(rng.uniform(-100, 100, (*shape, 3)).astype(kind)))
    expected = in_numpy(*given_)
    for fast in (False, True):
        found = delta_e_2000(*given_, fast=fast)
        assert found.shape == shapes.result_shape
        assert found.dtype == np.float64
        assert found == pytest.approx(expected, abs=1e-4 if fast else 1e-10)


def test_an_answer_goes_where_it_is_wanted(kernel: str) -> None:
    lab_1, lab_2 = np.random.default_rng(7).uniform(*IN_LAB, (2, 5, 7, 3))
    out = np.full((5, 7), -1.0)
    assert delta_e_2000(lab_1, lab_2, out=out) is out
    assert out == pytest.approx(in_numpy(lab_1, lab_2), abs=1e-10)
    lab = np.empty((5, 7, 3))
    assert linear_to_lab(np.abs(lab_1) / 128, out=lab) is lab
    single = np.empty((5, 7, 3), np.float32)
    assert srgb_to_lab_single(np.abs(lab_1) / 128, out=single) is single
    assert np.all(np.isfinite(single))


READ_ONLY = np.zeros(4)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "out", [np.zeros(3), np.zeros(4, np.float32), np.zeros(8)[::2], READ_ONLY, np.zeros(4, ">f8"), [0.0] * 4]
)
def test_what_cannot_take_the_answer_is_refused(kernel: str, out: Any) -> None:
    with pytest.raises(ValueError, match="out must be a writeable C-contiguous float64 array of shape"):
        delta_e_2000(np.zeros((4, 3)), np.ones(3), out=out)


def test_an_input_is_not_overwritten(kernel: str) -> None:
    memory = np.ones((4, 3))
    with pytest.raises(ValueError, match="overlaps"):
        delta_e_2000(memory, np.ones(3), out=memory.reshape(-1)[:4])
    with pytest.raises(ValueError, match="overlaps"):
        linear_to_lab(memory, out=memory)


def test_less_than_one_thread_is_refused(kernel: str) -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        delta_e_2000(np.zeros((4, 3)), np.ones(3), threads=0)
    with pytest.raises(ValueError, match="threads is -1"):
        srgb_to_lab(np.zeros((4, 3)), threads=-1)


@pytest.mark.parametrize("illuminant", sorted(space.CHROMATICITY))
def test_conversions_agree_with_numpy(illuminant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    bytes_, floats = rng.integers(0, 256, (301, 97, 3), dtype=np.uint8), rng.random((30_000, 3))
    floats[:100] *= 1e-3
    light = rng.normal(0, 1, (30_000, 3)) * 10.0 ** rng.integers(-9, 9, (30_000, 1))
    found: dict[str, list[Array]] = {}
    for name in EVERY:
        monkeypatch.setattr(space, "KERNEL", name)
        found[name] = [
            srgb_to_lab(bytes_, illuminant=illuminant),
            srgb_to_lab(floats, illuminant=illuminant),
            srgb_to_lab(floats.astype(np.float32), illuminant=illuminant),
            p3_to_lab(floats[::-1], illuminant=illuminant),
            linear_to_lab(light, illuminant=illuminant),
        ]
    for name in library.VARIANTS:
        for ours, theirs in zip(found[name], found[library.NUMPY], strict=True):
            assert np.all(
                np.abs(ours - theirs) <= 1e-11 * np.maximum(1.0, np.abs(theirs).max(axis=-1, keepdims=True))
            )


def test_single_precision_stays_near(kernel: str) -> None:
    rng = np.random.default_rng(9)
    rgb = rng.integers(0, 256, (400, 500, 3), dtype=np.uint8)
    single = srgb_to_lab_single(rgb)
    assert single.dtype == np.float32
    assert np.abs(single - srgb_to_lab(rgb)).max() < 3e-4
    assert np.abs(srgb_to_lab_single(rgb / 255.0) - srgb_to_lab(rgb)).max() < 3e-4


@pytest.mark.parametrize("bad", [1.1, -0.1, 128.0])
def test_one_value_out_of_range_is_found(kernel: str, bad: float) -> None:
    rgb = np.full((70_000, 3), 0.5)
    rgb[69_999, 2] = bad
    with pytest.raises(ValueError, match=r"0\.\.1"):
        srgb_to_lab(rgb)
    rgb[69_999, 2] = np.nan
    rgb[5, 0] = np.inf
    lab = srgb_to_lab(rgb)
    assert np.isnan(lab[[5, 69_999]]).any(axis=1).all()
    assert np.isfinite(np.delete(lab, [5, 69_999], axis=0)).all()


SPANS = {
    "ATAN": (np.linspace(1e-9, 1, 20_001), lambda s: np.arctan(np.sqrt(s)) / np.sqrt(s)),
    "SIN": (np.linspace(1e-9, (np.pi / 3) ** 2, 20_001), lambda s: np.sin(np.sqrt(s)) / np.sqrt(s)),
    "EXP": (np.linspace(-np.log(2) / 2, np.log(2) / 2, 20_001), np.exp),
}


@pytest.mark.parametrize(("kind", "most"), [("FLOAT", 1.1e-7), ("DOUBLE", 1e-15)])
@pytest.mark.parametrize("name", sorted(SPANS))
def test_polynomials_are_as_near_as_the_document_says(name: str, kind: str, most: float) -> None:
    source = (sources.SOURCES / "rows.c").read_text(encoding="utf-8")
    found = re.search(rf"static const \w+ {name}_{kind}\[\d+\] = \{{([^}}]*)\}}", source)
    assert found
    terms = [float(term.strip().rstrip("f")) for term in found[1].split(",")]
    where, function = SPANS[name]
    assert np.abs(np.polynomial.polynomial.polyval(where, terms) / function(where) - 1).max() < most
