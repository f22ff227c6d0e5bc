"""What a case of a casebook may expect of its decision, by name; each check says what differs.

Decisions are held as their JSON form (`present.to_json`). Messages are given by how their line begins, for
example `NO_LOW_RISK_OPTION(red, IV)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from svc_decision.ruleset import RANKED

Json = Mapping[str, Any]
_NOT_SAFE = (*RANKED, "specialist")


def unmet(expect: Json, decision: Json, sha256: str) -> tuple[str, ...]:
    """The expectations that `decision` does not meet, each with what was found; sha256: of its bytes."""
    whole = {**decision, "sha256": sha256}
    return tuple(fault for name, wanted in expect.items() for fault in CHECKS[name](wanted, whole, name))


def _value(wanted: Any, decision: Json, name: str) -> Iterator[str]:
    """A value of the decision, such as its status."""
    if decision[name] != wanted:
        yield f"{name} is {decision[name]}, not {wanted}"


def _skin(wanted: Json, decision: Json, name: str) -> Iterator[str]:
    yield from _subset(wanted, decision["skin"], "skin")


def _points(wanted: Json, decision: Json, name: str) -> Iterator[str]:
    """Kirby-Desai points by parameter."""
    yield from _subset(wanted, decision["sessions"]["points"], "points")


def _sessions(wanted: Json, decision: Json, name: str) -> Iterator[str]:
    yield from _subset(wanted, decision["sessions"], "sessions")


def _modifiers(wanted: list[str], decision: Json, name: str) -> Iterator[str]:
    """Exactly these Bencini factors."""
    found = [m["id"] for m in decision["sessions"]["modifiers"]]
    if found != wanted:
        yield f"modifiers are {found}, not {wanted}"


def _missing(wanted: list[str], decision: Json, name: str) -> Iterator[str]:
    """Paths of exactly the mandatory answers that are missing."""
    found = [m["path"] for m in decision["missing"]]
    if found != wanted:
        yield f"missing are {found}, not {wanted}"


def _flags(wanted: Json, decision: Json, name: str) -> Iterator[str]:
    """Flag to severity, or to null when it must not fire."""
    found: dict[str, list[str]] = {}
    for flag in decision["flags"]:
        found.setdefault(flag["id"], []).append(flag["severity"])
    for flag_id, severity in wanted.items():
        have = found.get(flag_id, [])
        if (severity is None and have) or (severity is not None and severity not in have):
            yield f"{flag_id} fires as {have or 'nothing'}, not as {severity or 'nothing'}"


def _stated(wanted: Json, decision: Json, name: str) -> Iterator[str]:
    """Flag to the words of the answers that raised it."""
    for flag_id, words in wanted.items():
        found = [flag["stated"] for flag in decision["flags"] if flag["id"] == flag_id]
        if words not in found:
            yield f"{flag_id} states {found}, not {words}"


def _options(wanted: list[Json], decision: Json, name: str) -> Iterator[str]:
    """By region: exactly these wavelengths with exactly these statuses."""
    for region, statuses in enumerate(wanted):
        found = {str(o["wavelength_nm"]): o["status"] for o in decision["inks"][region]["options"]}
        if found != statuses:
            yield f"options of region {region} are {found}, not {statuses}"


def _option(wanted: list[Json], decision: Json, name: str) -> Iterator[str]:
    """Single options: region (0 when absent), wavelength, and fields; `rules` must be among the option's."""
    for entry in wanted:
        region, nm = entry.get("region", 0), entry["wavelength_nm"]
        found = [o for o in decision["inks"][region]["options"] if o["wavelength_nm"] == nm]
        if not found:
            yield f"region {region} has no option of {nm} nm"
            continue
        for key, value in entry.items():
            if key == "rules":
                absent = [rule for rule in value if rule not in found[0]["rules"]]
                if absent:
                    yield f"{nm} nm of region {region} does not name {absent} among {found[0]['rules']}"
            elif key != "region" and found[0][key] != value:
                yield f"{key} of {nm} nm in region {region} is {found[0][key]}, not {value}"


def _order(wanted: list[list[int]], decision: Json, name: str) -> Iterator[str]:
    """By region: the first wavelengths in their order."""
    for region, order in enumerate(wanted):
        found = [o["wavelength_nm"] for o in decision["inks"][region]["options"]][: len(order)]
        if found != order:
            yield f"region {region} begins with {found}, not {order}"


def _ink(wanted: list[Json], decision: Json, name: str) -> Iterator[str]:
    """By region: fields of the ink."""
    for region, fields in enumerate(wanted):
        yield from _subset(fields, decision["inks"][region], f"ink {region}")


def _candidates(wanted: list[Mapping[str, list[int]]], decision: Json, name: str) -> Iterator[str]:
    """By region: exactly these candidate classes, each with at least these wavelengths."""
    for region, classes in enumerate(wanted):
        found = {
            c["class"]: {w["wavelength_nm"] for w in c["wavelengths"]}
            for c in decision["inks"][region]["candidates"]
        }
        if set(found) != set(classes) or any(not set(nms) <= found[c] for c, nms in classes.items()):
            yield f"candidates of region {region} are {found}, not {classes}"


def _nothing_ranked(wanted: bool, decision: Json, name: str) -> Iterator[str]:
    """No option has a rank or a status that lets somebody treat."""
    options = [o for ink in decision["inks"] for o in ink["options"]]
    nothing = all(o["rank"] is None and o["status"] not in _NOT_SAFE for o in options)
    if nothing is not wanted:
        yield f"options are {[(o['wavelength_nm'], o['status'], o['rank']) for o in options]}"


def _unranked(wanted: bool, decision: Json, name: str) -> Iterator[str]:
    """No option has a rank, whatever its status."""
    ranks = [o["rank"] for ink in decision["inks"] for o in ink["options"]]
    if all(rank is None for rank in ranks) is not wanted:
        yield f"ranks are {ranks}"


def _messages(wanted: list[str], decision: Json, name: str) -> Iterator[str]:
    for start in wanted:
        if not any(line.startswith(start) for line in decision["messages"]):
            yield f"no message begins with {start}"


def _ink_messages(wanted: list[list[str]], decision: Json, name: str) -> Iterator[str]:
    """By region; `no_ink_messages` are those that must not be there."""
    for region, starts in enumerate(wanted):
        lines = decision["inks"][region]["messages"]
        for start in starts:
            if any(line.startswith(start) for line in lines) is (name == "no_ink_messages"):
                yield f"messages of region {region} are {lines}, {name} {start}"


def _trace(wanted: Json, decision: Json, name: str) -> Iterator[str]:
    """Rule to an outcome that it has at some place."""
    for rule, outcome in wanted.items():
        found = {entry["outcome"] for entry in decision["trace"] if entry["rule"] == rule}
        if outcome not in found:
            yield f"{rule} is {sorted(found) or 'not in the trace'}, not {outcome}"


def _saw(wanted: Mapping[str, Json], decision: Json, name: str) -> Iterator[str]:
    """Rule to facts as its last line of the trace saw them."""
    seen = {entry["rule"]: entry["saw"] for entry in decision["trace"]}
    for rule, facts in wanted.items():
        yield from _subset(facts, seen.get(rule, {}), rule)


def _subset(wanted: Json, found: Json, where: str) -> Iterator[str]:
    for key, value in wanted.items():
        if key not in found or found[key] != value:
            yield f"{where}: {key} is {found.get(key, 'absent')}, not {value}"


CHECKS: Mapping[str, Callable[[Any, Json, str], Iterator[str]]] = {
    "status": _value,
    "fitzpatrick_safe": _value,
    "unanswered": _value,
    "sha256": _value,
    "skin": _skin,
    "points": _points,
    "sessions": _sessions,
    "modifiers": _modifiers,
    "missing": _missing,
    "flags": _flags,
    "stated": _stated,
    "options": _options,
    "option": _option,
    "order": _order,
    "ink": _ink,
    "candidates": _candidates,
    "nothing_ranked": _nothing_ranked,
    "unranked": _unranked,
    "messages": _messages,
    "ink_messages": _ink_messages,
    "no_ink_messages": _ink_messages,
    "trace": _trace,
    "saw": _saw,
}
