"""Every query of every dashboard, run against a real Prometheus that holds a recorded run of the stack."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator

import pytest

from dev.observability import dashboards, spec
from dev.observability.dashboards import Panel, Query
from mesh import signals
from tests.operate import prometheus, record

DASHBOARDS = dashboards.load()
PANELS = [
    pytest.param(panel, query, id=f"{each.uid}: {panel.title} {index}")
    for each in DASHBOARDS
    for panel in each.panels()
    for index, query in enumerate(panel.queries)
]
SUFFIX = re.compile(r"_(bucket|count|sum)$")

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prometheus.Prometheus]:
    with prometheus.running(tmp_path_factory.mktemp("prometheus")) as started:
        yield started


def drawn(server: prometheus.Prometheus, expr: str) -> list[prometheus.Json]:
    """What Grafana would draw for the time that was recorded, and for now, when rules were evaluated."""
    length = int(server.end - server.begin)
    filled = expr.replace("$__rate_interval", "1m").replace("$__range", f"{length}s")
    now = [{**each, "values": [each["value"]]} for each in server.query(filled, time.time())]
    return server.query_range(filled) + now


def asked(server: prometheus.Prometheus, expr: str) -> list[float]:
    """Every finite value of them."""
    values = [float(value) for series in drawn(server, expr) for _, value in series["values"]]
    return [value for value in values if math.isfinite(value)]


@pytest.mark.parametrize(("panel", "query"), PANELS)
def test_a_panel_shows_something_of_the_recorded_run(
    server: prometheus.Prometheus, panel: Panel, query: Query
) -> None:
    values = asked(server, query.expr)
    assert values or panel.may_be_empty, f"nothing for {query.expr}"
    if panel.unit == "percentunit":
        assert all(value <= 1.001 for value in values), f"more than everything: {max(values)}"


def test_a_query_of_a_name_that_nobody_has_is_found(server: prometheus.Prometheus) -> None:
    assert asked(server, "sum(rate(assay_jobs_ended_total[$__rate_interval]))") == []
    with pytest.raises(ValueError, match="parse error"):
        asked(server, "sum(rate(assay_jobs_finished_total[$__rate_interval])")


def test_every_rule_is_evaluated_without_error(server: prometheus.Prometheus) -> None:
    rules = server.rules()
    assert len(rules) > 100
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}


@pytest.mark.parametrize("slo", spec.load().objectives, ids=lambda each: each.name)
def test_an_objective_has_events_in_the_recorded_run(
    server: prometheus.Prometheus, slo: spec.Objective
) -> None:
    recorded = server.query(f'slo:events:rate{{slo="{slo.name}"}}', time.time())
    assert recorded, slo.events
    assert float(recorded[0]["value"][1]) > 0
    errors = server.query(f'slo:errors:rate{{slo="{slo.name}"}}', time.time())
    assert float(errors[0]["value"][1]) >= 0


def test_legends_name_labels_that_the_series_have(server: prometheus.Prometheus) -> None:
    for each in DASHBOARDS:
        for panel in each.panels():
            for query in panel.queries:
                named = set(re.findall(r"{{(\w+)}}", query.legend))
                for series in drawn(server, query.expr)[-3:]:
                    assert named <= set(series["metric"]), f"{each.uid}: {panel.title}: {query.legend}"


def test_rules_and_dashboards_ask_only_for_metrics_of_the_contract() -> None:
    known = {metric.name for metric in signals.METRICS}
    histograms = {metric.name for metric in signals.METRICS if metric.kind == "histogram"}
    for name in record.wanted():
        if name.startswith("assay_"):
            base = SUFFIX.sub("", name)
            assert name in known or base in histograms, name


def test_grafanas_files_hold_every_panel_once() -> None:
    for each in DASHBOARDS:
        made = json.loads((spec.COMPONENT / "dashboards" / f"{each.uid}.json").read_text())
        drawn = [panel for panel in made["panels"] if panel["type"] != "row"]
        assert [panel["title"] for panel in drawn] == [panel.title for panel in each.panels()]
        assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
        for panel in made["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= dashboards.WIDTH
