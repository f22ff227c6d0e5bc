"""What a ruleset would change: past cases decided again under it. Pure: no server, no clock, no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from cli.diff.compare import compare
from cli.diff.difference import Difference
from mesh.errors import AssayError, NotFound
from svc_decision.ruleset import SEVERITIES, STATUSES

DIRECTIONS = ("stricter", "milder", "mixed", "other", "wording", "unchanged")
# How much a decision as a whole lets a reader do: options ranked, shown without calibrated colour, not today,
# none. What is on one step is neither stricter nor milder than another on it.
STEPS = {
    pb.DECISION_STATUS_OK: 0,
    pb.DECISION_STATUS_QUALITATIVE: 1,
    pb.DECISION_STATUS_DEFERRED: 2,
    pb.DECISION_STATUS_INCOMPLETE: 3,
    pb.DECISION_STATUS_NO_COLOUR: 3,
    pb.DECISION_STATUS_NOT_MEASURABLE: 3,
    pb.DECISION_STATUS_STOPPED: 3,
}
NOT_USEFUL = "not_useful"

Decide = Callable[[Analysis], pb.DecisionPage]


@dataclass(frozen=True)
class Outcome:
    """One case: how its decision would change, and where.

    reproduced: whether the old rules, applied again, gave the decision on record; else code has changed
    since, and the two that are compared are both of today's code.
    """

    job_id: str
    direction: str
    differences: tuple[Difference, ...]
    reproduced: bool


@dataclass(frozen=True)
class Undecided:
    """A case that cannot be decided under the new ruleset, and why."""

    job_id: str
    code: str
    message: str


@dataclass(frozen=True)
class Impact:
    """All cases. Every job that went in is in one of the two."""

    outcomes: tuple[Outcome, ...]
    undecided: tuple[Undecided, ...]

    @property
    def changed(self) -> tuple[Outcome, ...]:
        """Those whose decision would say something else, not only in other words."""
        return tuple(one for one in self.outcomes if one.direction not in ("wording", "unchanged"))

    def to_json(self, examples: int) -> dict[str, Any]:
        """Counts, rules by how many decisions they change, and at most so many examples."""
        counted = Counter(one.direction for one in self.outcomes)
        rules = Counter(
            rule for one in self.changed for rule in {r for d in one.differences for r in d.rules}
        )
        return {
            "jobs": len(self.outcomes) + len(self.undecided),
            "changed": len(self.changed),
            **{direction: counted[direction] for direction in DIRECTIONS},
            "rules": dict(rules.most_common()),
            "not_reproduced": [one.job_id for one in self.outcomes if not one.reproduced],
            "undecided": [asdict(one) for one in self.undecided],
            "examples": [asdict(one) for one in self.changed[:examples]],
        }


def impact(documents: Iterable[Analysis], under_old: Decide, under_new: Decide) -> Impact:
    """Decides each case twice, under the ruleset of its record and under the new one.

    under_old may raise NotFound for a ruleset that is not installed; then the decision on record stands in.
    """
    outcomes: list[Outcome] = []
    undecided: list[Undecided] = []
    for document in documents:
        try:
            outcomes.append(outcome(document, under_old, under_new))
        except AssayError as error:
            undecided.append(Undecided(document.job.job_id, error.code, error.message))
    return Impact(tuple(outcomes), tuple(undecided))


def outcome(document: Analysis, under_old: Decide, under_new: Decide) -> Outcome:
    """One case. Raises what `under_new` raises, as InvalidInput for a case that the new rules cannot take."""
    try:
        before = under_old(document)
    except NotFound:
        before = document.decision
    after = under_new(document)
    differences = _differences(document, before, after)
    reproduced = not _differences(document, document.decision, before)
    return Outcome(document.job.job_id, direction(before, after, differences), differences, reproduced)


def direction(before: pb.DecisionPage, after: pb.DecisionPage, found: tuple[Difference, ...]) -> str:
    """Whether a decision became stricter, milder, both in parts (mixed), or neither (other)."""
    if not found:
        return "unchanged"
    if all(one.kind == "text" for one in found):
        return "wording"
    ways = {step > 0 for step in _steps(before, after) if step}
    if len(ways) == 2:
        return "mixed"
    return "other" if not ways else "stricter" if True in ways else "milder"


def _differences(
    document: Analysis, before: pb.DecisionPage, after: pb.DecisionPage
) -> tuple[Difference, ...]:
    """What two decisions of one case differ in, without the versions, which differ by intention."""
    sides = []
    for page in (before, after):
        side = Analysis()
        side.CopyFrom(document)
        side.decision.CopyFrom(page)
        sides.append(side)
    return tuple(one for one in compare(*sides).differences if one.kind != "version")


def _steps(before: pb.DecisionPage, after: pb.DecisionPage) -> Iterator[int]:
    """Positive where the later decision is the stricter one, negative where it is the milder one."""
    yield STEPS.get(after.status, 3) - STEPS.get(before.status, 3)
    if before.fitzpatrick_safe and after.fitzpatrick_safe:
        yield after.fitzpatrick_safe - before.fitzpatrick_safe
    ours, theirs = _severities(before), _severities(after)
    yield from (theirs.get(flag, 0) - ours.get(flag, 0) for flag in ours.keys() | theirs.keys())
    statuses = _statuses(after)
    for place, status in _statuses(before).items():
        if place in statuses and NOT_USEFUL not in (status, statuses[place]):
            yield STATUSES.index(statuses[place]) - STATUSES.index(status)


def _severities(page: pb.DecisionPage) -> dict[str, int]:
    """Flag by flag how grave it is: 0 for what only informs, and for a flag that did not fire."""
    gravest = list(reversed(SEVERITIES))
    found: dict[str, int] = {}
    for flag in page.flags:
        found[flag.id] = max(found.get(flag.id, 0), gravest.index(flag.severity))
    return found


def _statuses(page: pb.DecisionPage) -> dict[tuple[int, int], str]:
    """Status by ink and wavelength. The case is one, so an ink has one place in both decisions."""
    return {
        (ink.cluster_id or index, option.wavelength_nm): pb.OptionStatus.Name(option.status)
        .removeprefix("OPTION_STATUS_")
        .lower()
        for index, ink in enumerate(page.inks)
        for option in ink.options
    }
