"""Words for ids: what an ink, a hue family or a status is called in the ruleset's language."""

from __future__ import annotations

from svc_decision.ruleset import Ruleset


def spoken(ruleset: Ruleset, kind: str, name: str) -> str:
    """The ruleset's word, for example of kind "status"; the id with spaces where it has none (format 1.0)."""
    return ruleset.texts.get(f"{kind}.{name}", name.replace("_", " "))


def spoken_ink(ruleset: Ruleset, name: str, qualitative: bool) -> str:
    """The word for a class, or for the hue family that stands for it without a chart."""
    family = qualitative and f"family.{name}" in ruleset.texts
    return spoken(ruleset, "family" if family else "ink", name)
