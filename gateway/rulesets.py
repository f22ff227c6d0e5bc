"""Which rulesets there are, and which one a new analysis or a replay gets: pure, without a server.

Of each kind of assessment exactly one version is active at any time. Where nobody has activated one, it is
the newest of the release that is not retired.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mesh.errors import Conflict, FailedPrecondition, InvalidInput, NotFound

FILE = Path(__file__).with_name("rulesets.json")
FIX = "GET /v1/rulesets lists them."


@dataclass(frozen=True)
class Release:
    """A version that the decision stage holds. ruleset: name@version; the name is the kind it decides.

    sha256: of its canonical form; effective: date; approval: "unapproved" or "approved".
    """

    ruleset: str
    sha256: str
    effective: str
    approval: str

    @property
    def kind(self) -> str:
        """ "tattoo" or "balance"."""
        return self.ruleset.partition("@")[0]

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts versions, oldest first."""
        return tuple(int(part) for part in self.ruleset.partition("@")[2].split("."))


@dataclass(frozen=True)
class Turn:
    """Who turned the switch, and when (RFC 3339, UTC). reason: why a version was retired."""

    ruleset: str
    by: str
    at: str
    reason: str = ""


@dataclass(frozen=True)
class Standing:
    """What operators decided. active: by kind; retired: by ruleset."""

    active: Mapping[str, Turn] = field(default_factory=dict)
    retired: Mapping[str, Turn] = field(default_factory=dict)


Releases = Mapping[str, Release]


def load() -> Releases:
    """The releases that gateway/rulesets.json names, by ruleset."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: Release(name, **said) for name, said in raw.items()}


def active(releases: Releases, standing: Standing, kind: str) -> str:
    """The ruleset that an order without one gets.

    Raises FailedPrecondition (ACTIVE_RULESET_NOT_INSTALLED) when the one that was activated is not part of
    this release: another one in its place would be nobody's decision.
    """
    wanted = _wanted(releases, standing, kind)
    if wanted not in releases:
        raise FailedPrecondition(
            "ACTIVE_RULESET_NOT_INSTALLED",
            f"{wanted or 'The active ruleset'} is not part of this release.",
            field="ruleset",
            fix=f"Name one of: {', '.join(_of_kind(releases, kind))}; or have one of them activated.",
        )
    return wanted


def all_active(releases: Releases, standing: Standing) -> dict[str, str]:
    """The active ruleset of every kind that has one which is part of this release, by kind."""
    kinds = sorted({release.kind for release in releases.values()})
    return {kind: wanted for kind in kinds if (wanted := _wanted(releases, standing, kind)) in releases}


def for_order(releases: Releases, standing: Standing, kind: str, named: str) -> str:
    """The ruleset of a new analysis. Raises InvalidInput (RULESET_NOT_FOUND), FailedPrecondition."""
    if not named:
        return active(releases, standing, kind)
    _check_named(releases, kind, named)
    turn = standing.retired.get(named)
    if turn is not None:
        raise FailedPrecondition(
            "RULESET_RETIRED",
            f"{named} was retired: {turn.reason}",
            field="ruleset",
            fix=f"Leave it out for the active one, {active(releases, standing, kind)}.",
        )
    return named


def for_replay(releases: Releases, standing: Standing, kind: str, named: str) -> str:
    """The ruleset of a replay: a retired one too, because an audit repeats what was decided under it.

    Raises InvalidInput (RULESET_NOT_FOUND), FailedPrecondition (ACTIVE_RULESET_NOT_INSTALLED).
    """
    if not named:
        return active(releases, standing, kind)
    _check_named(releases, kind, named)
    return named


def activated(releases: Releases, standing: Standing, turn: Turn) -> Standing:
    """Makes a version the active one of its kind, and takes its retirement back if there is one.

    One that is active by an earlier turn keeps that turn. Raises NotFound (RULESET_NOT_FOUND).
    """
    kind = _release(releases, turn.ruleset).kind
    held = standing.active.get(kind)
    kept = held if held is not None and held.ruleset == turn.ruleset else turn
    retired = {name: one for name, one in standing.retired.items() if name != turn.ruleset}
    return Standing({**standing.active, kind: kept}, retired)


def retired(releases: Releases, standing: Standing, turn: Turn) -> Standing:
    """Refuses a version to new analyses; one that is retired already keeps its first reason.

    Raises NotFound (RULESET_NOT_FOUND), Conflict (RULESET_ACTIVE): what is active cannot be retired, so the
    last version of a kind cannot either.
    """
    kind = _release(releases, turn.ruleset).kind
    if turn.ruleset == _wanted(releases, standing, kind):
        raise Conflict(
            "RULESET_ACTIVE",
            f"{turn.ruleset} is the active one; without it, no {kind} analysis could be decided.",
            field="ruleset",
            fix="Activate another version first.",
        )
    return replace(standing, retired={turn.ruleset: turn, **standing.retired})


def to_json(standing: Standing) -> dict[str, Any]:
    """The form that is stored."""
    return {
        part: {key: asdict(turn) for key, turn in turns.items()}
        for part, turns in (("active", standing.active), ("retired", standing.retired))
    }


def from_json(said: Mapping[str, Any]) -> Standing:
    """What `to_json` made; an empty document is a standing that nobody has touched."""
    return Standing(
        *({key: Turn(**one) for key, one in said.get(part, {}).items()} for part in ("active", "retired"))
    )


def _wanted(releases: Releases, standing: Standing, kind: str) -> str:
    """The version that was activated, else the newest that is not retired; empty when every one is."""
    if kind in standing.active:
        return standing.active[kind].ruleset
    usable = [name for name in _of_kind(releases, kind) if name not in standing.retired]
    return usable[-1] if usable else ""


def _of_kind(releases: Releases, kind: str) -> list[str]:
    """The versions of a kind, oldest first."""
    found = sorted((one for one in releases.values() if one.kind == kind), key=lambda one: one.order)
    return [one.ruleset for one in found]


def _release(releases: Releases, ruleset: str) -> Release:
    if ruleset not in releases:
        message = f"There is no ruleset {ruleset}."
        raise NotFound("RULESET_NOT_FOUND", message, field="ruleset", fix=FIX)
    return releases[ruleset]


def _check_named(releases: Releases, kind: str, named: str) -> None:
    known = _of_kind(releases, kind)
    if named not in known:
        raise InvalidInput(
            "RULESET_NOT_FOUND",
            f"The ruleset {named} is not served here.",
            field="ruleset",
            fix=f"Leave it out for the active one, or name one of: {', '.join(known)}.",
        )
