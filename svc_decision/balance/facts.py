"""The named facts that the balance rules read, built from a case. A fact that is None is unknown."""

from __future__ import annotations

import re
from types import MappingProxyType

from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import FlagLevel

from svc_decision.balance.battery import Battery
from svc_decision.balance.case import BalanceCase, Quantity, Trial
from svc_decision.balance.compare import Compared
from svc_decision.balance.norms import group_of
from svc_decision.balance.ruleset import BalanceRuleset
from svc_decision.conditions import Facts, FactValue, evaluate

LEAST_SNR = 3.0
INTAKE_NAMES = tuple(field.name for field in pb.BalanceIntake.DESCRIPTOR.fields)
_FIXED = frozenset(
    {f"intake.{name}" for name in INTAKE_NAMES}
    | {
        "trial.task", "trial.side", "trial.side_found", "trial.side_agrees", "trial.eyes", "trial.stance",
        "trial.arms", "trial.surface", "trial.foam", "trial.barefoot", "trial.cap_s", "trial.reach",
        "trial.view", "trial.pose", "trial.age", "trial.height_cm", "trial.leg_length_cm", "trial.scale",
        "time.s", "time.censored", "time.ended_by", "time.norm_ratio", "sway.strategy",
        "asymmetry.beyond_mdc", "follow_up.worse", "battery.pattern", "quality.fail", "quality.warn",
        "quality.low_snr", "quality.codes",
    }
)  # fmt: skip
_METRIC = re.compile(r"(metric|battery)\.[A-Z][A-Z0-9_]*")


def is_known(name: str) -> bool:
    """Whether a rule may read a fact of that name; any metric or total by its id is one."""
    return name in _FIXED or _METRIC.fullmatch(name) is not None


def trial_facts(trial: Trial) -> Facts:
    """What one trial by itself says: protocol, person, time, metrics without their sign."""
    stated, protocol = trial.stated, trial.protocol
    facts: dict[str, FactValue] = {f"trial.{name}": value for name, value in protocol.items()}
    facts |= {f"intake.{field.name}": value for field, value in stated.intake.ListFields()}
    facts |= {
        f"metric.{r.id}": abs(r.quantity.value) for r in trial.readings.values() if r.quantity is not None
    }
    time, declared, found = trial.quantity("TIME_TO_FAILURE"), protocol["side"], protocol["side_found"]
    facts |= {
        "trial.age": stated.age_years if stated.HasField("age_years") else None,
        "trial.height_cm": stated.height_cm if stated.HasField("height_cm") else None,
        "trial.leg_length_cm": stated.leg_length_cm if stated.HasField("leg_length_cm") else None,
        "trial.scale": _scale(stated),
        # Only foam that was stated is foam; a surface that was not stated keeps the rules for firm ground.
        "trial.foam": protocol["surface"] == "foam",
        "trial.side_agrees": None if declared is None or found is None else declared == found,
        "time.s": None if time is None else time.value,
        "time.censored": None if time is None else trial.sway.censored,
        "time.ended_by": trial.sway.ended_by or None,
        "sway.strategy": trial.sway.strategy or None,
    }
    return MappingProxyType(facts)


def case_facts(
    case: BalanceCase, own: Facts, battery: Battery, compared: Compared, ruleset: BalanceRuleset
) -> Facts:
    """All facts: `own` of the trial, then norms, battery, comparisons and quality."""
    levels = [flag.level for flag in case.flags]
    snr = [reading.snr for reading in case.now.readings.values() if reading.snr is not None]
    facts = dict(own)
    facts |= {f"battery.{name}": quantity.value for name, quantity in battery.quantities.items()}
    facts |= {
        "time.norm_ratio": _norm_ratio(case.now, own, ruleset),
        "asymmetry.beyond_mdc": compared.asymmetric,
        "follow_up.worse": compared.worse,
        "battery.pattern": battery.pattern,
        "quality.fail": levels.count(FlagLevel.FLAG_LEVEL_FAIL),
        "quality.warn": levels.count(FlagLevel.FLAG_LEVEL_WARN),
        "quality.low_snr": sum(ratio < LEAST_SNR for ratio in snr),
        "quality.codes": tuple(dict.fromkeys(flag.code for flag in case.flags)),
    }
    return MappingProxyType(facts)


def _scale(stated: pb.BalanceTrial) -> str | None:
    """The length that was stated to scale pixels by."""
    return next((name for name in ("height_cm", "leg_length_cm") if stated.HasField(name)), None)


def _norm_ratio(trial: Trial, facts: Facts, ruleset: BalanceRuleset) -> float | None:
    """Time over the age group's mean in the first table that fits and is not provisional."""
    time: Quantity | None = trial.quantity("TIME_TO_FAILURE")
    for table in ruleset.norms:
        if table.metric != "TIME_TO_FAILURE" or table.record.provisional or time is None:
            continue
        group = group_of(table, facts.get("trial.age"))
        if group is not None and evaluate(table.when, facts) is True:
            return round(time.value / group.mean, 6)
    return None
