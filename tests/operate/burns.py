"""Cases of the burn-rate alerts: what share of which events fails for how long, and what that rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dev.observability.spec import Objective

EDGE = 'envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="edge",envoy_response_code_class="%d"}'
RPC = 'assay_rpc_server_duration_seconds_count{method="/assay.gateway.v1.AnalysisService/List",code="%s"}'
SYNC = 'assay_sync_duration_seconds_%s{kind="tattoo",outcome="%s"%s}'
FRESH = 'assay_jobs_fresh_total{kind="%s",fresh="%s"}'
ENDED = 'assay_jobs_finished_total{kind="tattoo",state="%s",fault="%s"}'
CANARY = 'assay_canary_runs_total{kind="%s",outcome="%s"}'
RUNS = 'assay_stage_run_duration_seconds_count{stage="color",outcome="%s"}'

# The series that count each objective's good events, and those that count its bad ones: written here a second
# time, so that a query that counts something else is found.
GOOD_AND_BAD: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "availability": ((EDGE % 2,), (EDGE % 5,)),
    "rpc-availability": ((RPC % "NOT_FOUND",), (RPC % "INTERNAL",)),
    "sync-latency": (
        (SYNC % ("bucket", "succeeded", ',le="5.0"'), SYNC % ("count", "succeeded", "")),
        (SYNC % ("count", "running", ""),),
    ),
    "job-success": (
        (ENDED % ("failed", "input"),),
        (ENDED % ("failed", "ours"),),
    ),
    "tattoo-freshness": ((FRESH % ("tattoo", "true"),), (FRESH % ("tattoo", "false"),)),
    "balance-freshness": ((FRESH % ("balance", "true"),), (FRESH % ("balance", "false"),)),
    "dead-letters": (
        (RUNS % "published",),
        (RUNS % "dead", 'assay_dead_letters_total{stage="color",code="MODEL_FAILED"}'),
    ),
    "correctness": ((CANARY % ("tattoo", "passed"),), (CANARY % ("balance", "wrong"),)),
}
PER_MINUTE = 20_000


@dataclass(frozen=True)
class Phase:
    """For `minutes`, the budget burns at this rate (1: just spent in 30 days; -1: no events); at most all."""

    minutes: int
    burn: float


@dataclass(frozen=True)
class Scenario:
    """A course of things, and per alert (Fast, Slow) whether it rings when it is over."""

    name: str
    phases: tuple[Phase, ...]
    fast: bool
    slow: bool


SCENARIOS = (
    Scenario("half the budget", (Phase(300, 0.5),), fast=False, slow=False),
    Scenario("somewhat too fast for hours", (Phase(300, 2),), fast=False, slow=True),
    Scenario("too fast for hours", (Phase(300, 5),), fast=False, slow=True),
    Scenario("an outage, not yet long", (Phase(240, 0), Phase(5, 20)), fast=False, slow=False),
    Scenario("an outage", (Phase(120, 0), Phase(70, 20)), fast=True, slow=True),
    Scenario("an outage that is over", (Phase(120, 0), Phase(70, 20), Phase(45, 0)), fast=False, slow=True),
    Scenario("nothing happens at all", (Phase(240, -1),), fast=False, slow=False),
)


def case(objectives: Sequence[Objective], scenario: Scenario) -> dict[str, Any]:
    """promtool's test of one scenario for every objective."""
    series, tests = [], []
    end = sum(phase.minutes for phase in scenario.phases)
    for slo in objectives:
        good, bad = GOOD_AND_BAD[slo.name]
        shares = [(phase, min(1.0, phase.burn * slo.budget)) for phase in scenario.phases]
        series += [{"series": one, "values": _values(shares, failing=False)} for one in good]
        series += [{"series": one, "values": _values(shares, failing=True)} for one in bad]
        for speed, severity, rings in (("Fast", "page", scenario.fast), ("Slow", "ticket", scenario.slow)):
            alert = f"{slo.alert}Burn{speed}"
            labels = (
                f'ALERTS{{alertname="{alert}",alertstate="firing",severity="{severity}",slo="{slo.name}"}}'
            )
            tests.append(
                {
                    "expr": f'ALERTS{{alertstate="firing",alertname="{alert}"}}',
                    "eval_time": f"{end}m",
                    "exp_samples": [{"labels": labels, "value": 1}] if rings else [],
                }
            )
    test = {"name": scenario.name, "interval": "1m", "input_series": series, "promql_expr_test": tests}
    return {"evaluation_interval": "5m", "tests": [test]}


def _values(shares: Sequence[tuple[Phase, float]], *, failing: bool) -> str:
    parts, total = [], 0
    for phase, share in shares:
        step = 0 if share < 0 else round(PER_MINUTE * (share if failing else 1 - share))
        parts.append(f"{total}+{step}x{phase.minutes - 1}")
        total += step * phase.minutes
    return f"{' '.join(parts)} {total}"
