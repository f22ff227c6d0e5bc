"""The generated files of the observability component and their content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from dev.observability import dashboards, rules, spec, tables

NOTICE = "# Generated from slos.yaml and alerts.yaml by `python -m dev.observability --write`; edit those.\n"
LINE = 110


def generated(folder: Path = spec.COMPONENT) -> dict[Path, str]:
    """Content by path; raises SpecError."""
    data = spec.load(folder)
    groups = rules.groups(data)
    return {
        folder / "rules.yaml": NOTICE + _yaml({"groups": groups}),
        folder / "prometheusrule.yaml": NOTICE + _yaml(_prometheus_rule(groups)),
        tables.PAGE: tables.page(data),
        **{
            folder / "dashboards" / f"{each.uid}.json": json.dumps(dashboards.grafana(each), indent=1) + "\n"
            for each in dashboards.load(folder)
        },
    }


def _prometheus_rule(groups: list[rules.Group]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "assay", "labels": {"app.kubernetes.io/part-of": "assay"}},
        "spec": {"groups": groups},
    }


class _Plain(yaml.SafeDumper):
    """Writes every value where it stands, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=LINE, allow_unicode=True)
