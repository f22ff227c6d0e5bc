"""Reliability of repeated measurements: intraclass correlation, SEM, MDC95, limits of agreement.

Two-way layout of n targets by k raters (or trials): SST = SSB + SSJ + SSE between targets, between raters,
residual. Sources: Shrout & Fleiss 1979, Psychol Bull 86:420 (ICC and intervals); McGraw & Wong 1996, Psychol
Methods 1:30 (interval of the average agreement); Koo & Li 2016, J Chiropr Med 15:155 (bands); Bland & Altman
1986, Lancet 327:307 and 1999, Stat Methods Med Res 8:135 (limits of agreement).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import fdtrc, fdtri, stdtrit

from svc_decision.balance.mdc import mdc95

_BANDS = ((0.9, "excellent"), (0.75, "good"), (0.5, "moderate"), (-math.inf, "poor"))


@dataclass(frozen=True, slots=True)
class Anova:
    """Mean squares of n targets by k raters: between targets, within targets, between raters, residual."""

    n: int
    k: int
    bms: float
    wms: float
    jms: float
    ems: float


@dataclass(frozen=True, slots=True)
class Icc:
    """One intraclass correlation with its confidence interval and the F test against zero.

    kind: "1,1", "2,1", "3,1", "1,k", "2,k" or "3,k". 1: one-way random; 2: two-way random, absolute
    agreement; 3: two-way mixed, consistency. f and p are those of the row effect.
    """

    kind: str
    value: float
    low: float
    high: float
    f: float
    p: float

    @property
    def band(self) -> tuple[str, str]:
        """Koo & Li's words for the lower and the upper end of the interval."""
        return reliability_band(self.low), reliability_band(self.high)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bland-Altman of n pairs: mean and SD of the differences, limits, 95 % intervals of mean and limits."""

    n: int
    mean: float
    sd: float
    lower: float
    upper: float
    mean_95: tuple[float, float]
    lower_95: tuple[float, float]
    upper_95: tuple[float, float]


def anova(table: Sequence[Sequence[float]]) -> Anova:
    """Mean squares of a complete table, one row per target.

    Raises ValueError for fewer than two targets or raters, rows of unequal length, or a number that is not
    finite.
    """
    n, k = len(table), len(table[0]) if table else 0
    if n < 2 or k < 2 or any(len(row) != k for row in table):
        raise ValueError("a table of at least two targets by two raters, without gaps, is needed")
    if not all(math.isfinite(x) for row in table for x in row):
        raise ValueError("every value of the table must be finite")
    grand = math.fsum(x for row in table for x in row) / (n * k)
    rows = [math.fsum(row) / k for row in table]
    columns = [math.fsum(column) / n for column in zip(*table, strict=True)]
    ssb = k * math.fsum((m - grand) ** 2 for m in rows)
    ssj = n * math.fsum((m - grand) ** 2 for m in columns)
    sse = math.fsum(
        (x - rows[i] - columns[j] + grand) ** 2 for i, row in enumerate(table) for j, x in enumerate(row)
    )
    return Anova(n, k, ssb / (n - 1), (ssj + sse) / (n * (k - 1)), ssj / (k - 1), sse / ((n - 1) * (k - 1)))


def icc(table: Sequence[Sequence[float]], kind: str = "2,1", confidence: float = 0.95) -> Icc:
    """An intraclass correlation of a complete table [n targets][k raters].

    Raises ValueError as `anova` does, for an unknown kind, and where it is not defined: all targets alike, or
    no residual at all.
    """
    if kind not in ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k"):
        raise ValueError(f"kind {kind} is none of 1,1 2,1 3,1 1,k 2,k 3,k")
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
    a = anova(table)
    residual = a.wms if kind[0] == "1" else a.ems
    if a.bms <= 0 or residual <= 0:
        raise ValueError("ICC is not defined: the targets do not differ, or nothing is left unexplained")
    single, low, high = _MODELS[kind[0]](a, 1 - (1 - confidence) / 2)
    if kind[2] == "k":
        single, low, high = (_average(r, a.k) for r in (single, low, high))
    f = a.bms / residual
    free = a.n * (a.k - 1) if kind[0] == "1" else (a.n - 1) * (a.k - 1)
    return Icc(kind, single, low, high, f, float(fdtrc(a.n - 1, free, f)))


def reliability_band(value: float) -> str:
    """poor below 0.5, moderate to 0.75, good to 0.9, excellent above (Koo & Li 2016)."""
    return next(word for above, word in _BANDS if value > above)


def sem_agreement(a: Anova) -> float:
    """sqrt((JMS - EMS)/n + EMS): raters' systematic differences count, and never as less than none."""
    return math.sqrt(max((a.jms - a.ems) / a.n, 0.0) + a.ems)


def sem_consistency(a: Anova) -> float:
    """sqrt(EMS): systematic differences do not count; in the unit of the table."""
    return math.sqrt(a.ems)


def detectable_change(table: Sequence[Sequence[float]], *, agreement: bool = True) -> float:
    """MDC95 of a complete table, from its SEM of agreement or of consistency."""
    a = anova(table)
    return mdc95(sem_agreement(a) if agreement else sem_consistency(a))


def bland_altman(a: Sequence[float], b: Sequence[float], factor: float = 1.96) -> Agreement:
    """Limits of agreement of paired values, differences a - b; mean -/+ factor SD.

    The interval of a limit is limit -/+ t(0.975, n-1) SD sqrt(1/n + factor^2/(2(n-1))). Raises ValueError for
    fewer than two pairs, unequal lengths or values that are not finite.
    """
    n = len(a)
    if n < 2 or len(b) != n or not all(map(math.isfinite, (*a, *b))):
        raise ValueError("two series of the same length, of at least two finite values, are needed")
    differences = [x - y for x, y in zip(a, b, strict=True)]
    mean = math.fsum(differences) / n
    sd = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / (n - 1))
    t = float(stdtrit(n - 1, 0.975))
    of_mean, of_limit = t * sd / math.sqrt(n), t * sd * math.sqrt(1 / n + factor**2 / (2 * (n - 1)))
    lower, upper = mean - factor * sd, mean + factor * sd
    return Agreement(
        n, mean, sd, lower, upper,
        (mean - of_mean, mean + of_mean),
        (lower - of_limit, lower + of_limit),
        (upper - of_limit, upper + of_limit),
    )  # fmt: skip


def _average(single: float, k: int) -> float:
    """Spearman-Brown: reliability of the mean of k from that of one; -inf at and below its pole -1/(k-1)."""
    below = 1 + (k - 1) * single
    return k * single / below if below > 0 else -math.inf


def _from_f(f: float, k: int) -> float:
    return (f - 1) / (f + k - 1)


def _one_residual(a: Anova, residual: float, free: int, p: float) -> tuple[float, float, float]:
    """ICC(1,1) and ICC(3,1): a function of one F ratio, whose interval is exact."""
    f = a.bms / residual
    low = f / float(fdtri(a.n - 1, free, p))
    high = f * float(fdtri(free, a.n - 1, p))
    return _from_f(f, a.k), _from_f(low, a.k), _from_f(high, a.k)


def _one_way(a: Anova, p: float) -> tuple[float, float, float]:
    return _one_residual(a, a.wms, a.n * (a.k - 1), p)


def _consistency(a: Anova, p: float) -> tuple[float, float, float]:
    return _one_residual(a, a.ems, (a.n - 1) * (a.k - 1), p)


def _agreement(a: Anova, p: float) -> tuple[float, float, float]:
    """ICC(2,1) with Satterthwaite's degrees of freedom v: approximate, and poor where targets differ less
    than the residual (F below 1), so that it may then miss the estimate."""
    n, k, fj = a.n, a.k, a.jms / a.ems
    r = (a.bms - a.ems) / (a.bms + (k - 1) * a.ems + k * (a.jms - a.ems) / n)
    inner = n * (1 + (k - 1) * r) - k * r
    v = (k - 1) * (n - 1) * (k * r * fj + inner) ** 2 / ((n - 1) * (k * r * fj) ** 2 + inner**2)
    upper_f, lower_f = float(fdtri(n - 1, v, p)), float(fdtri(v, n - 1, p))
    rest = k * a.jms + (k * n - k - n) * a.ems
    low = n * (a.bms - upper_f * a.ems) / (upper_f * rest + n * a.bms)
    high = n * (lower_f * a.bms - a.ems) / (rest + n * lower_f * a.bms)
    return r, low, high


_MODELS: dict[str, Callable[[Anova, float], tuple[float, float, float]]] = {
    "1": _one_way,
    "2": _agreement,
    "3": _consistency,
}
