"""What a follow-up means for a case: darkening of each ink (R33), and change of the skin beside it (R34)."""

from __future__ import annotations

from assay.color.v1.color_pb2 import FollowUp

_BOUND = 200.0


def skin_change(page: FollowUp) -> dict[str, float] | None:
    """The `follow_up` object of a case; None when the skin of the visits was not compared."""
    if not page.skin_change.HasField("value"):
        return None
    changed = {"skin_change_de00": min(page.skin_change.value, _BOUND)}
    if page.HasField("skin_mdc95"):
        changed["mdc95"] = min(page.skin_mdc95, _BOUND)
    return changed


def darkening(page: FollowUp, ink_id: int) -> float | None:
    """The most negative change of L_t since the last visit among the earlier inks where an ink lies now.

    An earlier ink that lies under none of today's inks counts for each of them: a change for the worse is
    never lost for want of a place. None when nothing was compared.
    """
    changes = [
        change.lightness_change.value
        for change in page.inks
        if change.lightness_change.HasField("value") and (not change.now_ids or ink_id in change.now_ids)
    ]
    return max(-_BOUND, min(_BOUND, *changes)) if changes else None
