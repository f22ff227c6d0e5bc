"""Short form of the fault campaign: nothing lost, nothing doubled, whoever is killed."""

from __future__ import annotations

import pytest

from tests.campaigns.faults import STAGES, quick_redelivery, undergo
from tests.campaigns.stack import running_stack

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(400)]


def test_killing_each_process_loses_nothing(tmp_path):
    with quick_redelivery(), running_stack(tmp_path / "stack") as stack:
        victims = [*STAGES, "nats", "postgres", "gateway"]
        outcome = undergo(stack, "each in turn", 10, victims, limit_s=180, pause_s=1.0)
        restarts = stack.restarts()
    assert outcome.kills == len(victims)
    assert all(restarts[victim] >= 1 for victim in victims), restarts
    assert outcome.good, (outcome.states, outcome.wrong_facts, outcome.wrong_reports)
