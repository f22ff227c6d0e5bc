"""Arithmetic of cost and scaling, by hand; the kept assumptions and measurements can be read."""

from __future__ import annotations

import math

import pytest

from bench import cost, scaling
from bench.cost import Demand, Node, Stage

NODE = Node("four", 4, 8, "", 0.36, "made up")
DEMAND = Demand(
    kind="tattoo",
    jobs=1,
    stages=[Stage("segment", 0.5, 0.6, 0.1, [0.4, 0.6]), Stage("report", 0.3, 0.4, 0.0, [0.3])],
    servers_cpu_s={"gateway": 0.2},
    puts=4,
    gets=10,
    put_bytes=1e6,
    get_bytes=2e6,
    fact_bytes=50_000,
    stored_bytes=2e6,
    out_bytes=1e5,
)


def test_processor_time_costs_its_share_of_the_node() -> None:
    # 1,200 core seconds on 4 cores at 50 %: 600 s of the node.
    assert cost.compute_usd(DEMAND, NODE, 0.5) == pytest.approx(600 / 3600 * 0.36)
    assert cost.gpu_usd(DEMAND, NODE, 0.5) == pytest.approx(200 / 3600 * 0.36)


def test_objects_cost_what_is_kept_asked_and_fetched() -> None:
    assumed = cost.prices()
    found = cost.storage_usd(DEMAND, assumed)
    rates = assumed.storage
    assert found["kept"] == pytest.approx(2 * rates.usd_per_gb_month * assumed.retention_months)
    assert found["requests"] == pytest.approx(4 * rates.usd_per_1000_puts + 10 * rates.usd_per_1000_gets)
    assert found["fetched"] == pytest.approx(0.1 * rates.usd_per_gb_out)


def test_every_price_says_where_it_is_from() -> None:
    assumed = cost.prices()
    assert assumed.as_of
    assert all(node.source and node.usd_per_hour > 0 for node in assumed.nodes)
    assert assumed.storage.source


def test_what_is_not_measured_is_not_priced() -> None:
    on_a_cpu = Demand(**vars(DEMAND) | {"stages": [Stage("segment", 0.5, 0.6, 0.0, [0.5])]})
    page = cost.page(cost.Costs([on_a_cpu], 2, 1.0, "2026-11-22"), cost.prices())
    assert "not measured" in page
    assert f"{cost.compute_usd(on_a_cpu, cost.prices().nodes[0], 0.6):.3f}" in page


def test_a_rate_needs_its_work_over_what_replicas_do() -> None:
    found = scaling.need(DEMAND, 1000.0)
    parts = {part.name: part for part in found.parts}
    assert parts["segment"].cores == pytest.approx(600)
    assert parts["segment"].pods == math.ceil(600 / scaling.BUSY / scaling.POD_CORES)
    assert (found.cells, found.facts_per_s, found.object_bytes_per_s) == (1, 6000, 3e9)
    assert scaling.need(DEMAND, 100_000.0).cells == 100
    assert scaling.servers([0.4, 0.6], 1000.0) == math.ceil(500 / scaling.BUSY)


def test_a_cell_as_planned_is_in_time_and_an_overloaded_one_is_not() -> None:
    planned, _, busier = scaling.outlooks(DEMAND, 50.0)
    assert planned.in_time == 1.0
    assert planned.p50_s < busier.p99_s
    _, _, away = (scaling._outlook("x", DEMAND, 50.0, share, 50.0) for share in (1.0, 0.9, 0.5))
    assert away.in_time < 0.9


def test_the_page_holds_what_the_kept_measurement_leads_to() -> None:
    page = scaling.PAGE.read_text(encoding="utf-8")
    made = page.partition(scaling.BEGIN)[2].partition(scaling.END)[0]
    assert scaling.BEGIN + made + scaling.END == scaling.tables(cost.kept())
    assert cost.page(cost.kept(), cost.prices()) == cost.PAGE.read_text(encoding="utf-8")
