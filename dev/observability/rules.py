"""Recording rules and multi-window, multi-burn-rate alerts.

The method is that of the Google SRE Workbook, chapter 5 ("Alerting on SLOs"): an alert needs a long window,
so that it means something, and a short one, so that it ends soon after the trouble does.

Per objective two rates are recorded; every window is the sum of the recorded errors over the sum of the
recorded events, so that a busy minute weighs more than a quiet one and thirty days stay cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dev.observability.spec import Alert, Objective, Spec

Rule = dict[str, Any]
Group = dict[str, Any]

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
RUNBOOKS = "docs/runbooks"
INTERVAL = "30s"
HOUR_S = 3600.0


@dataclass(frozen=True)
class Burn:
    """Budget burnt `factor` times too fast over both windows."""

    short: str
    long: str
    factor: float


# Share of a 30-day budget that is gone when the alert fires: 2% in 1 h, 5% in 6 h; 10% in 1 d and in 3 d.
FAST = (Burn("5m", "1h", 14.4), Burn("30m", "6h", 6.0))
SLOW = (Burn("2h", "1d", 3.0), Burn("6h", "3d", 1.0))


def groups(spec: Spec) -> list[Group]:
    """Every rule group, in the order in which Prometheus needs their results."""
    return [
        _group("assay-sources", _sources()),
        *(_group(f"assay-slo-{each.name}", _objective(each, spec.period_days)) for each in spec.objectives),
        _group("assay-burn", [rule for each in spec.objectives for rule in _burns(each)]),
        _group("assay-causes", [_cause(each) for each in spec.alerts]),
    ]


def _group(name: str, rules: list[Rule]) -> Group:
    return {"name": name, "interval": INTERVAL, "rules": rules}


def _sources() -> list[Rule]:
    """What several alerts ask: a stage's work that is not done, and how many processes it has.

    Durables are named stage-STAGE or stage-STAGE-KIND, services svc_STAGE or svc_ROOM.STAGE; every gateway
    reports the same consumers, so the largest counts.
    """
    waiting = " + ".join(
        f'max by (consumer) (assay_consumer_{state}{{consumer=~"stage-.+"}})'
        for state in ("pending", "ack_pending")
    )
    backlog = f'label_replace({waiting}, "stage", "$1", "consumer", "stage-([a-z]+)(-balance)?")'
    named = (
        'label_replace(assay_build_info{service=~"svc_.+"}, '
        '"stage", "$1", "service", "svc_(?:balance[._]|report_)?(.+)")'
    )
    return [
        {"record": "assay:stage_backlog:sum", "expr": f"sum by (stage) ({backlog})"},
        {"record": "assay:stage_replicas:count", "expr": f"count by (stage) ({named})"},
    ]


def _objective(slo: Objective, period_days: int) -> list[Rule]:
    labels = {"slo": slo.name}
    # A class of errors that never occurred has no series; that is zero errors, not an unknown.
    rates = {"errors": f"({slo.errors}) or 0 * ({slo.events})", "events": slo.events}
    rules: list[Rule] = [
        {"record": f"slo:{name}:rate", "expr": expr, "labels": labels} for name, expr in rates.items()
    ]
    for window in (*WINDOWS, f"{period_days}d"):
        rules.append(
            {"record": f"slo:error_ratio:rate{window}", "expr": ratio(slo, window), "labels": labels}
        )
    left = f'1 - slo:error_ratio:rate{period_days}d{{slo="{slo.name}"}} / {slo.budget!r}'
    rules += [
        {"record": "slo:objective:ratio", "expr": f"vector({slo.objective!r})", "labels": labels},
        {
            "record": "slo:burn:rate1h",
            "expr": f"{_recorded(slo, '1h')} / {slo.budget!r}",
            "labels": labels,
        },
        {"record": "slo:budget_left:ratio", "expr": left, "labels": labels},
    ]
    return rules


def ratio(slo: Objective, window: str) -> str:
    """PromQL for the share of events that failed within a window; nothing where nothing happened."""
    errors, events = (
        f'sum_over_time(slo:{name}:rate{{slo="{slo.name}"}}[{window}])' for name in ("errors", "events")
    )
    # 0/0 is NaN in PromQL; the comparison leaves those windows out.
    return f"{errors} / ({events} > 0)"


def _recorded(slo: Objective, window: str) -> str:
    return f'slo:error_ratio:rate{window}{{slo="{slo.name}"}}'


def _burns(slo: Objective) -> list[Rule]:
    return [
        _burn(slo, "Fast", "page", FAST, "2m"),
        _burn(slo, "Slow", "ticket", SLOW, "15m"),
    ]


def _burn(slo: Objective, speed: str, severity: str, burns: tuple[Burn, ...], hold: str) -> Rule:
    parts = [
        f"({_recorded(slo, each.short)} > {each.factor} * {slo.budget!r}"
        f" and {_recorded(slo, each.long)} > {each.factor} * {slo.budget!r})"
        for each in burns
    ]
    summary = f"The error budget of {slo.name} burns too fast: {{{{ $value | humanizePercentage }}}} fail."
    return {
        "alert": f"{slo.alert}Burn{speed}",
        "expr": " or ".join(parts),
        "for": hold,
        "labels": {"severity": severity},
        "annotations": {
            "summary": summary,
            "description": slo.promise,
            "runbook_url": f"{RUNBOOKS}/{slo.runbook}.md",
        },
    }


def _cause(alert: Alert) -> Rule:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.for_,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "runbook_url": f"{RUNBOOKS}/{alert.runbook}.md"},
    }
