"""The signal matrix as data: names, labels, and the page that is made from it."""

from __future__ import annotations

import pytest

from mesh import signal_page, signals
from mesh.signal_events import LINES, SPANS

from .conftest import repo

PERSONAL = ("tenant", "job", "subject", "user", "caller", "email", "person")


def test_the_page_is_made_from_the_table():
    assert repo("docs", "signals.md").read_text() == signal_page.page()


@pytest.mark.parametrize("metric", signals.METRICS, ids=lambda metric: metric.name)
def test_names_and_labels_follow_the_rules(metric: signals.Metric):
    assert metric.name.startswith("assay_")
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.meaning.endswith(".")
    assert not [label for label in metric.labels if any(word in label for word in PERSONAL)]
    assert metric.always or metric.when
    if metric.kind == "histogram":
        assert list(metric.buckets) == sorted(set(metric.buckets))
    if metric.name.endswith("_seconds") and metric.kind == "histogram":
        assert metric.processes


def test_every_name_is_there_once():
    names = [metric.name for metric in signals.METRICS]
    assert len(names) == len(set(names))
    assert len({span.name for span in SPANS}) == len(SPANS)
    assert len({line.event for line in LINES}) == len(LINES)


def test_a_metric_of_another_kind_is_not_made():
    with pytest.raises(KeyError, match="is a histogram"):
        signals.counter("assay_stage_queue_seconds")
    with pytest.raises(KeyError):
        signals.gauge("assay_nothing_known")


def test_a_name_with_variable_parts_matches_whole_names():
    span = next(each for each in SPANS if each.name == "process {fact}")
    assert span.matches("process requested")
    assert not span.matches("process ")
    assert not span.matches("processed requested")
