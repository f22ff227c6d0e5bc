"""Reads a balance ruleset: files, schema, integrity, content hash, then frozen classes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from svc_decision import conditions, rulefile
from svc_decision.balance.battery import MEASURES
from svc_decision.balance.case import SCORE
from svc_decision.balance.facts import is_known
from svc_decision.balance.mdc import mdc95
from svc_decision.balance.ruleset import (
    MESSAGES,
    AgeGroup,
    BalanceRuleset,
    BatteryRule,
    Comparability,
    Comparison,
    Composite,
    NormTable,
    Part,
    Record,
    ScoreMap,
    SubScoreRule,
)
from svc_decision.conditions import fact_names

DEFAULT_RULESET = "balance@1.0.0"
FILES = (
    "manifest",
    "scores",
    "norms",
    "comparisons",
    "battery",
    "flags",
    "statements",
    "texts.en",
    "sources",
)


@cache
def load_ruleset(ruleset_id: str = DEFAULT_RULESET) -> BalanceRuleset:
    """Load a released ruleset, for example "balance@1.0.0".

    Raises InvalidInput for an id that is not `name@major.minor.patch`, NotFound for a version that is not
    installed, and Internal when the files do not pass their schema, their cross-checks or their hash.
    """
    expected = rulefile.released_hash(ruleset_id, "balance")
    ruleset = build(rulefile.read(ruleset_id, FILES))
    rulefile.check_release(ruleset.manifest, ruleset.sha256, ruleset_id, expected)
    return ruleset


def read_document(ruleset_id: str) -> dict[str, Any]:
    """The unfrozen document of a released ruleset, for display and for tests."""
    load_ruleset(ruleset_id)
    return rulefile.read(ruleset_id, FILES)


def build(document: dict[str, Any]) -> BalanceRuleset:
    """Check a ruleset document and freeze it. Raises Internal naming every fault."""
    rulefile.refuse(rulefile.schema_faults(document, "balance_schema.json"))
    rulefile.refuse(rulefile.reference_faults(document, _text_keys(document)))
    ruleset = _freeze(document)
    rulefile.refuse(list(_semantic_faults(ruleset)))
    return ruleset


def _text_keys(document: dict[str, Any]) -> list[str]:
    keys = [f"flag.{flag['id']}" for flag in document["flags"]]
    keys += [f"{kind}.{m['id']}" for m in document["mandatory"] for kind in ("question", "withheld")]
    return keys + [f"message.{code}" for code in MESSAGES]


def _semantic_faults(ruleset: BalanceRuleset) -> Iterator[str]:
    """What would make a well-formed ruleset wrong."""
    maps = [m for s in ruleset.composite.sub_scores for p in s.parts for m in p.maps]
    for rule in maps:
        yield from _map_faults(rule)
    for table in ruleset.norms:
        yield from _table_faults(table)
    metrics = [rule.metric for rule in ruleset.comparisons]
    if len(set(metrics)) < len(metrics) or SCORE not in metrics:
        yield "the comparisons name a metric twice, or leave out the score"
    yield from (
        f"battery measure {b.measure} is not known" for b in ruleset.battery if b.measure not in MEASURES
    )
    trees = [m.when for m in maps] + [t.when for t in ruleset.norms]
    trees += [level.when for flag in ruleset.flags for level in flag.levels]
    trees += [m.only_with for m in ruleset.mandatory if m.only_with is not None]
    names = {name for tree in trees for name in fact_names(tree)} | {m.fact for m in ruleset.mandatory}
    yield from (f"fact {name} is not known" for name in sorted(names) if not is_known(name))
    ids = [ruleset.composite.id, *(m.id for m in maps), *(t.id for t in ruleset.norms)]
    ids += [c.id for c in ruleset.comparisons] + [b.id for b in ruleset.battery]
    ids += [f.id for f in ruleset.flags] + [m.id for m in ruleset.mandatory]
    yield from rulefile.double_ids(ids)
    yield from (
        f"{m.id} names rule {rule}, which is not there"
        for m in ruleset.mandatory for rule in m.rules if rule not in ids
    )  # fmt: skip


def _map_faults(rule: ScoreMap) -> Iterator[str]:
    for (x0, y0), (x1, y1) in pairwise(rule.points):
        if x1 <= x0:
            yield f"the points of {rule.id} do not ascend"
        if (y1 < y0) if rule.better == "higher" else (y1 > y0):
            yield f"{rule.id} gives a better {rule.metric} a lower score"


def _table_faults(table: NormTable) -> Iterator[str]:
    if table.banded and table.record.provisional:
        yield f"{table.id} is provisional and gives bands"
    for younger, older in pairwise(table.groups):
        if older.first <= younger.last:
            yield f"the age groups of {table.id} overlap or do not ascend"
        if table.banded and older.mean >= younger.mean:
            yield f"the means of {table.id} do not fall with age, so that they give no band"


def _freeze(document: dict[str, Any]) -> BalanceRuleset:
    rules = document["comparability"]
    return BalanceRuleset(
        sha256=rulefile.canonical_sha256(document),
        manifest=rulefile.manifest(document["manifest"]),
        composite=_composite(document["score"]),
        norms=tuple(_table(item) for item in document["norms"]),
        comparability=Comparability(tuple(rules["stated"]), tuple(rules["equal"]), rules["same_visit_h"]),
        comparisons=tuple(_comparison(item) for item in document["comparisons"]),
        battery=tuple(BatteryRule(b["id"], b["measure"], b["unit"]) for b in document["battery"]),
        flags=tuple(rulefile.flag(item) for item in document["flags"]),
        mandatory=tuple(rulefile.mandatory(item) for item in document["mandatory"]),
        blocking=frozenset(m["id"] for m in document["mandatory"] if m["blocks_score"]),
        records=MappingProxyType(dict(_records(document))),
        texts=MappingProxyType(document["texts"]),
        sources=MappingProxyType(document["sources"]),
    )


def _record(item: dict[str, Any]) -> Record:
    return Record(
        item["evidence"], tuple(item["source"]), item["author"], item["approver"], item["effective"]
    )


def _records(node: Any) -> Iterator[tuple[str, Record]]:
    """Every rule of a document, whatever file it stands in: what has an id and says where it comes from."""
    if isinstance(node, dict):
        if "id" in node and "evidence" in node:
            yield node["id"], _record(node)
        for value in node.values():
            yield from _records(value)
    elif isinstance(node, list):
        for value in node:
            yield from _records(value)


def _composite(item: dict[str, Any]) -> Composite:
    return Composite(
        id=item["id"],
        min_weight=item["min_weight"],
        sub_scores=tuple(
            SubScoreRule(
                s["id"],
                s["weight"],
                s["min_share"],
                tuple(Part(p["weight"], tuple(_map(m) for m in p["maps"])) for p in s["parts"]),
            )
            for s in item["sub_scores"]
        ),
    )


def _map(item: dict[str, Any]) -> ScoreMap:
    return ScoreMap(
        id=item["id"],
        when=conditions.parse(item["when"]),
        metric=item["metric"],
        unit=item["unit"],
        better=item["better"],
        magnitude=item["magnitude"],
        points=tuple((float(x), float(y)) for x, y in item["points"]),
        record=_record(item),
    )


def _table(item: dict[str, Any]) -> NormTable:
    return NormTable(
        id=item["id"],
        when=conditions.parse(item["when"]),
        metric=item["metric"],
        unit=item["unit"],
        statistic=item["statistic"],
        protocol=MappingProxyType(item["protocol"]),
        banded=item["banded"],
        groups=tuple(AgeGroup(g["ages"][0], g["ages"][1], g["mean"]) for g in item["groups"]),
        record=_record(item),
    )


def _comparison(item: dict[str, Any]) -> Comparison:
    limit = mdc95(item["sem"]) if "sem" in item else item.get("mdc95")
    return Comparison(item["id"], item["metric"], item["unit"], item["better"], limit, _record(item))
