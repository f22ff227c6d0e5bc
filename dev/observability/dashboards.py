"""Grafana dashboards from dashboards.yaml: plain JSON in Grafana's dashboard schema, one file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.observability.spec import COMPONENT, SpecError, document

SCHEMA = 39
WIDTH, HEIGHT = 24, 8
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
KINDS = ("timeseries", "stat", "table")

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """PromQL and how its series are named."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel. may_be_empty: no series is a good answer, as for alerts that ring."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    why: str = ""
    may_be_empty: bool = False


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """One page of Grafana."""

    uid: str
    title: str
    rows: tuple[Row, ...]

    def panels(self) -> list[Panel]:
        """All of them, in order."""
        return [panel for row in self.rows for panel in row.panels]


def load(folder: Path = COMPONENT) -> tuple[Dashboard, ...]:
    """The dashboards as data; raises SpecError."""
    try:
        return tuple(
            Dashboard(each["uid"], each["title"], tuple(_row(row) for row in each["rows"]))
            for each in document(folder / "dashboards.yaml")["dashboards"]
        )
    except (KeyError, TypeError) as error:
        raise SpecError(f"dashboards.yaml: missing or unknown: {error}") from error


def _row(raw: Json) -> Row:
    return Row(raw["title"], tuple(_panel(each) for each in raw["panels"]))


def _panel(raw: Json) -> Panel:
    made = Panel(**{**raw, "queries": tuple(Query(**each) for each in raw["queries"])})
    if made.kind not in KINDS:
        raise SpecError(f"dashboards.yaml: {made.title}: kind is one of {', '.join(KINDS)}")
    return made


def grafana(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana imports it."""
    panels: list[Json] = []
    top = 0
    for row in dashboard.rows:
        panels.append(_heading(row, len(panels) + 1, top))
        top += 1
        width = WIDTH // min(len(row.panels), 3)
        for index, panel in enumerate(row.panels):
            place = {"x": index % 3 * width, "y": top + index // 3 * HEIGHT, "w": width, "h": HEIGHT}
            panels.append(_drawn(panel, len(panels) + 1, place))
        top += -(-len(row.panels) // 3) * HEIGHT
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["assay"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }


def _heading(row: Row, number: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _drawn(panel: Panel, number: int, place: Json) -> Json:
    drawn: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.why,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
    }
    if panel.kind == "timeseries":
        drawn["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}}
    return drawn


def _target(panel: Panel, query: Query, index: int) -> Json:
    instant = panel.kind != "timeseries"
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": instant,
        "range": not instant,
        "exemplar": not instant and "_bucket" in query.expr,
        "format": "table" if panel.kind == "table" else "time_series",
    }
