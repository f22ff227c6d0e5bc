"""The switch that says which ruleset is active, the same for every gateway and across restarts.

One document in the KV bucket `ruleset-control`. Each gateway reads it at its start and every POLL_S after
that; what was read last stays in force while NATS is away. Until the first reading no order is taken: a
version that was retired must not serve once more because a gateway has just started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from nats.js import JetStreamContext

from gateway import measures, rulesets
from gateway.rulesets import Releases, Standing, Turn
from mesh.errors import Transient
from mesh.kv_document import AWAY, KvDocument
from mesh.topology import RULESET_BUCKET

log = structlog.get_logger()

POLL_S = 1.0
_DOCUMENT = KvDocument(RULESET_BUCKET, "standing", "RULESET_CONTROL")


class RulesetSwitch:
    """The releases, and what this process last read of the switch."""

    def __init__(self, releases: Releases) -> None:
        self.releases = releases
        self._read: Standing | None = None

    @property
    def known(self) -> bool:
        """Whether the switch was read once."""
        return self._read is not None

    @property
    def standing(self) -> Standing:
        """What operators decided. Raises Transient (RULESET_CONTROL_AWAY) until it was read once."""
        if self._read is None:
            raise Transient(
                "RULESET_CONTROL_AWAY", "The active ruleset has not been read yet.", retry_after_s=1.0
            )
        return self._read

    def for_order(self, kind: str, named: str) -> str:
        """The ruleset of a new analysis; raises as `rulesets.for_order` and `standing` do."""
        return rulesets.for_order(self.releases, self.standing, kind, named)

    def for_replay(self, kind: str, named: str) -> str:
        """The ruleset of a replay; raises as `rulesets.for_replay` and `standing` do."""
        return rulesets.for_replay(self.releases, self.standing, kind, named)

    async def follow(self, js: JetStreamContext) -> None:
        """Keeps this process up to date, for ever."""
        while True:
            try:
                self._take(rulesets.from_json(await _DOCUMENT.read(js)))
            except AWAY as error:
                log.warning("ruleset_switch_not_read", error=str(error), kind=type(error).__name__)
            await asyncio.sleep(POLL_S)

    async def activate(self, js: JetStreamContext, ruleset: str, by: str) -> None:
        """Raises NotFound (RULESET_NOT_FOUND), Transient (RULESET_CONTROL_AWAY, RULESET_CONTROL_BUSY)."""
        await self._turn(js, lambda held: rulesets.activated(self.releases, held, turn(ruleset, by)))

    async def retire(self, js: JetStreamContext, ruleset: str, reason: str, by: str) -> None:
        """Raises NotFound (RULESET_NOT_FOUND), Conflict (RULESET_ACTIVE), Transient as `activate` does."""
        await self._turn(js, lambda held: rulesets.retired(self.releases, held, turn(ruleset, by, reason)))

    async def _turn(self, js: JetStreamContext, change: Callable[[Standing], Standing]) -> None:
        said = await _DOCUMENT.change(js, lambda held: rulesets.to_json(change(rulesets.from_json(held))))
        self._take(rulesets.from_json(said))

    def _take(self, found: Standing) -> None:
        if found != self._read:
            measures.active_rulesets(rulesets.all_active(self.releases, found))
        if self._read is not None and found != self._read:
            now = {kind: one.ruleset for kind, one in found.active.items()}
            log.warning("rulesets_changed", active=now, retired=sorted(found.retired))
        self._read = found


def turn(ruleset: str, by: str, reason: str = "") -> Turn:
    """A turn of the switch that is made now."""
    return Turn(ruleset, by, datetime.now(UTC).isoformat(timespec="seconds"), reason)
